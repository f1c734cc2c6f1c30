import { readFile } from 'node:fs/promises';
import { type ConfigInput, parseConfig } from '../../src/config.ts';
import { type DaemonOptions, runDaemon } from '../../src/daemon.ts';
import { type Environment, readEnvironment } from '../../src/environment.ts';
import { applyToNotion, openInstallation, openNotion } from '../../src/installation.ts';
import { applyNotebooks } from '../../src/notebooks.ts';
import { silentLog } from '../../src/runtime/log.ts';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../src/sandbox/notion/server.ts';
import { eventually } from './eventually.ts';
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
  /** Resolves once all rows are in Notion and nothing waits. */
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
  const database = await createDatabase(undefined, options.serverUrl);
  await database.pool.query(options.schema);
  const sandbox = await startSandbox({ limit: null, ...options.sandbox });
  // Slots belong to the whole server, and other stacks may run on it.
  // The log's own pages would stand among those that tests count.
  const config = parseConfig({ slot: database.name, syncLog: { level: 'off' }, ...options.config });
  const environment = readEnvironment(
    {
      DATABASE_URL: (await options.login?.(database)) ?? database.url,
      NOTION_API_KEY: sandbox.token,
      NOTION_BASE_URL: sandbox.url,
      NOTION_PARENT_PAGE_ID: sandbox.parentPageId,
      NOTION_RATE_LIMIT: '100000/1s',
      SYNC_INTERVAL_SECONDS: String(options.pollSeconds ?? 0.25),
      ADMIN_PORT: '0',
      ...options.variables,
      ...(await options.network?.(database)),
    },
    config,
  );
  const log = silentLog();
  let address = '';
  let running: { readonly stop: AbortController; readonly done: Promise<void> } | null = null;

  const apply = async (): Promise<void> => {
    const installation = await openInstallation(config, environment, log);
    const { notion, throttle } = openNotion(installation);
    try {
      await applyToNotion(installation, notion);
      await applyNotebooks(installation, notion);
    } finally {
      await throttle.stop();
      await installation.close();
    }
  };
  const start = async (): Promise<void> => {
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
      ...options.daemon,
    };
    const done = runDaemon(daemon, stop.signal);
    running = { stop, done };
    await Promise.race([ready.promise, done]);
  };
  const stop = async (): Promise<void> => {
    const mine = running;
    running = null;
    mine?.stop.abort();
    await mine?.done;
  };
  const settled = (timeoutMs = 30_000): Promise<void> =>
    waitUntilSettled(database, config.tables.length, timeoutMs);
  return {
    database,
    sandbox,
    environment,
    apply,
    start,
    stop,
    admin: () => address,
    settled,
    [Symbol.asyncDispose]: async () => {
      await stop().catch(() => undefined);
      await sandbox.close();
      await database.drop();
    },
  };
}

/** Resolves once every table has been read whole and nothing waits in either direction. */
export async function waitUntilSettled(
  database: Pick<TestDatabase, 'pool'>,
  tables: number,
  timeoutMs: number,
): Promise<void> {
  await eventually(
    async () => {
      const { rows } = await database.pool.query<{ backfilled: number; pending: number; waiting: number }>(
        `select count(*) filter (where backfilled)::int as backfilled, coalesce(sum(pending), 0)::int as pending,
                (select count(*)::int from pgnotion.edits where parked_at is null)
                  + (select count(*)::int from pgnotion.notices where next_at is not null) as waiting from pgnotion.status`,
      );
      const [row] = rows;
      return row !== undefined && row.backfilled === tables && row.pending === 0 && row.waiting === 0;
    },
    { timeoutMs },
  );
}

/** LithiumBuy's schema, as the example ships it. */
export const lithiumbuySchema = (): Promise<string> =>
  readFile(new URL('../../examples/lithiumbuy/schema.sql', import.meta.url), 'utf8');
