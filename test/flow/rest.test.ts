import { afterAll, beforeAll, expect, test } from 'vitest';
import lithiumbuy from '../../examples/lithiumbuy/pgnotion.config.ts';
import type { SandboxOptions } from '../../src/sandbox/notion/server.ts';
import { keyOf, someRows, tables } from '../support/lithiumbuy.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { createStack, lithiumbuySchema, type Stack } from '../support/stack.ts';

let stack: Stack;
let sides: Sides;

async function started(sandbox: SandboxOptions = {}): Promise<Stack> {
  const made = await createStack({
    config: { ...lithiumbuy, sync: { settleSeconds: 0 } },
    schema: await lithiumbuySchema(),
    pollSeconds: 0.3,
    sandbox,
  });
  await made.database.pool.query(someRows);
  await made.apply();
  await made.start();
  await made.settled();
  return made;
}

beforeAll(async () => {
  stack = await started();
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
      await soon(async () => (await set('select from suppliers where name = $1', 'Made')).length === 0);
      stack.sandbox.control.restorePage(page);
      await soon(async () => (await set('select from suppliers where name = $1', 'Made')).length === 1);
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

const cases = changes.map(([what, change, failures = 0]) => [what, { change, failures }] as const);

test.each(cases)('invariants 5 and 6: once %s, ten polls write nothing on either side', async (_, each) => {
  await each.change();
  await sides.rest();
  await restsNow();
  expect(await sides.failures()).toHaveLength(each.failures);
});

test('invariants 1 and 5: a refused edit and an older change of the same field rest beside each other', async () => {
  const later = await started({ now: () => new Date(Date.now() + 120_000) });
  const there = sidesOf(later);
  try {
    const page = await there.pageOf('suppliers', supplier);
    await later.stop();
    await there.sql("update suppliers set rating = 2, response_time = 'soon' where id = $1", [supplier]);
    there.edit(page, { Rating: typed('number', 9) });
    await later.start();
    await soon(async () => (await there.failures()).some(({ code }) => code === 'sql_23514'));
    await soon(() => there.shown(page, 'Response Time') === 'soon');
    await there.rest();
    expect(there.shown(page, 'Rating')).toBe(9);
    await restsNow(later, there);
    there.edit(page, { Rating: typed('number', 3) });
    await soon(async () => (await there.failures()).length === 0);
    await there.rest();
    const [row] = await there.sql<{ rating: string }>('select rating from suppliers where id = $1', [
      supplier,
    ]);
    expect(Number(row?.rating)).toBe(there.shown(page, 'Rating'));
  } finally {
    await later[Symbol.asyncDispose]();
  }
});

async function restsNow(where = stack, there = sides): Promise<void> {
  const before = await everything(where, there);
  expect(await there.extras(10)).toEqual([]);
  expect(await everything(where, there)).toEqual(before);
}

/** Every version of every row, and how far the audit trail goes. */
async function everything(where: Stack, there: Sides) {
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
  const [operations] = await there.sql('select count(*)::int as n from pgnotion.operations');
  const versions = await there.sql(rows.join(' union all '));
  return { operations, versions, pages: where.sandbox.control.version() };
}
