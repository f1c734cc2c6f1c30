import { Kysely, PostgresDialect } from 'kysely';
import type { Pool } from 'pg';
import { databaseVariable, type Environment } from '../config/environment.ts';
import type { Config } from '../config/mapping-file.ts';
import { type Fault, messageOf, PgnotionError } from '../model/errors.ts';
import { dataSourceId, type TableName } from '../model/ids.ts';
import type { Look } from '../model/looks.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { type AppliedTable, applyTables } from '../notion/apply-schema.ts';
import type { NotionClientOptions } from '../notion/call.ts';
import { createNotionClient, type NotionClient, type RequestInfo } from '../notion/client.ts';
import type { MakeDatabase } from '../notion/create-database.ts';
import type { KeepRefusal } from '../notion/refusal-gate.ts';
import type { Sources } from '../notion/schema.ts';
import { createThrottle, type Ledger, type Throttle } from '../notion/throttle.ts';
import { briefQueries } from '../postgres/brief-queries.ts';
import { createPool, describeConnectError, severPool } from '../postgres/pool.ts';
import { notUnique, sampleFaults } from '../postgres/query-checks.ts';
import { type Resolving, resolveAs } from '../postgres/resolve-each.ts';
import type { UserDatabase } from '../postgres/rows.ts';
import { searchPathOption } from '../postgres/search-path.ts';
import { ping } from '../postgres/server-identity.ts';
import { createWritePool, createWriter, type Writer } from '../postgres/writer.ts';
import type { Log } from '../runtime/log.ts';
import { within } from '../runtime/retry.ts';
import { type Meeting, renewContact } from '../state/first-contact.ts';
import { madeSources } from '../state/made-databases.ts';
import { migrate } from '../state/migrate.ts';
import { keepNotionRefusal } from '../state/notion-refusal.ts';
import { type Answer, recentRequests, recordRequest } from '../state/requests.ts';
import { readSources, type Source } from '../state/sources.ts';
import { createStore, type Sql, type Store } from '../state/sql.ts';
import { applyLooks } from './apply-looks.ts';
import { HIDDEN } from './data-source-faults.ts';
import { claimSources, markedOf, markSources } from './installation-marks.ts';
import { keepMade } from './keep-made.ts';
import { makeOnce } from './make-database.ts';
import { dataSourceOf } from './named-source.ts';
import { assertOneTableEach } from './one-table-each.ts';
import { knownSchemas, settleTable } from './table-schemas.ts';

/** The two ends, opened and checked, and the mapping between them. Everything that commands and daemon share. */
export type Installation = {
  readonly config: Config;
  readonly environment: Environment;
  readonly pool: Pool;
  /** That of `db`, whose values stay PostgreSQL's text. */
  readonly rawPool: Pool;
  readonly db: UserDatabase;
  /** Changes the users' tables, over connections of its own. */
  readonly writer: Writer;
  /** Those that can be synced as things are. */
  readonly tables: readonly ResolvedTable[];
  /** The others, and why. */
  readonly unresolved: ReadonlyMap<TableName, PgnotionError>;
  /** What speaks against the fields that a table goes without. */
  readonly paused: ReadonlyMap<TableName, readonly Fault[]>;
  readonly log: Log;
  /** Ends all connections in the middle of whatever they do: PostgreSQL cannot be reached, or is another daemon's. */
  readonly sever: () => void;
  readonly close: () => Promise<void>;
};

/** A good-bye takes no longer, even to a server that does not answer. */
const CLOSE_MS = 3_000;
const MAX_CONNECTIONS = 10;
/** Bounds that a role has for its application: our own state is ours to read, and a migration takes as long as it takes. */
const OWN_STATE = '-c statement_timeout=0 -c lock_timeout=0';
/** A lock that an application or a migration holds on a table takes up no connection for longer. */
const LOCK_SETTING = '-c lock_timeout=2000';
/** A server, or a network, that falls silent on the way up is given up after this. */
const ANSWER_MS = 15_000;
const TABLE_MS = 3_000;
/** A migration may have to go through all that the state holds. */
const MIGRATION_MS = 600_000;

/** Has PostgreSQL itself refuse whatever would change something. */
const READ_ONLY = '-c default_transaction_read_only=on';

type OpenOptions = {
  readonly resolving?: Resolving;
  readonly migrationMs?: number;
  /** Leaves our schema as it is, or absent, and every session unable to write. */
  readonly readOnly?: boolean;
};

