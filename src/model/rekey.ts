import type { RowKey, TableName } from './ids.ts';

/** A row's key was changed in one UPDATE. */
export type KeyMove = { readonly table: TableName; readonly from: RowKey; readonly to: RowKey };

/** What many moves come to: each key that a record has now, and the one that its row has in the end. */
export function netMoves(moves: readonly KeyMove[]): KeyMove[] {
  const origins = new Map<string, KeyMove>();
  for (const { table, from, to } of moves) {
    const before = origins.get(`${table}/${from}`);
    origins.delete(`${table}/${from}`);
    origins.set(`${table}/${to}`, { table, from: before?.from ?? from, to });
  }
  return [...origins.values()].filter(({ from, to }) => from !== to);
}

/**
 * The moves of one table that can be carried over to its records at once. A key that a record keeps is taken, and so is
 * one whose own move cannot be made: what would go there stays, as a record that ends and another one that begins.
 */
export function possibleMoves(moves: readonly KeyMove[], taken: ReadonlySet<RowKey>): KeyMove[] {
  let left = [...moves];
  for (;;) {
    const leaving = new Set(left.map(({ from }) => from));
    const possible = left.filter(({ to }) => !taken.has(to) || leaving.has(to));
    if (possible.length === left.length) return left;
    left = possible;
  }
}
