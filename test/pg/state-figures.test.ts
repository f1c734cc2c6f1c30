import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { afterReading, type Tail } from '../../src/model/operation-tail.ts';
import { readActiveAlerts, saveAlerts } from '../../src/state/alerts.ts';
import { readObservation } from '../../src/state/observation.ts';
import { lastOperationBefore, readOperationEnds } from '../../src/state/operation-tail.ts';
import { readSlo, sumUpHours } from '../../src/state/slo.ts';
import { addSource, createState, products, type StateStage, suppliers } from '../support/state.ts';

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

/** Operations that began `hours` ago, a second apart, each on a change that was made `latency` seconds before its end. */
const operations = (
  count: number,
  {
    hours,
    latency = 2,
    status = 'done',
    batch = null as string | null,
    direction = 'to-notion',
    table = 'suppliers',
  }: {
    readonly hours: number;
    readonly latency?: number | null;
    readonly status?: string;
    readonly batch?: string | null;
    readonly direction?: string;
    readonly table?: string;
  },
) =>
  state.rows(
    `insert into pgnotion.operations (direction, table_name, kind, status, started_at, finished_at, changed_at, batch)
     select $1, $2, 'update', $3, began, began, began - make_interval(secs => $4), $5
       from generate_series(1, $6) n
      cross join lateral (select clock_timestamp() - make_interval(hours => $7) - make_interval(secs => n) as began) t`,
    [direction, table, status, latency, batch, count, hours],
  );

const DAY = 86_400_000;
const slo = (days = 7) => {
  const now = new Date();
  return readSlo(state.store, new Date(now.getTime() - days * DAY), now);
};
const sumUpAll = async (): Promise<void> => {
  while (await state.store.transaction(sumUpHours));
};

describe('the success criteria', () => {
  test('say that there is no data', async () => {
    expect(await slo()).toMatchObject({
      isMet: null,
      success: { rate: null, isMet: null },
      latency: { p50: null, p95: null, p99: null, share: null, isMet: null },
      conflicts: { rate: null, isMet: null },
      lost: { changes: null, isMet: null },
    });
  });

  test('are read from operations and comparisons', async () => {
    await operations(999, { hours: 1, latency: 2 });
    await operations(1, { hours: 1, status: 'failed' });
    await operations(50, { hours: 1, latency: 900, batch: 'backfill' });
    await operations(10, { hours: 1, latency: null, direction: 'to-postgres' });
    await operations(500, { hours: 24 * 8, status: 'failed' });
    await state.rows(
      `insert into pgnotion.runs (kind, started_at, finished_at, result, counts)
       values ('verify', now(), now(), 'differences', '{"differences": 3}'), ('verify', now(), now(), 'same', '{"differences": 0}')`,
    );
    const seen = await slo();
    expect(seen.success).toMatchObject({ done: 1_059, failed: 1, isMet: true });
    expect(seen.latency).toMatchObject({ changes: 999, share: 1, isMet: true });
    expect(Math.abs((seen.latency.p99 ?? 0) - 2)).toBeLessThan(0.11);
    expect(seen.conflicts).toMatchObject({ rate: 0, isMet: true });
    expect(seen.lost).toMatchObject({ changes: 3, comparisons: 2, isMet: false });
    expect(seen.isMet).toBe(false);
    expect((await slo(9)).success).toMatchObject({ failed: 501, isMet: false });
  });

  test('are the same whether hours are summed up or not, for any window', async () => {
    for (const hours of [0, 1, 2, 5, 30, 100, 300]) {
      await operations(40, { hours, latency: hours });
      await operations(3, { hours, status: 'failed', table: 'products', direction: 'to-postgres' });
      await operations(2, { hours, status: 'started' });
    }
    const windows = [0.05, 0.1, 1.26, 4.2, 7, 30];
    const until = new Date();
    const read = () =>
      Promise.all(windows.map((days) => readSlo(state.store, new Date(until.getTime() - days * DAY), until)));
    const before = await read();
    await sumUpAll();
    await sumUpAll();
    const [{ n } = { n: 0 }] = await state.rows<{ n: number }>(
      'select sum(done)::int as n from pgnotion.operation_hours',
    );
    expect(n).toBeGreaterThan(100);
    expect(await read()).toEqual(before);
  });
});

