import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import lithiumbuy from '../../examples/lithiumbuy/pgnotion.config.ts';
import { seed } from '../../examples/lithiumbuy/seed.ts';
import { applyToNotion, openInstallation, openNotion } from '../app/connections.ts';
import { runDaemon } from '../app/daemon.ts';
import { applyReportDatabases } from '../app/report-databases.ts';
import { type Environment, readEnvironment } from '../config/environment.ts';
import { type Config, parseConfig } from '../config/mapping-file.ts';
import { PgnotionError } from '../model/errors.ts';
import { createLog, type Log } from '../runtime/log.ts';
import { type Sandbox, startSandbox } from './notion/server.ts';
import { deleteEmbeddedPostgres, startEmbeddedPostgres } from './postgres.ts';
import type { PostgresServer } from './postgres-server.ts';
import { showProgress } from './progress.ts';

const FOLDER = resolve('.pgnotion', 'demo');
const DATA = resolve(FOLDER, 'postgres');
const PID_FILE = resolve(FOLDER, 'pid');
const run = promisify(execFile);
const DATABASE = 'lithiumbuy';
/** What Notion grants a workspace on its Business plan; the sandbox enforces it. */
const LIMIT = { requests: 600, windowMs: 60_000 };
const POLL_SECONDS = '3';

/** As it was started: by the script of this repository, or by the command of the package. */
const [AGAIN, FRESH] = import.meta.url.endsWith('.js')
  ? ['npx pgnotion demo', 'npx pgnotion demo --fresh']
  : ['npm run demo', 'npm run demo -- --fresh'];

/** Everything on this machine: a PostgreSQL, the Notion sandbox, LithiumBuy's tables, the daemon. */
export async function runDemo(
  options: { readonly fresh: boolean; readonly json: boolean; readonly print: (text: string) => void },
  signal: AbortSignal,
): Promise<void> {
  const log = createLog({
    level: process.env.LOG_LEVEL ?? 'warn',
    ...(options.json && { pretty: false }),
  });
  await refuseSecond();
  await mkdir(FOLDER, { recursive: true });
  if (options.fresh) {
    await deleteEmbeddedPostgres(DATA);
    await rm(FOLDER, { recursive: true, force: true });
    await mkdir(FOLDER, { recursive: true });
  }
  await writeFile(PID_FILE, String(process.pid));
  options.print('starting PostgreSQL and the Notion sandbox ...');
  const postgres = await startUnlessStopped(log, signal);
  try {
    if (postgres === null || signal.aborted) return;
    const sandbox = await startSandbox({ journal: resolve(FOLDER, 'notion.jsonl'), limit: LIMIT });
    try {
      const url = await createDatabase(postgres.url, options.print);
      if (signal.aborted) return;
      await syncUntilStopped({ url, sandbox, log, print: options.print }, signal);
    } finally {
      await sandbox.close();
    }
  } finally {
    await postgres?.stop();
    if (signal.aborted) options.print(`stopped; \`${AGAIN}\` goes on from here, \`${FRESH}\` starts over`);
  }
}

/** Two demos in one folder would take each other's server and journal away. */
async function refuseSecond(): Promise<void> {
  const pid = Number(await readFile(PID_FILE, 'utf8').catch(() => ''));
  if (!Number.isInteger(pid) || pid <= 1 || pid === process.pid) return;
  // The number may be a stranger's by now.
  const { stdout } = await run('ps', ['-o', 'args=', '-p', String(pid)]).catch(() => ({ stdout: '' }));
  if (!/\bdemo\b/.test(stdout)) return;
  throw new PgnotionError({
    code: 'demo_running',
    message: `a demo runs already in ${FOLDER} (process ${pid})`,
    remedy: 'use that one, or stop it with Ctrl-C first; a demo in another folder has data of its own',
  });
}

/** A terminal's Ctrl-C ends `initdb` too: that is no failure. */
async function startUnlessStopped(log: Log, signal: AbortSignal): Promise<PostgresServer | null> {
  try {
    return await startEmbeddedPostgres({ dir: DATA, persistent: true, log });
  } catch (error) {
    if (signal.aborted) return null;
    throw error;
  }
}

