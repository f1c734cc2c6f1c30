import { Client } from '@notionhq/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { type CliStage, createCliStage } from '../support/cli-stage.ts';
import type { CliProcess } from '../support/daemon-process.ts';
import { driftEntries, driftLine, pausedTables } from '../support/drift-entries.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';

// Drift whose remedy is in the configuration: the file is changed as the entry says, and the daemon started again
// (invariants 15 and 16). Each test goes on with the configuration of the one before it.

type Tables = ConfigInput['tables'];
const name = { column: 'name', type: 'title' } as const;
let tables: Tables = {
  goods: {
    source: 'public.goods',
    key: 'id',
    title: 'Goods',
    fields: {
      Name: name,
      Note: { column: 'note', type: 'rich_text' },
      Price: { column: 'price', type: 'number' },
      State: { column: 'state', type: 'select', values: { open: 'Open', done: 'Done' } },
      Label: { expression: 'labelled(name)', type: 'rich_text' },
    },
  },
  others: { source: 'public.others', key: 'id', title: 'Others', fields: { Name: name } },
  chosen: {
    source: 'public.picks',
    query: 'select id, called(name) as name from public.picks',
    key: 'id',
    title: 'Chosen',
    direction: 'to-notion',
    fields: { Name: name },
  },
};
const CALLED = `create or replace function called(name text) returns text language sql immutable as 'select upper(name)'`;
const schema = `${CALLED};
  create function labelled(name text) returns text language sql immutable as $$ select '<' || name || '>' $$;
  create function tagged(name text) returns text language sql immutable as $$ select '[' || name || ']' $$;
  create table others (id integer primary key, name text not null);
  create table goods (id integer primary key, name text not null, note text, price integer, state text);
  create table picks (id integer primary key, name text not null);
  create table extras (id integer primary key, name text not null);
  insert into others select n, 'other ' || n from generate_series(1, 3) n;
  insert into picks select n, 'pick ' || n from generate_series(1, 3) n;
  insert into extras select n, 'extra ' || n from generate_series(1, 3) n;
  insert into goods select n, 'good ' || n, 'note ' || n, n * 10, case n when 3 then 'done' else 'open' end from generate_series(1, 3) n`;

let stage: CliStage;
let sides: Sides;
let daemon: CliProcess;
const control = () => stage.sandbox.control;
const sql = (text: string) => sides.sql(text);

beforeAll(async () => {
  stage = await createCliStage({ config: { sync: { settleSeconds: 0 }, tables }, schema });
  sides = sidesOf(stage);
  await stage.apply();
  daemon = await stage.start();
  await stage.settled();
}, 60_000);
afterAll(() => stage[Symbol.asyncDispose]());

async function stopped(): Promise<void> {
  daemon.signal('SIGTERM');
  expect(await daemon.exit).toMatchObject({ code: 0 });
}

/** Starts the daemon anew with tables changed in the file. */
async function restarted(changed: Tables): Promise<void> {
  if (!over) await stopped();
  tables = { ...tables, ...changed };
  await stage.configure({ sync: { settleSeconds: 0 }, tables });
  daemon = await stage.start(variables);
  over = false;
}
let over = false;
let variables: Readonly<Record<string, string>> = {};

type Table = Tables[string];
const goods = (change: Partial<Table>): Tables => ({ goods: { ...tables.goods, ...change } as Table });
const fields = (change: NonNullable<Table['fields']>, without?: string): Tables =>
  goods({
    fields: Object.fromEntries(
      Object.entries({ ...tables.goods?.fields, ...change }).filter(([property]) => property !== without),
    ),
  });

let turn = 0;

/** Writes to each side, and waits until the other has it. */
async function carries(table: string, column: string, property: string): Promise<void> {
  turn += 1;
  const source = String(tables[table]?.source);
  const page = await sides.pageOf(table, '2');
  const type = column === 'price' ? 'number' : property === 'Name' ? 'title' : 'rich_text';
  const [one, other] = type === 'number' ? [turn, turn + 1_000] : [`row ${turn}`, `page ${turn}`];
  await sides.sql(`update ${source} set ${column} = $1 where id = 2`, [one]);
  await sides.shows(table, '2', property, one);
  sides.edit(page, { [property]: typed(type, other) });
  const held = () => sides.sql(`select from ${source} where id = 2 and ${column}::text = $1::text`, [other]);
  await soon(async () => (await held()).length === 1);
}

