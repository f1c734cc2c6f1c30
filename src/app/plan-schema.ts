import { databaseVariable } from '../config/environment.ts';
import { type DataSourceId, pageId, type TableName } from '../model/ids.ts';
import type { Look } from '../model/looks.ts';
import type { TellRemoval } from '../model/removals.ts';
import { sentences } from '../model/sentences.ts';
import { type AppliedTable, applyTables, seenSource } from '../notion/apply-schema.ts';
import type { NotionClient, NotionDataSource } from '../notion/client.ts';
import { isGone, NotionFailure } from '../notion/error-classification.ts';
import { applyReportDatabase, type ReportDatabase } from '../notion/report-database.ts';
import type { Sources } from '../notion/schema.ts';
import { rehearseSchema, type SchemaRehearsal } from '../notion/schema-rehearsal.ts';
import type { StoredInstallation } from '../state/installation.ts';
import { madeReports } from '../state/made-databases.ts';
import { type ReportDatabaseName, readReportDatabase } from '../state/report-databases.ts';
import { readSources } from '../state/sources.ts';
import type { Sql } from '../state/sql.ts';
import { planLooks } from './apply-looks.ts';
import { type Installation, knownSources } from './connections.ts';
import { MAKING_REQUESTS } from './doctor/notion.ts';
import { lookAtInstallation } from './installation-identity.ts';
import { assertLastStart, assertOwnSource, type Claim, isMarked } from './installation-marks.ts';
import { dataSourceOf } from './named-source.ts';
import { assertNotRenamed } from './one-table-each.ts';
import { findRemovals } from './removals.ts';
import { type Repointed, repointedTables } from './repoint.ts';
import { isTold, wantedReportDatabases } from './report-databases.ts';
import { knownSchemas } from './table-schemas.ts';

const ASK = { priority: 'live' } as const;

/** What `apply` would make of the databases. */
export type PlannedSchema = {
  readonly own: StoredInstallation;
  /** The data sources that there are; those that would be created are not among them. */
  readonly sources: Sources;
  readonly applied: readonly AppliedTable[];
  readonly rehearsal: SchemaRehearsal;
  readonly moved: readonly Repointed[];
  readonly reports: readonly { readonly title: string; readonly created: boolean }[];
  /** Tables whose data source gets our mark, which changes its schema. */
  readonly marked: ReadonlySet<TableName>;
  /** Members of databases that are written: their descriptions, say. */
  readonly looks: ReadonlyMap<TableName, readonly Look[]>;
  /** What is kept unless a person asks for its removal. */
  readonly removals: readonly TellRemoval[];
  /** Databases are created. */
  readonly makes: boolean;
  /** A page is needed to create databases under, and Notion does not show the one that is set; null if it does. */
  readonly hiddenParent: { readonly cause?: NotionFailure } | null;
  /** What it asks of Notion, the checks before it included, but for the counts of pages at its end. */
  readonly requests: number;
  /** What a start asks to find the databases that the environment names. */
  readonly lookups: number;
};

/** Goes through all that `apply` does, and keeps what it would change. Throws what `apply` would throw before it changes anything. */
export async function planSchema(
  installation: Installation,
  notion: NotionClient,
  store: Sql,
  takeOver = false,
): Promise<PlannedSchema> {
  const { environment, tables } = installation;
  const own = await lookAtInstallation(installation, store, takeOver);
  const counting = countingLookups(notion);
  const sources = await knownSources(installation, counting.notion, { store });
  assertNotRenamed(installation.config.tables, await readSources(store), sources);
  const lookups = counting.requests();
  const rehearsal = rehearseSchema(counting.notion);
  const claim = { own, takeOver };
  const starts = await lookAtClaim(installation, counting.notion, { claim, rehearsal, sources });
  const known = await knownSchemas(installation, sources, store);
  const parentPageId = environment.NOTION_PARENT_PAGE_ID ?? null;
  const applied = await applyTables(rehearsal.client, tables, { parentPageId, sources, known }, ASK);
  const marked = unmarkedOf(tables, applied, claim);
  const places = new Map(applied.map(({ table, dataSourceId }) => [table, dataSourceId]));
  const ends = { notion: counting.notion, rehearsal, store };
  const written = await planAllLooks(ends, own, { tables, applied });
  const reports = await planReports(installation, ends, places);
  const moved = await repointedTables(installation, sources, store);
  const moving = movingRequests(tables, moved);
  // The bot, the named databases twice, the last start, the marks.
  const asked = 1 + 2 * lookups + (starts === null ? 0 : 1) + marked.size;
  const removals = await findRemovals({ installation, notion: counting.notion, store }, applied);
  const makes = applied.some(({ created }) => created) || reports.changed.some(({ created }) => created);
  const hiddenParent = makes ? await lookForParent(counting.notion, environment) : null;
  // Before all that, the same is looked at without changing anything, and who is asking.
  const checks = counting.requests() + 1 + (makes ? MAKING_REQUESTS : 0);
  const requests = asked + checks + moving + written.requests + reports.requests + rehearsal.requests();
  const found = { own, sources, applied, rehearsal, moved, marked, removals, makes, hiddenParent };
  return { ...found, requests, lookups, looks: written.looks, reports: reports.changed };
}

