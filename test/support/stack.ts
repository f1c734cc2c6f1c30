import { readFile } from 'node:fs/promises';
import { expect } from 'vitest';
import { applyToNotion, openInstallation, openNotion } from '../../src/app/connections.ts';
import { type DaemonOptions, runDaemon } from '../../src/app/daemon.ts';
import { applyReportDatabases } from '../../src/app/report-databases.ts';
import { type Environment, readEnvironment } from '../../src/config/environment.ts';
import { type ConfigInput, parseConfig } from '../../src/config/mapping-file.ts';
import { PgnotionError } from '../../src/model/errors.ts';
import { silentLog } from '../../src/runtime/log.ts';
import { pause } from '../../src/runtime/retry.ts';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../src/sandbox/notion/server.ts';
import { duePages } from '../../src/state/conflict-pages.ts';
import { readReportDatabase } from '../../src/state/report-databases.ts';
import { createStore } from '../../src/state/sql.ts';
import { eventually } from './eventually.ts';
import { pluginUnderTest, stateTemplateUnderTest } from './matrix.ts';
import { createDatabase, type TestDatabase } from './postgres.ts';

/** A database of its own, a sandbox, and a daemon in this process between them. */
export type Stack = {
  readonly database: TestDatabase;
  readonly sandbox: Sandbox;
  readonly environment: Environment;
  /** Creates the databases in Notion; `start` needs them. */
  readonly apply: () => Promise<void>;
  /** Starts the daemon; resolves once its loops run. */
  readonly start: () => Promise<void>;
  /** Stops the daemon in an orderly way; rejects with what it failed of. */
  readonly stop: () => Promise<void>;
  /** Where the running daemon answers HTTP. */
  readonly admin: () => string;
  /** Begins the next poll of every table that waits for it. */
  readonly pollNow: () => void;
  /** Resolves once all that was committed before is in Notion and nothing waits. */
  readonly settled: (timeoutMs?: number) => Promise<void>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

export type StackOptions = {
  readonly config: ConfigInput;
  /** SQL that makes the tables. */
  readonly schema: string;
  readonly pollSeconds?: number;
  readonly sandbox?: SandboxOptions;
  readonly createGraceMs?: number;
  readonly daemon?: Pick<Partial<DaemonOptions>, 'log' | 'senderTimeoutMs' | 'alertTiming'>;
  readonly variables?: Readonly<Record<string, string>>;
  /** Another server than the run's. */
  readonly serverUrl?: string;
  /** Gives the URL that the daemon connects with, once the tables are there; the superuser's if absent. */
  readonly login?: (database: TestDatabase) => Promise<string>;
  /** Gives variables that depend on the database: addresses by way of a proxy. */
  readonly network?: (database: TestDatabase) => Promise<Readonly<Record<string, string>>>;
};

export async function createStack(options: StackOptions): Promise<Stack> {
  // A role of its own has to make our schema itself.
  const isCopy = options.serverUrl === undefined && options.login === undefined;
  const database = await createDatabase(
    undefined,
    options.serverUrl,
    isCopy ? stateTemplateUnderTest() : undefined,
  );
  await database.pool.query(options.schema);
  const sandbox = await startSandbox({ limit: null, ...options.sandbox });
  // Slots belong to the whole server, and other stacks may run on it.
  // The log's own pages would stand among those that tests count.
  const config = parseConfig({
    slot: database.name,
    plugin: pluginUnderTest(),
    syncLog: { level: 'off' },
    ...options.config,
  });
  const environment = readEnvironment(
    {
      DATABASE_URL: (await options.login?.(database)) ?? database.url,
      NOTION_API_KEY: sandbox.token,
      NOTION_BASE_URL: sandbox.url,
      NOTION_PARENT_PAGE_ID: sandbox.parentPageId,
      NOTION_RATE_LIMIT: '100000/1s',
      // As little as makes a first contact take two readings, which most tests need not wait for.
      SYNC_QUERY_LAG_SECONDS: '0.3',
      SYNC_INTERVAL_SECONDS: String(options.pollSeconds ?? 0.5),
      ADMIN_PORT: '0',
      ...options.variables,
      ...(await options.network?.(database)),
    },
    config,
  );
  const log = silentLog();
  let address = '';
  const polling = createImpatience();
  let running: { readonly stop: AbortController; readonly done: Promise<void> } | null = null;

  const apply = async (): Promise<void> => {
    // What a test makes short is meant for the daemon.
    const patient = { ...environment, NOTION_TIMEOUT_SECONDS: DEFAULT_TIMEOUT_SECONDS };
    const installation = await openInstallation(config, patient, log);
    const { notion, throttle } = openNotion(installation);
    try {
      await applyToNotion(installation, notion);
      await applyReportDatabases(installation, notion);
    } finally {
      await throttle.stop();
      await installation.close();
    }
  };
  const startOnce = async (): Promise<void> => {
    const stop = new AbortController();
    const ready = Promise.withResolvers<void>();
    const daemon = {
      config,
      environment,
      log,
      onReady: ready.resolve,
      onListening: (at: string) => {
        address = at;
      },
      createGraceMs: options.createGraceMs ?? 500,
      untilNextPoll: polling.wait,
      ...options.daemon,
    };
    const done = runDaemon(daemon, stop.signal);
    running = { stop, done };
    await Promise.race([ready.promise, done]);
  };
  const start = (): Promise<void> =>
    options.serverUrl === undefined
      ? pastOthers(startOnce, (error) => codeOf(error) === SLOT_BLOCKED)
      : startOnce();
  const stop = async (): Promise<void> => {
    const mine = running;
    running = null;
    mine?.stop.abort();
    await mine?.done;
  };
  const settled = (timeoutMs?: number): Promise<void> =>
    waitUntilSettled(database, config.tables.length, timeoutMs);
  return {
    database,
    sandbox,
    environment,
    apply,
    start,
    stop,
    admin: () => address,
    pollNow: polling.end,
    settled,
    [Symbol.asyncDispose]: async () => {
      await stop().catch(() => undefined);
      await sandbox.close();
      await database.drop();
    },
  };
}

/** A stack whose databases are made and whose daemon runs, with nothing left to do. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const stack = await createStack(options);
  try {
    await stack.apply();
    await stack.start();
    await stack.settled();
    return stack;
  } catch (error) {
    await stack[Symbol.asyncDispose]();
    throw error;
  }
}

/** Waits that all end at once when somebody asks for it. */
function createImpatience() {
  let waiting = new AbortController();
  return {
    wait: (ms: number, signal: AbortSignal): Promise<void> =>
      pause(ms, AbortSignal.any([signal, waiting.signal])),
    end: (): void => {
      const ended = waiting;
      waiting = new AbortController();
      ended.abort();
    },
  };
}

const DEFAULT_TIMEOUT_SECONDS = 30;

const codeOf = (error: unknown): string | null => (error instanceof PgnotionError ? error.code : null);

/** What a start ends with when a transaction of any database of the server holds up the making of its slot. */
export const SLOT_BLOCKED = 'slot_blocked';
const STARTS = 4;

/** Starts a daemon on the server that the files share, again if it met what another file does there, which passes. */
export async function pastOthers<T>(
  start: () => Promise<T>,
  isOfOthers: (error: unknown) => boolean,
): Promise<T> {
  for (let left = STARTS - 1; ; left -= 1) {
    try {
      return await start();
    } catch (error) {
      if (left === 0 || !isOfOthers(error)) throw error;
    }
  }
}

/** wal2json tells of messages with our prefix only; what another one holds alone is an empty transaction to it. */
const MARK = `
  select pg_logical_emit_message(true, case when exists (
    select from pg_replication_slots where database = current_database() and plugin = 'wal2json')
    then 'pgnotion' else 'test' end, '') as lsn`;

/** A first sync writes every row, and tests sync some hundreds of them. */
const FIRST_SYNC_MS = 150_000;

/**
 * Resolves once all that was committed before is captured, every table has been read whole, and nothing waits: neither in
 * the two directions, nor of what people are told in Notion.
 */
export async function waitUntilSettled(
  database: Pick<TestDatabase, 'pool'>,
  tables: number,
  timeoutMs = FIRST_SYNC_MS,
): Promise<void> {
  const { pool } = database;
  // Its commit is the last that has to be captured. What is not in the outbox yet does not show as waiting there.
  const mark = await pool.query<{ lsn: string }>(MARK);
  const store = createStore(pool, 0);
  await eventually(
    async () => {
      // The view `status` says as much, and costs many times more: each file looks some twenty times a second.
      const { rows } = await pool.query<{ captured: boolean; backfilled: number; waiting: number }>(
        `select exists (select from pgnotion.checkpoint where lsn > $1) as captured,
                (select count(*) from pgnotion.data_sources where backfilled_at is not null)::int as backfilled,
                ((select count(*) from pgnotion.outbox where parked_at is null)
                  + (select count(*) from pgnotion.edits where parked_at is null)
                  + (select count(*) from pgnotion.notices where next_at is not null))::int as waiting`,
        [mark.rows[0]?.lsn],
      );
      expect(rows[0]).toEqual({ captured: true, backfilled: tables, waiting: 0 });
      const reports = (await readReportDatabase(store, 'conflicts')) === null ? [] : await duePages(store, 1);
      expect(reports).toEqual([]);
      return true;
    },
    { timeoutMs },
  );
}

/** LithiumBuy's schema, as the example ships it. */
export const lithiumbuySchema = (): Promise<string> =>
  readFile(new URL('../../examples/lithiumbuy/schema.sql', import.meta.url), 'utf8');
