import { conflictsDatabase } from '../../src/model/conflict-page.ts';
import { SYNC_LOG } from '../../src/model/sync-log.ts';
import type { SandboxControl } from '../../src/sandbox/notion/control.ts';
import type { RequestLogEntry } from '../../src/sandbox/notion/log.ts';

/** The databases that report to people. The daemon writes them in the background, in its own time. */
const REPORTS: readonly string[] = [SYNC_LOG.title, conflictsDatabase([]).title];

/** An id as paths may spell it. */
export const bare = (id: string): string => id.replaceAll('-', '');

const isReport = ({ title }: { readonly title: string }): boolean => REPORTS.includes(title);

/** The data sources of the synced tables. */
export const tableSources = (control: SandboxControl): string[] =>
  control
    .listDatabases()
    .filter((each) => !isReport(each))
    .map(({ dataSourceId }) => bare(dataSourceId));

/**
 * The requests that concern the synced tables: all but those about the databases that report to people. Whoever counts
 * what a change of a row or page costs counts these, for a report may be written at any moment in between.
 */
export function requestsOfTables(
  control: SandboxControl,
  since: (entry: RequestLogEntry) => boolean = () => true,
): RequestLogEntry[] {
  const reports = new Set<string>();
  for (const { databaseId, dataSourceId } of control.listDatabases().filter(isReport)) {
    const pages = [...control.pages(dataSourceId), ...control.trashedPages(dataSourceId)];
    for (const id of [databaseId, dataSourceId, ...pages.map((page) => page.id)]) reports.add(bare(id));
  }
  const ids = ({ path, parent }: RequestLogEntry): string[] =>
    [...path.split(/[/?]/), parent ?? ''].map(bare).filter((part) => part !== '');
  return control.requests().filter((entry) => since(entry) && !ids(entry).some((id) => reports.has(id)));
}

/**
 * Whether a request changes something in Notion, but for what each start says of itself in the description of a database
 * (`installation-marks.ts`).
 */
export const isWrite = ({ method, operation }: RequestLogEntry): boolean =>
  method !== 'GET' && operation !== 'dataSources.query' && operation !== 'databases.update';

/** Remembers how far the log has come; gives whether a request came later. */
export function fromNow(control: SandboxControl): (entry: RequestLogEntry) => boolean {
  const last = control.requests().at(-1)?.seq ?? 0;
  return ({ seq }) => seq > last;
}
