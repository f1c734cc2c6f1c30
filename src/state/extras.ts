import type { PageImage } from '../model/change.ts';
import type { PageId, RowKey, TableName } from '../model/ids.ts';
import type { PageExtras } from '../model/page.ts';
import type { Sql } from './sql.ts';

/** Keeps which fields of these pages hold more than their values say. */
export async function noteExtras(
  sql: Sql,
  pages: readonly { readonly page: PageId; readonly extras: readonly string[] }[],
): Promise<void> {
  if (pages.length === 0) return;
  await sql.query(
    `update pgnotion.records r
        set extras = array(select jsonb_array_elements_text(u.extras))
       from unnest($1::uuid[], $2::jsonb[]) as u(page, extras)
      where r.page_id = u.page`,
    [pages.map(({ page }) => page), pages.map(({ extras }) => JSON.stringify(extras))],
  );
}

/** What a write replaced beyond the values of a page, and those values. */
type ReplacedExtras = { readonly before: PageImage; readonly extras: PageExtras };

/** Of so many of a record's writes, what they replaced is looked through. */
const LAST_WRITES = 20;

/**
 * What writes to this record's page replaced beyond its values, newest first; nothing unless one of these fields was last
 * changed by a rollback, which brings that back too.
 */
export async function extrasToRestore(
  sql: Sql,
  { table, key }: { readonly table: TableName; readonly key: RowKey },
  fields: readonly string[],
): Promise<readonly (ReplacedExtras & { readonly fields: readonly string[] })[]> {
  const replaced = await sql.query<ReplacedExtras>(
    `select before, extras from pgnotion.operations
      where table_name = $1 and key = $2 and extras is not null order by id desc limit $3`,
    [table, key, LAST_WRITES],
  );
  if (replaced.length === 0) return [];
  const rolledBack = await sql.query<{ field: string }>(
    `select f.field from unnest($3::text[]) as f(field)
      cross join lateral (
        select direction, batch from pgnotion.operations
         where table_name = $1 and key = $2 and fields @> array[f.field] and status <> 'failed'
         order by id desc limit 1) as newest
      where newest.direction = 'to-postgres' and newest.batch ~ '^[0-9]+$'`,
    [table, key, fields],
  );
  const names = rolledBack.map(({ field }) => field);
  return names.length === 0 ? [] : replaced.map((one) => ({ ...one, fields: names }));
}
