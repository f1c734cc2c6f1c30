import { Client } from '@notionhq/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { namedTable as named } from '../support/acts.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

// A page that is moved to another database and back between two looks of ours, so that nobody sees it there.

const config: ConfigInput = {
  sync: { settleSeconds: 0 },
  tables: {
    orders: named('orders', {
      Amount: { column: 'amount', type: 'number' },
      Notes: { column: 'notes', type: 'rich_text' },
      Due: { column: 'due', type: 'date' },
      Remark: { column: 'remark', type: 'rich_text', direction: 'to-postgres' },
    }),
    parts: named('parts'),
  },
};

const schema = `
  create table orders (id integer primary key, name text not null, amount integer, notes text, due date, remark text);
  create table parts (id integer primary key, name text not null);
  insert into orders select i, 'order ' || i, i, 'a note', '2026-03-01' from generate_series(1, 8) i;
  insert into parts values (1, 'part');`;

type Row = { readonly name: string; readonly amount: number | null; readonly notes: string | null };

let stack: Stack;
let sides: Sides;
let orders: string;
let parts: string;
let elsewhere: string;
const control = () => stack.sandbox.control;

beforeAll(async () => {
  stack = await createStack({ config, schema, pollSeconds: 0.3 });
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
  orders = await sides.source('orders');
  parts = await sides.source('parts');
}, 120_000);
afterAll(() => stack[Symbol.asyncDispose]());

const row = async (id: number) =>
  (
    await sides.sql<Row>('select name, amount, notes, remark, due::text as due from orders where id = $1', [
      id,
    ])
  )[0];
const becomes = (id: number, wanted: object) =>
  soon(async () => expect(await row(id)).toMatchObject(wanted) ?? true);
const shows = (page: string, wanted: Readonly<Record<string, unknown>>) =>
  soon(
    () =>
      expect(Object.fromEntries(Object.keys(wanted).map((name) => [name, sides.shown(page, name)]))).toEqual(
        wanted,
      ) ?? true,
  );
const emptied = async (id: number, column: string): Promise<number> => {
  const lines = await sides.sql(
    `select from pgnotion.operations where direction = 'to-postgres' and key = $1 and $2 = any(fields)`,
    [String(id), column],
  );
  return lines.length;
};
/** Like `sides.rest`, which would wait for polls of a database that is not synced. */
async function rest(): Promise<void> {
  const polls = (): number =>
    control()
      .requests()
      .filter(({ path }) => path.replaceAll('-', '').includes(`${orders.replaceAll('-', '')}/query`)).length;
  for (const more of [2, 1]) {
    const before = polls();
    await soon(() => polls() > before + more);
    await stack.settled();
  }
}
/** No look of ours falls between the two: both happen in one turn of this process. */
function awayAndBack(page: string, through: string): void {
  control().movePage(page, through);
  control().movePage(page, orders);
}
const kept = (id: number) => ({ amount: id, notes: 'a note', due: '2026-03-01' });

test('invariant 15: what a page lost together with its record id on its way through another database is nobody’s edit', async () => {
  const page = await sides.pageOf('orders', '1');
  sides.edit(page, { Remark: typed('rich_text', 'from Notion alone') });
  await becomes(1, { remark: 'from Notion alone' });
  awayAndBack(page, elsewhere);
  sides.edit(page, { Name: typed('title', 'typed since') });
  expect(sides.shown(page, 'Supabase ID')).toBe('');
  await becomes(1, { name: 'typed since', ...kept(1) });
  await shows(page, {
    'Supabase ID': '1',
    Name: 'typed since',
    Amount: 1,
    Notes: 'a note',
    Due: '2026-03-01',
  });
  await rest();
  expect(await row(1)).toMatchObject({ name: 'typed since', ...kept(1), remark: 'from Notion alone' });
  expect(await emptied(1, 'Notes')).toBe(0);
  expect(await sides.sql('select from pgnotion.conflicts')).toEqual([]);
  expect(await sides.failures()).toEqual([]);
});

test('invariant 15: the same while nobody looks at all, and with a row that changed meanwhile', async () => {
  const page = await sides.pageOf('orders', '2');
  await stack.stop();
  awayAndBack(page, elsewhere);
  await sides.sql(`update orders set notes = 'changed in SQL' where id = 2`);
  await stack.start();
  await shows(page, { 'Supabase ID': '2', Amount: 2, Notes: 'changed in SQL', Due: '2026-03-01' });
  await rest();
  expect(await row(2)).toMatchObject({ ...kept(2), notes: 'changed in SQL' });
  expect(await sides.failures()).toEqual([]);
});

