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

const { items } = shopConfig.tables;
const config: ConfigInput = {
  ...shopConfig,
  tables: {
    items: { ...items, fields: { ...items.fields, Note: { ...items.fields.Note, conflict: 'manual' } } },
  },
};

let ada: string;

async function synced(): Promise<void> {
  stack = await createStack({
    config,
    schema: shopSchema,
    pollSeconds: 0.5,
  });
  sides = sidesOf(stack);
  ada = stack.sandbox.control.addUser('Ada', 'ada@example.com');
  await sides.sql(shopRows(3));
  await stack.apply();
  await stack.start();
  await agreed(stack);
}

/** Both sides change the note of item 1 while nobody looks. */
async function clash(): Promise<string> {
  const page = await sides.pageOf('items', '1');
  await stack.stop();
  await sides.sql(`update items set note = 'of the row' where id = 1`);
  sides.edit(page, { Note: typed('rich_text', 'of the page') });
  await stack.start();
  return page;
}

const conflictsDatabase = () => {
  const found = stack.sandbox.control.listDatabases().find(({ title }) => title === 'Conflicts');
  if (found === undefined) throw new Error('no database Conflicts');
  return found.dataSourceId;
};
const conflictPages = () => stack.sandbox.control.pages(conflictsDatabase()).map(({ id }) => id);
const conflictPage = () => eventually(() => conflictPages()[0] ?? false);
const choose = (page: string, name: string, actor?: string) =>
  stack.sandbox.control.editPage(page, { Resolution: { select: { name } } }, actor);
const note = async () => (await sides.sql<{ note: string }>('select note from items where id = 1'))[0]?.note;
const conflict = async () =>
  (
    await sides.sql<{ status: string; resolution: string; resolved_by: string }>(
      'select status, resolution, resolved_by from pgnotion.conflicts',
    )
  )[0];

test('a conflict that waits for a person has a page that tells all of it', async () => {
  await synced();
  const page = await clash();
  const shown = await conflictPage();
  const properties = Object.fromEntries(
    [
      'Conflict',
      'Table',
      'Field',
      'Base',
      'PostgreSQL',
      'Notion',
      'Status',
      'Resolution',
      'Record in Items',
    ].map((name) => [name, sides.shown(shown, name)]),
  );
  expect(properties).toEqual({
    Conflict: '1: items 1, Note',
    Table: 'items',
    Field: 'Note',
    Base: 'note 1',
    PostgreSQL: 'of the row',
    Notion: 'of the page',
    Status: 'Open',
    Resolution: null,
    'Record in Items': [page],
  });
  expect(sides.shown(shown, 'Detected At')).toMatch(/^\d{4}-/);
  // What either side makes of it meanwhile is shown too.
  await sides.sql(`update items set note = 'of the row, again' where id = 1`);
  await eventually(() => sides.shown(shown, 'PostgreSQL') === 'of the row, again');
});

test.each([
  ['Keep Notion', 'of the page', 'notion'],
  ['Keep PostgreSQL', 'of the row', 'postgres'],
])('%s on the page of a conflict decides it, in the name of who chose', async (option, kept, resolution) => {
  await synced();
  const page = await clash();
  const shown = await conflictPage();
  choose(shown, option, ada);
  await eventually(async () => (await note()) === kept && sides.shown(page, 'Note') === kept);
  await eventually(() => sides.shown(shown, 'Status') === 'Resolved');
  expect(await conflict()).toEqual({ status: 'resolved', resolution, resolved_by: 'Ada' });
  expect(sides.shown(shown, 'Resolved By')).toBe('Ada');
  expect(sides.shown(shown, 'Resolution')).toBe(option);
  expect(await sides.failures()).toEqual([]);
  // It was decided in Notion: nobody called a function in SQL.
  expect(await sides.sql('select from pgnotion.actions')).toEqual([]);
});

