import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createPool } from '../../src/postgres/pool.ts';
import { silentLog } from '../../src/runtime/log.ts';
import type { SandboxOptions } from '../../src/sandbox/notion/server.ts';
import { chaosConfig, chaosSchema } from '../support/chaos-shop.ts';
import { eventually } from '../support/eventually.ts';
import { createDatabase } from '../support/postgres.ts';
import { type Sides, sidesOf, typed } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

// What the random runs of test/chaos have found, each as a small test of its own.

async function started(
  sandbox: SandboxOptions = {},
): Promise<{ readonly stack: Stack; readonly sides: Sides }> {
  const stack = await createStack({ config: chaosConfig, schema: chaosSchema, pollSeconds: 0.3, sandbox });
  const sides = sidesOf(stack);
  await sides.sql(`insert into parents (id, name) values (901, 'Parent')`);
  await sides.sql(
    `insert into children (id, title, parent_id) values ('00000000-0000-4000-8000-000000000001', 'Child', 901)`,
  );
  await stack.apply();
  await stack.start();
  await stack.settled();
  return { stack, sides };
}

const CHILD = '00000000-0000-4000-8000-000000000001';
const failureOf = (sides: Sides, page: string) =>
  eventually(async () => (await sides.failures()).find((each) => each.page_id === page));

