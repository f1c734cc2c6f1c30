import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { type Sides, sidesOf, soon } from '../support/sides.ts';
import { type Stack, startStack } from '../support/stack.ts';

const ROWS = 8;
const config: ConfigInput = {
  // Every data source counts as a large one: a poll lists what was edited, and not what is gone.
  sync: { settleSeconds: 0, wholePollPages: 0, sweepHours: 24 },
  tables: {
    goods: {
      source: 'public.goods',
      key: 'id',
      title: 'goods',
      fields: {
        Name: { column: 'name', type: 'title' },
        Note: { column: 'note', type: 'rich_text' },
        Price: { column: 'price', type: 'number' },
      },
    },
  },
};
const schema = `
  create table goods (id integer primary key, name text, note text, price numeric(10, 2));
  insert into goods (id, name, note) select i, 'good ' || i, 'note ' || i from generate_series(1, ${ROWS}) i;`;

let stack: Stack;
let sides: Sides;

beforeAll(async () => {
  stack = await startStack({ config, schema, pollSeconds: 3_600 });
  sides = sidesOf(stack);
  await sides.rest();
});
afterAll(() => stack[Symbol.asyncDispose]());

const prices = (): Promise<readonly number[]> =>
  Promise.all(
    Array.from({ length: ROWS }, async (_, at) =>
      Number(sides.shown(await sides.pageOf('goods', String(at + 1)), 'Price')),
    ),
  );

test('invariant 7: what a person typed on a page and then archived it is not overwritten by a batch', async () => {
  const { control } = stack.sandbox;
  const page = await sides.pageOf('goods', '3');
  sides.edit(page, { Price: { number: 37.25 } });
  control.archivePage(page);
  control.clearRequests();
  await sides.sql('update goods set price = 110 + id');
  const failure = await soon(async () => (await sides.failures()).find(({ key }) => key === '3'));
  expect(failure).toMatchObject({ code: 'page_in_trash', reason: expect.stringContaining('archived') });
  await soon(async () => (await prices()).filter((price) => price > 100).length === ROWS - 1);
  expect(sides.shown(page, 'Price')).toBe(37.25);
  // The others were written without a look at each.
  expect(control.requests().filter(({ operation }) => operation === 'pages.retrieve').length).toBeLessThan(
    ROWS / 2,
  );
  // Both changed it: back in its place, the later one wins, and the other one stands in the operations.
  control.archivePage(page, false);
  await soon(async () => {
    stack.pollNow();
    return (await sides.failures()).length === 0;
  });
  await sides.rest();
  const [row] = await sides.sql<{ price: string }>('select price from goods where id = 3');
  expect(Number(row?.price)).toBe(sides.shown(page, 'Price'));
  const told = await sides.sql<{ before: object; after: object }>(
    `select before, after from pgnotion.operations where key = '3' and 'Price' = any(fields)`,
  );
  expect(JSON.stringify(told)).toContain('37.25');
  expect(JSON.stringify(told)).toContain('113');
});
