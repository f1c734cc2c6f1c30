import { countAt, idAt } from './check.ts';
import { notFound } from './errors.ts';
import { compareKeys, queryOf, sortKey } from './query.ts';
import { renderProperty, titleOf } from './render.ts';
import { pagesIn } from './sharing.ts';
import type { Store } from './store.ts';
import { cellText, notedIn, type TableRow, tableRows } from './table-rows.ts';
import type { DataSource, JsonObject, Page, Property } from './types.ts';

/** What a person looks at: one data source, narrowed and ordered, of which a window is wanted. */
export type TableQuery = {
  readonly dataSourceId: string;
  /** What was trashed or archived, instead of the live pages. */
  readonly bin?: boolean;
  readonly search?: string;
  /** Only pages with a comment or with a text in the property that tells of refused edits. */
  readonly noted?: boolean;
  /** By a property's id. Without it, oldest first. */
  readonly sort?: { readonly property: string; readonly direction: 'ascending' | 'descending' } | null;
  readonly offset?: number;
  readonly limit?: number;
  /** Places the window so that this page stands in it, whatever the offset. */
  readonly around?: string;
  /** Whether the answer is to tell the schema too. */
  readonly schema?: boolean;
};

type TableWindow = {
  /** Of the workspace, when the answer was made. */
  readonly version: number;
  readonly total: number;
  /** How many live pages have a comment or tell of a refusal, whatever is searched for. */
  readonly noted: number;
  readonly offset: number;
  readonly rows: readonly TableRow[];
  readonly properties: readonly JsonObject[] | null;
  /** Of the schema that the rows' cells follow. */
  readonly schemaKey: string;
};

export type TableActions = {
  readonly table: (query: TableQuery) => TableWindow;
  /** Titles that hold the text, for pickers; the first fifty. */
  readonly findTitles: (dataSourceId: string, text: string) => { id: string; title: string }[];
};

const MOST_ROWS = 200;
const MOST_TITLES = 50;

export function tableActions(store: Store): TableActions {
  return {
    table: (query) => tableWindow(store, query),
    findTitles: (raw, text) =>
      pagesIn(store, sourceAt(store, raw).id)
        .filter((page) => !page.inTrash)
        .map((page) => ({ id: page.id, title: titleOf(store, page).slice(0, 100) }))
        .filter(({ title }) => title.toLowerCase().includes(text.toLowerCase()))
        .slice(0, MOST_TITLES),
  };
}

function sourceAt(store: Store, raw: string): DataSource {
  const id = idAt(raw, 'data_source_id');
  const source = store.dataSources.get(id);
  if (source === undefined) throw notFound('data source', id);
  return source;
}

/** Another one means that the cells of rows stand for other properties. */
export const schemaKey = ({ properties }: DataSource): string =>
  queryOf(properties.map(({ id, type }) => [id, type])).slice(0, 12);

export const isBinned = (page: Page): boolean => page.inTrash || page.isArchived;

function tableWindow(store: Store, query: TableQuery): TableWindow {
  const source = sourceAt(store, query.dataSourceId);
  const all = pagesIn(store, source.id);
  const isNoted = notedIn(store, source.properties);
  const mine = all.filter((page) => isBinned(page) === (query.bin === true));
  const text = (query.search ?? '').trim().toLowerCase();
  const found = mine
    .filter((page) => query.noted !== true || isNoted(page))
    .filter((page) => text === '' || holds(store, source.properties, page, text));
  const ordered = inOrder(store, source, found, query.sort ?? null);
  const limit = countAt(query.limit, 'limit', 50, MOST_ROWS);
  const offset = placeOf(ordered, query, limit);
  return {
    version: store.version(),
    schemaKey: schemaKey(source),
    total: ordered.length,
    noted: all.filter((page) => !isBinned(page) && isNoted(page)).length,
    offset,
    rows: tableRows(store, source.properties, ordered.slice(offset, offset + limit)),
    properties:
      query.schema === true
        ? source.properties.map((property) => renderProperty(store, property, source.properties))
        : null,
  };
}

const holds = (store: Store, schema: readonly Property[], page: Page, text: string): boolean =>
  schema.some((property) => cellText(store, page, property).toLowerCase().includes(text));

/** Of the bin, what was trashed comes before what was archived. */
function inOrder(
  store: Store,
  source: DataSource,
  pages: readonly Page[],
  sort: TableQuery['sort'],
): readonly Page[] {
  const property = source.properties.find((one) => one.id === sort?.property);
  if (!sort || property === undefined)
    return [...pages].sort((a, b) => Number(b.inTrash) - Number(a.inTrash) || a.seq - b.seq);
  const ground = { store, schema: source.properties, now: store.now() };
  const key = sortKey(ground, { property: property.name }, 'sort');
  const sign = sort.direction === 'descending' ? -1 : 1;
  return pages
    .map((page) => ({ page, key: key(page) }))
    .sort((a, b) => compareKeys(a.key, b.key, sign) || a.page.seq - b.page.seq)
    .map(({ page }) => page);
}

function placeOf(pages: readonly Page[], query: TableQuery, limit: number): number {
  const around = query.around === undefined ? -1 : pages.findIndex((page) => page.id === query.around);
  const wanted = around === -1 ? (query.offset ?? 0) : around - Math.floor(limit / 2);
  return Math.max(0, Math.min(Math.trunc(wanted) || 0, pages.length - limit));
}
