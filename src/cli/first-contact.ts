import type { Installation } from '../app/connections.ts';
import { holdsRows } from '../model/first-contact.ts';
import type { TableName } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { isMassChange } from '../model/mass-change.ts';
import type { NotionClient } from '../notion/client.ts';
import { countRows } from '../postgres/read-rows.ts';
import { contactOf, wasMade } from '../state/first-contact.ts';
import { linkedCount } from '../state/records.ts';
import { readSources, type Source } from '../state/sources.ts';
import { createStore } from '../state/sql.ts';

/** What `start` will find in a database that pgnotion has not read yet, as far as Notion lists it by now. */
export type ContactReport = {
  readonly table: TableName;
  /** Pages without a record id: each would become a row. */
  readonly newPages: number;
  /** They are so many that they will wait for a person. */
  readonly guarded: boolean;
  /** Rows without a page: each gets one, unless a page shows its key. */
  readonly newRows: number;
  /** They are so many that they will wait for a person, because pages may be theirs. */
  readonly rowsGuarded: boolean;
  /** Columns by which pages and rows are joined. */
  readonly match: readonly string[];
};

/** Counts what meets in each database of a first contact that has pages. */
export async function reportContacts(
  installation: Installation,
  notion: NotionClient,
): Promise<readonly ContactReport[]> {
  const store = createStore(installation.pool, 0);
  const sources = await readSources(store);
  const reports: ContactReport[] = [];
  for (const table of installation.tables) {
    const source = sources.get(table.name);
    const contact = await contactOf(store, table.name);
    if (source === undefined || contact === null || contact.origin === 'made') continue;
    if (!(await hasPages(notion, source))) continue;
    const rows = await countRows(installation.db, table);
    const unlinked = await countWithoutKey(notion, table, source);
    const newPages = table.direction === 'to-notion' ? 0 : unlinked;
    const load = { crossed: 0, waiting: 0, coming: newPages, records: rows };
    const linked = await linkedCount(store, table.name, rows);
    const newRows = table.direction === 'to-postgres' ? 0 : Math.max(0, rows - linked);
    const match = contact.knownBefore ? [] : table.match;
    const { creation } = installation.config.guards;
    const made = await wasMade(store, table.name);
    const met = { made, isMatched: match.length > 0, pages: unlinked, unlinked, rows, coming: newRows };
    reports.push({
      table: table.name,
      newPages,
      guarded: isMassChange(load, creation),
      match,
      newRows,
      rowsGuarded: !contact.knownBefore && holdsRows(met, creation),
    });
  }
  return reports;
}

const hasPages = async (notion: NotionClient, { dataSource }: Source): Promise<boolean> =>
  (await notion.query({ dataSourceId: dataSource, pageSize: 1 }, { priority: 'live' })).pages.length > 0;

async function countWithoutKey(notion: NotionClient, table: ResolvedTable, source: Source): Promise<number> {
  const property = source.properties[table.idProperty] ?? table.idProperty;
  let count = 0;
  let cursor: string | null = null;
  do {
    const answer: Awaited<ReturnType<NotionClient['query']>> = await notion.query(
      {
        dataSourceId: source.dataSource,
        filter: { property, rich_text: { is_empty: true } },
        ...(cursor === null ? {} : { cursor }),
      },
      { priority: 'live' },
    );
    count += answer.pages.length;
    cursor = answer.nextCursor;
  } while (cursor !== null);
  return count;
}

/** Comment lines for what `apply` prints, which may be kept as an `.env` file. */
export function contactLines(reports: readonly ContactReport[]): string[] {
  return reports.flatMap(({ table, newPages, guarded, newRows, rowsGuarded, match }) => {
    if (match.length > 0) return matchLines({ table, newPages, newRows, match });
    const waits = `they wait for \`pgnotion guarded approve ${table} --kind creation\``;
    const becomes = guarded ? waits : 'each becomes a row at `start`';
    const gets = rowsGuarded
      ? `${waits}, but for those whose key a page shows`
      : 'each gets one, unless a page shows its key';
    return [
      ...(newPages === 0 ? [] : [`# ${table}: ${newPages} pages without a record id; ${becomes}`]),
      ...(newRows === 0 ? [] : [`# ${table}: ${newRows} rows without a page; ${gets}`]),
    ];
  });
}

const matchLines = ({
  table,
  newPages,
  newRows,
  match,
}: Omit<ContactReport, 'guarded' | 'rowsGuarded'>): readonly string[] => [
  ...(newPages === 0
    ? []
    : [
        `# ${table}: ${newPages} pages without a record id; \`start\` joins each with the row that has its ${match.join(' and ')}, if both are the only ones; \`pgnotion plan\` tells what becomes of each`,
      ]),
  ...(newRows === 0
    ? []
    : [
        `# ${table}: ${newRows} rows without a page; each gets one, unless a page shows its key or matches it`,
      ]),
];

/** Tables that the configuration has got since the others were applied. */
export const notApplied = (
  { tables }: Installation['config'],
  rows: readonly { readonly table_name: string }[],
): string[] =>
  rows.length === 0
    ? []
    : tables
        .filter(({ name }) => !rows.some((row) => row.table_name === name))
        .map(({ name }) => `${name}: has no database in Notion yet. Run \`pgnotion apply\``);
