import type { PageId } from '../model/ids.ts';
import type { Sql } from './sql.ts';

/**
 * Those of these pages that pgnotion put away because their rows were deleted, and has not brought back since. That stays known when
 * their records are forgotten.
 */
export async function putAwayAmong(sql: Sql, pages: readonly PageId[]): Promise<ReadonlySet<PageId>> {
  if (pages.length === 0) return new Set();
  const rows = await sql.query<{ page: PageId }>(
    `select distinct d.page_id as page from pgnotion.operations d
      where d.page_id = any($1::uuid[]) and d.kind = 'delete' and d.status = 'done'
        and not exists (select from pgnotion.operations r
                         where r.table_name = d.table_name and r.key = d.key and r.page_id = d.page_id
                           and r.kind = 'restore' and r.status = 'done' and r.id > d.id)`,
    [pages],
  );
  return new Set(rows.map(({ page }) => page));
}
