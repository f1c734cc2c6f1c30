import { afterAll, beforeAll, expect, test } from 'vitest';
import lithiumbuy from '../../examples/lithiumbuy/pgnotion.config.ts';
import { eventually } from '../support/eventually.ts';
import { keyOf, someRows, tables } from '../support/lithiumbuy.ts';
import { type Sides, sidesOf, typed } from '../support/sides.ts';
import { createStack, lithiumbuySchema, type Stack } from '../support/stack.ts';

let stack: Stack;
let sides: Sides;

beforeAll(async () => {
  stack = await createStack({
    config: { ...lithiumbuy, sync: { settleSeconds: 0 } },
    schema: await lithiumbuySchema(),
    pollSeconds: 0.1,
  });
  await stack.database.pool.query(someRows);
  await stack.apply();
  await stack.start();
  await stack.settled();
  sides = sidesOf(stack);
});

afterAll(() => stack[Symbol.asyncDispose]());

const supplier = keyOf('suppliers', 1);
const set = (sql: string, ...values: readonly unknown[]) => sides.sql(sql, values);
const pageOf = (table: string, number = 1) => sides.pageOf(table, keyOf(table, number));
const edit = async (
  table: string,
  property: string,
  type: Parameters<typeof typed>[0],
  value: string | null,
) => sides.edit(await pageOf(table), { [property]: typed(type, value) });

/** Each kind of change that a side can make, and whether it leaves a line in the failures. */
const changes: readonly (readonly [what: string, change: () => Promise<unknown>, failures?: number])[] = [
  ['a row was updated', () => set('update suppliers set rating = 4.5 where id = $1', supplier)],
  [
    'a row was updated and updated back',
    async () => {
      await set('update suppliers set rating = 1 where id = $1', supplier);
      await set('update suppliers set rating = 4.5 where id = $1', supplier);
    },
  ],
  [
    'a row was touched without a change',
    () => set('update suppliers set rating = rating where id = $1', supplier),
  ],
  [
    'a row was inserted',
    () => set('insert into suppliers (id, name) values ($1, $2)', keyOf('suppliers', 9), 'Ninth'),
  ],
  ['a row was deleted', () => set('delete from suppliers where id = $1', keyOf('suppliers', 9))],
  ['a joined row was renamed', () => set('update suppliers set name = $2 where id = $1', supplier, 'Joined')],
  [
    'an auth user was renamed',
    () => set("update auth.users set email = 'x@example.com' where id = $1", keyOf('user_profiles', 1)),
  ],
  [
    'a trigger changed another table',
    () =>
      set(
        'insert into bids (auction_id, bidder_id, amount) values ($1, $2, 500)',
        keyOf('auctions', 1),
        keyOf('user_profiles', 1),
      ),
  ],
  ['a person edited a page', () => edit('products', 'Name', 'title', 'Edited')],
  ['a person cleared a property', () => edit('products', 'Unit', 'rich_text', null)],
  ['a person edited what only PostgreSQL writes', () => edit('products', 'Created At', 'date', '2001-02-03')],
  ['a person edited a joined title', () => edit('quotes', 'Quote', 'title', 'Mine')],
  [
    'both sides changed different fields of a record',
    async () => {
      await edit('rfqs', 'Description', 'rich_text', 'By a person');
      await set('update rfqs set title = $2 where id = $1', keyOf('rfqs', 1), 'By SQL');
    },
  ],
  [
    'both sides changed one field',
    async () => {
      await edit('rfqs', 'Unit', 'rich_text', 'kg');
      await set('update rfqs set unit = $2 where id = $1', keyOf('rfqs', 1), 'lb');
    },
  ],
  [
    'both sides changed one field to the same',
    async () => {
      await edit('rfqs', 'Unit', 'rich_text', 'oz');
      await set('update rfqs set unit = $2 where id = $1', keyOf('rfqs', 1), 'oz');
    },
  ],
  [
    'a person made a page',
    async () =>
      stack.sandbox.control.createPage(await sides.source('suppliers'), { Name: typed('title', 'Made') }),
  ],
  [
    'a person trashed and restored a page',
    async () => {
      const page = await madePage();
      stack.sandbox.control.trashPage(page);
      await eventually(async () => (await set('select from suppliers where name = $1', 'Made')).length === 0);
      stack.sandbox.control.restorePage(page);
      await eventually(async () => (await set('select from suppliers where name = $1', 'Made')).length === 1);
    },
  ],
  ['a person trashed a page', async () => stack.sandbox.control.trashPage(await madePage())],
  ['PostgreSQL refused an edit', () => edit('auctions', 'Material', 'rich_text', null), 1],
  [
    'a page is incomplete',
    async () =>
      stack.sandbox.control.createPage(await sides.source('products'), { Name: typed('title', 'Lacks') }),
    2,
  ],
];

const madePage = async () => {
  const found = await set("select page_id from pgnotion.records where base_row ->> 'Name' = 'Made'");
  return String((found[0] as { readonly page_id: string }).page_id);
};

const cases = changes.map(([what, change, failures = 0]) => ({ what, change, failures }));

test.each(cases)('invariants 5 and 6: once $what, ten polls write nothing on either side', async (each) => {
  await each.change();
  await sides.rest();
  const before = await everything();
  stack.sandbox.control.clearRequests();
  await sides.polls(10);
  const asked = stack.sandbox.control.requests();
  expect(sides.writes()).toEqual([]);
  expect(asked.filter(({ operation }) => operation !== 'dataSources.query')).toEqual([]);
  expect(await everything()).toEqual(before);
  expect(await sides.failures()).toHaveLength(each.failures);
});

/** Every version of every row, and how far the audit trail goes. */
async function everything() {
  const sources = [
    ...tables.map((table) => table.source),
    'auth.users',
    'public.audit_log',
    'pgnotion.records',
  ];
  const rows = sources.map(
    (name) =>
      `select '${name}' as name, md5(string_agg(concat_ws(' ', xmin, t), '|' order by t::text)) as rows from ${name} t`,
  );
  const [operations] = await sides.sql('select count(*)::int as n from pgnotion.operations');
  const versions = await sides.sql(rows.join(' union all '));
  return { operations, versions, pages: stack.sandbox.control.version() };
}
