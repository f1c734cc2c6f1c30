import type { Pool } from 'pg';
import type { Environment } from '../../config/environment.ts';
import type { Config } from '../../config/mapping-file.ts';
import type {
  Look,
  OwnSlotLook,
  PostgresFacts,
  PublicationLook,
  ServerLook,
  StateLook,
  TableLook,
} from '../../model/doctor/facts.ts';
import { type Fault, PgnotionError } from '../../model/errors.ts';
import type { TableName } from '../../model/ids.ts';
import { whyCopied } from '../../model/installation-marker.ts';
import type { ResolvedTable, TableMapping } from '../../model/mapping.ts';
import { judgeSlot } from '../../model/slot-verdict.ts';
import { wantedTables } from '../../model/wanted-tables.ts';
import { briefQueries } from '../../postgres/brief-queries.ts';
import { publicationNeeds, readSession } from '../../postgres/doctor-facts.ts';
import { describeConnectError, describeTarget } from '../../postgres/pool.ts';
import { inspectServer } from '../../postgres/preflight.ts';
import { type PublicationFacts, readPublication } from '../../postgres/publication-facts.ts';
import { sampleFaults } from '../../postgres/query-checks.ts';
import { everythingWrong, resolveEach } from '../../postgres/resolve-each.ts';
import { assertSameDatabase, currentDatabase, hasSameRole, ping } from '../../postgres/server-identity.ts';
import { identifySystem, inspectSlot } from '../../postgres/slot.ts';
import { catalogFaults } from '../../reconcile/publication.ts';
import { readCheckpoint } from '../../state/checkpoint.ts';
import { readStateSchema } from '../../state/doctor-facts.ts';
import { readInstallation } from '../../state/installation.ts';
import { createStore } from '../../state/sql.ts';
import { presentBinding } from '../installation-identity.ts';
import { checkPlugin } from '../output-plugin.ts';
import { slotVerdict } from '../prepare-slot.ts';
import { look, unseen } from './look.ts';

export type DoctorConfig = Pick<Config, 'slot' | 'publication' | 'plugin' | 'tables'>;

export type PostgresEnd = {
  readonly pool: Pool;
  readonly config: DoctorConfig;
  readonly environment: Environment;
};

/** Of PostgreSQL: the facts, and what the look at Notion needs of them. */
export type PostgresSeen = {
  readonly facts: PostgresFacts;
  readonly tables: readonly ResolvedTable[];
  /** Whether our schema can be read as this version knows it; `fresh` if nothing was made yet. */
  readonly state: 'readable' | 'fresh' | 'unreadable';
};

const NOT_REACHED = 'PostgreSQL was not reached';

/** The facts of an end that nobody could look at. */
export const postgresUnseen = (tables: readonly TableMapping[], why: string, target = ''): PostgresFacts => ({
  target,
  connection: unseen(why),
  replication: unseen(why),
  session: unseen(why),
  slot: unseen(why),
  state: unseen(why),
  publication: unseen(why),
  tables: tables.map(({ name }) => ({ table: name, look: unseen(why) })),
});

/** Looks at everything that a sync needs of PostgreSQL. Changes nothing. */
export async function lookAtPostgres(end: PostgresEnd): Promise<PostgresSeen> {
  const { pool, config, environment } = end;
  const { DATABASE_URL: url, REPLICATION_URL: replicationUrl = url } = environment;
  const target = describeTarget(url);
  const connection = await look('the connection', () => lookAtServer(end));
  if (connection.kind !== 'seen')
    return {
      facts: { ...postgresUnseen(config.tables, NOT_REACHED, target), connection },
      tables: [],
      state: 'unreadable',
    };
  const session = await look('the session', () => readSession(pool, config.slot));
  const mayCreate = session.kind === 'seen' && session.value.mayCreate;
  const replication = await look('the replication connection', async () => {
    await identifySystem(replicationUrl);
    await assertSameDatabase(pool, { url, replicationUrl });
    return { target: describeTarget(replicationUrl), isSeparate: replicationUrl !== url };
  });
  const state = await look('the schema pgnotion', () => lookAtState(end));
  const hasState = state.kind === 'seen' && state.value.version === state.value.newest;
  const isFresh = state.kind === 'seen' && state.value.version === null;
  const slot =
    replication.kind !== 'seen'
      ? unseen<OwnSlotLook>('there is no replication connection')
      : hasState || isFresh
        ? await look('the slot', () => lookAtSlot(end, replicationUrl, hasState))
        : unseen<OwnSlotLook>('how far it was read is kept in the schema pgnotion, which was not read');
  const { tables, looks, publication } = await lookAtTables(end, mayCreate);
  const facts = { target, connection, replication, session, slot, state, publication, tables: looks };
  return { facts, tables, state: hasState ? 'readable' : isFresh ? 'fresh' : 'unreadable' };
}

async function lookAtServer({ pool, config, environment }: PostgresEnd): Promise<ServerLook> {
  const { DATABASE_URL: url, REPLICATION_URL: replicationUrl = url } = environment;
  await ping(pool).catch((error: unknown) => {
    throw describeConnectError(error, url);
  });
  const { facts, faults } = await inspectServer(pool, config.slot);
  // What another role may do shows when that one connects.
  const counting = faults.filter(({ path }) => path !== 'role' || hasSameRole(url, replicationUrl));
  const plugin = await checkPlugin(pool, config).then(
    (): readonly Fault[] => [],
    (error: unknown) => {
      if (error instanceof PgnotionError) return error.faults.map((fault) => ({ ...fault, path: 'plugin' }));
      throw error;
    },
  );
  return { ...facts, faults: [...counting, ...plugin] };
}

