import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Installation, openInstallation } from '../../src/app/connections.ts';
import { readEnvironment } from '../../src/config/environment.ts';
import { type Config, type ConfigInput, parseConfig } from '../../src/config/mapping-file.ts';
import { messageOf } from '../../src/model/errors.ts';
import { silentLog } from '../../src/runtime/log.ts';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../src/sandbox/notion/server.ts';
import { type CliProcess, type Outcome, runCli, spawnCli } from './daemon-process.ts';
import { pluginUnderTest } from './matrix.ts';
import { createDatabase, inDatabase, type TestDatabase } from './postgres.ts';
import { pastOthers, SLOT_BLOCKED, waitUntilSettled } from './stack.ts';

type Variables = Readonly<Record<string, string>>;

/** A database and a sandbox in this process, and a folder with a configuration to run the command line in. */
export type CliStage = {
  readonly database: TestDatabase;
  readonly sandbox: Sandbox;
  readonly folder: string;
  readonly config: Config;
  readonly variables: Variables;
  /** Changes the configuration's file, for the commands that follow. */
  readonly configure: (more: Partial<ConfigInput>) => Promise<void>;
  /** Runs a command to its end; `variables` are added to the stage's own, empty ones count as unset. */
  readonly run: (args: readonly string[], variables?: Variables) => Promise<Outcome>;
  readonly spawn: (args: readonly string[], variables?: Variables) => CliProcess;
  /** `apply`, which must go well. */
  readonly apply: () => Promise<void>;
  /** Starts the daemon; resolves once its loops run. */
  readonly start: (variables?: Variables) => Promise<CliProcess>;
  readonly settled: (timeoutMs?: number) => Promise<void>;
  readonly install: (variables?: Variables) => Promise<Installation>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

export type CliStageOptions = {
  readonly config: ConfigInput;
  /** SQL that makes the tables. */
  readonly schema: string;
  readonly sandbox?: SandboxOptions;
  readonly variables?: Variables;
  /** Who the commands log in as, if not the superuser; `schema` makes the role, and who disposes of the stage drops it. */
  readonly login?: { readonly user: string; readonly password: string };
  /** Another server than the run's. */
  readonly serverUrl?: string;
};

export async function createCliStage(options: CliStageOptions): Promise<CliStage> {
  const database = await createDatabase(undefined, options.serverUrl);
  await database.pool.query(options.schema);
  const sandbox = await startSandbox({ limit: null, ...options.sandbox });
  const folder = await mkdtemp(join(tmpdir(), 'pgnotion-cli-'));
  // Each database has a slot of its own on the server that they share.
  const input: ConfigInput = {
    slot: database.name,
    plugin: pluginUnderTest(),
    syncLog: { level: 'off' },
    ...options.config,
  };
  const configure = (more: Partial<ConfigInput>): Promise<void> =>
    writeFile(
      join(folder, 'pgnotion.config.ts'),
      `export default ${JSON.stringify({ ...input, ...more }, null, 2)};\n`,
    );
  await configure({});
  const config = parseConfig(input);
  const variables: Variables = {
    DATABASE_URL: inDatabase(database.url, database.name, options.login),
    NOTION_API_KEY: sandbox.token,
    NOTION_BASE_URL: sandbox.url,
    NOTION_PARENT_PAGE_ID: sandbox.parentPageId,
    NOTION_RATE_LIMIT: '100000/1s',
    SYNC_INTERVAL_SECONDS: '0.5',
    SYNC_QUERY_LAG_SECONDS: '0.3',
    ADMIN_PORT: '0',
    ...options.variables,
  };
  const processes: CliProcess[] = [];
  const spawn: CliStage['spawn'] = (args, extra = {}) => {
    const child = spawnCli(args, { cwd: folder, variables: { ...variables, ...extra } });
    processes.push(child);
    return child;
  };
  const run: CliStage['run'] = (args, extra = {}) =>
    runCli(args, { cwd: folder, variables: { ...variables, ...extra } });
  return {
    database,
    sandbox,
    folder,
    config,
    variables,
    configure,
    run,
    spawn,
    apply: async () => {
      const { code, stderr } = await run(['apply'], { NOTION_TIMEOUT_SECONDS: '' });
      if (code !== 0) throw new Error(`apply failed: ${stderr}`);
    },
    start: (extra) =>
      pastOthers(
        async () => {
          const child = spawn(['start'], extra);
          await child.says('"msg":"syncing"');
          return child;
        },
        (error) => options.serverUrl === undefined && messageOf(error).includes(`(${SLOT_BLOCKED})`),
      ),
    settled: (timeoutMs) => waitUntilSettled(database, config.tables.length, timeoutMs),
    install: (extra = {}) =>
      openInstallation(config, readEnvironment({ ...variables, ...extra }, config), silentLog()),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(processes.map((child) => child.kill9()));
      await sandbox.close();
      await database.drop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
