import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { type FastForward, fastForward } from '../support/fast-forward.ts';
import { startOwnPostgres } from '../support/servers.ts';
import { shopConfig, shopSchema } from '../support/shop.ts';
import { createStack, type Stack } from '../support/stack.ts';

const HOUR_MS = 3_600_000;
const given = process.env.IDLE_HOURS;
/** Two times five minutes, of which the second must be as the first. IDLE_HOURS sets a number of hours: 24 take some minutes. */
const [PERIODS, PERIOD_MS] = given === undefined ? [2, HOUR_MS / 12] : [Number(given), HOUR_MS];
const HOURS = (PERIODS * PERIOD_MS) / HOUR_MS;
const POLL_SECONDS = 15;
/** PostgreSQL's own default. What changes after a checkpoint is written to the log as a whole page. */
const CHECKPOINT_MS = 300_000;
const MB = 1024 * 1024;

/**
 * What an idle daemon writes in an hour: 7,200 signs of life (one row in place, and its commit: some 130 bytes each), 480
 * lines of the request ledger and their answers (with two indexes, some 500 bytes each), and, after each of 12
 * checkpoints, as whole pages of 8 kB the few that these touch. That is about 1.6 MB; the bound leaves room for a pruning.
 */
const WAL_PER_HOUR = 3 * MB;
/** A slot lets go of the log only up to the last checkpoint or snapshot of the server. */
const RETAINED = WAL_PER_HOUR / 4;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const { items } = shopConfig.tables;
const config = {
  ...shopConfig,
  // One is read whole at each poll, the other by its watermark, and whole once a day.
  tables: { items, lots: { ...items, source: 'public.lots', title: 'Lots' } },
} satisfies ConfigInput;

const schema = `${shopSchema};
  create table lots (like items including all);
  insert into items (name) select 'item ' || i from generate_series(1, 30) i;
  insert into lots (name) select 'lot ' || i from generate_series(1, 260) i`;
/** A day's whole reading of each, a hundred pages at a time. */
const SWEEP: Readonly<Record<string, number>> = { Items: 1, Lots: 3 };

type Idle = {
  readonly polls: Readonly<Record<string, number>>;
  readonly others: readonly string[];
  readonly wal: number;
  readonly retained: number;
  readonly heap: number;
  readonly lines: Readonly<Record<string, number>>;
};

const QUERY = /^\/v1\/data_sources\/([^/]+)\/query$/;

async function idleFor(
  { database: { pool }, sandbox: { control } }: Stack,
  time: FastForward,
  ms: number,
): Promise<Idle> {
  const titles = new Map(control.listDatabases().map((each) => [each.dataSourceId, each.title]));
  control.clearRequests();
  const [from] = (await pool.query<{ at: string }>('select pg_current_wal_lsn() as at')).rows;
  for (let at = 0; at < ms; at += CHECKPOINT_MS) {
    await time.pass(CHECKPOINT_MS);
    await pool.query('checkpoint');
  }
  const [log] = (
    await pool.query<{ wal: number; retained: number }>(
      `select pg_wal_lsn_diff(pg_current_wal_lsn(), $1)::float8 as wal, retained_bytes::float8 as retained
         from pgnotion.slot`,
      [from?.at],
    )
  ).rows;
  const asked = control.requests().map(({ path }) => titles.get(QUERY.exec(path)?.[1] ?? '') ?? path);
  control.clearRequests();
  const polls = Object.fromEntries(
    [...titles.values()].map((name) => [name, asked.filter((each) => each === name).length]),
  );
  const others = asked.filter((each) => !(each in polls));
  const lines = await linesOf(pool);
  const heap = await heapAtRest(time);
  return { polls, others, wal: log?.wal ?? Number.NaN, retained: log?.retained ?? Number.NaN, heap, lines };
}

/** The least of several looks: what is kept is in all of them, what comes and goes by itself is not. */
async function heapAtRest(time: FastForward): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let look = 0; look < 3; look += 1) {
    // Twice: what the first one finalises, the second one frees.
    for (const _ of [1, 2]) {
      collectGarbage();
      await new Promise((resolve) => void setImmediate(resolve));
    }
    least = Math.min(least, process.memoryUsage().heapUsed);
    await time.pass(60_000);
  }
  return least;
}

