import { fork } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { Session } from 'node:inspector/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import pg from 'pg';
import { applyToNotion, type Installation, openInstallation, openNotion } from '../../src/app/connections.ts';
import { withVerify } from '../../src/app/open-verify.ts';
import { runVerify, tablesMeant } from '../../src/app/verify.ts';
import { readEnvironment } from '../../src/config/environment.ts';
import { parseConfig } from '../../src/config/mapping-file.ts';
import type { VerifyReport } from '../../src/model/verify-report.ts';
import { silentLog } from '../../src/runtime/log.ts';
import { startEmbeddedPostgres } from '../../src/sandbox/postgres.ts';
import { shopConfig, shopSchema } from '../support/shop.ts';
import type { Ask, Reply } from './double.ts';

// How fast `verify` compares, and in how much memory, with the limit lifted:
//
//   node test/bench/verify.ts [RECORDS] [--profile FILE]
//
// Rows, pages and records stand there without a first sync. Each line tells the records of a second by the clock, and by the
// product's own CPU time alone: the double of Notion has a process of its own. `sandbox` is the double as the tests
// use it; `replay` gives the same answers out of memory; `heap` is `replay` with the heap collected at each step.

const RECORDS = Number(process.argv[2] ?? 100_000);
const PROFILE = process.argv[3] === '--profile' ? process.argv[4] : undefined;

const config = parseConfig({ slot: 'bench', syncLog: { level: 'off' }, ...shopConfig });
const dir = await mkdtemp(join(tmpdir(), 'pgnotion-bench-'));
const server = await startEmbeddedPostgres({ dir, persistent: false, log: silentLog() });
const pool = new pg.Pool({ connectionString: server.url });
const double = fork(new URL('double.ts', import.meta.url));

function reply<K extends Reply['kind']>(kind: K): Promise<Extract<Reply, { kind: K }>> {
  return new Promise((resolve) => {
    const listen = (one: Reply): void => {
      if (one.kind !== kind) return;
      double.off('message', listen);
      resolve(one as Extract<Reply, { kind: K }>);
    };
    double.on('message', listen);
  });
}

const ask = (what: Ask): void => void double.send(what);

async function opened<T>(url: string, work: (installation: Installation) => Promise<T>): Promise<T> {
  const variables = {
    DATABASE_URL: server.url,
    NOTION_API_KEY: ready.token,
    NOTION_BASE_URL: url,
    NOTION_PARENT_PAGE_ID: ready.parent,
    NOTION_RATE_LIMIT: '1000000/1s',
  };
  const installation = await openInstallation(config, readEnvironment(variables, config), silentLog());
  try {
    return await work(installation);
  } finally {
    await installation.close();
  }
}

async function furnish(): Promise<void> {
  await opened(ready.sandbox, async (installation) => {
    const { notion, throttle } = openNotion(installation);
    await applyToNotion(installation, notion);
    await throttle.stop();
  });
  const { rows } = await pool.query<{ id: string }>('select data_source_id as id from pgnotion.data_sources');
  const made = reply('pages');
  ask({ kind: 'furnish', dataSource: rows[0]?.id ?? '', count: RECORDS });
  const { ids } = await made;
  await pool.query(
    `insert into items (id, name, note, stock) select i, 'item ' || i, 'note ' || i, i from generate_series(1, ${RECORDS}) i`,
  );
  await pool.query(
    `insert into pgnotion.records (table_name, key, page_id, state, base_row, base_page, synced_at)
     select 'items', k::text, p, 'linked',
            jsonb_build_object('Supabase ID', k::text, 'Name', 'item ' || k, 'Note', 'note ' || k, 'Stock', k::text,
                               'Price', null, 'Listed', 'f', 'Tags', null, 'Since', null),
            jsonb_build_object('Supabase ID', k::text, 'Name', 'item ' || k, 'Note', 'note ' || k, 'Stock', k,
                               'Price', null, 'Listed', false, 'Tags', '[]'::jsonb, 'Since', null),
            clock_timestamp()
       from unnest($1::uuid[]) with ordinality as u(p, k)`,
    [ids],
  );
  await pool.query('update pgnotion.data_sources set backfilled_at = clock_timestamp()');
  await pool.query('vacuum analyze');
}

