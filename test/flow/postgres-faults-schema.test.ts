import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { agreed, disagreements } from '../support/agreement.ts';
import { eventually } from '../support/eventually.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { type Sides, sidesOf, typed } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

const { items } = shopConfig.tables;
const parts = {
  ...items,
  source: 'public.parts',
  title: 'Parts',
  fields: { Name: items.fields.Name, Note: items.fields.Note, Stock: items.fields.Stock },
} as const;

const config: ConfigInput = {
  ...shopConfig,
  deleteGuard: { number: 1_000 },
  tables: {
    items,
    others: { ...items, source: 'public.others', title: 'Others' },
    parts,
    labels: {
      source: 'public.labels',
      query:
        'select labels.*, owner.name as owner from public.labels join public.others owner on owner.id = labels.owner_id',
      dependsOn: [{ table: 'public.others', on: { id: 'owner_id' } }],
      key: 'id',
      title: 'Labels',
      direction: 'to-notion',
      fields: { Owner: { column: 'owner', type: 'title' } },
    },
  },
};

const schema = `${shopSchema};
  create table others (like items including all);
  create table labels (id integer primary key, owner_id integer references others);
  create table parts (id integer, name text not null, note text, stock integer, primary key (id, name))
    partition by range (id);
  create table parts_low partition of parts for values from (0) to (100);
  create table parts_high partition of parts for values from (100) to (1000)`;

const tables = ['items', 'others'];

let stack: Stack;
let sides: Sides;

beforeAll(async () => {
  stack = await createStack({
    config: { ...config, tables: { ...config.tables, parts: { ...parts, key: ['id', 'name'] } } },
    schema,
    pollSeconds: 0.5,
  });
  sides = sidesOf(stack);
  await sides.sql(shopRows(4));
  await sides.sql('insert into others select * from items; insert into labels values (1, 1), (2, 2)');
  await stack.apply();
  await stack.start();
  await agreed(stack, { tables });
});
afterAll(() => stack[Symbol.asyncDispose]());

const reason = async (table: string): Promise<string | null> =>
  (
    await sides.sql<{ reason: string | null }>(
      'select paused_reason as reason from pgnotion.status where table_name = $1',
      [table],
    )
  )[0]?.reason ?? null;

/** Waits until `items` stands still with a reason, and shows that the other tables do not. */
async function suspended(words: RegExp): Promise<void> {
  await eventually(async () => words.test((await reason('items')) ?? ''));
  await sides.sql(`update others set note = coalesce(note, '') || '+' where id = 1`);
  await eventually(async () => (await disagreements(stack, 'others')).length === 0);
  expect(await reason('others')).toBeNull();
}

/** What is told of `items`. That the publication is corrected goes by itself. */
const noticed = () =>
  sides.sql<{ property: string; kind: string; pauses: string }>(
    `select property, kind, pauses from pgnotion.drift where table_name = 'items' and kind <> 'publication'`,
  );

test.each([
  ['is renamed', 'rename note to remark', 'rename remark to note'],
  ['is dropped', 'drop note', 'add note text'],
])(
  'invariant 1: a mapped column %s: its field is paused, everything else goes on, and it resumes when mended',
  async (_, breaks, mends) => {
    const page = await sides.pageOf('items', '2');
    await sides.sql(`alter table items ${breaks}`);
    await eventually(
      async () =>
        expect(await noticed()).toEqual([{ property: 'Note', kind: 'column_missing', pauses: 'field' }]) ??
        true,
    );
    await sides.sql(`update items set name = 'while paused: ' || $1::text where stock = 1`, [breaks]);
    await sides.sql(`insert into items (name, stock) values ('new while paused', 50)`);
    sides.edit(page, { Stock: typed('number', breaks.length) });
    await eventually(
      async () =>
        (await sides.sql(`select from items where id = 2 and stock = ${breaks.length}`)).length === 1,
    );
    const [made] = await eventually(async () => {
      const rows = await sides.sql<{ id: string }>(
        `select id::text from items where name = 'new while paused'`,
      );
      return rows.length > 0 && rows;
    });
    await eventually(async () => sides.shown(await sides.pageOf('items', made?.id ?? ''), 'Stock') === 50);
    expect(await reason('items')).toBeNull();
    await sides.sql(`alter table items ${mends}`);
    await agreed(stack, { tables });
    await eventually(async () => (await noticed()).length === 0);
    await sides.sql(
      `update items set note = 'goes on' where id = 2; delete from items where name = 'new while paused'`,
    );
    await agreed(stack, { tables });
  },
);

test('invariant 1: the key is renamed: its table is suspended, others go on, and it resumes when mended', async () => {
  const page = await sides.pageOf('items', '2');
  await sides.sql('alter table items rename id to number');
  await sides.sql(`update items set name = 'while suspended' where stock = 1`);
  await sides.sql(`insert into items (name, stock) values ('new while suspended', 50)`);
  sides.edit(page, { Stock: typed('number', 77) });
  await suspended(/id/);
  expect(await noticed()).toMatchObject([{ pauses: 'table' }]);
  await sides.sql('alter table items rename number to id');
  await agreed(stack, { tables });
  expect(await sides.sql('select stock from items where id = 2')).toEqual([{ stock: 77 }]);
  await eventually(async () => (await noticed()).length === 0);
});

