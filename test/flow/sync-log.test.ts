import { afterEach, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { agreed } from '../support/agreement.ts';
import { eventually } from '../support/eventually.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { type Sides, sidesOf, typed } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

let stack: Stack;
let sides: Sides;
afterEach(() => stack[Symbol.asyncDispose]());

async function synced(syncLog: ConfigInput['syncLog']): Promise<void> {
  stack = await createStack({
    config: { ...shopConfig, syncLog },
    schema: shopSchema,
    pollSeconds: 0.5,
  });
  sides = sidesOf(stack);
  await sides.sql(shopRows(3));
  await stack.apply();
  await stack.start();
  await agreed(stack);
}

const logDatabase = () => stack.sandbox.control.listDatabases().find(({ title }) => title === 'Sync Log');
const entries = () =>
  stack.sandbox.control.pages(logDatabase()?.dataSourceId ?? '').map(({ id }) => ({
    id,
    syncId: sides.shown(id, 'Sync ID'),
    table: sides.shown(id, 'Table Name'),
    record: sides.shown(id, 'Record ID'),
    page: sides.shown(id, 'Notion Page ID'),
    direction: sides.shown(id, 'Direction'),
    status: sides.shown(id, 'Status'),
    error: sides.shown(id, 'Error Message'),
    at: sides.shown(id, 'Synced At'),
    duration: sides.shown(id, 'Sync Duration'),
  }));

test('by default people see what was refused and why, and none of what went well', async () => {
  await synced({});
  const page = await sides.pageOf('items', '1');
  await sides.sql(`update items set stock = 77 where id = 2`);
  sides.edit(page, { Name: typed('title', '') });
  await eventually(() => entries().length === 1);
  await sides.polls(5);
  expect(entries()).toEqual([
    {
      id: expect.any(String),
      syncId: expect.stringMatching(/^failure /),
      table: 'items',
      record: '1',
      page,
      direction: 'Notion→Supabase',
      status: 'Failed',
      error: expect.stringContaining('violates'),
      at: expect.stringMatching(/^\d{4}-/),
      duration: null,
    },
  ]);
});

test('at level all every write of either side has one entry, through a restart and lost answers', async () => {
  await synced({ level: 'all' });
  const { faults } = stack.sandbox.control;
  await sides.sql(`update items set stock = 77 where id = 2`);
  sides.edit(await sides.pageOf('items', '1'), { Note: typed('rich_text', 'typed') });
  await agreed(stack);
  faults.add({ match: { operation: 'pages.create' }, times: 1, action: { kind: 'reset', when: 'after' } });
  await eventually(() => entries().length >= 1);
  await stack.stop();
  await stack.start();
  const done = await sides.sql<{ id: string }>(
    `select 'operation ' || id as id from pgnotion.operations where batch is distinct from 'backfill' order by id`,
  );
  expect(done.length).toBeGreaterThanOrEqual(2);
  await eventually(() => entries().length >= done.length);
  await sides.polls(5);
  expect(
    entries()
      .map(({ syncId }) => syncId)
      .sort(),
  ).toEqual(done.map(({ id }) => id).sort());
  expect(entries().map(({ direction }) => direction)).toContain('Supabase→Notion');
  expect(entries().map(({ direction }) => direction)).toContain('Notion→Supabase');
  expect(entries().every(({ status }) => status === 'Success')).toBe(true);
});

test('no more entries stay than the configuration says: the oldest go to the trash', async () => {
  await synced({ level: 'all', entries: 2 });
  for (const stock of [1, 2, 3, 4]) {
    await sides.sql('update items set stock = $1 where id = 1', [100 + stock]);
    await eventually(async () => sides.shown(await sides.pageOf('items', '1'), 'Stock') === 100 + stock);
  }
  const trashed = () => stack.sandbox.control.trashedPages(logDatabase()?.dataSourceId ?? '').length;
  await eventually(() => trashed() === 2 && entries().length === 2);
});

test('a log that a person has trashed stops nothing, and what is synced goes on', async () => {
  await synced({ level: 'all' });
  const book = logDatabase();
  stack.sandbox.control.trashDatabase(book?.databaseId ?? '');
  await sides.sql(`update items set stock = 77 where id = 2`);
  await agreed(stack);
  await sides.sql(`update items set stock = 78 where id = 2`);
  await agreed(stack);
  stack.sandbox.control.trashDatabase(book?.databaseId ?? '', false);
  await eventually(() => entries().length === 2);
});

test('off makes no database', async () => {
  await synced({ level: 'off' });
  expect(logDatabase()).toBe(undefined);
});