const verify = (url: string, tell: (text: string) => void): Promise<VerifyReport> =>
  opened(url, (installation) => {
    const tables = tablesMeant(installation, []);
    const task = {
      scope: { tables, where: null, sample: null },
      actor: 'bench',
      unresolved: installation.unresolved,
      paused: new Map(),
    };
    return withVerify(installation, tell, (context) => runVerify(context, task));
  });

/** CPU time in ms of this process, the double and (on Linux) PostgreSQL. */
async function cpu() {
  const told = reply('cpu');
  ask({ kind: 'cpu' });
  const { user, system } = process.cpuUsage();
  return { product: (user + system) / 1_000, double: (await told).ms, postgres: postgresMs() };
}

function postgresMs(): number {
  let ticks = 0;
  try {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) ticks += ticksOf(pid);
  } catch {
    return Number.NaN;
  }
  return ticks * 10;
}

/** Of a server process of this bench, and the children that it has waited for. */
function ticksOf(pid: string): number {
  try {
    const of = (id: string) => readFileSync(`/proc/${id}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    const stat = of(pid);
    const line = (id: string) => readFileSync(`/proc/${id}/cmdline`, 'utf8');
    const isOurs =
      line(pid).includes(dir) || (line(pid).startsWith('postgres:') && line(stat[1] ?? '').includes(dir));
    return isOurs
      ? [11, 12, ...(line(pid).includes(dir) ? [13, 14] : [])].reduce((sum, at) => sum + Number(stat[at]), 0)
      : 0;
  } catch {
    return 0;
  }
}

async function measure(
  name: string,
  url: string,
  tell: (text: string) => void = () => undefined,
): Promise<void> {
  const before = await cpu();
  const report = await verify(url, tell);
  const after = await cpu();
  if (report.differences > 0 || report.tables[0]?.compared !== RECORDS)
    throw new Error(
      `${name}: ${JSON.stringify(report.tables)} ${JSON.stringify(report.findings.slice(0, 3))}`,
    );
  const ms = {
    product: after.product - before.product,
    double: after.double - before.double,
    postgres: after.postgres - before.postgres,
  };
  const perSecond = (spent: number): number => Math.round((RECORDS / spent) * 1_000);
  console.log(
    `${name.padEnd(8)} ${report.seconds.toFixed(1)} s, ${perSecond(report.seconds * 1_000)} records/s by the clock, ` +
      `${perSecond(ms.product)} by the product's CPU (product ${Math.round(ms.product)} ms, double ${Math.round(ms.double)} ms, PostgreSQL ${Math.round(ms.postgres)} ms)`,
  );
}

/** The most that lived on the heap after a collection, in MB. */
async function measureHeap(url: string): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  let steps = 0;
  let most = 0;
  let external = 0;
  collect();
  const first = process.memoryUsage().heapUsed;
  await verify(url, () => {
    steps += 1;
    if (steps % 10 !== 0) return;
    collect();
    const { heapUsed, external: outside } = process.memoryUsage();
    most = Math.max(most, heapUsed);
    external = Math.max(external, outside);
  });
  const mb = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
  console.log(`heap     ${mb(most)} MB at most (${mb(first)} before), ${mb(external)} MB outside of it`);
}

async function profiled(file: string, work: () => Promise<void>): Promise<void> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: 500 });
  await session.post('Profiler.start');
  await work();
  writeFileSync(file, JSON.stringify((await session.post('Profiler.stop')).profile));
  session.disconnect();
}

const ready = await reply('ready');
await pool.query(shopSchema);
await furnish();
await measure('sandbox', ready.sandbox);
// Once to keep what the sandbox answers.
await verify(ready.replay, () => undefined);
await measure('replay', ready.replay);
if (PROFILE !== undefined) await profiled(PROFILE, () => measure('profiled', ready.replay));
await measureHeap(ready.replay);
double.disconnect();
await pool.end();
await server.stop();
await rm(dir, { recursive: true, force: true });