async function lookAtState({ pool }: PostgresEnd): Promise<StateLook> {
  const sql = createStore(pool, 0);
  const schema = await readStateSchema(sql);
  const stored = schema.version === schema.newest ? await readInstallation(sql) : null;
  if (stored === null) return { ...schema, installation: null };
  const copied = whyCopied(stored.bound, await presentBinding({ pool }));
  return { ...schema, installation: { id: stored.id, whyCopied: copied } };
}

async function lookAtSlot(
  { pool, config }: PostgresEnd,
  url: string,
  hasState: boolean,
): Promise<OwnSlotLook> {
  const store = createStore(pool, 0);
  const system = await identifySystem(url);
  const found = await inspectSlot(pool, config.slot);
  const seen = found.exists
    ? { isRead: found.active, walStatus: found.walStatus }
    : { isRead: false, walStatus: null };
  if (hasState) {
    const checkpoint = await readCheckpoint(store, config.slot);
    const installation = { pool, config };
    const verdict = await slotVerdict(
      { installation, store, takeOver: false },
      { found, checkpoint, system },
    );
    return { name: config.slot, verdict, ...seen };
  }
  const verdict = judgeSlot({
    found: found.exists ? { ...found, lost: found.invalidationReason } : null,
    known: null,
    system,
    database: await currentDatabase(pool),
    plugin: config.plugin,
    asked: null,
    isAnotherPublication: false,
    isAnnounced: false,
    takeOver: false,
  });
  return { name: config.slot, verdict, ...seen };
}

async function lookAtTables(end: PostgresEnd, mayCreate: boolean) {
  const { pool, config, environment } = end;
  const db = briefQueries(pool);
  const strategy = environment.SYNC_CONFLICT_STRATEGY;
  const resolution = await resolveEach(db, config.tables, { strategy }).catch(() => null);
  const {
    unresolved = new Map<TableName, PgnotionError>(),
    paused = new Map<TableName, readonly Fault[]>(),
  } = resolution ?? {};
  const tables = (resolution?.tables ?? []).filter(({ name }) => !paused.has(name));
  const byName = new Map(tables.map((table) => [table.name, table]));
  const seen: CatalogSeen = await look('the catalog', async () => ({
    publication: await readPublication(pool, config.publication, wantedTables(tables)),
    faults: await catalogFaults({ pool, publication: config.publication, tables: byName }),
    doubled: await sampleFaults(db, tables),
  }));
  const looks = config.tables.map(async (mapping) => {
    const error = unresolved.get(mapping.name) ?? paused.get(mapping.name);
    return {
      table: mapping.name,
      look: await look(`the table ${mapping.source}`, () => lookAtTable(end, mapping, seen, error)),
    };
  });
  const publication = await look('the publication', async (): Promise<PublicationLook> => {
    const { publication: facts, faults } = known(seen);
    const refused = new Set([...faults.values()].flat().map(({ path }) => path));
    const wanted = wantedTables(tables).filter(({ name }) => !refused.has(name));
    return {
      name: config.publication,
      exists: facts.state !== null,
      ...publicationNeeds(facts, wanted, mayCreate),
    };
  });
  return { tables, looks: await Promise.all(looks), publication };
}

type CatalogSeen = Look<{
  readonly publication: PublicationFacts;
  readonly faults: ReadonlyMap<TableName, readonly Fault[]>;
  readonly doubled: ReadonlyMap<TableName, Fault>;
}>;

function known<T>(seen: Look<T>): T {
  if (seen.kind === 'seen') return seen.value;
  throw new Error(seen.kind === 'failed' ? seen.message : seen.why);
}

async function lookAtTable(
  { pool, config, environment }: PostgresEnd,
  mapping: TableMapping,
  seen: CatalogSeen,
  error: PgnotionError | readonly Fault[] | undefined,
): Promise<TableLook> {
  const { name, source, key, direction } = mapping;
  const about = { table: name, source, key, writes: direction !== 'to-notion' };
  if (error !== undefined) {
    const strategy = environment.SYNC_CONFLICT_STRATEGY;
    const all = await everythingWrong(briefQueries(pool), [mapping], strategy, config.tables);
    const faults = all?.faults ?? ('faults' in error ? error.faults : error);
    if (faults.length === 0) throw error;
    return { ...about, identity: '', faults };
  }
  const { publication, faults, doubled } = known(seen);
  return {
    ...about,
    identity: identityOf(publication, mapping),
    faults: [...(faults.get(name) ?? []), ...[doubled.get(name) ?? []].flat()],
  };
}

const IDENTITIES = { d: 'default', f: 'full', i: 'an index', n: 'nothing' } as const;

const identityOf = ({ tables }: PublicationFacts, { source }: TableMapping): string => {
  const kinds = new Set((tables.get(source)?.parts ?? []).map(({ identity }) => IDENTITIES[identity]));
  return [...kinds].join(' and ') || 'default';
};
