import { commandOf } from './command-line.ts';
import type { DataSourceId, RowKey, TableName } from './ids.ts';

/**
 * Where a record's page is if it is not among the live pages of its table. `hidden`: Notion answers 404, which it does
 * for what is not shared with the connection and for what was deleted for good alike.
 */
export type Away = 'trashed' | 'archived' | 'moved' | 'hidden';

/** What an answer says of where a page is; null if it is a live page of this data source. */
export function awayOf(
  page: {
    readonly inTrash: boolean;
    readonly isArchived: boolean;
    /** Null for a page that is in no data source. */
    readonly parentDataSource: DataSourceId | null;
  },
  dataSource: DataSourceId,
): Exclude<Away, 'hidden'> | null {
  // Before all else: the properties of a page in another data source are not those of the mapping.
  if (page.parentDataSource !== dataSource) return 'moved';
  if (page.inTrash) return 'trashed';
  return page.isArchived ? 'archived' : null;
}

export const PAGE_HIDDEN = 'page_hidden';
export const PAGE_MOVED = 'page_moved';

/** What stands in the failures. */
type Reason = { readonly code: string; readonly reason: string; readonly remedy: string };
type Pair = { readonly table: TableName; readonly key: RowKey };

/** Gives up the page of a record for good. */
const resetCommandOf = ({ table, key }: Pair): string => commandOf('reset', table, key, '--yes');

/** Notion shows no such page. Nothing is done and nothing is forgotten until it can be seen. */
export const pageHidden = (pair: Pair): Reason => ({
  code: PAGE_HIDDEN,
  reason: `Notion does not show the page of ${pair.table} ${pair.key}: it is not shared with the connection, or was deleted for good`,
  remedy:
    'share the page, or its database, with the connection again (••• > Connections), and this goes on by itself; ' +
    `if it was deleted for good, run ${resetCommandOf(pair)}, which gives the page up: a row that is still there gets a new one`,
});

/** `to` names where the page is; null if no synced table's database is there. */
export const pageMoved = (pair: Pair, to: TableName | null): Reason => ({
  code: PAGE_MOVED,
  reason: `the page of ${pair.table} ${pair.key} was moved ${
    to === null ? 'out of its database' : `to the database of ${to}`
  }; it still belongs to ${pair.table}, and nothing is written until it is back`,
  remedy: `move the page back to the database of ${pair.table}, and this goes on by itself; to give the page up, run ${resetCommandOf(pair)}`,
});

export const pageArchived: Reason = {
  code: 'page_archived',
  reason: 'the page was archived in Notion',
  remedy: 'unarchive the page to go on with it',
};
