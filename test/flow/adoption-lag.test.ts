import { expect, test } from 'vitest';
import { agreed } from '../support/agreement.ts';
import { eventually } from '../support/eventually.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { createStack, type Stack, type StackOptions } from '../support/stack.ts';

const ROWS = 40;
/** Seconds instead of the minute that is assumed of Notion. */
const ASSUMED_LAG = 4;

type Stage = { readonly stack: Stack; readonly sides: Sides; readonly source: string };

/** Rows in PostgreSQL, a database in Notion, and nothing that ties them. */
async function stage(more: Partial<StackOptions> = {}, rows = ROWS): Promise<Stage> {
  const stack = await createStack({
    config: shopConfig,
    schema: `${shopSchema}; ${shopRows(rows)}`,
    pollSeconds: 0.5,
    variables: { SYNC_QUERY_LAG_SECONDS: String(ASSUMED_LAG) },
    ...more,
  });
  await stack.apply();
  const sides = sidesOf(stack);
  return { stack, sides, source: await sides.source('items') };
}

const people = (stack: Stack, source: string, count: number): string[] =>
  Array.from(
    { length: count },
    (_, n) => stack.sandbox.control.createPage(source, { Name: typed('title', `theirs ${n + 1}`) }).id,
  );

const typeIds = (sides: Sides, pages: readonly string[]): void =>
  pages.forEach((page, n) => {
    sides.edit(page, { 'Supabase ID': typed('rich_text', String(n + 1)) });
  });

/** Each row has the page on which its key was typed, and there is nothing else on either side. */
async function eachHasItsPage({ stack, sides, source }: Stage, pages: readonly string[]): Promise<void> {
  await agreed(stack, { timeoutMs: 60_000 });
  expect(
    stack.sandbox.control
      .pages(source)
      .map(({ id }) => id)
      .sort(),
  ).toEqual([...pages].sort());
  expect(await sides.sql('select count(*)::int as n from items')).toEqual([{ n: pages.length }]);
  for (const [n, page] of pages.entries()) expect(await sides.keyOf(page)).toBe(String(n + 1));
  expect(await sides.failures()).toEqual([]);
}

test.each([
  ['ids that were just typed', 0],
  ['pages and ids that were just made', 1],
])('invariant 3: %s are adopted although no query shows them yet', async (_, late) => {
  const there = await stage();
  await using stack = there.stack;
  const { sides, source } = there;
  const { control } = stack.sandbox;
  if (late === 1) control.setQueryLag((ASSUMED_LAG - 1) * 1_000);
  const pages = people(stack, source, ROWS);
  control.setQueryLag((ASSUMED_LAG - 1) * 1_000);
  typeIds(sides, pages);
  await stack.apply();
  await stack.start();
  await eachHasItsPage(there, pages);
  const overwritten = control
    .requests()
    .filter(({ operation }) => operation === 'pages.create' || operation === 'pages.trash');
  expect(overwritten).toEqual([]);
});

test('invariant 3: pages that a change of the schema by apply hides from the queries are adopted all the same', async () => {
  const there = await stage();
  await using stack = there.stack;
  const { control } = stack.sandbox;
  const pages = people(stack, there.source, ROWS);
  typeIds(there.sides, pages);
  control.deleteProperty(there.source, 'Since');
  control.setSchemaBlackout({ ms: (ASSUMED_LAG - 1) * 1_000, share: 0.5 });
  await stack.apply();
  await stack.start();
  await eachHasItsPage(there, pages);
});

test('invariants 3 and 9: a restart in the middle of a first contact neither skips the wait nor loses what was read', async () => {
  const there = await stage();
  await using stack = there.stack;
  const pages = people(stack, there.source, ROWS);
  stack.sandbox.control.setQueryLag((ASSUMED_LAG - 1) * 1_000);
  typeIds(there.sides, pages);
  await stack.apply();
  for (let restarts = 0; restarts < 3; restarts += 1) {
    await stack.start();
    await eventually(async () => {
      const [met] = await there.sides.sql<{ reading: number; over: boolean }>(
        'select reading, over_at is not null as over from pgnotion.first_contacts',
      );
      return met?.over || (met?.reading ?? 0) > restarts;
    });
    await stack.stop();
  }
  await stack.start();
  await eachHasItsPage(there, pages);
});

test('invariant 3: a database that apply made long ago may have pages that no query shows yet', async () => {
  const there = await stage();
  await using stack = there.stack;
  await there.sides.sql(`update pgnotion.first_contacts set since = since - interval '1 day'`);
  stack.sandbox.control.setQueryLag((ASSUMED_LAG - 1) * 1_000);
  const pages = people(stack, there.source, ROWS);
  typeIds(there.sides, pages);
  await stack.start();
  await eachHasItsPage(there, pages);
});

