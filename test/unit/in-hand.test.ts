import { expect, test } from 'vitest';
import type { RowKey } from '../../src/model/ids.ts';
import { tableName } from '../../src/model/ids.ts';
import { createInHand } from '../../src/to-notion/in-hand.ts';

const record = (key: string, table = 'items') => ({ table: tableName(table), key: key as RowKey });

test('the request of a record that others wait for is hastened, and no other', () => {
  const inHand = createInHand();
  const mine = inHand.take(record('1'));
  const other = inHand.take(record('2'));
  const sameKey = inHand.take(record('1', 'lots'));
  inHand.hasten([record('1'), record('unknown')]);
  expect([mine, other, sameKey].map(({ hastened }) => hastened.aborted)).toEqual([true, false, false]);
});

test('one that is over is not hastened, and its end takes nothing from the one that follows it', () => {
  const inHand = createInHand();
  const first = inHand.take(record('1'));
  const second = inHand.take(record('1'));
  first[Symbol.dispose]();
  inHand.hasten([record('1')]);
  expect([first.hastened.aborted, second.hastened.aborted]).toEqual([false, true]);
  second[Symbol.dispose]();
  const third = inHand.take(record('1'));
  third[Symbol.dispose]();
  inHand.hasten([record('1')]);
  expect(third.hastened.aborted).toBe(false);
});