test('a column that is not mapped comes and goes unnoticed', async () => {
  await sides.sql('alter table items add extra text default $$x$$');
  await sides.sql(`update items set note = 'with an extra' where id = 1`);
  await agreed(stack, { tables });
  await sides.sql('alter table items drop extra');
  await sides.sql(`update items set note = 'without it' where id = 1`);
  await agreed(stack, { tables });
  expect(await reason('items')).toBeNull();
});

test('a changed primary key is a deletion and a new record', async () => {
  await sides.sql('update items set id = 5000 where id = 3');
  await agreed(stack, { tables });
});

test('TRUNCATE of a few rows trashes their pages, but for what the same transaction inserts', async () => {
  await sides.sql(`begin; truncate items; insert into items (id, name) values (1, 'after truncate'); commit`);
  await agreed(stack, { tables });
  await sides.sql(shopRows(3).replace('insert into items', 'insert into items'));
  await agreed(stack, { tables });
});

test('rows of a partitioned table are synced under its root, and move between partitions', async () => {
  await sides.sql(`insert into parts values (1, 'bolt', 'low', 1), (200, 'nut', 'high', 2)`);
  await eventually(async () => (await partPages()).length === 2);
  await sides.sql(`update parts set note = 'changed' where id = 1`);
  await sides.sql('update parts set id = 300 where id = 1');
  await sides.sql('delete from parts where id = 200');
  await sides.sql(`create table parts_top partition of parts for values from (1000) to (2000)`);
  await sides.sql(`insert into parts values (1500, 'cog', 'top', 3)`);
  await eventually(async () => {
    expect(await partPages()).toEqual(['bolt changed 1', 'cog top 3']);
    return true;
  });
});

async function partPages(): Promise<string[]> {
  const pages = stack.sandbox.control.pages(await sides.source('parts'));
  return pages
    .map(({ id }) => ['Name', 'Note', 'Stock'].map((name) => sides.shown(id, name)).join(' '))
    .sort();
}

test.each([
  ['the publication is dropped', (name: string) => `drop publication ${name}`],
  [
    'the table is taken out of the publication',
    (name: string) => `alter publication ${name} drop table items`,
  ],
  [
    'deletions are no longer published',
    (name: string) => `alter publication ${name} set (publish = 'insert')`,
  ],
])('invariant 1: %s: it is made again, and what was missed is found', async (_, change) => {
  const [row] = await sides.sql<{ name: string }>(
    'select quote_ident(pubname) as name from pg_publication order by 1 limit 1',
  );
  await sides.sql(change(row?.name ?? ''));
  await sides.sql(`insert into items (name) values ('unpublished 1'), ('unpublished 2')`);
  await sides.sql(`update items set note = 'unpublished' where id = (select max(id) - 3 from items)`);
  await sides.sql(`delete from items where name = 'unpublished 2' or note = 'note 2'`);
  await agreed(stack, { tables });
  await sides.sql(`update items set note = 'published again' where name = 'unpublished 1'`);
  await agreed(stack, { tables });
});

test('invariant 1: a table is dropped and made again: it goes on with the rows of the new one', async () => {
  await sides.sql('alter table items rename to old_items');
  await suspended(/items/);
  await sides.sql('drop table old_items');
  await sides.sql(`${shopSchema}; insert into items (id, name) values (1, 'of the new table')`);
  await agreed(stack, { tables });
  await sides.sql(`update items set note = 'goes on' where id = 1`);
  await sides.sql(`insert into items (id, name) values (7, 'goes on')`);
  await agreed(stack, { tables });
});

test('invariant 1: a table that another one takes the place of in a transaction goes on with the rows of that one', async () => {
  await sides.sql(`begin; create table new_items (like items including all);
    insert into new_items overriding system value select * from items where id <> 7;
    update new_items set note = 'exchanged' where id = 1;
    drop table items; alter table new_items rename to items; commit`);
  await agreed(stack, { tables });
  await sides.sql(`update items set note = 'goes on after the exchange' where id = 1`);
  await agreed(stack, { tables });
});

test('invariant 13: a table whose join no longer works does not hold the log up for the others', async () => {
  await sides.sql('alter table labels rename owner_id to old_owner_id');
  await sides.sql(`update others set name = 'renamed' where id = 2`);
  await sides.sql(`insert into others (id, name) values (900, 'meanwhile')`);
  await eventually(async () => (await disagreements(stack, 'others')).length === 0);
  await eventually(async () => (await reason('labels'))?.includes('owner_id'));
  await sides.sql('alter table labels rename old_owner_id to owner_id');
  await agreed(stack, { tables });
  const page = await sides.pageOf('labels', '2');
  await eventually(() => sides.shown(page, 'Owner') === 'renamed');
});
