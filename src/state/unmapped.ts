import type { Sql } from './sql.ts';

/**
 * What was noticed of tables that are not mapped any more is nobody's concern, but for what they have left in Notion. One
 * that is mapped again is looked at anew.
 */
export async function forgetUnmapped(sql: Sql, mapped: readonly string[]): Promise<void> {
  await sql.query(
    `delete from pgnotion.drifts d
      where kind <> 'left_over' and table_name <> '' and table_name <> all($1)
        and not exists (select from pgnotion.notebooks where name = d.table_name)`,
    [mapped],
  );
  await sql.query(
    `update pgnotion.data_sources set paused_at = null, paused_reason = null, paused_by = null
      where paused_by in ('trouble', 'refused') and table_name <> all($1)`,
    [mapped],
  );
}