/** One entry about the table, and what is beside it goes on. */
async function told(line: string, remedy: RegExp, table = 'goods', paused = [table]): Promise<void> {
  await soon(async () => {
    const [entry, ...more] = (await driftEntries(sides)).filter(({ kind }) => kind !== 'left_over');
    expect(more).toEqual([]);
    expect(entry && driftLine(entry)).toBe(line);
    expect(entry).toMatchObject({ table_name: table, remedy: expect.stringMatching(remedy) });
    return true;
  });
  await carries('others', 'name', 'Name');
  if (line.includes(' table ')) expect(await pausedTables(sides)).toEqual(paused);
  else {
    await carries('goods', 'name', 'Name');
    expect(await pausedTables(sides)).toEqual([]);
  }
}

async function settled(): Promise<void> {
  // A table that has left the configuration has left its database behind.
  await soon(async () => (await driftEntries(sides)).every(({ kind }) => kind === 'left_over'));
  expect(await pausedTables(sides)).toEqual([]);
  expect(await sides.failures()).toEqual([]);
}

/** What the rows hold, but for the ones that are written to on the way. */
const rows = (columns: string) =>
  sql(`select ${columns} from ${tables.goods?.source} where id <> 2 order by 1`);

test('a renamed property: the new name', async () => {
  control().renameProperty(await sides.source('goods'), 'Price', 'Cost');
  await told('Price property_renamed notion nothing config', /"Cost"/);
  const before = await rows('price');
  await restarted(fields({ Cost: { column: 'price', type: 'number' } }, 'Price'));
  await settled();
  await carries('goods', 'price', 'Cost');
  expect(await rows('price')).toEqual(before);
  await sides.shows('goods', '1', 'Cost', 10);
});

test('a renamed option: the new label', async () => {
  control().renameOption(await sides.source('goods'), 'State', 'Done', 'Over');
  await told('State option_renamed notion nothing config', /"done": "Over"/);
  await restarted(
    fields({ State: { column: 'state', type: 'select', values: { open: 'Open', done: 'Over' } } }),
  );
  await settled();
  await sql(`update goods set state = 'done' where id = 1`);
  await sides.shows('goods', '1', 'State', 'Over');
  sides.edit(await sides.pageOf('goods', '3'), { State: { select: { name: 'Open' } } });
  await soon(async () => (await sql(`select from goods where id = 3 and state = 'open'`)).length === 1);
});

test('a renamed column: its new name', async () => {
  await sql('alter table goods rename note to remark');
  await told('Note column_missing postgres field config', /column of the field "Note"/);
  sides.edit(await sides.pageOf('goods', '1'), { Note: typed('rich_text', 'typed meanwhile') });
  await restarted(fields({ Note: { column: 'remark', type: 'rich_text' } }));
  await settled();
  await soon(
    async () => (await sql(`select from goods where id = 1 and remark = 'typed meanwhile'`)).length === 1,
  );
  await sides.shows('goods', '3', 'Note', 'note 3');
  await carries('goods', 'remark', 'Note');
});

test('a broken expression: another one', async () => {
  await sql('drop function labelled(text)');
  await told('Label expression_broken postgres field config', /labelled/);
  await restarted(fields({ Label: { expression: 'tagged(name)', type: 'rich_text' } }));
  await settled();
  await sides.shows('goods', '1', 'Label', '[good 1]');
});

test('a renamed table: its new name', async () => {
  await sql('alter table goods rename to wares');
  await told(' table_missing postgres table sql', /set the source of tables\.goods/);
  const page = await sides.pageOf('goods', '1');
  sides.edit(page, { Note: typed('rich_text', 'typed in between') });
  await restarted(goods({ source: 'public.wares' }));
  await settled();
  expect(await sides.pageOf('goods', '1')).toBe(page);
  await soon(
    async () => (await sql(`select from wares where id = 1 and remark = 'typed in between'`)).length === 1,
  );
  await carries('goods', 'remark', 'Note');
});

test('a column of another type: a cast', async () => {
  await sql('alter table wares alter price type jsonb using to_jsonb(price)');
  await told('Cost column_unfit postgres field config', /cast it to a number in an expression/);
  await restarted(fields({ Cost: { expression: `(price #>> '{}')::integer`, type: 'number' } }));
  await settled();
  await sql(`update wares set price = '11' where id = 1`);
  await sides.shows('goods', '1', 'Cost', 11);
  await sides.shows('goods', '3', 'Cost', 30);
});

test('a new field before apply: apply, and the field alone waits for it', async () => {
  await sql('alter table wares add size integer not null default 7');
  await restarted(fields({ Size: { column: 'size', type: 'number' } }));
  await told('Size property_missing notion field command', /pgnotion apply/);
  await carries('goods', 'remark', 'Note');
  await stage.apply();
  await settled();
  await sides.shows('goods', '1', 'Size', 7);
});

