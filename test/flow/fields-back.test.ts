import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { driftEntries, driftLine } from '../support/drift-entries.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

// What people type into a property while its column is away, and what rows and pages were made without meanwhile.

/** More than are looked at one by one before they are written. */
const ROWS = 12;
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
        Tags: { column: 'tags', type: 'multi_select' },
      },
    },
  },
};
const schema = `
  create table goods (id integer primary key, name text not null, note text, tags text[] not null default '{}');
  insert into goods select n, 'good ' || n, 'note ' || n, '{red}' from generate_series(1, ${ROWS}) n`;

let stack: Stack;
let sides: Sides;

beforeAll(async () => {
  // No poll comes between a column's return and what is written then.
  stack = await createStack({ config, schema, pollSeconds: 3_600 });
  sides = sidesOf(stack);
  await stack.apply();
  await stack.start();
  await stack.settled();
});
afterAll(() => stack[Symbol.asyncDispose]());

const entries = async () => (await driftEntries(sides)).map(driftLine);
const away = async (): Promise<void> => {
  await sides.sql('alter table goods rename tags to away');
  await soon(async () => (await entries()).some((line) => line.startsWith('Tags column_missing')));
};
const tagsOf = async (id: number): Promise<readonly string[] | undefined> =>
  (await sides.sql<{ tags: string[] }>('select tags from goods where id = $1', [id]))[0]?.tags;
const settled = async (): Promise<void> => {
  await soon(async () => (await entries()).length === 0);
  await sides.rest();
  expect(await sides.failures()).toEqual([]);
};

test('invariant 7: many rows that change when a column is back write over nothing that was typed while it was away', async () => {
  await away();
  const page = await sides.pageOf('goods', '1');
  sides.edit(page, { Tags: typed('multi_select', ['red', 'typed']) });
  // Many pages are written, for which the edited ones are listed: without the field, this one is as it was.
  await sides.sql(`update goods set note = 'while it is away'`);
  for (let id = 1; id <= ROWS; id += 1) await sides.shows('goods', String(id), 'Note', 'while it is away');
  await sides.sql(
    `begin; alter table goods rename away to tags; update goods set tags = '{red,more}'; commit`,
  );
  await soon(async () => (await tagsOf(2))?.includes('more'));
  await soon(async () => expect((await tagsOf(1))?.toSorted()).toEqual(['more', 'red', 'typed']) ?? true);
  await soon(
    () => expect([sides.shown(page, 'Tags')].flat().toSorted()).toEqual(['more', 'red', 'typed']) ?? true,
  );
  await settled();
});

test('invariant 15: an empty list of a row that was made while its column was away is no value', async () => {
  await away();
  await sides.sql(`insert into goods (id, name) values (100, 'made meanwhile')`);
  const page = await soon(async () => await sides.pageOf('goods', '100').catch(() => null));
  sides.edit(page, { Tags: typed('multi_select', ['typed']) });
  await sides.sql(`alter table goods rename away to tags`);
  await soon(async () => expect(await tagsOf(100)).toEqual(['typed']) ?? true);
  await settled();
  expect(sides.shown(page, 'Tags')).toEqual(['typed']);
});

test('invariant 15: the elements of a row that was made while its column was away are on both sides with those of its page', async () => {
  await away();
  await sides.sql(`insert into goods (id, name, away) values (101, 'made with elements', '{row}')`);
  const page = await soon(async () => await sides.pageOf('goods', '101').catch(() => null));
  sides.edit(page, { Tags: typed('multi_select', ['page']) });
  await sides.sql(`alter table goods rename away to tags`);
  await soon(async () => expect((await tagsOf(101))?.toSorted()).toEqual(['page', 'row']) ?? true);
  await soon(() => expect([sides.shown(page, 'Tags')].flat().toSorted()).toEqual(['page', 'row']) ?? true);
  await settled();
  expect(await sides.sql('select fields from pgnotion.open_conflicts')).toEqual([]);
});
