import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type RowKey, tableName } from '../../src/model/ids.ts';
import { type KeyMove, netMoves, yieldingMoves } from '../../src/model/rekey.ts';

const table = tableName('t');
const move = (from: string, to: string): KeyMove => ({ table, from: from as RowKey, to: to as RowKey });
const keys = (names: Iterable<string>): Set<RowKey> => new Set(names as Iterable<RowKey>);

/** The records after moves, as they are carried over. */
function carriedOver(records: ReadonlyMap<string, string>, moves: readonly KeyMove[]): Map<string, string> {
  const net = netMoves(moves).filter(({ from }) => records.has(from));
  const made = [...net, ...yieldingMoves(net, keys(records.keys()))];
  const pages = made.map(({ from }) => records.get(from) ?? '');
  const after = new Map(records);
  for (const { from } of made) after.delete(from);
  expect(made.filter(({ to }) => after.has(to))).toEqual([]);
  for (const [at, { to }] of made.entries()) after.set(to, pages[at] ?? '');
  expect(after.size).toBe(records.size);
  return after;
}

test('a swap through a third key is a swap, and a way back is none', () => {
  expect(netMoves([move('1', 'x'), move('2', '1'), move('x', '2')])).toEqual([
    move('2', '1'),
    move('1', '2'),
  ]);
  expect(netMoves([move('1', '2'), move('2', '1')])).toEqual([]);
  expect(netMoves([move('1', '2'), move('2', '3')])).toEqual([move('1', '3')]);
});

test('a row that left a key after another one had left it was made in between', () => {
  expect(netMoves([move('1', '2'), move('1', '9')])).toEqual([move('1', '2')]);
  expect(netMoves([move('1', '2'), move('1', '9'), move('9', '10'), move('2', '1')])).toEqual([]);
});

test('a row that was deleted where another one goes gives way, to the key that becomes free', () => {
  expect(yieldingMoves([move('1', '2'), move('0', '1')], keys(['0', '1', '2']))).toEqual([move('2', '0')]);
  expect(yieldingMoves([move('1', '9'), move('0', '1')], keys(['0', '1', '2']))).toEqual([]);
  expect(yieldingMoves([move('1', '2'), move('2', '1')], keys(['1', '2']))).toEqual([]);
});

const NAMES = ['1', '2', '3', '4', '5'];
const tries = fc.array(fc.tuple(fc.constantFrom(...NAMES), fc.constantFrom(...NAMES, 'a', 'b', '-', '+')));

test('invariant 3: moves that are carried out at once end where they end one by one, also beside rows that come and go', () => {
  fc.assert(
    fc.property(tries, (steps) => {
      const records = new Map(NAMES.map((name) => [name, `page of ${name}`]));
      const rows = new Map(records);
      const gone = new Set<string>();
      const moves: KeyMove[] = [];
      for (const [from, to] of steps) {
        const page = rows.get(from);
        if (to === '+' && page === undefined) rows.set(from, 'new');
        if (page === undefined || rows.has(to)) continue;
        rows.delete(from);
        if (to === '-') gone.add(page);
        else if (to !== '+') {
          rows.set(to, page);
          moves.push(move(from, to));
        }
      }
      const after = carriedOver(records, moves);
      // A key that was deleted and inserted again is the same record; what is asked of all others is their page.
      const kept = [...rows].filter(([, page]) => page !== 'new' && !gone.has(page));
      expect(kept.filter(([key, page]) => after.get(key) !== page)).toEqual([]);
    }),
  );
});

test('invariant 3: rows that hold a key together for a while, as a deferrable one allows, keep their pages', () => {
  fc.assert(
    fc.property(
      fc.shuffledSubarray(NAMES, { minLength: 5 }),
      fc.shuffledSubarray(NAMES, { minLength: 5 }),
      (targets, order) => {
        const records = new Map(NAMES.map((name) => [name, `page of ${name}`]));
        const arrived = new Set<string>();
        const moves = order.flatMap((from) => {
          const to = targets[NAMES.indexOf(from)] ?? from;
          if (from === to) return [];
          arrived.add(to);
          return arrived.has(from) ? [move(from, from), move(from, to)] : [move(from, to)];
        });
        const after = carriedOver(records, moves);
        for (const [at, name] of NAMES.entries())
          expect(after.get(targets[at] ?? '')).toBe(`page of ${name}`);
      },
    ),
  );
});
