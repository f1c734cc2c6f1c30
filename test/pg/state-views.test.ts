import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { readFailures, readStatus } from '../../src/state/status.ts';
import {
  addSource,
  createState,
  dataSourceOf,
  pageOf,
  products,
  type StateStage,
  suppliers,
} from '../support/state.ts';

let state: StateStage;
beforeAll(async () => {
  state = await createState();
});
afterAll(() => state.database.drop());
beforeEach(async () => {
  await state.clear();
  await addSource(state.store, suppliers, 1);
  await addSource(state.store, products, 2);
});

const rows: StateStage['rows'] = (text, values) => state.rows(text, values);
const ago = (seconds: number): string => `clock_timestamp() - interval '${seconds} seconds'`;

/** An operation that began `began` seconds ago, on a change that was committed `latency` seconds before its end. */
const operation = (
  status: string,
  latency: number | null,
  more: { began?: number; batch?: string; table?: string } = {},
) =>
  rows(
    `insert into pgnotion.operations (direction, table_name, kind, status, started_at, finished_at, changed_at, batch)
     select 'to-notion', $1, 'update', $2, began, began + interval '1 second', began + interval '1 second' - make_interval(secs => $3), $4
       from (select ${ago(more.began ?? 60)} as began) t`,
    [more.table ?? 'suppliers', status, latency, more.batch ?? null],
  );

const status = async (table = 'suppliers') =>
  (await readStatus(state.store)).find((line) => line.table_name === table);

describe('status', () => {
  test('a table of which nothing is known yet has its line', async () => {
    expect(await status()).toEqual({
      table_name: 'suppliers',
      records: 0,
      linked: 0,
      pending: 0,
      oldest_pending_seconds: null,
      failed: 0,
      paused: false,
      paused_reason: null,
      backfilled: true,
      last_success: null,
      latency_p50_seconds: null,
      latency_p95_seconds: null,
      success_rate: null,
      conflicts: 0,
      conflict_rate: null,
      filtered: 0,
      first_contact: false,
      guarded: 0,
    });
    await rows(`select pgnotion.resync('suppliers')`);
    expect([(await status())?.backfilled, (await status('products'))?.backfilled]).toEqual([false, true]);
  });

  test('counts records, what waits and what was set aside, each table for itself', async () => {
    await rows(`insert into pgnotion.records (table_name, key, page_id, state) values
      ('suppliers', 'a', '${pageOf(1)}', 'linked'), ('suppliers', 'b', null, 'creating'),
      ('suppliers', 'c', '${pageOf(3)}', 'away_trashed'), ('products', 'a', '${pageOf(4)}', 'linked')`);
    await rows(`insert into pgnotion.outbox (table_name, key, kind, first_at, attempts, parked_at, code) values
      ('suppliers', 'a', 'write', ${ago(100)}, 0, null, null), ('suppliers', 'b', 'write', ${ago(10)}, 3, null, 'x'),
      ('suppliers', 'c', 'write', ${ago(500)}, 1, clock_timestamp(), 'x')`);
    await rows(`insert into pgnotion.edits (page_id, table_name, key, digest, parked_at, code) values
      ('${pageOf(1)}', 'suppliers', 'a', 'd', clock_timestamp(), 'x'), ('${pageOf(2)}', 'suppliers', 'b', 'd', null, 'x'),
      ('${pageOf(3)}', 'suppliers', null, 'd', null, null)`);
    const line = await status();
    expect(line).toMatchObject({ records: 3, linked: 1, pending: 2, failed: 2 });
    expect(line?.oldest_pending_seconds).toBeGreaterThanOrEqual(100);
    expect(line?.oldest_pending_seconds).toBeLessThan(130);
    expect(await status('products')).toMatchObject({ records: 1, linked: 1, pending: 0, failed: 0 });
  });

  test('latency and success are those of the last hour; a backfill does not spoil the latency', async () => {
    for (const latency of [1, 2, 3, 4, 5]) await operation('done', latency);
    await operation('done', 1000, { batch: 'backfill' });
    await operation('done', null);
    await operation('failed', 2000);
    await operation('unknown', 2000);
    await operation('done', 3000, { began: 3700 });
    await operation('failed', 3000, { began: 3700 });
    await operation('done', 77, { table: 'products' });
    expect(await status()).toMatchObject({
      latency_p50_seconds: 3,
      latency_p95_seconds: 4.8,
      success_rate: 0.875,
    });
    expect(await status('products')).toMatchObject({ latency_p50_seconds: 77, success_rate: 1 });
  });

  test('the last success is the newest, however long ago, and no failure', async () => {
    await operation('done', 1, { began: 9000 });
    await operation('done', 1, { began: 8000 });
    await operation('failed', 1, { began: 10 });
    const seconds = (Date.now() - ((await status())?.last_success?.getTime() ?? 0)) / 1000;
    expect(seconds).toBeGreaterThan(7990);
    expect(seconds).toBeLessThan(8100);
  });
});