test('who decides in SQL first wins: the page shows it, and a choice there comes too late', async () => {
  await synced();
  const page = await clash();
  const shown = await conflictPage();
  await sides.sql(`select pgnotion.resolve_conflict(1, 'postgres', 'Grace')`);
  choose(shown, 'Keep Notion');
  await eventually(() => sides.shown(shown, 'Status') === 'Resolved');
  await eventually(async () => sides.shown(page, 'Note') === 'of the row');
  expect(await note()).toBe('of the row');
  expect(await conflict()).toMatchObject({ resolution: 'postgres', resolved_by: 'Grace' });
  expect(await sides.sql('select action, input from pgnotion.actions')).toEqual([
    { action: 'resolve', input: { id: '1', keep: 'postgres', by: 'Grace' } },
  ]);
  expect(sides.shown(shown, 'Resolution')).toBe('Keep PostgreSQL');
  expect(sides.shown(shown, 'Resolved By')).toBe('Grace');
});

test('in two places at once, one decision stands on both sides', async () => {
  await synced();
  const page = await clash();
  const shown = await conflictPage();
  choose(shown, 'Keep Notion');
  const [answer] = await sides.sql<{ accepted: boolean }>(
    `select accepted from pgnotion.resolve_conflict(1, 'postgres', 'Grace')`,
  );
  await eventually(() => sides.shown(shown, 'Status') === 'Resolved');
  const kept = answer?.accepted === true ? 'of the row' : 'of the page';
  await eventually(async () => (await note()) === kept && sides.shown(page, 'Note') === kept);
});

test('an option that somebody made up decides nothing and is put back', async () => {
  await synced();
  await clash();
  const shown = await conflictPage();
  choose(shown, 'Whatever');
  await eventually(() => sides.shown(shown, 'Resolution') === null);
  expect(await conflict()).toMatchObject({ status: 'open' });
  choose(shown, 'Keep Notion');
  await eventually(async () => (await note()) === 'of the page');
});

test('another value than both is typed beside it; one that cannot be read is answered on the page', async () => {
  await synced();
  const page = await clash();
  const shown = await conflictPage();
  choose(shown, 'Another value', ada);
  await eventually(() => String(sides.shown(shown, 'Note')).includes('type the value into "Other Value"'));
  await eventually(() => sides.shown(shown, 'Resolution') === null);
  expect(await conflict()).toMatchObject({ status: 'open' });
  sides.edit(shown, { 'Other Value': typed('rich_text', 'of neither') });
  choose(shown, 'Another value', ada);
  await eventually(async () => (await note()) === 'of neither' && sides.shown(page, 'Note') === 'of neither');
  await eventually(async () => (await conflict())?.status === 'resolved');
  expect(await conflict()).toEqual({ status: 'resolved', resolution: 'value', resolved_by: 'Ada' });
});

test('invariant 9: a page whose creation nobody answered is found, not made again, and decides as any other', async () => {
  await synced();
  const { faults } = stack.sandbox.control;
  faults.add({ match: { operation: 'pages.create' }, times: 1, action: { kind: 'reset', when: 'after' } });
  await clash();
  const shown = await conflictPage();
  await stack.stop();
  await stack.start();
  choose(shown, 'Keep Notion');
  await eventually(async () => (await note()) === 'of the page');
  await eventually(() => sides.shown(shown, 'Status') === 'Resolved');
  expect(conflictPages()).toEqual([shown]);
});

/** What is asked of Notion about the database of conflicts while some time passes. */
async function asked(): Promise<string[]> {
  const { control } = stack.sandbox;
  control.clearRequests();
  await sides.polls(5);
  const ids = [conflictsDatabase(), ...conflictPages()].map((id) => id.replaceAll('-', ''));
  return control
    .requests()
    .filter(({ path, parent }) => ids.some((id) => `${path} ${parent}`.replaceAll('-', '').includes(id)))
    .map(({ operation }) => operation);
}

test('invariant 5: without an open conflict Notion is not asked for decisions', async () => {
  await synced();
  expect(await asked()).toEqual([]);
});

test('invariant 5: a page that shows its conflict as it stands is not written again', async () => {
  await synced();
  await clash();
  await conflictPage();
  await stack.settled();
  expect(new Set(await asked())).toEqual(new Set(['dataSources.query']));
});