test('a session that ends between two statements of a transaction fails the next one, and not the process', async () => {
  await using database = await createDatabase();
  const pool = createPool({
    url: database.url,
    max: 1,
    raw: true,
    applicationName: 'lost',
    log: silentLog(),
  });
  const client = await pool.connect();
  await client.query('begin');
  await database.pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'lost'`,
  );
  await sleep(200);
  await expect(client.query('select 1')).rejects.toThrow();
  client.release(true);
  expect((await pool.query<{ n: string }>('select 1 as n')).rows).toEqual([{ n: '1' }]);
  await pool.end();
});

test('invariants 1 and 5: an edit that PostgreSQL refuses holds back nothing that the row changes elsewhere', async () => {
  const { stack, sides } = await started();
  await using _ = stack;
  const page = await sides.pageOf('parents', '901');
  sides.edit(page, { Amount: typed('number', 1.123), Tags: typed('multi_select', ['typed']) });
  expect(await failureOf(sides, page)).toMatchObject({ code: 'value_refused', key: '901' });

  await sides.sql(`update parents set name = 'Renamed', mood = 'open' where id = 901`);
  await eventually(() => sides.shown(page, 'Name') === 'Renamed' && sides.shown(page, 'Mood') === 'open');
  await sides.rest();
  expect(sides.shown(page, 'Amount')).toBe(1.123);
  expect(await sides.sql('select amount, tags from parents')).toEqual([{ amount: null, tags: ['typed'] }]);
  expect((await sides.failures()).map(({ code, parked }) => ({ code, parked }))).toEqual([
    { code: 'value_refused', parked: true },
  ]);

  // The same field in the row: the conflict goes to one of the two, and rests.
  await sides.sql('update parents set amount = 7 where id = 901');
  await sides.rest();
  expect(await sides.extras(3)).toEqual([]);
});

test('invariant 5: an edit that waits for a page that never becomes a record asks ever more seldom, and goes on at once when it does', async () => {
  const { stack, sides } = await started();
  await using _ = stack;
  const child = await sides.pageOf('children', CHILD);
  const empty = stack.sandbox.control.createPage(await sides.source('parents'), {});
  sides.edit(child, { Parent: typed('relation', [empty.id]) });
  expect(await failureOf(sides, child)).toMatchObject({ code: 'related_page_unknown' });

  await sides.sql('update children set qty = 4');
  await eventually(() => sides.shown(child, 'Qty') === 4);
  await eventually(async () => {
    const [row] = await sides.sql<{ ms: number }>(
      `select extract(epoch from next_at - clock_timestamp())::float8 * 1000 as ms
         from pgnotion.edits where page_id = $1 and attempts >= 3`,
      [child],
    );
    expect(row?.ms).toBeGreaterThan(2_500);
    return true;
  });

  sides.edit(empty.id, { Name: typed('title', 'Filled in') });
  await eventually(async () => {
    const [row] = await sides.sql<{ name: string }>(
      'select p.name from children c join parents p on p.id = c.parent_id',
    );
    return row?.name === 'Filled in';
  });
  await eventually(async () => (await sides.failures()).length === 0);
});

test("invariant 3: a person's copies of a page whose creation nobody answered are not taken for it", async () => {
  const { stack, sides } = await started();
  await using _ = stack;
  const { control } = stack.sandbox;
  control.faults.add({
    match: { operation: 'pages.create' },
    times: 1,
    action: { kind: 'reset', when: 'after' },
  });
  await sides.sql(`insert into parents (id, name) values (902, 'Copied')`);
  await eventually(() => control.faults.list()[0]?.struck === 1);
  await stack.stop();
  const source = await sides.source('parents');
  const ours = control.pages(source).find((page) => sides.shown(page.id, 'Name') === 'Copied')?.id ?? '';
  const copies = [1, 2, 3].map(() => control.duplicatePage(ours).id);
  await stack.start();

  await eventually(async () => (await sides.sql(`select from parents where name = 'Copied'`)).length === 4);
  await sides.rest();
  expect(await sides.keyOf(ours)).toBe('902');
  const keys = await Promise.all(copies.map((copy) => sides.keyOf(copy)));
  expect(new Set([...keys, '902', null]).size).toBe(5);
  for (const page of [ours, ...copies]) expect(control.page(page).in_trash).toBe(false);
  expect(await sides.failures()).toEqual([]);
});

test('invariants 1 and 5: a conflict whose winner cannot be taken over yet stands in the failures, and the rest goes on', async () => {
  // By this clock, whoever edits in Notion is always the last.
  const { stack, sides } = await started({ now: () => new Date(Date.now() + 180_000) });
  await using _ = stack;
  const child = await sides.pageOf('children', CHILD);
  await stack.stop();
  const empty = stack.sandbox.control.createPage(await sides.source('parents'), {});
  sides.edit(child, { Parent: typed('relation', [empty.id]) });
  await sides.sql('update children set parent_id = null, qty = 6');
  await stack.start();

  await eventually(() => sides.shown(child, 'Qty') === 6);
  const codes = async () => (await sides.failures()).map(({ code }) => code).sort();
  const waiting = ['held_by_edit', 'page_incomplete', 'related_page_unknown'];
  await eventually(async () => expect(await codes()).toEqual(waiting) ?? true);
  // A look costs up to four requests, since each page that the relation lost is asked for; one look a poll would be forty.
  expect((await sides.extras(10)).length).toBeLessThan(13);

  sides.edit(empty.id, { Name: typed('title', 'Filled in') });
  await eventually(async () => (await codes()).length === 0);
  await sides.rest();
  expect(sides.shown(child, 'Parent')).toEqual([empty.id]);
  expect(
    await sides.sql('select p.name, c.qty from children c join parents p on p.id = c.parent_id'),
  ).toEqual([{ name: 'Filled in', qty: 6 }]);
});

test('invariant 4: what a person types in a new page before its create is known to be saved reaches the row', async () => {
  const { stack, sides } = await started();
  await using _ = stack;
  const { control } = stack.sandbox;
  const saved = { retry_guidance: ['Do not repeat the write.'], committed_resource_id: '$id' };
  control.faults.add({
    match: { operation: 'pages.create' },
    times: 1,
    action: { kind: 'status', status: 503, when: 'after', additionalData: saved },
  });
  const slow = { kind: 'delay', when: 'before' } as const;
  control.faults.add({ match: { operation: 'pages.retrieve' }, times: 1, action: { ...slow, ms: 500 } });
  // The way back comes later.
  const polls = control.faults.add({
    match: { operation: 'dataSources.query' },
    times: null,
    action: { ...slow, ms: 3_000 },
  });
  const source = await sides.source('parents');
  await sides.sql(`insert into parents (id, name) values (902, 'New')`);
  const page = await eventually(() =>
    control.pages(source).find(({ id }) => sides.shown(id, 'Supabase ID') === '902'),
  );
  sides.edit(page.id, { Mood: typed('select', 'done') });
  expect(await sides.pageOf('parents', '902')).toBe(page.id);
  control.faults.clear(polls);
  expect(control.faults.list().map(({ struck }) => struck)).toEqual([1, 1]);
  await eventually(async () => (await sides.sql(`select from parents where mood = 'done'`)).length > 0);
  await sides.rest();
  expect(sides.shown(page.id, 'Mood')).toBe('done');
});

test('invariant 4: what a person changes between the look that found it equal and the write reaches the row', async () => {
  const { stack, sides } = await started();
  await using _ = stack;
  const page = await sides.pageOf('parents', '901');
  await stack.stop();
  sides.edit(page, { Mood: typed('select', 'open') });
  await sides.sql(`update parents set mood = 'open', name = 'Renamed'`);
  const { faults } = stack.sandbox.control;
  const slow = { kind: 'delay', ms: 700, when: 'before' } as const;
  // The way back comes later than the delivery, and the person in the middle of it.
  const polls = faults.add({
    match: { operation: 'dataSources.query' },
    times: null,
    action: { ...slow, ms: 3_000 },
  });
  faults.add({ match: { operation: 'pages.update' }, times: 1, action: slow });
  await stack.start();
  await eventually(() => faults.list().at(-1)?.struck === 1);
  sides.edit(page, { Mood: typed('select', 'done') });
  await eventually(() => sides.shown(page, 'Name') === 'Renamed');
  faults.clear(polls);
  await eventually(async () => (await sides.sql(`select from parents where mood = 'done'`)).length > 0);
  await sides.rest();
  expect([sides.shown(page, 'Name'), sides.shown(page, 'Mood')]).toEqual(['Renamed', 'done']);
});

test('invariant 7: a query that lags behind our own writes is not taken for what the pages hold', async () => {
  const { stack, sides } = await started();
  await using _ = stack;
  await sides.sql(`insert into parents (name) select 'first ' || n from generate_series(1, 8) n`);
  await sides.rest();
  stack.sandbox.control.setQueryLag(5_000);
  for (const name of ['second', 'third']) {
    await sides.sql(`update parents set name = '${name} ' || id where id <> 901`);
    await eventually(async () =>
      (
        await sides.sql<{ page: string }>(
          `select page_id as page from pgnotion.records where table_name = 'parents' and key <> '901'`,
        )
      ).every(({ page }) => String(sides.shown(page, 'Name')).startsWith(name)),
    );
    await stack.settled();
  }
  const lines = await sides.sql<{ before: string; after: string }>(
    `select before ->> 'Name' as before, after ->> 'Name' as after from pgnotion.operations
      where kind = 'update' and direction = 'to-notion' and after ->> 'Name' like 'third%' and status = 'done'`,
  );
  expect(lines).toHaveLength(8);
  for (const { before, after } of lines) expect(before).toBe(after.replace('third', 'second'));
  expect(await sides.sql('select * from pgnotion.conflicts')).toEqual([]);
});

test('invariants 1 and 9: a page that was in the trash for one delivery, and is back when the daemon starts again, gets what its row changed', async () => {
  const { stack, sides } = await started();
  await using _ = stack;
  const page = await sides.pageOf('parents', '901');
  const { control } = stack.sandbox;
  // The delivery alone sees the trash, with two looks: polls come later, and the look that it asks for is never answered.
  const late = { kind: 'delay', when: 'before', ms: 3_000 } as const;
  control.faults.add({ match: { operation: 'dataSources.query' }, times: null, action: late });
  control.faults.add({
    match: { operation: 'pages.retrieve' },
    skip: 2,
    times: null,
    action: { kind: 'reset', when: 'before' },
  });
  await sides.polls(0);
  control.trashPage(page);
  await sides.sql(`update parents set name = 'Renamed'`);
  await eventually(async () =>
    (await sides.failures()).some(({ code, key }) => code === 'page_in_trash' && key === '901'),
  );
  await stack.stop();
  control.faults.clear();
  control.restorePage(page);

  await stack.start();
  await eventually(() => sides.shown(page, 'Name') === 'Renamed');
  await sides.rest();
  expect(await sides.failures()).toEqual([]);
  expect(await sides.sql('select name from parents')).toEqual([{ name: 'Renamed' }]);
});

test('invariant 3: that a page was seen in the trash before its row came back does not delete the row', async () => {
  const { stack, sides } = await started();
  await using _ = stack;
  const page = await sides.pageOf('parents', '901');
  await sides.sql('delete from parents');
  const state = async () =>
    (await sides.sql<{ state: string }>('select state from pgnotion.records where page_id = $1', [page]))[0]
      ?.state;
  await eventually(async () => (await state()) === 'deleted_trashed');
  await sides.rest();
  // The look finds the page in the trash, and its answer takes longer than all that follows.
  const { faults } = stack.sandbox.control;
  const slow = { kind: 'delay', when: 'after', ms: 2_000 } as const;
  faults.add({ match: { operation: 'pages.retrieve' }, times: 1, action: slow });
  await sides.sql(
    `insert into pgnotion.edits (page_id, table_name, key, command, next_at) values ($1, 'parents', '901', 'look', now())`,
    [page],
  );
  await eventually(() => faults.list()[0]?.struck === 1);
  await sides.sql(`insert into parents (id, name) values (901, 'Back')`);
  await eventually(() => sides.shown(page, 'Name') === 'Back');
  await eventually(
    async () => (await sides.sql('select from pgnotion.edits where page_id = $1', [page])).length === 0,
  );
  await sides.rest();
  expect(await sides.sql('select id, name from parents')).toEqual([{ id: '901', name: 'Back' }]);
  expect(stack.sandbox.control.page(page).in_trash).toBe(false);
  // It would have come back with what the page held.
  expect(await sides.sql(`select kind from pgnotion.operations where direction = 'to-postgres'`)).toEqual([]);
});
