import { afterEach, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { bare } from '../support/requests.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { type Sides, sidesOf, soon } from '../support/sides.ts';
import { type Stack, startStack } from '../support/stack.ts';

const MANY = 200;

const { items } = shopConfig.tables;
const config = {
  ...shopConfig,
  tables: {
    items,
    lots: { ...items, source: 'public.lots', title: 'Lots' },
    parts: {
      source: 'public.parts',
      key: 'id',
      title: 'Parts',
      fields: {
        Name: { column: 'name', type: 'title' },
        Item: { column: 'item_id', type: 'relation', relatedTable: 'items' },
      },
    },
  },
} satisfies ConfigInput;

const schema = `${shopSchema};
  create table lots (like items including all);
  create table parts (id int primary key, name text not null, item_id int references items);
  ${shopRows(MANY)};
  insert into lots (name) select 'lot ' || i from generate_series(1, ${MANY}) i;
  insert into parts values (1, 'part', 1);`;

let stack: Stack;

afterEach(() => stack[Symbol.asyncDispose]());

/** Synced, and from then on with so few requests a second that what waits can be looked at. */
async function synced(perSecond: number): Promise<Sides> {
  stack = await startStack({ config, schema, pollSeconds: 2 });
  await stack.stop();
  Object.assign(stack.environment, { NOTION_RATE_LIMIT: { requests: perSecond, windowMs: 1_000 } });
  await stack.start();
  const sides = sidesOf(stack);
  await sides.polls(1);
  return sides;
}

/** The pages that were written, in the order of their last write. */
const written = (): string[] =>
  stack.sandbox.control
    .requests()
    .filter(({ operation }) => operation === 'pages.update' || operation === 'pages.create')
    .map(({ path }) => bare(path.split('/').at(-1) ?? ''));

/** How many writes of others left Notion's way between `act` and the write of this page. */
async function writesBefore(page: string, act: () => Promise<unknown>): Promise<number> {
  await act();
  const from = written().length;
  const at = await soon(() => written().indexOf(bare(page), from) + 1);
  return at - 1 - from;
}

const isUnderWay = (): Promise<unknown> => soon(() => written().length > 5);

/** Those that are in hand, a few turns of the mass, and what leaves while the change is captured. */
const AHEAD = 40;

test('invariant 16: a change that stands alone overtakes a mass of its own table and of another', async () => {
  const sides = await synced(20);
  const [lot, alone, among] = await Promise.all([
    sides.pageOf('lots', '7'),
    sides.pageOf('items', '1'),
    sides.pageOf('items', String(MANY - 1)),
  ]);
  stack.sandbox.control.clearRequests();
  await sides.sql(`update items set note = 'mass' where id > 1`);
  await isUnderWay();
  // Of another table, of a row that the mass left out, and of one that waits in it.
  expect(
    await writesBefore(lot, () => sides.sql(`update lots set note = 'alone' where id = 7`)),
  ).toBeLessThan(AHEAD);
  expect(
    await writesBefore(alone, () => sides.sql(`update items set note = 'alone' where id = 1`)),
  ).toBeLessThan(AHEAD);
  expect(
    await writesBefore(among, () => sides.sql(`update items set note = 'again' where id = ${MANY - 1}`)),
  ).toBeLessThan(AHEAD);
  expect(sides.shown(among, 'Note')).toBe('again');
  const waiting = await sides.sql<{ priority: string; n: number }>(
    `select priority, count(*)::int as n from pgnotion.queue where table_name = 'items' group by 1`,
  );
  expect(waiting).toContainEqual({ priority: 'bulk', n: expect.any(Number) });
});

test('invariant 16: a row that waits for another one of a mass has it made first', async () => {
  const sides = await synced(20);
  stack.sandbox.control.clearRequests();
  await sides.sql(
    `insert into items (id, name) select i, 'new ' || i from generate_series(1001, ${1000 + MANY}) i`,
  );
  await isUnderWay();
  const from = written().length;
  await sides.sql(`insert into parts values (2, 'late part', ${1000 + MANY})`);
  const page = await sides.pageOf('parts', '2');
  expect(written().length - from).toBeLessThan(AHEAD);
  // Made once, with its relation.
  const item = await sides.pageOf('items', String(1000 + MANY));
  expect(sides.property(page, 'Item')).toMatchObject({ relation: [{ id: item }] });
});

test('two masses take turns', async () => {
  const sides = await synced(40);
  stack.sandbox.control.clearRequests();
  await sides.sql(`update items set note = 'mass'`);
  await isUnderWay();
  await sides.sql(`update lots set note = 'mass'`);
  const lots = new Set(
    (
      await sides.sql<{ page: string }>(
        `select page_id as page from pgnotion.records where table_name = 'lots'`,
      )
    ).map(({ page }) => bare(page)),
  );
  const from = await soon(() => written().findIndex((page) => lots.has(page)) + 1);
  await soon(() => written().length > from + 60);
  const share = written()
    .slice(from, from + 60)
    .filter((page) => lots.has(page)).length;
  expect(share).toBeGreaterThan(20);
  expect(share).toBeLessThan(40);
});

test('a row each in many transactions is a mass as well', async () => {
  const sides = await synced(20);
  const lot = await sides.pageOf('lots', '7');
  stack.sandbox.control.clearRequests();
  await sides.sql(`do $$ begin
    for i in 1..${MANY} loop update items set note = 'one by one' where id = i; commit; end loop; end $$`);
  await soon(
    async () => (await sides.sql(`select from pgnotion.queue where priority = 'bulk' limit 1`)).length,
  );
  expect(
    await writesBefore(lot, () => sides.sql(`update lots set note = 'alone' where id = 7`)),
  ).toBeLessThan(AHEAD);
});

test('invariant 13: what needs no request is settled at once, however much it is', async () => {
  const sides = await synced(100);
  const lot = await sides.pageOf('lots', '7');
  const rows = 20_000;
  // As autovacuum may leave it at any time: counted while it is empty, so that no way through it seems longer than another.
  await sides.sql('alter table pgnotion.outbox set (autovacuum_enabled = off)');
  await sides.sql('analyze pgnotion.outbox');
  const began = performance.now();
  const client = await stack.database.pool.connect();
  await client.query(`begin;
    insert into items (id, name) select i, 'brief' from generate_series(10001, ${10_000 + rows}) i;
    delete from items where id > 10000;
    commit;
    update items set note = note;
    update lots set note = 'alone' where id = 7`);
  client.release();
  const [mark] = await sides.sql<{ lsn: string }>(`select pg_logical_emit_message(true, 'test', '') as lsn`);
  await soon(
    async () => (await sides.sql('select from pgnotion.checkpoint where lsn > $1', [mark?.lsn])).length,
  );
  const captured = performance.now() - began;
  await soon(() => sides.shown(lot, 'Note') === 'alone');
  await stack.settled();
  // One by one, or each compared with all others, it takes many times as long as to capture them.
  expect(performance.now() - began).toBeLessThan(5 * captured + 10_000);
  expect(written().filter((page) => page === bare(lot))).toHaveLength(1);
});

test('invariant 16: an edit in one data source does not wait for hundreds in another', async () => {
  const sides = await synced(20);
  const lot = await sides.pageOf('lots', '7');
  const pages = await sides.sql<{ id: string }>(
    `select page_id as id from pgnotion.records where table_name = 'items'`,
  );
  const note = (text: string) => ({ Note: { rich_text: [{ text: { content: text } }] } });
  for (const { id } of pages) sides.edit(id, note('typed'));
  const typed = async (table: string): Promise<number> =>
    (await sides.sql<{ n: number }>(`select count(*)::int as n from ${table} where note = 'typed'`))[0]?.n ??
    0;
  await soon(async () => (await typed('items')) > 2);
  sides.edit(lot, note('typed'));
  const before = await typed('items');
  await soon(async () => (await typed('lots')) === 1);
  // A poll of its own, every two seconds, and a few turns.
  expect((await typed('items')) - before).toBeLessThan(2 * AHEAD);
});
