import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { TableName } from '../../src/model/ids.ts';
import type { ResolvedTable } from '../../src/model/mapping.ts';
import { type FirstSyncTiming, runFirstSync, type ShowProgress } from '../../src/reconcile/first-sync.ts';
import { beginWalk, countWalks, endWalk, readFirstSync } from '../../src/state/first-sync.ts';
import { markDirty, markFound } from '../../src/state/outbox.ts';
import { readState } from '../../src/state/readiness.ts';
import {
  addSource,
  createState,
  dirty,
  key,
  products,
  type StateStage,
  suppliers,
} from '../support/state.ts';

let state: StateStage;
beforeAll(async () => {
  state = await createState();
});
afterAll(() => state[Symbol.asyncDispose]());
beforeEach(async () => {
  await state.clear();
  await addSource(state.store, suppliers, 1);
  await addSource(state.store, products, 2);
});

const tables = new Map<TableName, ResolvedTable>(
  [suppliers, products].map((name, rank) => [name, { name, rank } as unknown as ResolvedTable]),
);
const LIMIT = { requests: 180, windowMs: 60_000 };

/** A walk over rows named `0`, `1`, ... of a table, which ends with all of them in the outbox. */
async function walked(table: TableName, rows: number): Promise<void> {
  await beginWalk(state.store, table, rows);
  await markFound(
    state.store,
    table,
    Array.from({ length: rows }, (_, nth) => key(String(nth))),
    'write',
  );
  await endWalk(state.store, table, rows);
}

const written = (table: TableName, from: number, to: number): Promise<object[]> =>
  state.rows('delete from pgnotion.outbox where table_name = $1 and key::int between $2 and $3', [
    table,
    from,
    to - 1,
  ]);

const asked = (requests: number): Promise<object[]> =>
  state.rows(`insert into pgnotion.requests (priority) select 'backfill' from generate_series(1, $1)`, [
    requests,
  ]);

type Line = { readonly msg: string; readonly [name: string]: unknown };

/** Runs the part under a clock that `steps` moves: each is what happens while it waits, and gives how long that takes. */
async function told(
  steps: readonly (() => Promise<number>)[],
  show: ShowProgress | null = null,
): Promise<{ readonly lines: readonly Line[]; readonly waits: readonly number[] }> {
  const lines: Line[] = [];
  const waits: number[] = [];
  const stop = new AbortController();
  let now = 0;
  let nth = 0;
  const timing: FirstSyncTiming = {
    now: () => now,
    wait: async (ms) => {
      waits.push(ms);
      const step = steps[nth];
      nth += 1;
      if (step === undefined) stop.abort();
      else now += (await step()) * 1_000;
    },
  };
  const log = pino(
    { level: 'info', base: null },
    { write: (text: string) => void lines.push(JSON.parse(text)) },
  );
  const context = { store: state.store, tables, limit: LIMIT, onDirty: () => undefined, log };
  await runFirstSync(context, timing, stop.signal, show);
  return { lines, waits };
}

test('a line every 30 seconds tells total, done, rate and time left, and one tells that it is done', async () => {
  await walked(suppliers, 10);
  await walked(products, 390);
  const step = (rows: number, seconds: number) => async () => {
    const [first] = await state.rows<{ n: number }>(
      `select coalesce(min(key::int), 390) as n from pgnotion.outbox where table_name = 'products'`,
    );
    await written(suppliers, 0, 10);
    await written(products, first?.n ?? 0, (first?.n ?? 0) + rows);
    await asked(rows);
    return seconds;
  };
  const { lines, waits } = await told([
    ...Array.from({ length: 8 }, () => step(10, 5)),
    step(10, 20),
    step(300, 30),
  ]);
  expect(lines.map(({ msg }) => msg)).toEqual([
    'first sync: 0 of 400 rows',
    'first sync: 70 of 400 rows, 2.3 a second, about 2 min left',
    'first sync: 100 of 400 rows, 1.7 a second, about 3 min left',
    expect.stringMatching(
      /^the first sync is done: 400 of 400 rows are written to Notion; 0 pages created, 0 updated, 390 requests, \d s$/,
    ),
  ]);
  expect(lines[1]).toMatchObject({
    total: 400,
    done: 70,
    tables: [
      'suppliers: 10 of 10 rows, done',
      expect.stringMatching(/^products: 60 of 390 rows, 2\.0 a second, about 2 min left$/),
    ],
  });
  expect(waits.slice(0, 3)).toEqual([5_000, 5_000, 5_000]);
  // Afterwards nothing is looked at until somebody rings.
  expect(waits.at(-1)).toBe(600_000);
});

