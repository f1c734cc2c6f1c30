import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { applyToNotion, type Installation, openNotion } from '../../src/app/connections.ts';
import type { PageView } from '../../src/sandbox/notion/human.ts';
import type { Property } from '../../src/sandbox/notion/types.ts';
import { TIMES } from './chaos-commands.ts';
import { type Landings, noteLandings } from './chaos-landings.ts';
import { type ChaosTable, chaosConfig, chaosOperations, chaosRole, chaosSchema } from './chaos-shop.ts';
import { type CliStage, createCliStage } from './cli-stage.ts';
import type { CliProcess } from './daemon-process.ts';
import type { Wait } from './history/history.ts';
import { serverUrlUnderTest } from './matrix.ts';
import { asAdmin } from './postgres.ts';

export const RATE = { requests: 50, windowMs: 1_000 } as const;
export const POLL_SECONDS = 0.2;

/** One run's two sides, the daemon between them, and what the run itself has to remember. */
export type World = {
  readonly stage: CliStage;
  readonly installation: Installation;
  /** The daemon's, which owns the tables. */
  readonly role: string;
  readonly columns: Readonly<Record<ChaosTable, readonly string[]>>;
  /** Every commit of the sandbox, a line each. */
  readonly journal: string;
  readonly sources: Readonly<Record<ChaosTable, string>>;
  readonly databases: Readonly<Record<ChaosTable, string>>;
  /** Names of the configuration -> ids of the properties that were made for them. */
  readonly properties: Readonly<Record<ChaosTable, Readonly<Record<string, string>>>>;
  /** What has the id of that property now, whatever it is called; undefined once it was deleted. */
  readonly propertyById: (table: ChaosTable, name: string) => Property | undefined;
  /** What a property of the mapping is called now; undefined while it is gone, or of another type. */
  readonly propertyNow: (table: ChaosTable, name: string) => string | undefined;
  readonly sql: <Row extends object>(text: string, values?: readonly unknown[]) => Promise<Row[]>;
  readonly pages: (table: ChaosTable) => PageView[];
  /** A number that no value of this run has yet. */
  readonly next: () => number;
  /** Pages that a person took out of the trash: their keys may have other pages by now. */
  readonly restored: Set<string>;
  /** `table/option` -> the id of the option of `Mood` that was made for it. */
  readonly moods: ReadonlyMap<string, string>;
  /** Pages that a person took away from where they were, and how. */
  readonly away: Map<string, { readonly table: ChaosTable; readonly how: 'archive' | 'unshare' | 'moved' }>;
  /** All that were ever taken away: a create in doubt that is not to be seen cannot be found either. */
  readonly taken: Set<string>;
  /** Pages that were moved out of their database and back. */
  readonly movedBack: Set<string>;
  /** `page/property` of what a person emptied. */
  readonly cleared: Set<string>;
  /** Page -> files that a person uploaded, and that no person took out again, and when. */
  readonly uploads: Map<string, readonly { readonly file: string; readonly at: number }[]>;
  /** Pages that a person copied from others, with all that these showed. */
  readonly copies: Set<string>;
  /** Page -> all that a person ever related it to: a page that the connection may not see, no relation shows it. */
  readonly related: Map<string, ReadonlySet<string>>;
  /** Pages on which a person typed a key: a create in doubt whose page shows another key is not found by its own. */
  readonly spelled: Set<string>;
  /** Keys that SQL deleted or changed away from. */
  readonly gone: Record<ChaosTable, string[]>;
  /** What is done in PostgreSQL for a while, beside the other steps. */
  readonly tasks: Set<Promise<unknown>>;
  /** Tables whose row-level security stays on until the end of the run. */
  readonly secured: Set<ChaosTable>;
  /** Changes that somebody waited for, and what the answer was. */
  readonly waits: Wait[];
  /** How the daemon's writes came to take effect, by the place of their commit in the journal. */
  readonly landings: Landings;
  readonly daemon: Daemon;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

export type Daemon = {
  /** Starts it unless it runs; resolves at once. */
  readonly start: () => void;
  /** Resolves once it syncs; starts it again as a supervisor would when a fault at its start ended it. */
  readonly ready: () => Promise<void>;
  readonly end: (signal: 'SIGKILL' | 'SIGTERM') => Promise<void>;
  readonly running: () => boolean;
  readonly syncing: () => boolean;
  /** Why it ended by itself although it had been syncing: it never may. */
  readonly died: () => string | null;
  readonly output: () => string;
};

/** The real program in processes of its own: every kill is a kill -9 of `node src/cli/main.ts start`. */
function superviseDaemon(stage: CliStage): Daemon {
  const all: CliProcess[] = [];
  let present: CliProcess | null = null;
  let died: string | null = null;
  const syncs = (child: CliProcess): boolean => child.stderr().includes('"msg":"syncing"');
  const running = (): boolean => present !== null && !present.ended();
  const start = (): void => {
    if (running()) return;
    if (present !== null && syncs(present)) died ??= present.stderr().slice(-2_000);
    present = stage.spawn(['start']);
    all.push(present);
  };
  return {
    start,
    running,
    syncing: () => running() && present !== null && syncs(present),
    died: () => {
      if (present?.ended() && syncs(present)) died ??= present.stderr().slice(-2_000);
      return died;
    },
    ready: async () => {
      for (let tries = 1; ; tries += 1) {
        start();
        try {
          return await present?.says('"msg":"syncing"', 20_000);
        } catch (error) {
          if (tries === 6 || running()) throw error;
        }
      }
    },
    end: async (signal) => {
      const mine = present;
      present = null;
      mine?.signal(signal);
      await mine?.exit;
    },
    output: () => all.map((child, at) => `--- process ${at + 1}\n${child.stderr()}`).join('\n'),
  };
}

export async function createWorld(name: string): Promise<World> {
  const journal = join(tmpdir(), `pgnotion-chaos-${process.pid}-${name}-${Date.now()}.jsonl`);
  // The daemon is no superuser, whom row-level security does not concern.
  const login = { user: `chaos_${process.pid}_${name}_${Date.now()}`, password: 'secret' };
  const stage = await createCliStage({
    config: chaosConfig,
    schema: chaosSchema + chaosRole(login),
    login,
    sandbox: { journal, limit: { ...RATE, mode: 'sliding' } },
    variables: {
      NOTION_RATE_LIMIT: `${RATE.requests}/${RATE.windowMs / 1_000}s`,
      SYNC_INTERVAL_SECONDS: String(POLL_SECONDS),
      SYNC_QUERY_LAG_SECONDS: '0.5',
      SYNC_CREATE_GRACE_SECONDS: String(TIMES.graceSeconds),
      NOTION_TIMEOUT_SECONDS: String(TIMES.clientSeconds),
      LOG_LEVEL: 'debug',
      NODE_COMPILE_CACHE: join(tmpdir(), 'pgnotion-chaos-cache'),
    },
  });
  // That a database's creation is in doubt ends `apply`: only the daemon works by the short deadline.
  const installation = await stage.install({ NOTION_TIMEOUT_SECONDS: '20' });
  const { notion, throttle } = openNotion(installation);
  await applyToNotion(installation, notion);
  await throttle.stop();
  await stage.database.pool.query(chaosOperations);
  const { pool } = stage.database;
  const sql: World['sql'] = async <Row extends object>(text: string, values: readonly unknown[] = []) => {
    const run = () => pool.query<Row>(text, [...values]);
    // Two acts that change the rights or the shape of one table: PostgreSQL has the second one try again.
    const again = (error: unknown) =>
      error instanceof Error && error.message === 'tuple concurrently updated'
        ? run()
        : Promise.reject(error);
    return (await run().catch(again)).rows;
  };
  const known = await sql<{ name: ChaosTable; id: string }>(
    'select table_name as name, data_source_id as id from pgnotion.data_sources',
  );
  const sources = Object.fromEntries(known.map((each) => [each.name, each.id])) as World['sources'];
  const schema = schemaOf(stage, sources);
  const columns = await sql<{ name: ChaosTable; columns: string[] }>(
    `select table_name as name, array_agg(column_name::text) as columns from information_schema.columns
      where table_schema = 'public' and table_name in ('parents', 'children') group by table_name`,
  );
  const landings = noteLandings(stage.sandbox.control);
  let numbered = 0;
  return {
    stage,
    installation,
    role: login.user,
    columns: {
      parents: columns.find(({ name }) => name === 'parents')?.columns ?? [],
      children: columns.find(({ name }) => name === 'children')?.columns ?? [],
    },
    journal,
    sources,
    sql,
    pages: (table) => stage.sandbox.control.pages(sources[table]),
    next: () => {
      numbered += 1;
      return numbered;
    },
    ...schema,
    restored: new Set(),
    away: new Map(),
    taken: new Set(),
    movedBack: new Set(),
    cleared: new Set(),
    uploads: new Map(),
    copies: new Set(),
    related: new Map(),
    spelled: new Set(),
    gone: { parents: [], children: [] },
    tasks: new Set(),
    secured: new Set(),
    waits: [],
    landings,
    daemon: superviseDaemon(stage),
    [Symbol.asyncDispose]: async () => {
      landings[Symbol.dispose]();
      await installation.close();
      await stage[Symbol.asyncDispose]();
      await asAdmin(serverUrlUnderTest(), (admin) => admin.query(`drop role ${login.user}`));
    },
  };
}

type Schema = Pick<World, 'databases' | 'properties' | 'moods' | 'propertyById' | 'propertyNow'>;

/** The properties as they were made, which people rename, delete and type otherwise afterwards. */
function schemaOf(stage: CliStage, sources: World['sources']): Schema {
  const sourceOf = (table: ChaosTable) => {
    const found = stage.sandbox.control.snapshot().dataSources.find(({ id }) => id === sources[table]);
    if (found === undefined) throw new Error(`the data source of ${table} is gone`);
    return found;
  };
  const first = { parents: sourceOf('parents'), children: sourceOf('children') };
  const idsOf = (table: ChaosTable) =>
    Object.fromEntries(first[table].properties.map(({ name, id }) => [name, id]));
  const properties = { parents: idsOf('parents'), children: idsOf('children') };
  const propertyById: Schema['propertyById'] = (table, name) =>
    sourceOf(table).properties.find(({ id }) => id === properties[table][name]);
  return {
    databases: { parents: first.parents.databaseId, children: first.children.databaseId },
    properties,
    moods: new Map(
      (['parents', 'children'] as const).flatMap((table) => {
        const mood = first[table].properties.find(({ name }) => name === 'Mood');
        return mood !== undefined && 'options' in mood
          ? mood.options.map(({ name, id }) => [`${table}/${name}`, id] as const)
          : [];
      }),
    ),
    propertyById,
    propertyNow: (table, name) => {
      const made = first[table].properties.find((each) => each.name === name);
      const now = propertyById(table, name);
      return now?.type === made?.type ? now?.name : undefined;
    },
  };
}
