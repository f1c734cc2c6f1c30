import { afterEach, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { pause } from '../../src/runtime/retry.ts';
import { agreed } from '../support/agreement.ts';
import { eventually } from '../support/eventually.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

// Whatever pgnotion makes in Notion, a request is carried out whose answer is lost, and no query shows its page for a while.

let stack: Stack;
let sides: Sides;
afterEach(() => stack[Symbol.asyncDispose]());

const LAG_MS = 3_000;
const GRACE_MS = 4_500;

const { items } = shopConfig.tables;
const config: ConfigInput = {
  ...shopConfig,
  tables: {
    items: { ...items, fields: { ...items.fields, Note: { ...items.fields.Note, conflict: 'manual' } } },
  },
};

async function synced(more: Partial<ConfigInput> = {}, pollSeconds = 0.2): Promise<void> {
  stack = await createStack({
    config: { ...config, ...more },
    schema: shopSchema,
    pollSeconds,
    createGraceMs: GRACE_MS,
  });
  sides = sidesOf(stack);
  await sides.sql(shopRows(3));
  await stack.apply();
  await stack.start();
  await agreed(stack);
}

const sourceOf = (title: string): string =>
  stack.sandbox.control.listDatabases().find((each) => each.title === title)?.dataSourceId ?? '';

/** Titles of all pages of the database, those in the trash included. */
function titles(database: string, property: string): unknown[] {
  const { control } = stack.sandbox;
  const source = sourceOf(database);
  return [...control.pages(source), ...control.trashedPages(source)].map(({ id }) =>
    sides.shown(id, property),
  );
}

/** The next page is made, nobody learns of it, and no query shows it before the lag is over. */
function loseNextCreate(): () => boolean {
  const { control } = stack.sandbox;
  control.setQueryLag(LAG_MS);
  const id = control.faults.add({
    match: { operation: 'pages.create' },
    times: 1,
    action: { kind: 'reset', when: 'after' },
  });
  return () => control.faults.list().some((rule) => rule.id === id && rule.struck === 1);
}

/** The daemon ends while it waits for the page to appear, and another one goes on. */
async function restart(): Promise<void> {
  await stack.stop();
  await stack.start();
}

const lagAndGrace = (): Promise<void> => pause(GRACE_MS + 1_000, new AbortController().signal);

/** Two values that a person has to decide between; a page of the Conflicts database is made for them. */
async function clash(): Promise<void> {
  const page = await sides.pageOf('items', '1');
  await stack.stop();
  await sides.sql(`update items set note = 'of the row' where id = 1`);
  sides.edit(page, { Note: typed('rich_text', 'of the page') });
  const isLost = loseNextCreate();
  await stack.start();
  await eventually(isLost);
}

test("invariants 3 and 9: a record's page", async () => {
  await synced();
  const isLost = loseNextCreate();
  await sides.sql(`insert into items (id, name) overriding system value values (50, 'new')`);
  await eventually(isLost);
  await restart();
  await agreed(stack);
  await lagAndGrace();
  expect(titles('Items', 'Name').filter((name) => name === 'new')).toEqual(['new']);
  expect(await sides.failures()).toEqual([]);
});

test.each([
  ['a poll', 0.2],
  ['the delivery', 60],
])(
  'invariant 4: what a person types on a page before it is found stays, whichever finds it: %s',
  async (_, pollSeconds) => {
    await synced({}, pollSeconds);
    const isLost = loseNextCreate();
    await sides.sql(
      `insert into items (id, name, note) overriding system value values (50, 'new', 'of the row')`,
    );
    await eventually(isLost);
    const source = sourceOf('Items');
    const made = stack.sandbox.control.pages(source).find(({ id }) => sides.shown(id, 'Name') === 'new');
    if (made === undefined) throw new Error('not made');
    await stack.stop();
    sides.edit(made.id, { Name: typed('title', 'renamed by a person') });
    await sides.sql('update items set stock = 50 where id = 50');
    await stack.start();
    await eventually(async () => (await sides.keyOf(made.id)) === '50');
    await eventually(() => sides.shown(made.id, 'Stock') === 50);
    const named = () => sides.sql(`select from items where id = 50 and name = 'renamed by a person'`);
    await eventually(async () => {
      stack.pollNow();
      return (await named()).length === 1;
    });
    expect(sides.shown(made.id, 'Name')).toBe('renamed by a person');
    expect(sides.shown(made.id, 'Note')).toBe('of the row');
    expect(await sides.sql('select from pgnotion.conflicts')).toEqual([]);
    expect(await sides.failures()).toEqual([]);
  },
);

test('invariants 3 and 9: an entry of the sync log, although the look for it fails at first', async () => {
  await synced({ syncLog: { level: 'all' } });
  const { control } = stack.sandbox;
  const isLost = loseNextCreate();
  control.faults.add({
    match: { operation: 'dataSources.query', id: sourceOf('Sync Log') },
    times: 3,
    action: { kind: 'status', status: 500, when: 'before' },
  });
  await sides.sql('update items set stock = 77 where id = 2');
  await eventually(isLost);
  await eventually(() => control.faults.list().every(({ struck, times }) => struck === times));
  await eventually(
    async () => (await sides.sql('select from pgnotion.sync_log where log_page is null')).length === 0,
  );
  await lagAndGrace();
  expect(titles('Sync Log', 'Sync ID')).toHaveLength(1);
});

test('invariants 3 and 9: the page of a conflict, through a stop while it is waited for', async () => {
  await synced();
  await clash();
  const conflicts = sourceOf('Conflicts').replaceAll('-', '');
  await eventually(() =>
    stack.sandbox.control
      .requests()
      .some(
        ({ operation, path }) =>
          operation === 'dataSources.query' && path.replaceAll('-', '').includes(conflicts),
      ),
  );
  await restart();
  await lagAndGrace();
  await stack.settled();
  expect(titles('Conflicts', 'Conflict')).toHaveLength(1);
});

test('invariant 4: the page of a conflict that was decided before the page appeared shows so', async () => {
  await synced();
  await clash();
  await sides.sql(`select pgnotion.resolve_conflict(1, 'postgres', 'Grace')`);
  await eventually(() => titles('Conflicts', 'Status')[0] === 'Resolved');
  await lagAndGrace();
  expect(titles('Conflicts', 'Status')).toEqual(['Resolved']);
});

test('invariant 15: a page of a person’s that shows the key of such a record is not taken for its page', async () => {
  await synced();
  const { control } = stack.sandbox;
  const isLost = loseNextCreate();
  await sides.sql(
    `insert into items (id, name, note) overriding system value values (51, 'new', 'of the row')`,
  );
  await eventually(isLost);
  const ours = control.pages(sourceOf('Items')).find(({ id }) => sides.shown(id, 'Supabase ID') === '51');
  if (ours === undefined) throw new Error('no page was made');
  // What pgnotion made is gone before any query shows it; what stays is a page that a person made after it.
  control.trashPage(ours.id);
  const copy = control.createPage(sourceOf('Items'), {
    Name: typed('title', 'typed'),
    'Supabase ID': typed('rich_text', '51'),
  }).id;
  await soon(async () => (await sides.failures()).some(({ page_id }) => page_id === copy));
  const rows = await sides.sql('select name, note from items where id = 51');
  expect(rows).toEqual([{ name: 'new', note: 'of the row' }]);
  const page = await sides.pageOf('items', '51');
  expect(page).not.toBe(copy);
  expect([sides.shown(page, 'Name'), sides.shown(page, 'Note')]).toEqual(['new', 'of the row']);
  expect(sides.shown(copy, 'Name')).toBe('typed');
});