test('conflicts count while they wait for a person, and their rate is that of the last hour', async () => {
  for (const latency of [1, 2, 3]) await operation('done', latency);
  await rows(`insert into pgnotion.conflicts (type, table_name, record_id, fields, strategy, status, resolved_by, detected_at) values
    ('CONCURRENT_UPDATE', 'suppliers', 'a', '{Name}', 'manual', 'open', null, now()),
    ('CONCURRENT_UPDATE', 'suppliers', 'b', '{Name}', 'manual', 'decided', 'Ada', ${ago(7200)}),
    ('CONCURRENT_UPDATE', 'suppliers', 'c', '{Name}', 'lww', 'decided', null, ${ago(7200)}),
    ('CONCURRENT_UPDATE', 'suppliers', 'd', '{Name}', 'lww', 'resolved', null, ${ago(7200)})`);
  expect(await status()).toMatchObject({ conflicts: 2, conflict_rate: 0.3333 });
  expect(await status('products')).toMatchObject({ conflicts: 0, conflict_rate: null });
});

test('what only waits for a conflict’s decision is no failure', async () => {
  await rows(`insert into pgnotion.edits (page_id, table_name, key, digest, parked_at, code, reason, remedy) values
    ('${pageOf(1)}', 'suppliers', 'a', 'd', now(), 'conflict_open', 'r', 'm')`);
  expect(await readFailures(state.store)).toEqual([]);
  expect(await status()).toMatchObject({ failed: 0 });
});

test('the queue has what waits, live lines first, then bulk and the first sync, the oldest first', async () => {
  await rows(`insert into pgnotion.outbox (table_name, key, kind, priority, first_at, parked_at) values
    ('suppliers', 'filling', 'write', 2, ${ago(900)}, null), ('suppliers', 'many', 'write', 1, ${ago(300)}, null), ('suppliers', 'young', 'write', 0, ${ago(10)}, null),
    ('products', 'old', 'delete', 0, ${ago(60)}, null), ('suppliers', 'parked', 'write', 0, ${ago(60)}, now())`);
  const queue = await rows<{ key: string; priority: string; age: number }>(
    'select key, priority, age_seconds::float8 as age from pgnotion.queue',
  );
  expect(queue.map((line) => [line.key, line.priority])).toEqual([
    ['old', 'live'],
    ['young', 'live'],
    ['many', 'bulk'],
    ['filling', 'backfill'],
  ]);
  expect(queue[0]?.age).toBeGreaterThanOrEqual(60);
});

test('invariant 1: failures show what was set aside and what is tried again, of both directions, with reason and remedy', async () => {
  await rows(
    `insert into pgnotion.records (table_name, key, page_id, state) values ('suppliers', 'a', '${pageOf(1)}', 'linked')`,
  );
  await rows(`insert into pgnotion.outbox (table_name, key, kind, attempts, parked_at, code, reason, remedy) values
    ('suppliers', 'a', 'write', 2, now(), 'x', 'r', 'm'), ('suppliers', 'b', 'write', 1, null, 'y', 'r', 'm'),
    ('suppliers', 'fine', 'write', 0, null, null, null, null)`);
  await rows(`insert into pgnotion.edits (page_id, table_name, key, digest, attempts, parked_at, code, reason, remedy) values
    ('${pageOf(2)}', 'products', null, 'd', 1, now(), 'z', 'r', 'm'), ('${pageOf(3)}', 'products', null, 'd', 1, null, null, null, null)`);
  const times = {
    since: expect.any(Date),
    first_at: expect.any(Date),
    last_at: expect.any(Date),
    next_at: null,
  };
  const told = { reason: 'r', remedy: 'm', shown: null, ...times };
  const failures = await readFailures(state.store);
  expect(failures).toHaveLength(3);
  expect(failures.slice(0, 2)).toEqual(
    expect.arrayContaining([
      {
        direction: 'to-notion',
        table_name: 'suppliers',
        key: 'a',
        page_id: pageOf(1),
        code: 'x',
        attempts: 2,
        parked: true,
        ...told,
      },
      {
        direction: 'to-postgres',
        table_name: 'products',
        key: null,
        page_id: pageOf(2),
        code: 'z',
        attempts: 1,
        parked: true,
        ...told,
      },
    ]),
  );
  expect(failures[2]).toMatchObject({ key: 'b', page_id: null, parked: false, next_at: expect.any(Date) });
});

