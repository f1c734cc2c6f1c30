import type { RowKey, TableName } from '../model/ids.ts';
import { markRestore } from './outbox.ts';
import type { Sql } from './sql.ts';

/** Rows whose relation refers to a row of `related` by something else than its key. */
export type Referrers = {
  readonly table: TableName;
  readonly field: string;
  readonly related: TableName;
  readonly rows: readonly { readonly key: RowKey; readonly target: RowKey; readonly value: string }[];
};

/**
 * Has the relations written again that do not show the page of the row that they refer to by now. One that waits for a row
 * that is there now waits for its page.
 */
export async function markReferrers(sql: Sql, { table, field, related, rows }: Referrers): Promise<void> {
  if (rows.length === 0) return;
  const [keys, targets] = [rows.map(({ key }) => key), rows.map(({ target }) => target)];
  await sql.query(
    `update pgnotion.waiting w set target_key = u.target from unnest($3::text[], $4::text[]) as u(key, target)
      where w.table_name = $1 and w.target_table = $2 and w.key = u.key and w.target_key <> u.target
        and not exists (select from pgnotion.waiting o where o.table_name = $1 and o.target_table = $2
                           and o.key = u.key and o.target_key = u.target)
        and not exists (select from pgnotion.records r where r.table_name = $2 and r.key = w.target_key)`,
    [table, related, keys, targets],
  );
  const lacking = await sql.query<{ key: RowKey }>(
    `select t.key from unnest($4::text[], $5::text[]) as u(key, target)
       join pgnotion.records t on t.table_name = $1 and t.key = u.key and t.rested_at is null
       join pgnotion.records r on r.table_name = $2 and r.key = u.target and r.page_id is not null
      where not coalesce(t.base_page -> $3, '[]') @> to_jsonb(r.page_id::text) order by 1`,
    [table, related, field, keys, targets],
  );
  for (const { key } of lacking) await markRestore(sql, { table, key, fields: [field] });
}