async function createDatabase(serverUrl: string, print: (text: string) => void): Promise<string> {
  const admin = new pg.Client({ connectionString: serverUrl });
  await admin.connect();
  try {
    const { rowCount } = await admin.query('select from pg_database where datname = $1', [DATABASE]);
    if (rowCount === 0) await admin.query(`create database ${DATABASE}`);
  } finally {
    await admin.end();
  }
  const url = new URL(serverUrl);
  url.pathname = `/${DATABASE}`;
  await loadSample(url.href, print);
  return url.href;
}

/** In one transaction, so that a Ctrl-C in the middle leaves an empty database and the next run loads it. */
async function loadSample(url: string, print: (text: string) => void): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ there: boolean }>(
      `select to_regclass('public.suppliers') is not null as there`,
    );
    if (rows[0]?.there) return;
    print("loading LithiumBuy's tables and sample data ...");
    const schema = await readFile(new URL('../../examples/lithiumbuy/schema.sql', import.meta.url), 'utf8');
    await client.query('begin');
    await client.query(schema);
    await seed((text, params) => client.query(text, params));
    await client.query('commit');
  } finally {
    await client.end();
  }
}

type Running = {
  readonly url: string;
  readonly sandbox: Sandbox;
  readonly log: Log;
  readonly print: (text: string) => void;
};

async function syncUntilStopped({ url, sandbox, log, print }: Running, signal: AbortSignal): Promise<void> {
  const config = parseConfig(lithiumbuy);
  const token = randomBytes(16).toString('hex');
  const environment = readEnvironment(
    {
      DATABASE_URL: url,
      NOTION_API_KEY: sandbox.token,
      NOTION_BASE_URL: sandbox.url,
      NOTION_PARENT_PAGE_ID: sandbox.parentPageId,
      NOTION_RATE_LIMIT: `${LIMIT.requests}/${LIMIT.windowMs / 1_000}s`,
      SYNC_INTERVAL_SECONDS: POLL_SECONDS,
      // A free one: a daemon of the user's own may have the usual one.
      ADMIN_PORT: '0',
      ADMIN_TOKEN: token,
    },
    config,
  );
  await applyOnce(config, environment, log);
  if (signal.aborted) return;
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  let dashboard = '';
  const onListening = (address: string): void => {
    dashboard = address;
  };
  const daemon = runDaemon({ config, environment, log, createGraceMs: 10_000, onListening }, both);
  try {
    await Promise.race([daemon, showProgress(url, config, print, both)]);
    if (!both.aborted) {
      print(welcome({ url, sandbox, dashboard, token }));
      await Promise.race([daemon, once(signal, 'abort')]);
    }
  } finally {
    stop.abort();
    await daemon;
  }
}

async function applyOnce(config: Config, environment: Environment, log: Log): Promise<void> {
  const installation = await openInstallation(config, environment, log);
  const { notion, throttle } = openNotion(installation);
  try {
    await applyToNotion(installation, notion);
    await applyReportDatabases(installation, notion);
  } finally {
    await throttle.stop();
    await installation.close();
  }
}

type Welcome = {
  readonly url: string;
  readonly sandbox: Sandbox;
  readonly dashboard: string;
  readonly token: string;
};

const welcome = ({ url, sandbox, dashboard, token }: Welcome): string => `
Everything is in sync, and stays so.

  Notion (sandbox)   ${sandbox.url}
  Dashboard          ${dashboard}  (token: ${token})
  PostgreSQL         psql '${url}'

Try it:
  - open the sandbox in a browser, edit a cell, add a page, trash one; within ${POLL_SECONDS} s it is in PostgreSQL
  - in psql:  update suppliers set name = name || ' (edited)' where id = (select min(id::text)::uuid from suppliers);
    the sandbox shows it within a second
  - in the dashboard's activity, undo either of them
  - in psql:  select * from pgnotion.status;  select * from pgnotion.recent_operations limit 5;

Ctrl-C stops everything.
`;