/**
 * Opens PostgreSQL, brings our schema up to date and joins the mapping with the catalog. Throws `PgnotionError`, also
 * if the server takes longer than `ANSWER_MS` for an answer, or `migrationMs` for a migration.
 */
export async function openInstallation(
  config: Config,
  environment: Environment,
  log: Log,
  { resolving = 'all', migrationMs = MIGRATION_MS, readOnly = false }: OpenOptions = {},
): Promise<Installation> {
  const { DATABASE_URL: url } = environment;
  const always = readOnly ? READ_ONLY : '';
  const state = { url, max: MAX_CONNECTIONS, raw: false, applicationName: 'pgnotion state', log };
  const first = createPool({ ...state, settings: `${OWN_STATE} ${always}` });
  const opened = [first];
  const sever = (): void => opened.forEach(severPool);
  const close = async (): Promise<void> => {
    const forced = setTimeout(sever, CLOSE_MS);
    await Promise.all(opened.map((each) => each.end()));
    clearTimeout(forced);
  };
  try {
    const answer = within(ANSWER_MS, 'the first query', ping(first));
    await answer.catch((error: unknown) => {
      throw describeConnectError(error, url);
    });
    if (!readOnly) await within(migrationMs, 'bringing the schema pgnotion up to date', migrate(first));
    // Our schema is there from here on, so that a session on the users' tables can be told to leave it out.
    const path = await within(ANSWER_MS, 'reading the search path', searchPathOption(first));
    const settings = `${path} ${always}`;
    // The users' queries and expressions are looked at over it, too.
    const pool = path === '' ? first : createPool({ ...state, settings: `${OWN_STATE} ${settings}` });
    const theirs = { url, applicationName: 'pgnotion', settings: `${LOCK_SETTING} ${settings}`, log };
    const rawPool = createPool({ ...theirs, max: MAX_CONNECTIONS, raw: true });
    const writePool = createWritePool(theirs);
    opened.push(rawPool, writePool, ...(pool === first ? [] : [pool]));
    const [db, writing] = [rawPool, writePool].map(
      (each): UserDatabase => new Kysely({ dialect: new PostgresDialect({ pool: each }) }),
    ) as [UserDatabase, UserDatabase];
    const strategy = environment.SYNC_CONFLICT_STRATEGY;
    const resolution = resolveAs(resolving, briefQueries(pool), config.tables, strategy);
    // Each table may be locked, and is waited for a little.
    const patienceMs = ANSWER_MS + config.tables.length * TABLE_MS;
    const resolved = await within(patienceMs, 'reading the catalog', resolution);
    const writer = createWriter(writing);
    return { config, environment, pool, rawPool, db, writer, ...resolved, log, sever, close };
  } catch (error) {
    await close();
    throw error;
  }
}

type NotionSide = {
  readonly notion: NotionClient;
  readonly throttle: Throttle;
  /** Answers that have not been written to the ledger yet; whoever writes them empties it. */
  readonly answers: Answer[];
  /** For calls of other kinds through the same throttle. */
  readonly options: NotionClientOptions;
};

/**
 * Notion through the one door, whose window outlives the process, unless there is no schema of ours to keep it in. A daemon
 * gives its epoch: see `recordRequest`.
 */
export function openNotion(
  installation: Pick<Installation, 'environment' | 'log'> & { readonly pool: Pool | null },
  epoch: number | null = null,
  onRequest?: (request: RequestInfo) => void,
): NotionSide {
  const { environment, pool, log } = installation;
  const limit = environment.NOTION_RATE_LIMIT;
  const ledgerIn = (store: Store): Ledger => ({
    open: () => recentRequests(store, limit.windowMs),
    record: async (priority) => {
      await recordRequest(store, priority, epoch);
    },
  });
  const ledger = pool === null ? {} : { ledger: ledgerIn(createStore(pool, 0)) };
  const throttle = createThrottle({ limit, log, ...ledger });
  const answers: Answer[] = [];
  const refusals = pool === null || epoch === null ? null : refusalKeeper(createStore(pool, epoch), log);
  const options: NotionClientOptions = {
    ...(refusals && { keepRefusal: refusals }),
    onRequest: (request) => {
      const { priority, status, ms } = request;
      answers.push({ priority, status, ms });
      onRequest?.(request);
    },
    token: environment.NOTION_API_KEY,
    version: environment.NOTION_VERSION,
    timeoutMs: environment.NOTION_TIMEOUT_SECONDS * 1_000,
    throttle,
    log,
    ...(environment.NOTION_BASE_URL === undefined ? {} : { baseUrl: environment.NOTION_BASE_URL }),
  };
  return { notion: createNotionClient(options), throttle, answers, options };
}