describe('operations are counted once each', () => {
  const read = async (tail: Tail, now = 0) => {
    const asked = { last: tail.last, open: [...tail.open.keys()], limit: 1_000 };
    return afterReading(tail, await readOperationEnds(state.store, asked), now);
  };

  test('when they end, whatever the order in which they commit', async () => {
    await operations(3, { hours: 1 });
    const last = await lastOperationBefore(state.store, 60);
    expect(last).toBeGreaterThan(0);
    let { ended, tail } = await read({ last, open: new Map() });
    expect(ended.filter(({ id }) => id > last)).toEqual(ended);
    await operations(2, { hours: 0, status: 'started' });
    const late = await state.database.pool.connect();
    await late.query('begin');
    await late.query(
      `insert into pgnotion.operations (direction, table_name, kind, status) values ('to-notion', 'products', 'update', 'done')`,
    );
    await operations(1, { hours: 0, latency: 4 });
    ({ ended, tail } = await read(tail));
    expect(ended).toMatchObject([{ table: 'suppliers', direction: 'to-notion', status: 'done', latency: 4 }]);
    await late.query('commit');
    late.release();
    await state.rows(`update pgnotion.operations set status = 'failed' where status = 'started'`);
    ({ ended, tail } = await read(tail));
    expect(ended.map(({ status }) => status).sort()).toEqual(['done', 'failed', 'failed']);
    ({ ended, tail } = await read(tail));
    expect(ended).toEqual([]);
    expect(tail.open.size).toBe(0);
  });
});

test('the observation reads what waits, failed, clashed and drifts', async () => {
  expect(await readObservation(state.store, 'none', 60_000)).toMatchObject({
    slot: null,
    outbox: { entries: 0, seconds: null },
    failures: 0,
    verify: null,
    lastSuccess: null,
  });
  await operations(5, { hours: 0 });
  await state.rows(
    `insert into pgnotion.outbox (table_name, key, kind, priority, first_at, parked_at, code, reason, remedy)
     values ('suppliers', '1', 'write', 0, clock_timestamp() - interval '1 hour', null, null, null, null),
            ('suppliers', '2', 'write', 2, clock_timestamp() - interval '2 hours', null, null, null, null),
            ('suppliers', '3', 'write', 0, clock_timestamp(), clock_timestamp(), 'x', 'x', 'x'),
            ('suppliers', '4', 'delete', 0, clock_timestamp(), clock_timestamp(), 'mass_deletion', 'x', 'x')`,
  );
  await state.rows(
    `insert into pgnotion.conflict_entries (type, table_name, record_id, strategy, status)
     values ('CONCURRENT_UPDATE', 'suppliers', '1', 'manual', 'open')`,
  );
  await state.rows(`insert into pgnotion.requests (priority) values ('live'), ('poll')`);
  const seen = await readObservation(state.store, 'none', 60_000);
  expect(seen).toMatchObject({
    outbox: { entries: 2 },
    backlog: { entries: 1 },
    failures: 1,
    openConflicts: 1,
    conflictsOfHour: 1,
    changesOfHour: 5,
    guarded: 1,
    requests: 2,
    lastSuccess: expect.any(Number),
  });
  expect(Math.round((seen.outbox.seconds ?? 0) / 3_600)).toBe(2);
  expect(Math.round((seen.backlog.seconds ?? 0) / 3_600)).toBe(1);
});

test('alerts are active until they are resolved', async () => {
  const one = { text: 'one record', raisedAt: 60_000, nextAt: null, seenAt: 0, arrived: true };
  await saveAlerts(state.store, {
    failures: { kind: 'failures', ...one },
    drift: { kind: 'drift', ...one, over: true },
    'taken-over x': { kind: 'taken-over', ...one },
    old: { nextAt: 0, seenAt: 0 },
  });
  expect(await readActiveAlerts(state.store)).toEqual([
    { cause: 'failures', text: 'one record', since: new Date(60_000) },
  ]);
});
