import { Client } from '@notionhq/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { namedTable as named } from '../support/acts.ts';
import { driftEntries } from '../support/drift-entries.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

// What a page loses by nobody's edit while fields of its table stand still: once these are back, their rows' values count.

const ROWS = 6;
const config: ConfigInput = {
  sync: { settleSeconds: 0 },
  tables: {
    orders: named('orders', {
      Amount: { column: 'amount', type: 'number' },
      Notes: { column: 'notes', type: 'rich_text' },
      Remark: { column: 'remark', type: 'rich_text', direction: 'to-postgres' },
    }),
    parts: named('parts'),
  },
};
const schema = `
  create table orders (id integer primary key, name text not null, amount integer, notes text, remark text);
  create table parts (id integer primary key, name text not null);
  insert into orders select i, 'order ' || i, i, 'a note' from generate_series(1, ${ROWS}) i;
  insert into parts values (1, 'part');`;

let stack: Stack;
let sides: Sides;
let orders: string;
let elsewhere: string;
const control = () => stack.sandbox.control;

beforeAll(async () => {
  stack = await createStack({ config, schema, pollSeconds: 0.3 });
  const notion = new Client({ auth: stack.sandbox.token, baseUrl: stack.sandbox.url });
  const made = await notion.databases.create({
    parent: { type: 'page_id', page_id: stack.sandbox.parentPageId },
    title: [{ text: { content: 'Elsewhere' } }],
    initial_data_source: { properties: { Name: { title: {} } } },
  });
  if (!('data_sources' in made)) throw new Error('no data source');
  elsewhere = made.data_sources[0]?.id ?? '';
  sides = sidesOf(stack);
  await stack.apply();
  await stack.start();
  await stack.settled();
  orders = await sides.source('orders');
  for (let id = 1; id <= ROWS; id += 1)
    sides.edit(await sides.pageOf('orders', String(id)), { Remark: typed('rich_text', 'from Notion') });
  await soon(async () => (await sides.sql('select from orders where remark is null')).length === 0);
});
afterAll(() => stack[Symbol.asyncDispose]());

const columns = ['notes', 'remark', 'amount'] as const;
type Column = (typeof columns)[number];

async function away(...names: readonly Column[]): Promise<void> {
  for (const name of names) await sides.sql(`alter table orders rename ${name} to ${name}_away`);
  await soon(async () => (await driftEntries(sides)).length === names.length);
}
async function back(...names: readonly Column[]): Promise<void> {
  for (const name of names) await sides.sql(`alter table orders rename ${name}_away to ${name}`);
  await soon(async () => (await driftEntries(sides)).length === 0);
}
const row = async (id: number) =>
  (await sides.sql(`select ${columns.join()} from orders where id = ${id}`))[0];
const whole = (id: number) => ({ amount: id, notes: 'a note', remark: 'from Notion' });
/** No look of ours falls between the two: both happen in one turn of this process. */
function awayAndBack(page: string, through: string): void {
  control().movePage(page, through);
  control().movePage(page, orders);
}
const settled = async (): Promise<void> => {
  await sides.sql(`select pgnotion.resync('orders')`);
  await stack.settled();
};
const conflicts = () => sides.sql('select from pgnotion.conflicts');

test('invariant 15: what stands still while its page goes through another database and back, unseen, is lost by nobody’s edit', async () => {
  const page = await sides.pageOf('orders', '1');
  await away('notes', 'remark');
  awayAndBack(page, elsewhere);
  await soon(() => sides.shown(page, 'Supabase ID') === '1' && sides.shown(page, 'Amount') === 1);
  await back('notes', 'remark');
  await soon(() => sides.shown(page, 'Notes') === 'a note');
  await settled();
  expect(await row(1)).toEqual(whole(1));
  expect(await conflicts()).toEqual([]);
  expect(await sides.failures()).toEqual([]);
});

test('invariant 15: the same where nothing but the record id tells of the way', async () => {
  const [page, typedOn] = [await sides.pageOf('orders', '2'), await sides.pageOf('orders', '3')];
  await away('amount', 'notes', 'remark');
  for (const each of [page, typedOn]) awayAndBack(each, elsewhere);
  // What somebody fills in afterwards is still theirs.
  await soon(() => [page, typedOn].every((each) => sides.shown(each, 'Supabase ID') !== ''));
  sides.edit(typedOn, { Remark: typed('rich_text', 'typed since') });
  await back('amount', 'notes', 'remark');
  for (const [each, id] of [
    [page, 2],
    [typedOn, 3],
  ] as const)
    await soon(() => sides.shown(each, 'Notes') === 'a note' && sides.shown(each, 'Amount') === id);
  await settled();
  expect(await row(2)).toEqual(whole(2));
  expect(await row(3)).toEqual({ ...whole(3), remark: 'typed since' });
  expect(await sides.failures()).toEqual([]);
});

test('invariant 15: the same through the database of a synced table: what is synced waits for a person', async () => {
  const page = await sides.pageOf('orders', '4');
  await away('notes');
  awayAndBack(page, await sides.source('parts'));
  await soon(
    async () =>
      (await sides.sql(`select from pgnotion.guarded_changes where key = '4' and field = 'Amount'`))
        .length === 1,
  );
  await back('notes');
  await soon(() => sides.shown(page, 'Notes') === 'a note');
  await sides.sql(`select pgnotion.reject_guarded('orders', '4')`);
  await soon(() => sides.shown(page, 'Amount') === 4);
  await soon(async () => (await sides.failures()).length === 0);
  expect(await row(4)).toEqual(whole(4));
});