/** Lines of every table of ours. */
async function linesOf(pool: Stack['database']['pool']): Promise<Record<string, number>> {
  const { rows: tables } = await pool.query<{ name: string }>(
    `select tablename as name from pg_tables where schemaname = 'pgnotion'`,
  );
  const counts = tables.map(
    ({ name }) => `select '${name}' as name, count(*)::int as n from pgnotion.${name}`,
  );
  const { rows } = await pool.query<{ name: string; n: number }>(counts.join(' union all '));
  return Object.fromEntries(rows.map(({ name, n }) => [name, n]));
}

/** PostgreSQL's clock cannot be moved: what it has dated is moved back instead. */
async function age({ database: { pool } }: Stack, ms: number): Promise<void> {
  await pool.query('update pgnotion.requests set at = at - make_interval(secs => $1)', [ms / 1_000]);
  await pool.query(
    `update pgnotion.sweeps set started_at = started_at - make_interval(secs => $1),
            finished_at = finished_at - make_interval(secs => $1)`,
    [ms / 1_000],
  );
  for (const table of ['data_sources', 'records'])
    await pool.query(`update pgnotion.${table} set swept_at = swept_at - make_interval(secs => $1)`, [
      ms / 1_000,
    ]);
}

test(`invariants 5 and 12: ${Math.round(HOURS * 60)} idle minutes cost the polls and nothing else, and leave memory and state as they were`, {
  timeout: 900_000 + HOURS * 240_000,
}, async () => {
  const server = await startOwnPostgres();
  using time = fastForward();
  const stack = await createStack({ config, schema, pollSeconds: POLL_SECONDS, serverUrl: server.url });
  try {
    await time.live(stack.apply());
    await time.live(stack.start());
    await time.live(stack.settled());
    // Until what was just written lies behind the overlap of the polls.
    await time.pass(HOUR_MS / 6);
    const periods: Idle[] = [];
    for (let period = 1; period <= PERIODS; period += 1) {
      periods.push(await idleFor(stack, time, PERIOD_MS));
      await age(stack, PERIOD_MS);
      if (given !== undefined) process.stderr.write(`hour ${period}: ${JSON.stringify(periods.at(-1))}\n`);
    }
    expectRest(periods);

    // A day later both are due to be read whole, once, and of the ledger is left what has been asked since.
    await age(stack, 24 * HOUR_MS);
    const after = await idleFor(stack, time, 2 * CHECKPOINT_MS);
    const polls = (2 * CHECKPOINT_MS) / 1_000 / POLL_SECONDS;
    for (const [name, pages] of Object.entries(SWEEP))
      expect(Math.abs((after.polls[name] ?? 0) - polls - pages)).toBeLessThanOrEqual(1);
    expect(after.others).toEqual([]);
    expect(after.lines.requests).toBeLessThanOrEqual(2 * polls + 6);
  } finally {
    await time.live(stack[Symbol.asyncDispose]());
    await time.live(server.stop());
  }
});

function expectRest(periods: readonly Idle[]): void {
  const polls = (name: string): number => periods.reduce((sum, period) => sum + (period.polls[name] ?? 0), 0);
  const expected = (HOURS * 3_600) / POLL_SECONDS;
  for (const [name, pages] of Object.entries(SWEEP)) {
    const sweeps = Math.floor(Math.max(0, HOURS - 1) / 24) * pages;
    // One more or less: the poll at either end of the time that is looked at.
    expect(Math.abs(polls(name) - expected - sweeps)).toBeLessThanOrEqual(1);
  }
  expect(periods.flatMap(({ others }) => others)).toEqual([]);
  for (const { wal, retained } of periods) {
    expect(wal).toBeLessThan(WAL_PER_HOUR * (PERIOD_MS / HOUR_MS));
    expect(retained).toBeLessThan(RETAINED);
  }
  const [first] = periods;
  const last = periods.at(-1);
  if (first === undefined || last === undefined) throw new Error('no periods');
  // What comes and goes by itself is up to 5 MB; a hundred bytes kept by each idle look would be 20 MB in a day.
  expect(last.heap - first.heap).toBeLessThan(8 * MB);
  const { requests: _, ...before } = first.lines;
  const { requests, ...after } = last.lines;
  expect(after).toEqual(before);
  // The ledger keeps a day; with it, one hour of what a prune of every ten minutes leaves.
  expect(requests).toBeLessThan(25 * ((2 * 3_600) / POLL_SECONDS) + 1_000);
}