test('a new field whose property people have made of another type: its type in Notion', async () => {
  const source = await sides.source('goods');
  control().addProperty(source, 'Colour', { number: {} });
  await sql(`alter table wares add colour text default 'red'`);
  await restarted(fields({ Colour: { column: 'colour', type: 'rich_text' } }));
  await told('Colour property_retyped notion field click', /rename it there/);
  control().renameProperty(source, 'Colour', 'Number of the colour');
  await stage.apply();
  await settled();
  await sides.shows('goods', '1', 'Colour', 'red');
});

test('a new field whose property lacks an option: apply', async () => {
  const source = await sides.source('goods');
  control().addProperty(source, 'Kind', { select: { options: [{ name: 'Small' }] } });
  await sql(`alter table wares add kind text default 'small'`);
  const values = { small: 'Small', large: 'Large' };
  await restarted(fields({ Kind: { column: 'kind', type: 'select', values } }));
  await told('Kind option_missing notion nothing command', /pgnotion apply/);
  await sides.shows('goods', '1', 'Kind', 'Small');
  await stage.apply();
  await settled();
});

test('a new table before apply: apply', async () => {
  const extras = { source: 'public.extras', key: 'id', title: 'Extras', fields: { Name: name } };
  await restarted({ extras });
  await told(' database_missing notion table command', /pgnotion apply/, 'extras', []);
  await stage.apply();
  await settled();
  await sides.shows('extras', '1', 'Name', 'extra 1');
  await carries('extras', 'name', 'Name');
});

test('a table that is not mapped any more is said nothing of', async () => {
  await sql('alter table extras rename to surplus');
  await told(' table_missing postgres table sql', /set the source of tables\.extras/, 'extras');
  const { extras: _, ...others } = tables;
  tables = others;
  await restarted({});
  await settled();
});

test('a new table whose database people have made: what it lacks or has otherwise stops that table alone', async () => {
  const notion = new Client({ auth: stage.sandbox.token, baseUrl: stage.sandbox.url });
  const made = await notion.databases.create({
    parent: { type: 'page_id', page_id: stage.sandbox.parentPageId },
    title: [{ text: { content: 'Surplus' } }],
    initial_data_source: { properties: { Name: { title: {} }, Size: { rich_text: {} } } },
  });
  variables = { NOTION_DATABASE_SURPLUS_ID: made.id };
  await sql('alter table surplus add size integer not null default 7');
  const surplus = {
    source: 'public.surplus',
    key: 'id',
    title: 'Surplus',
    fields: { Name: name, Size: { column: 'size', type: 'number' } },
  } as const;
  await restarted({ surplus });
  const lines = async () =>
    (await driftEntries(sides))
      .filter(({ table_name: table }) => table === 'surplus')
      .map(driftLine)
      .sort();
  await soon(async () => {
    expect(await lines()).toEqual([
      ' property_lacking notion table command',
      'Size property_unfit notion table click',
    ]);
    return true;
  });
  await carries('others', 'name', 'Name');
  const source = 'data_sources' in made ? made.data_sources[0]?.id : undefined;
  control().retypeProperty(source ?? '', 'Size', { number: {} });
  await stage.run(['apply', '--yes'], variables);
  await settled();
  await sides.shows('surplus', '1', 'Size', 7);
  await carries('surplus', 'name', 'Name');
});

test('a query whose function is gone: another query', async () => {
  await sql('drop function called(text)');
  await sql(`update picks set name = 'more' where id = 1`);
  await told(' table_changed postgres table sql', /correct the query in the configuration/, 'chosen');
  await restarted({
    chosen: { ...tables.chosen, query: 'select id, lower(name) as name from public.picks' } as Table,
  });
  await settled();
  await sides.shows('chosen', '1', 'Name', 'more');
});

test('a key that is renamed while nobody syncs: its new name', async () => {
  await stopped();
  over = true;
  await sql('alter table others rename id to number');
  await restarted({});
  await soon(async () => {
    expect((await driftEntries(sides)).map(driftLine)).toContain(' table_changed postgres table config');
    return true;
  });
  expect(await pausedTables(sides)).toEqual(['others']);
  await carries('goods', 'remark', 'Note');
  await restarted({ others: { ...tables.others, key: 'number' } as Table });
  await settled();
  await sql(`update others set name = 'under the new key' where number = 1`);
  await sides.shows('others', '1', 'Name', 'under the new key');
});
