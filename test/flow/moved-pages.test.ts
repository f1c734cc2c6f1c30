import { Client } from '@notionhq/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConfigInput, TableInput } from '../../src/config/mapping-file.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

const table = (name: string): TableInput => ({
  source: `public.${name}`,
  key: 'id',
  title: name,
  fields: {
    Name: { column: 'name', type: 'title' },
    Amount: { column: 'amount', type: 'number' },
  },
});

const config: ConfigInput = {
  sync: { settleSeconds: 0 },
  tables: { orders: table('orders'), parts: table('parts') },
};

const schema = ['orders', 'parts']
  .map(
    (name) => `create table ${name} (id integer primary key, name text not null, amount integer);
      insert into ${name} select i, '${name} ' || i, i from generate_series(1, 20) i;`,
  )
  .join('');

let stack: Stack;
let sides: Sides;
let elsewhere: string;

beforeAll(async () => {
  stack = await createStack({ config, schema, pollSeconds: 0.5 });
  const notion = new Client({ auth: stack.sandbox.token, baseUrl: stack.sandbox.url });
  const made = await notion.databases.create({
    parent: { type: 'page_id', page_id: stack.sandbox.parentPageId },
    title: [{ text: { content: 'Elsewhere' } }],
    initial_data_source: { properties: { Name: { title: {} }, Amount: { number: {} } } },
  });
  if (!('data_sources' in made)) throw new Error('no data source');
  elsewhere = made.data_sources[0]?.id ?? '';
  await stack.apply();
  await stack.start();
  await stack.settled();
  sides = sidesOf(stack);
});

afterAll(() => stack[Symbol.asyncDispose]());

const rows = (name: string) => sides.sql(`select * from ${name} order by id`);
const movedOf = (page: string) =>
  soon(async () =>
    (await sides.failures()).find(({ page_id, code }) => page_id === page && code === 'page_moved'),
  );
const isQuiet = (page: string) =>
  soon(async () => !(await sides.failures()).some(({ page_id }) => page_id === page));
const polled = async (): Promise<void> => {
  const before = await sides.sql<{ n: string }>('select count(*) as n from pgnotion.requests');
  await soon(async () => {
    const now = await sides.sql<{ n: string }>('select count(*) as n from pgnotion.requests');
    return Number(now[0]?.n) > Number(before[0]?.n) + 8;
  });
};

test('invariant 3: a page that is moved to the database of another synced table and edited there changes neither row', async () => {
  const page = await sides.pageOf('orders', '3');
  const [orders, parts] = [await rows('orders'), await rows('parts')];
  stack.sandbox.control.movePage(page, await sides.source('parts'));
  sides.edit(page, { Name: typed('title', 'edited over there'), Amount: typed('number', 999) });
  const failure = await movedOf(page);
  expect(failure).toMatchObject({ table_name: 'orders', key: '3', direction: 'to-postgres' });
  expect(failure.reason).toContain('orders 3');
  expect(failure.reason).toContain('database of parts');
  await polled();
  expect(await rows('orders')).toEqual(orders);
  expect(await rows('parts')).toEqual(parts);
  expect(await sides.keyOf(page)).toBe('3');
  // Nothing of the row goes to a page with other properties.
  await sides.sql(`update orders set name = 'changed meanwhile' where id = 3`);
  await soon(async () =>
    (await sides.failures()).some(
      ({ page_id, code, direction }) =>
        page_id === page && code === 'page_moved' && direction === 'to-notion',
    ),
  );
  expect(sides.shown(page, 'Name')).toBe('edited over there');
  stack.sandbox.control.movePage(page, await sides.source('orders'));
  await isQuiet(page);
  await polled();
  // Both changed the name while it was away; what the person typed last is there, or the row's, and nowhere else.
  const [row] = await sides.sql<{ name: string }>('select name from orders where id = 3');
  expect(sides.shown(page, 'Name')).toBe(row?.name);
  expect(await rows('parts')).toEqual(parts);
});

test('invariant 16: a page that is moved to an unsynced database stops only itself, and goes on when it is back', async () => {
  const page = await sides.pageOf('orders', '4');
  stack.sandbox.control.movePage(page, elsewhere);
  const failure = await movedOf(page);
  expect(failure.reason).toContain('out of its database');
  const other = await sides.pageOf('orders', '5');
  sides.edit(other, { Name: typed('title', 'goes on') });
  await soon(
    async () => (await sides.sql(`select from orders where id = 5 and name = 'goes on'`)).length === 1,
  );
  expect(await sides.sql('select from pgnotion.status where paused')).toEqual([]);
  expect(await sides.sql('select from orders where id = 4')).toHaveLength(1);
  stack.sandbox.control.movePage(page, await sides.source('orders'));
  await isQuiet(page);
  await sides.sql(`update orders set name = 'back' where id = 4`);
  await soon(() => sides.shown(page, 'Name') === 'back');
});

test('invariant 3: the deletion of a row whose page was moved leaves that page alone until it is back', async () => {
  const page = await sides.pageOf('parts', '6');
  stack.sandbox.control.movePage(page, await sides.source('orders'));
  await movedOf(page);
  await sides.sql('delete from parts where id = 6');
  await soon(async () =>
    (await sides.failures()).some(
      ({ page_id, code, direction }) =>
        page_id === page && code === 'page_moved' && direction === 'to-notion',
    ),
  );
  expect(stack.sandbox.control.page(page).in_trash).toBe(false);
  expect(await sides.sql('select from orders where id = 6')).toHaveLength(1);
  stack.sandbox.control.movePage(page, await sides.source('parts'));
  await soon(() => stack.sandbox.control.page(page).in_trash);
  await isQuiet(page);
});

test('invariant 16: a page that was moved just before a large batch is written stops no field of the others', async () => {
  const pages = await Promise.all(
    [11, 12, 13, 14, 15, 16, 17, 18].map((id) => sides.pageOf('orders', String(id))),
  );
  const [moved = '', ...others] = pages;
  stack.sandbox.control.movePage(moved, elsewhere);
  await sides.sql('update orders set amount = amount + 100 where id between 11 and 18');
  await movedOf(moved);
  for (const [at, page] of others.entries())
    await soon(() => expect(sides.shown(page, 'Amount')).toBe(112 + at) ?? true);
  expect(await sides.sql('select from pgnotion.refused_fields')).toEqual([]);
  expect(sides.shown(moved, 'Amount')).toBe(11);
  stack.sandbox.control.movePage(moved, await sides.source('orders'));
  await isQuiet(moved);
  await soon(() => sides.shown(moved, 'Amount') === 111);
});

test('invariant 1: what a delivery set aside because it met the page elsewhere goes on if the page was back by then', async () => {
  const page = await sides.pageOf('orders', '19');
  await stack.settled();
  await sides.sql('select pgnotion.pause($1)', ['orders']);
  await sides.sql(`update orders set amount = 190 where id = 19`);
  await soon(async () => (await sides.sql(`select from pgnotion.outbox where key = '19'`)).length === 1);
  // What the delivery leaves: the line that it set aside, and a page to be looked at soon.
  await sides.sql(
    `update pgnotion.outbox set parked_at = now(), code = 'page_moved', reason = 'r', remedy = 'm' where key = '19'`,
  );
  await sides.sql(
    `insert into pgnotion.edits (page_id, table_name, key, command, next_at) values ($1, 'orders', '19', 'look', now())`,
    [page],
  );
  await sides.sql('select pgnotion.resume($1)', ['orders']);
  await soon(() => sides.shown(page, 'Amount') === 190);
  await isQuiet(page);
});
