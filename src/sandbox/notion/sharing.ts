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

/** A page in a trashed database is in the trash with it. */
export function isTrashed(store: Store, page: Page): boolean {
  const source = dataSourceOf(store, page);
  return page.inTrash || (source !== undefined && isTrashedSource(store, source));
}

/** Whether the data source, or the database that it is in, is in the trash. */
export const isTrashedSource = (store: Store, source: DataSource): boolean =>
  source.inTrash || store.databases.get(source.databaseId)?.inTrash === true;

/** The pages of a data source, trashed ones included, oldest first. */
export const pagesIn = (store: Store, dataSourceId: string): readonly Page[] =>
  store.pages
    .all()
    .filter((page) => page.parent.type === 'data_source_id' && page.parent.dataSourceId === dataSourceId)
    .sort((a, b) => a.seq - b.seq);
