import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { type Sides, sidesOf, soon } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

const schema = `create table items (id integer primary key, name text not null, a text, b text, c text, d text)`;
const text = (column: string) => ({ column, type: 'rich_text' }) as const;
const config = {
  sync: { settleSeconds: 0.2 },
  tables: {
    items: {
      source: 'public.items',
      key: 'id',
      title: 'Items',
      fields: {
        Name: { column: 'name', type: 'title' },
        A: text('a'),
        B: text('b'),
        C: text('c'),
        D: text('d'),
      },
    },
  },
} satisfies ConfigInput;

const MOST_BYTES = 500_000;
let stack: Stack;
let sides: Sides;

beforeAll(async () => {
  stack = await createStack({ config, schema, pollSeconds: 0.5 });
  sides = sidesOf(stack);
  await stack.apply();
  await stack.start();
  await stack.settled();
});

afterAll(() => stack[Symbol.asyncDispose]());

const lengths = (page: string) => ['A', 'B', 'C', 'D'].map((name) => String(sides.shown(page, name)).length);
const heaviest = () => Math.max(...sides.writes().map(({ bodyBytes }) => bodyBytes));

test('invariant 16: a record that is too large for one request is written in several', async () => {
  await sides.sql(
    `insert into items select 1, 'large', repeat('a', 190000), repeat('b', 190000), repeat('c', 190000), repeat('d', 190000)`,
  );
  const page = await sides.pageOf('items', '1');
  await soon(() => lengths(page).every((length) => length === 190_000));
  await sides.sql(
    `update items set a = repeat('e', 180000), b = repeat('f', 180000), c = repeat('g', 180000), d = repeat('h', 180000)`,
  );
  await soon(() => lengths(page).every((length) => length === 180_000));
  expect(heaviest()).toBeLessThanOrEqual(MOST_BYTES);
  expect(await sides.failures()).toEqual([]);
});

test('invariant 16: one value that fits into no request is that field’s failure before anything is sent', async () => {
  await sides.sql(`update items set a = repeat('字', 180000), b = 'short' where id = 1`);
  const page = await sides.pageOf('items', '1');
  await soon(() => sides.shown(page, 'B') === 'short');
  const failure = await soon(async () => (await sides.failures()).find(({ key }) => key === '1'));
  expect(failure.reason).toContain('"A"');
  expect(failure.reason).toContain('500 KB');
  expect(heaviest()).toBeLessThanOrEqual(MOST_BYTES);
  await sides.sql(`update items set a = 'short too' where id = 1`);
  await soon(() => sides.shown(page, 'A') === 'short too');
  await soon(async () => (await sides.failures()).length === 0);
});
