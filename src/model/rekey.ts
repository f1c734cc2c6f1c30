import type { RowKey, TableName } from './ids.ts';

/**
 * A row's key was changed in one UPDATE. With `from` and `to` the same, it says that the next row which leaves this key
 * is not the one that came there last, but the one that was there before: a deferrable key may be held by both for a while.
 */
export type KeyMove = { readonly table: TableName; readonly from: RowKey; readonly to: RowKey };

/**
 * What many moves come to: each key that a record has now, and the one that its row has in the end. A row that left a key
 * which another had left before was made in between, and has no record to be moved.
 */
export function netMoves(moves: readonly KeyMove[]): KeyMove[] {
  const standing = new Map<string, { readonly table: TableName; readonly from: RowKey | null; to: RowKey }>();
  const left = new Set<string>();
  const aside = new Set<string>();
  for (const { table, from, to } of moves) {
    const [name, target] = [`${table}/${from}`, `${table}/${to}`];
    if (from === to) {
      aside.add(name);
      continue;
    }
    const arrived = aside.has(name) ? undefined : standing.get(name);
    if (arrived !== undefined) standing.delete(name);
    const origin = arrived === undefined ? (left.has(name) ? null : from) : arrived.from;
    if (arrived === undefined) left.add(name);
    aside.delete(name);
    standing.set(target, { table, from: origin, to });
  }
  return [...standing.values()].flatMap(({ table, from, to }) =>
    from === null || from === to ? [] : [{ table, from, to }],
  );
}

/**
 * The records of one table that give way to others: where a row moved to a key, the row that had it before is gone, however
 * much of that has reached Notion. Its record goes to the key that is left free in exchange, and is ended there. `moves`
 * are net, and `taken` are the keys with a record.
 */
export function yieldingMoves(moves: readonly KeyMove[], taken: ReadonlySet<RowKey>): KeyMove[] {
  const leaving = new Set(moves.map(({ from }) => from));
  const sources = new Map(moves.map(({ from, to }) => [to, from]));
  return moves.flatMap(({ table, to }) => {
    if (!taken.has(to) || leaving.has(to)) return [];
    let free = to;
    for (let from = sources.get(free); from !== undefined; from = sources.get(free)) free = from;
    return [{ table, from: to, to: free }];
  });
}
