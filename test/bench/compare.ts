import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { silentLog } from '../../src/runtime/log.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/notion/server.ts';
import { startEmbeddedPostgres } from '../../src/sandbox/postgres.ts';

// What one live update, a backlog, a poll and the process itself cost, of several versions in one run:
//
//   node test/bench/compare.ts CHECKOUT [CHECKOUT ...]
//
// Each checkout has its own node_modules. Its command line runs in a process of its own against one sandbox and one server
// for each version, which are this checkout's. Statements are counted by the server (`pg_stat_statements`), requests in the sandbox's log.

const ROWS = 600;
const UPDATES = 20;
const IDLE_S = 20;
/** As Notion's 180 requests a minute, twenty times as fast. */
const LIMIT = '180/3s';
const POLL_S = 3;

type Figures = Readonly<Record<string, number>>;

const config = {
  syncLog: { level: 'off' },
  tables: {
    items: {
      source: 'public.items',
      key: 'id',
      title: 'Items',
      fields: {
        Name: { column: 'name', type: 'title' },
        Price: { column: 'price', type: 'number' },
        Note: { column: 'note', type: 'rich_text' },
      },
    },
  },
};
const SCHEMA = `create table items (id integer primary key, name text not null, price numeric(12, 2), note text);
  insert into items select n, 'item ' || n, n, repeat('note ', 20) from generate_series(1, ${ROWS}) n`;

const mainOf = (checkout: string): string =>
  [join(checkout, 'src/cli/main.ts'), join(checkout, 'src/cli.ts')].find((path) => existsSync(path)) ?? '';

async function until(probe: () => Promise<boolean> | boolean, seconds = 300): Promise<void> {
  const deadline = performance.now() + seconds * 1_000;
  while (!(await probe())) {
    if (performance.now() > deadline) throw new Error(`not within ${seconds} s: ${probe.toString()}`);
    await sleep(50);
  }
}

async function measure(checkout: string): Promise<Figures> {
  const folder = await mkdtemp(join(tmpdir(), 'pgnotion-compare-'));
  const server = await startEmbeddedPostgres({
    dir: join(folder, 'data'),
    persistent: false,
    settings: {
      shared_preload_libraries: 'pg_stat_statements',
      'pg_stat_statements.max': '10000',
      'pg_stat_statements.track': 'top',
    },
    log: silentLog(),
  });
  const pool = new pg.Pool({ connectionString: server.url });
  const sandbox = await startSandbox({ limit: null });
  let daemon: ChildProcess | null = null;
  try {
    await pool.query(
      `create extension pg_stat_statements; create role measured superuser login password 'measured'; ${SCHEMA}`,
    );
    const url = new URL(server.url);
    url.username = 'measured';
    url.password = 'measured';
    const address = url.href;
    await writeFile(join(folder, 'pgnotion.config.ts'), `export default ${JSON.stringify(config)};\n`);
    const variables = {
      PATH: process.env.PATH ?? '',
      HOME: folder,
      DATABASE_URL: address,
      NOTION_API_KEY: sandbox.token,
      NOTION_BASE_URL: sandbox.url,
      NOTION_PARENT_PAGE_ID: sandbox.parentPageId,
      NOTION_RATE_LIMIT: LIMIT,
      SYNC_INTERVAL_SECONDS: String(POLL_S),
      ADMIN_PORT: '0',
      LOG_LEVEL: 'error',
    };
    const run = (command: string): ChildProcess =>
      spawn(process.execPath, [mainOf(checkout), command], {
        cwd: folder,
        env: variables,
        stdio: ['ignore', 'ignore', 'inherit'],
      });
    await ended(run('apply'));
    const before = sandbox.control.requests().length;
    daemon = run('start');
    const shown = (probe: (text: string) => boolean): number => pagesThat(sandbox, probe);
    await until(() => shown((text) => text.includes('item ')) === ROWS);
    await settled(pool);
    const first = sandbox.control.requests().length - before;
    const log = async (): Promise<number> => {
      const { rows } = await pool.query<{ calls: number }>(
        `select coalesce(sum(calls), 0)::int as calls from pg_stat_statements join pg_roles on oid = userid where rolname = 'measured'`,
      );
      return rows[0]?.calls ?? 0;
    };
    const memory = peakOf(daemon);
    const idleFrom = [await log(), performance.now()] as const;
    await sleep(IDLE_S * 1_000);
    const idle = ((await log()) - idleFrom[0]) / ((performance.now() - idleFrom[1]) / 1_000);
    const [statements, from, requests] = [await log(), performance.now(), writesOf(sandbox)];
    for (let at = 1; at <= UPDATES; at += 1) {
      await pool.query('update items set price = price + 0.5 where id = $1', [at]);
      await until(() => writesOf(sandbox) >= requests + at);
      await settled(pool);
    }
    const live = (await log()) - statements - idle * ((performance.now() - from) / 1_000);
    const asked = sandbox.control.requests().length;
    await pool.query(`update items set note = 'changed'`);
    await until(() => shown((text) => text.includes('"changed"')) === ROWS);
    await settled(pool);
    const backlog = sandbox.control.requests().length - asked;
    const polls = await afterMassChange(sandbox);
    return {
      'requests of the first sync, for each page': first / ROWS,
      'statements of a live update': live / UPDATES,
      'statements at rest, in a second': idle,
      'requests of an update under a backlog': backlog / ROWS,
      'requests of a poll after it': polls,
      'peak memory after the first sync, MB': memory,
      'peak memory at the end, MB': peakOf(daemon),
    };
  } finally {
    if (daemon !== null) {
      daemon.kill('SIGTERM');
      await ended(daemon).catch(() => undefined);
    }
    await sandbox.close();
    await pool.end();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

const pagesThat = ({ control }: Sandbox, probe: (text: string) => boolean): number =>
  control.snapshot().pages.filter((page) => probe(JSON.stringify(page))).length;

const writesOf = ({ control }: Sandbox): number =>
  control.requests().filter(({ method, path }) => method === 'PATCH' && path.startsWith('/v1/pages/')).length;

const queriesOf = ({ control }: Sandbox): number =>
  control.requests().filter(({ path }) => /\/data_sources\/[^/]+\/query$/.test(path)).length;

/** The first polls after a mass change of ours, until one is over: those of ten of them, for each. */
async function afterMassChange(sandbox: Sandbox): Promise<number> {
  const from = queriesOf(sandbox);
  await sleep(10 * POLL_S * 1_000);
  return (queriesOf(sandbox) - from) / 10;
}

const settled = (pool: pg.Pool): Promise<void> =>
  until(async () => (await pool.query('select from pgnotion.outbox limit 1')).rowCount === 0);

/** Of the process since it began, as the kernel has it (`VmHWM`). */
const peakOf = ({ pid }: ChildProcess): number =>
  Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024;

const ended = (child: ChildProcess): Promise<void> =>
  new Promise((done, failed) => {
    child.once('exit', (code) => (code === 0 ? done() : failed(new Error(`it ended with ${code}`))));
  });

const checkouts = process.argv.slice(2).map((each) => resolve(each));
if (checkouts.length === 0) throw new Error('give the checkouts to compare');
const all: Figures[] = [];
for (const checkout of checkouts) all.push(await measure(checkout));
const names = Object.keys(all[0] ?? {});
process.stdout.write(`${['', ...checkouts].join('\t')}\n`);
for (const name of names)
  process.stdout.write(`${[name, ...all.map((figures) => (figures[name] ?? 0).toFixed(2))].join('\t')}\n`);
