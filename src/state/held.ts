import type { RowKey, TableName } from '../model/ids.ts';
import type { Sql } from './sql.ts';

/** Why an entry is parked whose field holds a later edit that is set aside. */
export const HELD_BY_EDIT = 'held_by_edit';

/** Why an entry is parked whose page was in the trash when it was to be delivered. */
export const PAGE_IN_TRASH = 'page_in_trash';

/** The page is alive, and its edit is settled one way or the other: what waited for either goes on. */
export async function releaseHeld(sql: Sql, table: TableName, key: RowKey): Promise<void> {
  await sql.query(
    `select pgnotion.wake(table_name, key) from pgnotion.outbox
      where table_name = $1 and key = $2 and code = any($3::text[]) and parked_at is not null`,
    [table, key, [HELD_BY_EDIT, PAGE_IN_TRASH]],
  );
}

/** Drops a row's change that a conflict keeps by now. */
export async function discardWrite(sql: Sql, table: TableName, key: RowKey): Promise<void> {
  await sql.query(`delete from pgnotion.outbox where table_name = $1 and key = $2 and kind = 'write'`, [
    table,
    key,
  ]);
}

/** Asks anew for a row's deletion to cross. */
export async function markDeleted(sql: Sql, table: TableName, key: RowKey): Promise<void> {
  await sql.query(`select pgnotion.enqueue(array[$1], array[$2], 'delete')`, [table, key]);
}
