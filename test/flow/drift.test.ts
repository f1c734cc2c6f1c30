import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { driftCounts } from '../../src/state/drift.ts';
import { createStore } from '../../src/state/sql.ts';
import { driftEntries, driftLine, pausedTables } from '../support/drift-entries.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

// Drift as data: each kind of entry, what goes on beside it, and that its remedy settles it (invariants 15 and 16).

const table = (name: string, fields: NonNullable<ConfigInput['tables'][string]>['fields'] = {}) => ({
  source: `public.${name}`,
  key: 'id',
  title: name,
  fields: {
    Name: { column: 'name', type: 'title' as const },
    Note: { column: 'note', type: 'rich_text' as const },
    ...fields,
  },
});
const config: ConfigInput = {
  sync: { settleSeconds: 0 },
  tables: {
    goods: table('goods', {
      Price: { column: 'price', type: 'number' },
      State: { column: 'state', type: 'status', values: { open: 'Open', done: 'Done' } },
      Label: { expression: 'labelled(name)', type: 'rich_text' },
      Other: { column: 'other_id', type: 'relation', relatedTable: 'others' },
    }),
    others: table('others'),
  },
};
const LABELLED = `create or replace function labelled(name text) returns text language sql immutable as $$ select '<' || name || '>' $$;`;
const schema = `${LABELLED}
  create table others (id integer primary key, name text not null, note text);
  create table goods (id integer primary key, name text not null, note text, price integer, state text,
                      other_id integer references others);
  insert into others select n, 'other ' || n, 'note ' || n from generate_series(1, 3) n;
  insert into goods select n, 'good ' || n, 'note ' || n, n * 10, case n when 3 then 'done' else 'open' end, n from generate_series(1, 3) n;`;

let stack: Stack;
let sides: Sides;
let source: string;
let database: string;
const control = () => stack.sandbox.control;
const entries = () => driftEntries(sides);

beforeAll(async () => {
  stack = await createStack({ config, schema, pollSeconds: 0.3 });
  sides = sidesOf(stack);
  await stack.apply();
  await stack.start();
  await stack.settled();
  source = await sides.source('goods');
  database =
    control()
      .listDatabases()
      .find(({ title }) => title === 'goods')?.databaseId ?? '';
});
afterAll(() => stack[Symbol.asyncDispose]());

let turn = 0;

/** Writes to each side, and waits until the other has it. */
async function carries(name: string, column: string, property: string): Promise<void> {
  turn += 1;
  const page = await sides.pageOf(name, '2');
  const type = property === 'Price' ? 'number' : property === 'Name' ? 'title' : 'rich_text';
  const [one, other] = type === 'number' ? [turn, turn + 1_000] : [`row ${turn}`, `page ${turn}`];
  await sides.sql(`update ${name} set ${column} = $1 where id = 2`, [one]);
  await soon(() => sides.shown(page, property) === one);
  sides.edit(page, { [property]: typed(type, other) });
  await soon(
    async () =>
      (await sides.sql(`select from ${name} where id = 2 and ${column}::text = $1::text`, [other])).length ===
      1,
  );
}

type Case = {
  readonly breaks: () => unknown;
  /** Property, kind, side, what it pauses, and what settles it. */
  readonly told: string;
  readonly remedy: RegExp;
  readonly settles: () => unknown;
  /** What shows that it goes on afterwards; nothing for what is only for show. */
  readonly concerns: readonly [column: string, property: string] | null;
};

const sql = (text: string) => () => sides.sql(text);

/** Runs the statement that the entry names. */
async function asTold(): Promise<void> {
  const [entry] = await entries();
  const [statement] = /ALTER TABLE [^;]*;/.exec(entry?.remedy ?? '') ?? [];
  expect(statement, entry?.remedy).toBeDefined();
  await sides.sql(statement ?? '');
}

