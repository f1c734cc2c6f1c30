import { databaseVariable } from '../config/environment.ts';
import { asksPeople } from '../model/conflict.ts';
import { conflictsDatabase } from '../model/conflict-page.ts';
import { PgnotionError } from '../model/errors.ts';
import type { DataSourceId } from '../model/ids.ts';
import { DEVIATIONS, driftsOf } from '../model/schema/known.ts';
import { sentences } from '../model/sentences.ts';
import { SYNC_LOG } from '../model/sync-log.ts';
import { seenSource } from '../notion/apply-schema.ts';
import type { NotionClient } from '../notion/client.ts';
import {
  type AppliedReportDatabase,
  applyReportDatabase,
  type ReportDatabase,
} from '../notion/report-database.ts';
import type { Sources } from '../notion/schema.ts';
import { keepDrifts } from '../state/drift.ts';
import { forgetMade, madeReports } from '../state/made-databases.ts';
import {
  type ReportDatabaseName,
  readReportDatabase,
  saveReportDatabase,
} from '../state/report-databases.ts';
import { readSources } from '../state/sources.ts';
import { createStore, inTransaction } from '../state/sql.ts';
import type { Installation } from './connections.ts';
import { makeOnce } from './make-database.ts';
import { dataSourceOf } from './named-source.ts';

type AppliedReportDatabaseLine = {
  readonly title: string;
  /** The environment variable that ties the report database to a database. */
  readonly variable: string;
  readonly id: string;
  readonly created: boolean;
  /** Why it cannot be written to now, and what to do; null if it can. */
  readonly problem: string | null;
};

const ASK = { priority: 'live' } as const;

/** Makes the databases that pgnotion writes for people, as far as the configuration wants them, or completes them. */
export async function applyReportDatabases(
  installation: Installation,
  notion: NotionClient,
  tell: (text: string) => void = (text) => installation.log.warn(text),
): Promise<readonly AppliedReportDatabaseLine[]> {
  const lines: AppliedReportDatabaseLine[] = [];
  const sources = await readSources(createStore(installation.pool, 0));
  const places = new Map([...sources].map(([table, { dataSource }]) => [table, dataSource]));
  for (const [name, reportDatabase] of wantedReportDatabases(installation, places))
    lines.push(await applyOne(installation, { notion, tell }, name, reportDatabase));
  return lines;
}

/** Those that the configuration wants, with relations to the tables that have a place in Notion. */
export function wantedReportDatabases(
  { config, tables }: Pick<Installation, 'config' | 'tables'>,
  sources: Sources,
): readonly [ReportDatabaseName, ReportDatabase][] {
  const wanted: [ReportDatabaseName, ReportDatabase][] = [];
  if (config.syncLog.level !== 'off') wanted.push(['sync_log', SYNC_LOG]);
  if (asksPeople(tables)) {
    const placed = tables.flatMap(({ name, title }) => {
      const dataSource = sources.get(name);
      return dataSource === undefined ? [] : [{ title, dataSource }];
    });
    wanted.push(['conflicts', conflictsDatabase(placed)]);
  }
  return wanted;
}

/** What is only written for people to read never keeps the tables from being applied: it is made anew, or said. */
async function applyOne(
  installation: Installation,
  { notion, tell }: { readonly notion: NotionClient; readonly tell: (text: string) => void },
  name: ReportDatabaseName,
  reportDatabase: ReportDatabase,
): Promise<AppliedReportDatabaseLine> {
  const { environment, pool } = installation;
  const variable = databaseVariable(name);
  const store = createStore(pool, 0);
  const known = await readReportDatabase(store, name);
  const parentPageId = environment.NOTION_PARENT_PAGE_ID ?? null;
  const graceMs = environment.SYNC_CREATE_GRACE_SECONDS * 1_000;
  const make = makeOnce({ store, notion, graceMs, tell }, { kind: 'report', name });
  const knownOf = (id: DataSourceId | null) => (known !== null && known.dataSource === id ? known.known : {});
  const place = async (): Promise<AppliedReportDatabase> => {
    const given = environment.reportDatabaseIds.get(name);
    if (given !== undefined) {
      const id = await dataSourceOf(notion, variable, given, known?.dataSource);
      return applyReportDatabase(notion, reportDatabase, { id, parentPageId, known: knownOf(id) }, ASK);
    }
    const isGone = known !== null && (await isSourceGone(notion, known.dataSource));
    // One that an `apply` has made which did not come to its end.
    const made = (await madeReports(store)).get(name) ?? null;
    const id = known === null || (isGone && parentPageId !== null) ? made : known.dataSource;
    return applyReportDatabase(notion, reportDatabase, { id, parentPageId, known: knownOf(id), make }, ASK);
  };
  try {
    const { dataSource, database, identified, created } = await place();
    const { ids: properties, known: found, deviations } = identified;
    await inTransaction(pool, async (sql) => {
      await saveReportDatabase(sql, name, { dataSource, database, properties, known: found });
      await forgetMade(sql, { kind: 'report', name });
    });
    await keepDrifts(store, name, DEVIATIONS, driftsOf(deviations));
    return { title: reportDatabase.title, variable, id: database ?? dataSource, created, problem: null };
  } catch (error) {
    if (!isTold(error)) throw error;
    const id = known?.dataSource ?? '';
    const problem = sentences(error.message, error.remedy);
    return { title: reportDatabase.title, variable, id, created: false, problem };
  }
}

const SAID = new Set([
  'notion_database_hidden',
  'notion_database_doubtful',
  'notion_parent_hidden',
  'notion_parent_in_trash',
  'notion_parent_missing',
  'notion_schema_faults',
]);

/** Whether `apply` only tells what is wrong with a report database. */
export const isTold = (error: unknown): error is PgnotionError =>
  error instanceof PgnotionError && SAID.has(error.code);

async function isSourceGone(notion: NotionClient, id: DataSourceId): Promise<boolean> {
  const actual = await seenSource(notion, id, ASK);
  return actual === null || actual.inTrash;
}
