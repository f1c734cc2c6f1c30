import type { PageId } from '../model/ids.ts';
import type { Sql } from './sql.ts';

/** Keeps Notion's times at which pages were seen to hold nothing but what their records' bases say. */
export async function keepAgreed(
  sql: Sql,
  agreed: readonly { readonly page: PageId; readonly at: Date }[],
): Promise<void> {
  await sql.query(
    `update pgnotion.records r set agreed_at = greatest(r.agreed_at, a.at)
       from (select * from unnest($1::uuid[], $2::timestamptz[]) as u(page, at) order by page) a
      where r.page_id = a.page and r.state = 'linked'`,
    [agreed.map(({ page }) => page), agreed.map(({ at }) => at)],
  );
}