/** That it cannot be kept is no reason for the request's caller: the log has told it. */
const refusalKeeper =
  (store: Store, log: Log): KeepRefusal =>
  (refusal) =>
    keepNotionRefusal(store, refusal).catch((error: unknown) => {
      log.debug({ reason: messageOf(error) }, 'what Notion refuses could not be kept');
      return false;
    });

const ASK = { priority: 'live' } as const;

/** The data sources that state or environment name. What the environment says wins. */
export async function knownSources(
  installation: Installation,
  notion: NotionClient,
  {
    keepHidden = false,
    store = createStore(installation.pool, 0),
  }: { readonly keepHidden?: boolean; readonly store?: Sql } = {},
): Promise<Sources> {
  const stored = await readSources(store);
  // Those that an `apply` has made which did not come to its end.
  const known = new Map(await madeSources(store));
  for (const { table, dataSource } of stored.values()) known.set(table, dataSource);
  for (const [table, id] of installation.environment.databaseIds) {
    const source = stored.get(table);
    const named = dataSourceOf(notion, databaseVariable(table), id, known.get(table));
    const found = await named.catch((error: unknown) => {
      const isHidden = keepHidden && error instanceof PgnotionError && error.code === HIDDEN;
      if (source === undefined || !isHidden || !isAt(source, id)) throw error;
      return source.dataSource;
    });
    known.set(table, found);
  }
  const names = new Set(installation.config.tables.map((table) => table.name));
  assertOneTableEach(known, names);
  return new Map([...known].filter(([table]) => names.has(table)));
}

/** Whether an id is that of the place in Notion that is known of a table. */
const isAt = ({ database, dataSource }: Source, id: string): boolean =>
  [database, dataSource].includes(dataSourceId(id));

type ApplyOptions = { readonly takeOver?: boolean; readonly tell?: (text: string) => void };

/** Creates what is missing in Notion and keeps where it is. */
export async function applyToNotion(
  installation: Installation,
  notion: NotionClient,
  { takeOver = false, tell = (text) => installation.log.warn(text) }: ApplyOptions = {},
): Promise<readonly (AppliedTable & { readonly looks: readonly Look[] })[]> {
  const { environment, tables } = installation;
  const doubled = await sampleFaults(briefQueries(installation.pool), tables);
  if (doubled.size > 0) throw notUnique(doubled);
  const sources = await knownSources(installation, notion);
  const claim = await claimSources(installation, notion, sources, takeOver);
  const parentPageId = environment.NOTION_PARENT_PAGE_ID ?? null;
  const sql = createStore(installation.pool, 0);
  const changing: Parameters<typeof applyTables>[0] = {
    ...notion,
    updateDataSource: async (id, input, ask) => {
      // Before the change: a daemon at work must not trust what it reads right after it.
      await renewContact(sql, id);
      return notion.updateDataSource(id, input, ask);
    },
  };
  const known = await knownSchemas(installation, sources);
  const graceMs = environment.SYNC_CREATE_GRACE_SECONDS * 1_000;
  const makeFor = (name: TableName): MakeDatabase =>
    makeOnce({ store: sql, notion, graceMs, tell }, { kind: 'table', name });
  const applied = await applyTables(changing, tables, { parentPageId, sources, known, makeFor }, ASK);
  const all: Sources = new Map(applied.map(({ table, dataSourceId: id }) => [table, id]));
  for (const table of tables) {
    const done = applied.find((each) => each.table === table.name);
    if (done !== undefined)
      await settleTable(installation, table, { actual: done.schema, sources: all, meeting: meetingOf(done) });
  }
  const marked = tables.flatMap((table) => {
    const done = applied.find((each) => each.table === table.name);
    return done === undefined
      ? []
      : [{ ...markedOf(table, done.schema, done.identified), isNew: done.created }];
  });
  const looks = new Map<TableName, readonly Look[]>();
  for (const table of tables) {
    const done = applied.find((each) => each.table === table.name);
    if (done === undefined) continue;
    await keepMade(sql, done);
    looks.set(table.name, await applyLooks({ sql, notion, own: claim.own.id }, table, done));
  }
  await markSources(installation, notion, claim, marked);
  return applied.map((done) => ({ ...done, looks: looks.get(done.table) ?? [] }));
}

const meetingOf = ({ created, changed }: AppliedTable): Meeting =>
  created ? 'made' : changed.length > 0 ? 'changed' : 'applied';