/** Makes sure that the databases are this installation's, or nobody's yet. Gives the last start that Notion tells of. */
async function lookAtClaim(
  installation: Installation,
  notion: NotionClient,
  {
    claim,
    rehearsal,
    sources,
  }: { readonly claim: Claim; readonly rehearsal: SchemaRehearsal; readonly sources: Sources },
): ReturnType<typeof assertLastStart> {
  const seen: { table: TableName; actual: NotionDataSource; idProperty: null }[] = [];
  for (const [table, id] of sources) {
    const actual = await seenSource(rehearsal.client, id, ASK);
    if (actual === null) continue;
    assertOwnSource(installation, claim, { table, actual });
    seen.push({ table, actual, idProperty: null });
  }
  return assertLastStart(installation, notion, claim, seen);
}

/** The tables whose data sources have no mark of ours yet, and a property that can have it. */
const unmarkedOf = (
  tables: Installation['tables'],
  applied: readonly AppliedTable[],
  claim: Claim,
): ReadonlySet<TableName> =>
  new Set(
    tables
      .filter(({ name, idProperty }) => {
        const done = applied.find(({ table }) => table === name);
        return done !== undefined && Object.hasOwn(done.ids, idProperty) && !isMarked(claim, done.schema);
      })
      .map(({ name }) => name),
  );

/** Of each table that is moved, the place is looked at, and whatever points to it. */
const movingRequests = (tables: Installation['tables'], moved: readonly Repointed[]): number =>
  moved.reduce((sum, { table }) => {
    const aiming = tables.filter(({ fields }) => fields.some(({ relatedTable }) => relatedTable === table));
    return sum + 1 + 2 * aiming.length;
  }, 0);

/** Null if it is shown, or if none is set, which is told otherwise. */
async function lookForParent(
  notion: NotionClient,
  { NOTION_PARENT_PAGE_ID: id }: Installation['environment'],
): Promise<PlannedSchema['hiddenParent']> {
  if (id === undefined) return null;
  try {
    return (await notion.retrievePage(pageId(id), ASK)).inTrash ? {} : null;
  } catch (error) {
    if (error instanceof NotionFailure && isGone(error)) return { cause: error };
    if (error instanceof TypeError) return {};
    throw error;
  }
}

/** What the configuration says otherwise of databases that are there, and what writing it asks of Notion. */
async function planAllLooks(
  { notion, store }: Ends,
  own: StoredInstallation,
  { tables, applied }: { readonly tables: Installation['tables']; readonly applied: readonly AppliedTable[] },
): Promise<{ readonly looks: PlannedSchema['looks']; readonly requests: number }> {
  const counting = countingLookups(notion);
  const looks = new Map<TableName, readonly Look[]>();
  for (const table of tables) {
    const done = applied.find((each) => each.table === table.name);
    if (done === undefined) continue;
    const at = { sql: store, notion: counting.notion, own: own.id };
    const { members } = await planLooks(at, table, done);
    if (members.length > 0) looks.set(table.name, members);
  }
  return { looks, requests: counting.requests() + looks.size };
}

function countingLookups(notion: NotionClient): {
  readonly notion: NotionClient;
  readonly requests: () => number;
} {
  let requests = 0;
  const count =
    <A extends readonly unknown[], T>(call: (...given: A) => T) =>
    (...given: A): T => {
      requests += 1;
      return call(...given);
    };
  return {
    notion: {
      ...notion,
      retrieveDatabase: count(notion.retrieveDatabase),
      retrieveDataSource: count(notion.retrieveDataSource),
      retrievePage: count(notion.retrievePage),
      query: count(notion.query),
    },
    requests: () => requests,
  };
}

type Ends = {
  readonly notion: NotionClient;
  readonly rehearsal: SchemaRehearsal;
  readonly store: Sql;
};

async function planReports(
  installation: Installation,
  ends: Ends,
  places: Sources,
): Promise<{ readonly changed: PlannedSchema['reports']; readonly requests: number }> {
  const changed: { title: string; created: boolean }[] = [];
  const counting = countingLookups(ends.notion);
  for (const [name, report] of wantedReportDatabases(installation, places)) {
    const planned = await planReport(installation, { ...ends, notion: counting.notion }, name, report).catch(
      (error: unknown) => {
        // What `apply` only tells, and goes on.
        if (isTold(error)) return null;
        throw error;
      },
    );
    if (planned === null) continue;
    const { dataSource, created } = planned;
    const { properties } = ends.rehearsal.changes(dataSource);
    if (properties.length > 0) changed.push({ title: report.title, created });
  }
  return { changed, requests: counting.requests() };
}

async function planReport(
  { environment }: Installation,
  { notion, rehearsal, store }: Ends,
  name: ReportDatabaseName,
  report: ReportDatabase,
): Promise<{ readonly dataSource: DataSourceId; readonly created: boolean }> {
  const place = await readReportDatabase(store, name);
  const parentPageId = environment.NOTION_PARENT_PAGE_ID ?? null;
  const given = environment.reportDatabaseIds.get(name);
  const at = async (): Promise<DataSourceId | null> => {
    if (given !== undefined) return dataSourceOf(notion, databaseVariable(name), given, place?.dataSource);
    if (place === null) return (await madeReports(store)).get(name) ?? null;
    const actual = await seenSource(rehearsal.client, place.dataSource, ASK);
    return (actual === null || actual.inTrash) && parentPageId !== null ? null : place.dataSource;
  };
  const id = await at();
  const known = place !== null && place.dataSource === id ? place.known : {};
  return applyReportDatabase(rehearsal.client, report, { id, parentPageId, known }, ASK);
}

/** What `apply` stops at, a line for each. */
export const faultsOf = ({ faults }: AppliedTable): readonly string[] =>
  faults.map(({ path, message, remedy }) => sentences(`${path}: ${message}`, remedy));
