import { databaseVariable } from '../config/environment.ts';
import type { DataSourceId, TableName } from '../model/ids.ts';
import { sentences } from '../model/sentences.ts';
import { type AppliedTable, applyTables, seenSource } from '../notion/apply-schema.ts';
import type { NotionClient, NotionDataSource } from '../notion/client.ts';
import { applyReportDatabase, type ReportDatabase } from '../notion/report-database.ts';
import type { Sources } from '../notion/schema.ts';
import { rehearseSchema, type SchemaRehearsal } from '../notion/schema-rehearsal.ts';
import type { StoredInstallation } from '../state/installation.ts';
import { type ReportDatabaseName, readReportDatabase } from '../state/report-databases.ts';
import type { Sql } from '../state/sql.ts';
import { type Installation, knownSchemas, knownSources } from './connections.ts';
import { lookAtInstallation } from './installation-identity.ts';
import { assertLastStart, assertOwnSource, isMarked } from './installation-marks.ts';
import { dataSourceOf } from './named-source.ts';
import { type Repointed, repointedTables } from './repoint.ts';
import { wantedReportDatabases } from './report-databases.ts';

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
  /** What it asks of Notion, but for the counts of pages at its end. */
  readonly requests: number;
  /** What a start asks to find the databases that the environment names. */
  readonly lookups: number;
};

/** Goes through all that `apply` does, and keeps what it would change. Throws what `apply` would throw before it changes anything. */
export async function planSchema(
  installation: Installation,
  notion: NotionClient,
  store: Sql,
): Promise<PlannedSchema> {
  const { environment, tables } = installation;
  const own = await lookAtInstallation(installation, store);
  const counting = countingLookups(notion);
  const sources = await knownSources(installation, counting.notion, { store });
  const lookups = counting.requests();
  const rehearsal = rehearseSchema(notion);
  const seen: { table: TableName; actual: NotionDataSource; idProperty: null }[] = [];
  const claim = { own, takeOver: false };
  for (const [table, id] of sources) {
    const actual = await seenSource(rehearsal.client, id, ASK);
    if (actual === null) continue;
    assertOwnSource(installation, claim, { table, actual });
    seen.push({ table, actual, idProperty: null });
  }
  const starts = await assertLastStart(installation, notion, claim, seen);
  const known = await knownSchemas(installation, sources, store);
  const parentPageId = environment.NOTION_PARENT_PAGE_ID ?? null;
  const applied = await applyTables(rehearsal.client, tables, { parentPageId, sources, known }, ASK);
  const marked = new Set(
    tables
      .filter(({ name, idProperty }) => {
        const done = applied.find(({ table }) => table === name);
        return done !== undefined && Object.hasOwn(done.ids, idProperty) && !isMarked(claim, done.schema);
      })
      .map(({ name }) => name),
  );
  const places = new Map(applied.map(({ table, dataSourceId }) => [table, dataSourceId]));
  const reports = await planReports(installation, { notion, rehearsal, store }, places);
  const moved = await repointedTables(installation, sources, store);
  // Of each table that is moved, the place is looked at, and whatever points to it.
  const aiming = ({ table }: Repointed): number =>
    tables.filter(({ fields }) => fields.some(({ relatedTable }) => relatedTable === table)).length;
  const moving = moved.reduce((sum, each) => sum + 1 + 2 * aiming(each), 0);
  // The bot, the named databases twice, the last start, the marks.
  const asked = 1 + 2 * lookups + (starts === null ? 0 : 1) + marked.size;
  const requests = asked + moving + reports.requests + rehearsal.requests();
  return { own, sources, applied, rehearsal, moved, marked, requests, lookups, reports: reports.changed };
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
    const { dataSource, created } = await planReport(
      installation,
      { ...ends, notion: counting.notion },
      name,
      report,
    );
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
    if (place === null) return null;
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