test('invariant 15: what a page lost on its way through another synced table’s database, which keeps its record id, waits for a person', async () => {
  const ids = [3, 4] as const;
  const pages = await Promise.all(ids.map((id) => sides.pageOf('orders', String(id))));
  for (const page of pages) {
    awayAndBack(page, parts);
    expect(sides.shown(page, 'Supabase ID')).not.toBe('');
    sides.edit(page, { Name: typed('title', 'typed since') });
  }
  for (const [at, id] of ids.entries()) {
    await becomes(id, { name: 'typed since', ...kept(id) });
    const failure = await soon(async () =>
      (await sides.failures()).find(({ page_id, code }) => page_id === pages[at] && code === 'mass_clearing'),
    );
    expect(failure.reason).toContain('moved to the database of parts and back');
  }
  const guarded = await sides.sql<{ field: string; cause: string }>(
    'select distinct field, cause from pgnotion.guarded_changes order by field',
  );
  expect(guarded.map(({ field }) => field)).toEqual(['Amount', 'Due', 'Notes']);
  expect(guarded[0]?.cause).toContain('moved to the database of parts and back');
  await sides.sql(`select pgnotion.reject_guarded('orders', '3')`);
  await shows(pages[0] ?? '', { Amount: 3, Notes: 'a note', Due: '2026-03-01' });
  expect(await row(3)).toMatchObject(kept(3));
  await sides.sql(`select pgnotion.approve_guarded('orders', '4')`);
  await becomes(4, { amount: null, notes: null, due: null });
  await soon(async () => (await sides.failures()).length === 0);
});

test('invariant 15: the same where the row changes some of it before anybody looks: the rest is nobody’s edit either', async () => {
  const [page, other] = [await sides.pageOf('orders', '7'), await sides.pageOf('orders', '8')];
  // Notion's lists are not to be had, so that what PostgreSQL changed comes first.
  const { faults } = control();
  faults.add({
    match: { operation: 'dataSources.query' },
    times: null,
    action: { kind: 'status', status: 503, when: 'before' },
  });
  awayAndBack(page, parts);
  awayAndBack(other, elsewhere);
  await sides.sql(`update orders set notes = 'changed in SQL', due = '2027-01-01' where id in (7, 8)`);
  await shows(page, { Notes: 'changed in SQL', Due: '2027-01-01' });
  await shows(other, { Amount: 8, Notes: 'changed in SQL', Due: '2027-01-01' });
  faults.clear();
  await shows(other, { 'Supabase ID': '8' });
  const waits = async () =>
    (await sides.sql<{ field: string }>(`select field from pgnotion.guarded_changes where key = '7'`)).map(
      ({ field }) => field,
    );
  await soon(async () => (await waits()).includes('Amount'));
  await rest();
  expect(await waits()).toEqual(['Amount']);
  expect([await row(7), await row(8)]).toMatchObject([{ amount: 7 }, { amount: 8 }]);
  await sides.sql(`select pgnotion.reject_guarded('orders', '7')`);
  await shows(page, { Amount: 7, Notes: 'changed in SQL', Due: '2027-01-01' });
  await soon(async () => (await sides.failures()).length === 0);
});

test('invariant 15: a database that is not synced at the moment is one that pages are moved through as well', async () => {
  const page = await sides.pageOf('orders', '6');
  await stack.stop();
  await sides.sql('alter table parts rename to away');
  awayAndBack(page, parts);
  await stack.start();
  await soon(
    async () =>
      (await sides.sql(`select from pgnotion.guarded_changes where key = '6' and field = 'Notes'`)).length ===
      1,
  );
  expect(await row(6)).toMatchObject(kept(6));
  await sides.sql('alter table away rename to parts');
  await sides.sql(`select pgnotion.reject_guarded('orders', '6')`);
  await shows(page, { Amount: 6, Notes: 'a note', Due: '2026-03-01' });
  await soon(async () => (await sides.failures()).length === 0);
});

test('invariant 4: a person who empties some properties, or the record id alone, is taken at their word', async () => {
  const [some, id] = [await sides.pageOf('orders', '5'), await sides.pageOf('orders', '6')];
  sides.edit(some, { Notes: typed('rich_text', null), Due: typed('date', null) });
  sides.edit(id, { 'Supabase ID': typed('rich_text', null) });
  await becomes(5, { amount: 5, notes: null, due: null });
  await shows(id, { 'Supabase ID': '6' });
  expect(await sides.sql(`select from pgnotion.conflicts where type = 'ID_EDITED'`)).toHaveLength(1);
  expect(await sides.failures()).toEqual([]);
});

test('invariant 15: a write without a look, whose own values hide the way, finds in its answer what was lost', async () => {
  const before = await row(2);
  expect(before).toMatchObject({ amount: 2, due: '2026-03-01' });
  const page = await sides.pageOf('orders', '2');
  await rest();
  // Neither the listing before a batch nor a poll shows the page as it is.
  control().setQueryLag(4_000);
  awayAndBack(page, parts);
  await sides.sql(`update orders set notes = 'changed for all of them'`);
  await shows(page, { Notes: 'changed for all of them' });
  const waits = () =>
    sides.sql<{ field: string }>(`select field from pgnotion.guarded_changes where key = '2' order by field`);
  await soon(async () => expect(await waits()).toEqual([{ field: 'Amount' }, { field: 'Due' }]) ?? true);
  control().setQueryLag(0);
  await rest();
  expect(await row(2)).toMatchObject({ amount: 2, due: '2026-03-01' });
  expect([await emptied(2, 'Amount'), await emptied(2, 'Due')]).toEqual([0, 0]);
  await sides.sql(`select pgnotion.reject_guarded('orders', '2')`);
  await shows(page, { Amount: 2, Due: '2026-03-01', Notes: 'changed for all of them' });
});
