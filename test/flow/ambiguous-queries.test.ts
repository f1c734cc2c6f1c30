import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConfigInput, TableInput } from '../../src/config/mapping-file.ts';
import type { PgnotionError } from '../../src/model/errors.ts';
import { eventually } from '../support/eventually.ts';
import { type Sides, sidesOf } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';
import { createTables } from '../support/user-tables.ts';

// Queries that give several rows for one key, or rows without one, and queries that do not fit their table.

const orders = (query: string, more: object = {}): TableInput => ({
  source: 'public.orders',
  query,
  key: 'id',
  title: 'Orders',
  direction: 'to-notion',
  fields: { Name: { column: 'name', type: 'title' }, Tag: { column: 'tag', type: 'rich_text' } },
  ...more,
});

const config: ConfigInput = {
  tables: {
    orders: orders('select o.*, t.tag from orders o left join tags t on t.order_id = o.id', {
      dependsOn: [{ table: 'public.tags', on: { order_id: 'id', tag: 'tag' } }],
    }),
    others: {
      source: 'public.others',
      key: 'id',
      title: 'Others',
      fields: { Name: { column: 'name', type: 'title' } },
    },
  },
};

const schema = `
  create table orders (id integer primary key, name text);
  create table tags (order_id integer, tag text, primary key (order_id, tag));
  create table others (id integer primary key, name text);
  insert into orders select i, 'order ' || i from generate_series(1, 30) i;
  insert into tags values (1, 'one'), (2, 'two');
  insert into others values (1, 'first')`;

let stack: Stack;
let sides: Sides;

beforeAll(async () => {
  stack = await createStack({ config, schema, pollSeconds: 0.5 });
  sides = sidesOf(stack);
});
afterAll(() => stack[Symbol.asyncDispose]());

test('invariant 16: `apply` refuses a query that gives two rows for a key of its sample, and changes nothing', async () => {
  await sides.sql(`insert into tags values (2, 'again')`);
  const refused = await stack.apply().then(
    () => null,
    (error: PgnotionError) => error,
  );
  expect(refused?.code).toBe('query_not_unique');
  expect(refused?.message).toContain('tables.orders.query: it gives 2 rows for the key 2');
  expect(refused?.remedy).toContain('DISTINCT ON');
  expect(stack.sandbox.control.listDatabases()).toEqual([]);
  await sides.sql(`delete from tags where tag = 'again'`);
  await stack.apply();
});

test('invariant 16: a key that gets several rows is set aside with its reason, and everything else goes on', async () => {
  await sides.sql(`insert into tags values (3, 'a'), (3, 'b')`);
  await stack.start();
  const failure = await eventually(async () => (await sides.failures()).find(({ key }) => key === '3'));
  expect(failure).toMatchObject({
    table_name: 'orders',
    code: 'row_ambiguous',
    parked: true,
    reason: 'the query of orders gives 2 rows for the key 3, and one page cannot show them all',
  });
  await stack.settled();
  expect(stack.sandbox.control.pages(await sides.source('orders'))).toHaveLength(29);
  await sides.sql(`insert into tags values (1, 'more'), (4, 'four')`);
  await sides.sql(`update others set name = 'goes on'`);
  const other = await sides.pageOf('others', '1');
  const four = await sides.pageOf('orders', '4');
  await eventually(() => sides.shown(other, 'Name') === 'goes on' && sides.shown(four, 'Tag') === 'four');
  await eventually(
    async () =>
      (await sides.failures())
        .map(({ key }) => key)
        .sort()
        .join() === '1,3',
  );
  await sides.sql('select pgnotion.resync()');
  await stack.settled();
  expect((await sides.failures()).map(({ key }) => key).sort()).toEqual(['1', '3']);
  await sides.sql(`delete from tags where tag in ('a', 'more')`);
  const three = await sides.pageOf('orders', '3');
  expect(sides.shown(three, 'Tag')).toBe('b');
  await sides.rest();
  expect(await sides.failures()).toEqual([]);
});

test.each<[string, string, object, RegExp]>([
  ['gives no key', 'select name, 1 as tag from orders', {}, /no column "id", which the key is made of/],
  ['lacks a column', 'select id, name from orders', {}, /tag/],
  [
    'gives a column twice',
    'select *, 1 as tag from orders o join tags t on t.order_id = o.id',
    {},
    /"tag" is ambiguous/,
  ],
  [
    'gives the key twice',
    'select o.*, t.order_id as id, t.tag from orders o join tags t on t.order_id = o.id',
    {},
    /2 columns called "id"/,
  ],
  ['gives the key as text', `select id::text, name, '' as tag from orders`, {}, /"id" is text.* integer/],
  [
    'gives the key as numeric',
    `select id::numeric, name, '' as tag from orders`,
    {},
    /"id" is numeric.* integer/,
  ],
  ['is no SQL', 'select id from from', {}, /syntax error/],
  ['calls a function that is not there', 'select id, name, nothing(id) as tag from orders', {}, /nothing/],
  ['ends with a semicolon', `select id, name, '' as tag from orders;`, {}, /syntax error/],
  [
    'joins what does not compare',
    'select o.*, t.tag from orders o left join tags t on t.order_id = o.id',
    { dependsOn: [{ table: 'public.tags', on: { order_id: 'name', tag: 'tag' } }] },
    /"name" cannot be compared with "order_id"/,
  ],
  [
    'lacks what it is joined by',
    `select o.*, 'x' as tag from orders o`,
    { dependsOn: [{ table: 'public.tags', on: { order_id: 'order_number', tag: 'tag' } }] },
    /no column "order_number"/,
  ],
])('a query that %s is refused with what is wrong', async (_, query, more, words) => {
  await using tables = await createTables(schema);
  const refused = await tables.one(orders(query, more)).then(
    () => null,
    (error: PgnotionError) => error,
  );
  expect(refused?.message).toMatch(words);
  expect(refused?.remedy).not.toBe('');
});

test('a query may give its key as a wider integer, or under a domain', async () => {
  await using tables = await createTables(`${schema}; create domain number as integer`);
  await tables.one(orders(`select id::bigint, name, '' as tag from orders`));
  await tables.one(orders(`select id::number, name, '' as tag from orders`));
});
