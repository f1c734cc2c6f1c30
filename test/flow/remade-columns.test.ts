import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { driftEntries } from '../support/drift-entries.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

// Columns that are dropped and added again, or whose name another one takes: an empty cell of the new column empties no page.

const ROWS = 4;
const config: ConfigInput = {
  sync: { settleSeconds: 0 },
  tables: {
    goods: {
      source: 'public.goods',
      key: 'id',
      title: 'Goods',
      fields: {
        Name: { column: 'name', type: 'title' },
        Note: { column: 'note', type: 'rich_text' },
        Price: { column: 'price', type: 'number' },
        Ready: { column: 'ready', type: 'checkbox' },
        Tags: { column: 'tags', type: 'multi_select' },
        Reply: { column: 'reply', type: 'rich_text', direction: 'to-postgres' },
      },
    },
  },
};
const schema = `
  create table goods (id integer primary key, name text not null, note text, price integer, ready boolean not null default false,
                      tags text[] not null default '{}', reply text, remark text);
  insert into goods select n, 'good ' || n, 'note ' || n, n * 10, true, '{red}', null, case n when 1 then 'remark 1' end
    from generate_series(1, ${ROWS}) n`;

let stack: Stack;
let sides: Sides;
let pages: readonly string[];

beforeAll(async () => {
  stack = await createStack({ config, schema, pollSeconds: 0.3 });
  sides = sidesOf(stack);
  await stack.apply();
  await stack.start();
  await stack.settled();
  pages = await Promise.all(Array.from({ length: ROWS }, (_, at) => sides.pageOf('goods', String(at + 1))));
  for (const page of pages) sides.edit(page, { Reply: typed('rich_text', 'a reply') });
  await soon(async () => (await column('reply')).every((text) => text === 'a reply'));
});
afterAll(() => stack[Symbol.asyncDispose]());

const column = async (name: string): Promise<unknown[]> =>
  (await sides.sql<{ value: unknown }>(`select ${name} as value from goods order by id`)).map(
    ({ value }) => value,
  );
const shown = (property: string) => pages.map((page) => sides.shown(page, property));
const holds = (name: string, values: readonly unknown[]) =>
  soon(async () => expect(await column(name)).toEqual(values) ?? true);
const settled = async (): Promise<void> => {
  await soon(async () => (await driftEntries(sides)).length === 0);
  await sides.rest();
  expect(await sides.failures()).toEqual([]);
  expect(await sides.sql('select from pgnotion.conflicts')).toEqual([]);
};
const NOTES = ['note 1', 'note 2', 'note 3', 'note 4'];

test('invariant 15: a column that is dropped, and added again as its entry says, takes what the pages show', async () => {
  await sides.sql('alter table goods drop note');
  const [entry] = await soon(async () => {
    const entries = await driftEntries(sides);
    return entries.length === 1 && entries;
  });
  expect(entry).toMatchObject({ property: 'Note', kind: 'column_missing', remedy_kind: 'sql' });
  const [statement = ''] = /ALTER TABLE [^;]*;/.exec(entry?.remedy ?? '') ?? [];
  expect(statement).toBe('ALTER TABLE "public"."goods" ADD COLUMN "note" text;');
  sides.edit(pages[1] ?? '', { Note: typed('rich_text', 'typed meanwhile') });
  await sides.sql(statement);
  await holds('note', ['note 1', 'typed meanwhile', 'note 3', 'note 4']);
  expect(shown('Note')).toEqual(['note 1', 'typed meanwhile', 'note 3', 'note 4']);
  await settled();
  await sides.sql(`update goods set note = 'note 2' where id = 2`);
  await soon(() => sides.shown(pages[1] ?? '', 'Note') === 'note 2');
});

