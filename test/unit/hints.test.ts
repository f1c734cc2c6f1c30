import { expect, test } from 'vitest';
import { type PageId, tableName } from '../../src/model/ids.ts';
import { createHints, type Hint } from '../../src/to-postgres/hints.ts';

const hint = (page: string, more: Partial<Hint> = {}): Hint => ({
  page: page as PageId,
  table: null,
  changed: [],
  left: false,
  byWebhook: false,
  ...more,
});

test('hints of one page become one, which knows all that they told', () => {
  const hints = createHints();
  const items = tableName('items');
  hints.add(hint('a', { changed: ['x'] }));
  hints.add(hint('b', { changed: 'all' }));
  hints.add(hint('a', { table: items, changed: ['y', 'x'] }));
  hints.add(hint('b', { left: true }));
  hints.add(hint('a'));
  expect(hints.take(10)).toEqual([
    hint('a', { table: items, changed: ['x', 'y'] }),
    hint('b', { changed: 'all', left: true }),
  ]);
  expect(hints.take(10)).toEqual([]);
});

test('invariant 12: hints beyond the limit are dropped, also those of many properties', () => {
  const hints = createHints(3);
  const added = ['a', 'b', 'c', 'd', 'a', 'e'].map((page) => hints.add(hint(page)));
  expect(added).toEqual([true, true, true, false, true, false]);
  expect(hints.take(2).map(({ page }) => page)).toEqual(['a', 'b']);
  expect(hints.add(hint('d'))).toBe(true);
  for (let n = 0; n < 1_000; n += 1) hints.add(hint('d', { changed: [`p${n}`] }));
  expect(hints.take(10)).toEqual([hint('c'), hint('d', { changed: 'all' })]);
});

test('invariant 16: the hints of each table are taken by themselves', () => {
  const hints = createHints();
  const [items, lots] = [tableName('items'), tableName('lots')];
  for (let n = 0; n < 200; n += 1) hints.add(hint(`i${n}`, { table: items }));
  hints.add(hint('l', { table: lots }));
  hints.add(hint('any'));
  expect([...hints.tables()]).toEqual([items, lots, null]);
  expect(hints.take(10, lots)).toEqual([hint('l', { table: lots })]);
  expect(hints.take(10, null)).toEqual([hint('any')]);
  expect(hints.take(10, lots)).toEqual([]);
  expect(hints.take(500, items)).toHaveLength(200);
});