test('a database that apply has just made, and that nobody was in, is synced without a wait', async () => {
  const there = await stage({ variables: { SYNC_QUERY_LAG_SECONDS: '600' } });
  await using stack = there.stack;
  await stack.start();
  await agreed(stack);
  expect(stack.sandbox.control.pages(there.source)).toHaveLength(ROWS);
});

test('invariant 3: a change of the schema by apply has new rows wait until all pages can be seen again', async () => {
  const there = await stage({}, 3);
  await using stack = there.stack;
  const { sides, source } = there;
  await stack.start();
  await agreed(stack, { timeoutMs: 60_000 });
  await stack.stop();
  const [theirs = ''] = people(stack, source, 1);
  stack.sandbox.control.deleteProperty(source, 'Since');
  stack.sandbox.control.setQueryLag((ASSUMED_LAG - 1) * 1_000);
  sides.edit(theirs, { 'Supabase ID': typed('rich_text', '77') });
  await stack.apply();
  await sides.sql(`insert into items (id, name) overriding system value values (77, 'seventy-seven')`);
  await stack.start();
  await soon(() => sides.shown(theirs, 'Name') === 'seventy-seven');
  expect(await sides.keyOf(theirs)).toBe('77');
  expect(stack.sandbox.control.pages(source)).toHaveLength(4);
});

test('invariants 3 and 10: a page that shows the key of a linked record is reported, and becomes no row', async () => {
  const there = await stage({}, 2);
  await using stack = there.stack;
  const { sides, source } = there;
  await stack.start();
  await agreed(stack, { timeoutMs: 60_000 });
  const [page = ''] = people(stack, source, 1);
  sides.edit(page, { 'Supabase ID': typed('rich_text', '2') });
  const copy = stack.sandbox.control.duplicatePage(await sides.pageOf('items', '1')).id;
  const failures = await soon(async () => {
    const all = await sides.failures();
    return all.length === 2 && all;
  });
  expect(new Map(failures.map(({ page_id, code }) => [page_id, code]))).toEqual(
    new Map([
      [page, 'duplicate_page'],
      [copy, 'duplicate_page'],
    ]),
  );
  await sides.polls(3);
  expect(await sides.sql('select id from items order by id')).toEqual([{ id: 1 }, { id: 2 }]);
  expect(sides.shown(page, 'Supabase ID')).toBe('2');
  expect(await sides.sql(`select resolution, record_id from pgnotion.conflicts order by 2`)).toEqual([
    { resolution: 'reported', record_id: '1' },
    { resolution: 'reported', record_id: '2' },
  ]);

  // Cleared, it is a new page like any other.
  sides.edit(page, { 'Supabase ID': typed('rich_text', '') });
  stack.sandbox.control.trashPage(copy);
  await agreed(stack);
  expect(await sides.sql(`select name from items where id not in (1, 2)`)).toEqual([{ name: 'theirs 1' }]);
});

test('invariant 3: of two pages with one key the older is the record’s, and the other is reported', async () => {
  const there = await stage({}, 1);
  await using stack = there.stack;
  const { sides, source } = there;
  const pages = people(stack, source, 2);
  for (const page of pages) sides.edit(page, { 'Supabase ID': typed('rich_text', '1') });
  await stack.apply();
  await stack.start();
  const [failure] = await soon(async () => {
    const all = await sides.failures();
    return all.length > 0 && all;
  });
  expect(failure).toMatchObject({ code: 'duplicate_page' });
  expect(pages).toContain(failure?.page_id);
  await soon(async () => (await sides.sql(`select from pgnotion.queue`)).length === 0);
  expect(stack.sandbox.control.pages(source)).toHaveLength(2);
  expect(await sides.sql('select name from items')).toEqual([{ name: 'item 1' }]);
});

test('invariant 3: a page on which a key was typed before its row came is that row’s', async () => {
  const there = await stage({}, 1);
  await using stack = there.stack;
  const { sides, source } = there;
  await stack.start();
  await agreed(stack, { timeoutMs: 60_000 });
  const [page = ''] = people(stack, source, 1);
  sides.edit(page, { 'Supabase ID': typed('rich_text', ' 050 ') });
  await soon(async () => (await sides.failures()).some(({ code }) => code === 'unknown_record_id'));
  await sides.sql(`insert into items (id, name) overriding system value values (50, 'fifty')`);
  await soon(() => sides.shown(page, 'Name') === 'fifty');
  await agreed(stack);
  expect(stack.sandbox.control.pages(source)).toHaveLength(2);
});