test('invariant 15: dropped and added in one transaction, with what somebody has filled in, that counts', async () => {
  await sides.sql(`begin; alter table goods drop note, add note text;
    update goods set note = 'filled in', price = 11 where id = 1; commit`);
  await holds('note', ['filled in', 'note 2', 'note 3', 'note 4']);
  await soon(() => expect(shown('Note')).toEqual(['filled in', 'note 2', 'note 3', 'note 4']) ?? true);
  await soon(() => sides.shown(pages[0] ?? '', 'Price') === 11);
  await settled();
  // What is emptied afterwards is emptied.
  await sides.sql('update goods set note = null where id = 2');
  await soon(() => sides.shown(pages[1] ?? '', 'Note') === '');
  await settled();
  expect(await column('note')).toEqual(['filled in', null, 'note 3', 'note 4']);
  await sides.sql(`update goods set note = 'note ' || id`);
  await soon(() => expect(shown('Note')).toEqual(NOTES) ?? true);
});

test('invariant 15: a default that the new column was added with is nobody’s value', async () => {
  await sides.sql(`begin; alter table goods drop ready, add ready boolean not null default false;
    alter table goods drop tags, add tags text[] not null default '{}';
    alter table goods drop price, add price integer not null default 0; commit`);
  await holds('ready', [true, true, true, true]);
  await holds('tags', [['red'], ['red'], ['red'], ['red']]);
  await holds('price', [11, 20, 30, 40]);
  await settled();
  expect(shown('Ready')).toEqual([true, true, true, true]);
  expect(shown('Price')).toEqual([11, 20, 30, 40]);
  await sides.sql(`update goods set ready = false, price = 0, tags = '{}' where id = 4`);
  await soon(
    () => sides.shown(pages[3] ?? '', 'Ready') === false && sides.shown(pages[3] ?? '', 'Price') === 0,
  );
});

test('invariant 15: a column that takes the name of another one while no daemon runs empties nothing', async () => {
  await sides.rest();
  await stack.stop();
  await sides.sql('alter table goods rename note to old_note; alter table goods rename remark to note');
  await sides.sql('alter table goods drop reply, add reply text');
  await stack.start();
  await holds('note', ['remark 1', 'note 2', 'note 3', 'note 4']);
  await soon(() => sides.shown(pages[0] ?? '', 'Note') === 'remark 1');
  // A field that only comes from Notion, too.
  await holds(
    'reply',
    Array.from({ length: ROWS }, () => 'a reply'),
  );
  await settled();
});

test('invariant 15: a column that a table made anew lacks, and that is added as its entry says, takes what the pages show', async () => {
  await sides.sql(`update goods set note = 'note ' || id`);
  await soon(() => expect(shown('Note')).toEqual(NOTES) ?? true);
  await sides.rest();
  await sides.sql(`begin; create table fresh (like goods including all); alter table fresh drop note;
    insert into fresh (id, name, price, ready, tags, reply) select id, name, price, ready, tags, reply from goods;
    alter table goods rename to former; alter table fresh rename to goods; commit`);
  const [entry] = await soon(async () => {
    const entries = await driftEntries(sides);
    return entries.length === 1 && entries[0]?.remedy_kind === 'sql' && entries;
  });
  expect(entry).toMatchObject({ property: 'Note', kind: 'column_missing', pauses: 'field' });
  const [statement = ''] = /ALTER TABLE [^;]*;/.exec(entry?.remedy ?? '') ?? [];
  expect(statement).toBe('ALTER TABLE "public"."goods" ADD COLUMN "note" text;');
  await sides.sql(statement);
  await holds('note', NOTES);
  await settled();
  expect(shown('Note')).toEqual(NOTES);
});

test('invariant 15: nor is a page emptied whose request still waited for its turn with what it had read from the former column', async () => {
  await using slow = await createStack({
    config,
    schema:
      'create table goods (id integer primary key, name text not null, note text, price integer, ready boolean, tags text[], reply text)',
    pollSeconds: 1,
    variables: { NOTION_RATE_LIMIT: '2/2s' },
  });
  const both = sidesOf(slow);
  await slow.apply();
  await slow.start();
  await slow.settled();
  await both.sql(`insert into goods select n, 'good ' || n, 'note ' || n from generate_series(1, ${ROWS}) n`);
  await both.pageOf('goods', '1');
  await both.sql('alter table goods drop note, add note text');
  for (const id of [1, 2, 3, 4]) await both.shows('goods', String(id), 'Note', `note ${id}`);
  await soon(async () => (await both.sql('select from goods where note is null')).length === 0);
  await slow.settled();
  expect(await both.failures()).toEqual([]);
});