const CASES: Readonly<Record<string, Case>> = {
  'a renamed property': {
    breaks: () => control().renameProperty(source, 'Price', 'Cost'),
    told: 'Price property_renamed notion nothing config',
    remedy: /"Cost"/,
    settles: () => control().renameProperty(source, 'Cost', 'Price'),
    concerns: ['price', 'Price'],
  },
  'a deleted property': {
    breaks: () => control().deleteProperty(source, 'Note'),
    told: 'Note property_missing notion field command',
    remedy: /pgnotion apply/,
    settles: () => stack.apply(),
    concerns: ['note', 'Note'],
  },
  'a property of another type': {
    breaks: () => control().retypeProperty(source, 'Note', { number: {} }),
    told: 'Note property_retyped notion field click',
    remedy: /back to rich_text/,
    settles: () => control().retypeProperty(source, 'Note', { rich_text: {} }),
    concerns: ['note', 'Note'],
  },
  'a deleted option': {
    breaks: () => control().deleteOption(source, 'State', 'Open'),
    told: 'State option_missing notion nothing command',
    remedy: /pgnotion apply/,
    settles: () => stack.apply(),
    concerns: null,
  },
  'a renamed option': {
    breaks: () => control().renameOption(source, 'State', 'Done', 'Over'),
    told: 'State option_renamed notion nothing config',
    remedy: /"done": "Over"/,
    settles: () => control().renameOption(source, 'State', 'Over', 'Done'),
    concerns: null,
  },
  'a database that is not shared': {
    breaks: () => control().unshare(database),
    told: ' database_hidden notion table click',
    remedy: /share/,
    settles: () => control().share(database),
    concerns: ['name', 'Name'],
  },
  'a database in the trash': {
    breaks: () => control().trashDatabase(database),
    told: ' database_trashed notion table click',
    remedy: /restore it in Notion/,
    settles: () => control().restoreDatabase(database),
    concerns: ['name', 'Name'],
  },
  'a relation that points elsewhere': {
    breaks: () =>
      control().retypeProperty(source, 'Other', {
        relation: { data_source_id: source, single_property: {} },
      }),
    told: 'Other relation_retargeted notion field click',
    remedy: /delete the property in Notion and run `pgnotion apply`/,
    settles: async () => {
      control().deleteProperty(source, 'Other');
      await stack.apply();
      await sides.shows('goods', '2', 'Other', [await sides.pageOf('others', '2')]);
    },
    concerns: null,
  },
  'a column that is gone': {
    breaks: sql('alter table goods drop note'),
    told: 'Note column_missing postgres field sql',
    remedy: /whose rows then take what their pages show/,
    settles: asTold,
    concerns: ['note', 'Note'],
  },
  'a column of another type': {
    breaks: sql(`alter table goods alter price type jsonb using to_jsonb(price)`),
    told: 'Price column_unfit postgres field config',
    remedy: /change the column in SQL/,
    settles: sql('alter table goods alter price type integer using price::text::integer'),
    concerns: ['price', 'Price'],
  },
  'an expression whose function is gone': {
    breaks: sql('drop function labelled(text)'),
    told: 'Label expression_broken postgres field config',
    remedy: /labelled/,
    settles: sql(LABELLED),
    concerns: null,
  },
  'a table that is renamed': {
    breaks: sql('alter table goods rename to wares'),
    told: ' table_missing postgres table sql',
    remedy: /ALTER TABLE "public"\."wares" RENAME TO "goods";/,
    settles: asTold,
    concerns: ['name', 'Name'],
  },
  'a lost key': {
    breaks: sql('alter table goods drop constraint goods_pkey'),
    told: ' table_unpublishable postgres table sql',
    remedy: /ADD PRIMARY KEY/,
    settles: asTold,
    concerns: ['name', 'Name'],
  },
  'a renamed key': {
    breaks: sql('alter table goods rename id to number'),
    told: ' table_unpublishable postgres table sql',
    remedy: /RENAME COLUMN "number" TO "id"/,
    settles: asTold,
    concerns: ['name', 'Name'],
  },
};

test.each(Object.entries(CASES))(
  'invariant 16: %s pauses no more than what it concerns, and its remedy settles it',
  async (_, { breaks, told, remedy, settles, concerns }) => {
    await breaks();
    const found = await soon(async () => {
      const [entry, ...more] = await entries();
      expect(more).toEqual([]);
      expect(entry && driftLine(entry)).toBe(told);
      return entry;
    });
    expect(found).toMatchObject({ table_name: 'goods', remedy: expect.stringMatching(remedy) });
    const [, pauses] = /(nothing|field|table) \w+$/.exec(told) ?? [];
    const counts = new Map([['goods', { entries: 1, pausing: pauses === 'nothing' ? 0 : 1 }]]);
    if (told.includes(' notion '))
      expect(await driftCounts(createStore(stack.database.pool, 0))).toEqual(counts);
    await carries('others', 'note', 'Note');
    if (pauses === 'table') expect(await paused()).toEqual(['goods']);
    else {
      await carries('goods', 'name', 'Name');
      expect(await paused()).toEqual([]);
    }
    await settles();
    await soon(async () => (await entries()).length === 0);
    if (concerns !== null) await carries('goods', ...concerns);
    await stack.settled();
    expect(await paused()).toEqual([]);
    expect(await sides.failures()).toEqual([]);
  },
);

const paused = () => pausedTables(sides);

test('invariant 15: entries survive a restart with their time, and what happens meanwhile is noticed by it', async () => {
  control().renameProperty(source, 'Price', 'Cost');
  await sides.sql('alter table goods rename note to remark');
  await soon(async () => (await entries()).length === 2);
  await stack.stop();
  const before = await entries();
  control().renameOption(source, 'State', 'Done', 'Over');
  await sides.sql('alter table others rename note to remark');
  await stack.start();
  await soon(async () => (await entries()).length === 4);
  const now = await entries();
  expect(now).toEqual(expect.arrayContaining(before));
  expect(now.map((entry) => `${entry.table_name} ${driftLine(entry)}`).sort()).toEqual([
    'goods Note column_missing postgres field config',
    'goods Price property_renamed notion nothing config',
    'goods State option_renamed notion nothing config',
    'others Note column_missing postgres field config',
  ]);
  // What people type into the property of a paused field is there when it is back, and what the row holds as well.
  const [first, second] = await Promise.all(['1', '2'].map((key) => sides.pageOf('goods', key)));
  sides.edit(first ?? '', { Note: typed('rich_text', 'typed meanwhile') });
  await sides.sql(`update goods set remark = 'written meanwhile' where id = 2`);
  await carries('others', 'name', 'Name');
  await stack.stop();
  control().renameProperty(source, 'Cost', 'Price');
  await sides.sql('alter table goods rename remark to note; alter table others rename remark to note');
  await stack.start();
  control().renameOption(source, 'State', 'Over', 'Done');
  await soon(async () => (await entries()).length === 0);
  await soon(
    async () => (await sides.sql(`select from goods where id = 1 and note = 'typed meanwhile'`)).length === 1,
  );
  await soon(() => sides.shown(second ?? '', 'Note') === 'written meanwhile');
  for (const name of ['goods', 'others']) await carries(name, 'note', 'Note');
  await stack.settled();
  expect(await sides.failures()).toEqual([]);
});
