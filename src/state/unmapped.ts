import type { TableName } from '../model/ids.ts';
import { compareAgain } from './sources.ts';
import type { Sql } from './sql.ts';

/**
 * What was noticed of tables that are not mapped any more is nobody's concern, but for what they have left in Notion. The
 * log goes by without them, so one that is mapped again is looked at anew, and all of its rows are compared (invariant 2).
 */
export async function forgetUnmapped(sql: Sql, mapped: readonly TableName[]): Promise<void> {
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
  await sql.query('delete from pgnotion.first_syncs where finished_at is null and table_name <> all($1)', [
    mapped,
  ]);
  // It would wait for ever, and be told as a backlog; the comparison finds it again.
  await sql.query('delete from pgnotion.outbox where table_name <> all($1)', [mapped]);
  const unseen = await sql.query<{ table: TableName }>(
    `select table_name as "table" from pgnotion.data_sources
      where backfilled_at is not null and table_name <> all($1)`,
    [mapped],
  );
  await compareAgain(
    sql,
    unseen.map(({ table }) => table),
  );
}
