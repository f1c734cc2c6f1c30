import type { RowKey } from '../model/ids.ts';
import { digestOf } from '../model/page.ts';
import { movedSince, newPageSince } from '../state/edit-times.ts';
import type { Sql } from '../state/sql.ts';
import type { InboundContext, Sighting } from './context.ts';

/**
 * When a page can have become what its new row is made of at the earliest. The page of a row that was deleted (`former`) is
 * back, and no time of Notion's tells since when.
 */
export const rowSince = (
  sql: Sql,
  context: InboundContext,
  { table, page, image }: Sighting,
  former: RowKey | null,
): Promise<Date | null> => {
  const at = { table: table.name, page: page.id };
  return former === null
    ? newPageSince(sql, context, at, { ...page, digest: digestOf(image) })
    : movedSince(sql, context, at);
};