test('the slot: where it stands, and that it is gone', async () => {
  const slot = state.database.name;
  await rows(`select pg_create_logical_replication_slot($1, 'pgoutput')`, [slot]);
  await rows(
    `insert into pgnotion.checkpoint (slot, system_id, timeline, lsn) values ($1, '1', 1, '0/10'), ('gone', '1', 1, '0/20')`,
    [slot],
  );
  const [gone, own] = await rows<{ lag: number; retained: number }>(
    `select slot, exists, active, wal_status, checkpoint::text, lag_bytes::float8 as lag, retained_bytes::float8 as retained
       from pgnotion.slot order by slot = $1`,
    [slot],
  );
  expect(gone).toEqual({
    slot: 'gone',
    exists: false,
    active: false,
    wal_status: null,
    checkpoint: '0/20',
    lag: null,
    retained: null,
  });
  expect(own).toMatchObject({
    slot,
    exists: true,
    active: false,
    wal_status: 'reserved',
    checkpoint: '0/10',
  });
  expect(own?.lag).toBeGreaterThanOrEqual(0);
  expect(own?.retained).toBeGreaterThanOrEqual(own?.lag ?? 0);
  await rows('select pg_drop_replication_slot($1)', [slot]);
});

test('recent operations are the newest thousand, with their duration', async () => {
  await rows(`insert into pgnotion.operations (direction, table_name, key, kind, before, started_at, finished_at)
    select 'to-notion', 'suppliers', number::text, 'update', '{"Name":"old"}', t, t + interval '1234.4 milliseconds'
      from generate_series(1, 1001) as s(number), (select clock_timestamp() as t) u order by s.number`);
  const recent = await rows<{ key: string }>(
    'select key, duration_ms::int, before from pgnotion.recent_operations',
  );
  expect(recent).toHaveLength(1000);
  expect(recent[0]).toEqual({ key: '1001', duration_ms: 1234, before: { Name: 'old' } });
  expect(recent.at(-1)?.key).toBe('2');
});

test('the usage of Notion is counted by minute and by what was answered', async () => {
  await rows(`insert into pgnotion.requests (at, priority, status, ms) values
    ('2026-03-01 12:00:01Z', 'live', 200, 100), ('2026-03-01 12:00:59Z', 'poll', 200, 200), ('2026-03-01 12:00:30Z', 'poll', 429, 5),
    ('2026-03-01 12:01:00Z', 'live', null, null)`);
  expect(await rows('select minute, status, requests::int, mean_ms::int from pgnotion.notion_usage')).toEqual(
    [
      { minute: new Date('2026-03-01T12:01:00Z'), status: 'no answer', requests: 1, mean_ms: null },
      { minute: new Date('2026-03-01T12:00:00Z'), status: '200', requests: 2, mean_ms: 150 },
      { minute: new Date('2026-03-01T12:00:00Z'), status: '429', requests: 1, mean_ms: 5 },
    ],
  );
});

test('invariant 14: no view shows what is secret', async () => {
  await rows(
    `insert into pgnotion.settings (name, value) values ('tag_secret', '"hush hush"') on conflict do nothing`,
  );
  await rows(
    `insert into pgnotion.data_sources (table_name, data_source_id) values ('more', '${dataSourceOf(3)}')`,
  );
  const views = await rows<{ name: string }>(
    `select format('pgnotion.%I', relname) as name from pg_class where relnamespace = 'pgnotion'::regnamespace and relkind = 'v'`,
  );
  expect(views.length).toBeGreaterThan(5);
  for (const { name } of views) {
    const shown = await rows(`select * from ${name}`);
    expect(JSON.stringify(shown)).not.toContain('hush hush');
    const [{ definition = '' } = {}] = await rows<{ definition: string }>(
      'select pg_get_viewdef($1::regclass) as definition',
      [name],
    );
    expect(definition).not.toContain('settings');
  }
});