test('while nothing is written it is told more seldom, and on a terminal not at all', async () => {
  await walked(suppliers, 100);
  const still = Array.from({ length: 40 }, () => async () => 10);
  const { lines } = await told(still);
  expect(lines.map(({ msg }) => msg)).toEqual([
    'first sync: 0 of 100 rows',
    'first sync: 0 of 100 rows, 0.0 a second',
  ]);
  const shown: (number | null)[] = [];
  const { lines: none } = await told(
    [
      async () => 10,
      async () => {
        await written(suppliers, 0, 100);
        return 10;
      },
    ],
    (progress) => shown.push(progress === null ? null : progress.done),
  );
  expect(shown).toEqual([0, 0, null, null]);
  expect(none.map(({ msg }) => msg)).toEqual([expect.stringContaining('the first sync is done')]);
});

test('a restart goes on with the rate, the requests and the total from before, and ends it once', async () => {
  await walked(suppliers, 100);
  const half = async () => {
    await asked(50);
    await written(suppliers, 0, 50);
    return 25;
  };
  await told([half]);
  const [before] = await state.rows<{ began: Date; rate: number; requests: number }>(
    'select began_at as began, rows_per_second as rate, requests::int as requests from pgnotion.first_sync',
  );
  expect(before).toMatchObject({ rate: 2, requests: 50 });
  // A process that begins now has measured nothing yet.
  const { lines } = await told([async () => 5]);
  expect(lines.map(({ msg }) => msg)).toEqual(['first sync: 50 of 100 rows, 2.0 a second, about 25 s left']);
  await asked(51);
  await written(suppliers, 50, 100);
  const { lines: last } = await told([async () => 30, async () => 30]);
  expect(last).toMatchObject([{ rows: 100, requests: 101 }]);
  expect(
    await state.rows('select state, done::int, finished_at is not null as over from pgnotion.first_sync'),
  ).toEqual([{ state: 'done', done: 100, over: true }]);
  expect((await told([async () => 30])).lines).toEqual([]);
});

test('a walk that a restart cut off goes on as the same first sync; a later one is a comparison', async () => {
  await walked(suppliers, 10);
  await told([
    async () => {
      await written(suppliers, 0, 4);
      return 5;
    },
  ]);
  const began = () =>
    state.rows<{ at: string; first: boolean; done: number }>(
      'select began_at::text as at, is_first as first, done::int from pgnotion.first_syncs',
    );
  const [first] = await began();
  expect(first).toMatchObject({ first: true, done: 4 });
  await beginWalk(state.store, suppliers, 12);
  expect(await began()).toEqual([first]);
  // Rows are still being found: what was done stands, and nobody can say how long it takes.
  expect(await countWalks(state.store, [suppliers])).toMatchObject([{ walked: false, before: { done: 4 } }]);
  await endWalk(state.store, suppliers, 12);
  await state.rows('delete from pgnotion.outbox');
  await told([]);
  await beginWalk(state.store, suppliers, 12);
  expect(await began()).toMatchObject([{ first: false, done: 0 }]);
});

test('what is changed by others meanwhile is no part of it; what was found is, until it is written or set aside', async () => {
  await walked(suppliers, 10);
  await markDirty(state.store, [dirty('new', { changedAt: new Date(Date.now() + 60_000) }), dirty('3')]);
  await state.rows(
    `update pgnotion.outbox set parked_at = now(), code = 'c', reason = 'r', remedy = 'm' where key = '5'`,
  );
  await written(suppliers, 0, 2).catch(() =>
    state.rows(`delete from pgnotion.outbox where key in ('0', '1')`),
  );
  expect(await countWalks(state.store, [suppliers])).toMatchObject([{ total: 10, waiting: 7, setAside: 1 }]);
});

test('the view, /readyz and status see the same, and a view that nobody keeps says so', async () => {
  await walked(suppliers, 10);
  await walked(products, 5);
  await written(products, 0, 5);
  await told([
    async () => {
      await written(suppliers, 0, 4);
      return 60;
    },
  ]);
  const expected = [
    { table: 'suppliers', state: 'writing', total: 10, done: 4, secondsLeft: 90 },
    { table: 'products', state: 'done', total: 5, done: 5, secondsLeft: 0 },
  ];
  expect(await readFirstSync(state.store)).toMatchObject(expected);
  const reading = await readState(state.store, 'none', [suppliers, products]);
  expect(reading.firstSync).toMatchObject(expected);
  expect(
    await state.rows(
      'select table_name, state, total::int, done::int, remaining::int from pgnotion.first_sync',
    ),
  ).toEqual([
    { table_name: 'products', state: 'done', total: 5, done: 5, remaining: 0 },
    { table_name: 'suppliers', state: 'writing', total: 10, done: 4, remaining: 6 },
  ]);
  await state.rows(`update pgnotion.first_syncs set seen_at = seen_at - interval '1 hour'`);
  expect(await readFirstSync(state.store)).toMatchObject([
    { state: 'stopped', rowsPerSecond: null, secondsLeft: null, done: 4 },
    { state: 'done' },
  ]);
  await state.rows(`select pgnotion.pause('suppliers')`);
  expect(await readFirstSync(state.store)).toMatchObject([{ state: 'paused', secondsLeft: null }, {}]);
});
