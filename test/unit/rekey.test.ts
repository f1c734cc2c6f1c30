import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type RowKey, tableName } from '../../src/model/ids.ts';
import { type KeyMove, netMoves, possibleMoves } from '../../src/model/rekey.ts';

const table = tableName('t');
const move = (from: string, to: string): KeyMove => ({ table, from: from as RowKey, to: to as RowKey });
const keys = (...names: string[]): Set<RowKey> => new Set(names as RowKey[]);

test('a swap through a third key is a swap, and a way back is none', () => {
  expect(netMoves([move('1', 'x'), move('2', '1'), move('x', '2')])).toEqual([
    move('2', '1'),
    move('1', '2'),
  ]);
  expect(netMoves([move('1', '2'), move('2', '1')])).toEqual([]);
  expect(netMoves([move('1', '2'), move('2', '3')])).toEqual([move('1', '3')]);
});

test('invariant 3: moves that are carried out at once end where they end one by one', () => {
  const names = ['1', '2', '3', '4', '5'];
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom(...names), fc.constantFrom(...names, 'a', 'b'))),
      (tries) => {
        const rows = new Map(names.map((name) => [name, `page of ${name}`]));
        const records = new Map(rows);
        const moves: KeyMove[] = [];
        for (const [from, to] of tries) {
          const page = rows.get(from);
          if (page === undefined || rows.has(to)) continue;
          rows.delete(from);
          rows.set(to, page);
          moves.push(move(from, to));
        }
        const net = possibleMoves(netMoves(moves), keys(...names));
        const pages = net.map(({ from }) => records.get(from) ?? '');
        for (const { from } of net) records.delete(from);
        for (const [at, { to }] of net.entries()) records.set(to, pages[at] ?? '');
        expect(records).toEqual(rows);
      },
    ),
  );
});

test('a key that another record keeps is not taken, nor what would have followed', () => {
  expect(possibleMoves([move('1', '2'), move('0', '1')], keys('0', '1', '2'))).toEqual([]);
  expect(possibleMoves([move('1', '9'), move('0', '1')], keys('0', '1', '2'))).toHaveLength(2);
  expect(possibleMoves([move('1', '2'), move('2', '1')], keys('1', '2'))).toHaveLength(2);
});
