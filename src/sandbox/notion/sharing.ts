import type { Store } from './store.ts';
import type { Database, DataSource, Page } from './types.ts';

/** The data source that a page is a row of. */
export const dataSourceOf = (store: Store, page: Page): DataSource | undefined =>
  page.parent.type === 'data_source_id' ? store.dataSources.get(page.parent.dataSourceId) : undefined;

/** Whether the connection may see the database. */
export const isSharedDatabase = (database: Database | undefined): database is Database =>
  database?.shared === true;

/** Whether the connection may see the data source, which its database decides too. */
export const isSharedSource = (store: Store, source: DataSource | undefined): source is DataSource =>
  source?.shared === true && isSharedDatabase(store.databases.get(source.databaseId));

/** Whether the connection may see the page. */
export function isReachable(store: Store, page: Page): boolean {
  if (!page.shared) return false;
  return page.parent.type !== 'data_source_id' || isSharedSource(store, dataSourceOf(store, page));
}

/** More than anyone nests; a database that was moved below a row of its own ends the search here. */
const MOST_ANCESTORS = 100;

/** Whether the page is in the trash, by itself or with the database or the page that it stands in. */
export function isTrashed(store: Store, page: Page, depth = 0): boolean {
  if (page.inTrash) return true;
  if (page.parent.type === 'page_id') return isTrashedPage(store, page.parent.pageId, depth);
  const source = dataSourceOf(store, page);
  return source !== undefined && isTrashedSource(store, source, depth);
}

function isTrashedPage(store: Store, id: string, depth: number): boolean {
  const page = store.pages.get(id);
  return page !== undefined && depth < MOST_ANCESTORS && isTrashed(store, page, depth + 1);
}

/** Whether the database, or a page above it, is in the trash. */
export const isTrashedDatabase = (store: Store, database: Database, depth = 0): boolean =>
  database.inTrash || isTrashedPage(store, database.parentPageId, depth);

/** Whether the data source, or what it stands in, is in the trash. */
export function isTrashedSource(store: Store, source: DataSource, depth = 0): boolean {
  const database = store.databases.get(source.databaseId);
  return source.inTrash || (database !== undefined && isTrashedDatabase(store, database, depth));
}

/** The pages of a data source, trashed ones included, oldest first. */
export const pagesIn = (store: Store, dataSourceId: string): readonly Page[] =>
  store.pages.allIn(dataSourceId).sort((a, b) => a.seq - b.seq);
