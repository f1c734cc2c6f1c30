import type { RowKey, TableName } from '../model/ids.ts';
import { meetAgain } from './first-contact.ts';
import { LOCKS } from './locks.ts';
import { markDirty } from './outbox.ts';
import { forget, recordsByKey } from './records.ts';
import type { Sql } from './sql.ts';
import { voidShowing } from './void-base.ts';

/** How many records of a table have, or may have, a page; those that are remembered after their deletion included. */
export async function pairsOf(sql: Sql, table: TableName): Promise<number> {
  const [row] = await sql.query<{ n: number }>(
    'select count(*)::int as n from pgnotion.records where table_name = $1',
    [table],
  );
  return row?.n ?? 0;
}

/** The same of every table that has any. */
export async function pairsOfEach(sql: Sql): Promise<ReadonlyMap<TableName, number>> {
  const rows = await sql.query<{ table: TableName; n: number }>(
    'select table_name as "table", count(*)::int as n from pgnotion.records group by table_name order by table_name',
  );
  return new Map(rows.map(({ table, n }) => [table, n]));
}

/** The slots that this state has read, or was about to make; the configured one, if there is anything of the kind, first. */
export async function slotsRead(sql: Sql, configured: string): Promise<readonly string[]> {
  const rows = await sql.query<{ slot: string }>(
    `select slot from pgnotion.checkpoint
      union select value #>> '{}' from pgnotion.settings where name = 'slot_announced'`,
  );
  const names = rows.map(({ slot }) => slot);
  return names.sort((a, b) => Number(b === configured) - Number(a === configured) || a.localeCompare(b));
}

const NOTE_UNLINK = `insert into pgnotion.operations
    (direction, table_name, key, page_id, kind, before, after, status, finished_at, actor)
  select 'to-notion', table_name, key, page_id, 'unlink', base_page, '{}', 'done', clock_timestamp(), $2
    from pgnotion.records where table_name = $1 and page_id is not null`;

/**
 * Gives up the pairs of a table, because it is tied to another database: the pages stay as they are, and each row gets or
 * finds a page where the table is read next. The audit keeps which page each record had. Returns how many there were.
 */
export async function unlinkTable(sql: Sql, table: TableName, actor: string): Promise<number> {
  const pairs = await pairsOf(sql, table);
  await sql.query(NOTE_UNLINK, [table, actor]);
  await sql.query(
    `update pgnotion.conflict_entries
        set status = 'outdated', resolved_at = clock_timestamp(), resolution = null,
            note = 'the table was tied to another database, and this ended with it'
      where table_name = $1 and status in ('open', 'decided')`,
    [table],
  );
  // Nobody will look at these pages for what became of a request.
  await sql.query(
    `update pgnotion.operations
        set status = 'failed', finished_at = clock_timestamp(),
            error = concat_ws('; ', error, 'the answer was lost, and the table was tied to another database since')
      where table_name = $1 and status in ('started', 'unknown')`,
    [table],
  );
  for (const name of [
    'edits',
    'waiting',
    'clearings',
    'notices',
    'page_failures',
    'long_values',
    'sweeps',
    'first_syncs',
    'match_pages',
    'match_rows',
    'records',
  ])
    await sql.query(`delete from pgnotion.${name} where table_name = $1`, [table]);
  await sql.query(`delete from pgnotion.outbox where table_name = $1 and kind = 'delete'`, [table]);
  await meetAgain(sql, table);
  // Nothing is delivered before the data source has been read whole, so that pages with a row's key are found first.
  await sql.query(
    `update pgnotion.data_sources
        set watermark = null, swept_at = null, backfilled_at = null, compares = compares + 1,
            paused_at = case when paused_by = 'hand' then paused_at end,
            paused_reason = case when paused_by = 'hand' then paused_reason end,
            paused_by = case when paused_by = 'hand' then paused_by end
      where table_name = $1`,
    [table],
  );
  return pairs;
}

/** Forgets where a table's pages are, so that a database is made for it. */
export async function forgetSource(sql: Sql, table: TableName): Promise<void> {
  await sql.query('delete from pgnotion.data_sources where table_name = $1', [table]);
  await sql.query(`delete from pgnotion.made_databases where kind = 'table' and name = $1`, [table]);
}

/** Forgets a table that is not synced any more. The audit keeps which page each record had. */
export async function forgetTable(sql: Sql, table: TableName): Promise<void> {
  await unlinkTable(sql, table, 'pgnotion');
  await sql.query('delete from pgnotion.outbox where table_name = $1', [table]);
  await sql.query('delete from pgnotion.drifts where table_name = $1', [table]);
  await forgetSource(sql, table);
}

/**
 * Gives up one record's page: a row that is still there gets a new one, which the rows that refer to it show then, and nothing
 * more waits for the old one.
 */
export async function unlinkRecord(sql: Sql, table: TableName, key: RowKey, actor: string): Promise<boolean> {
  const record = (await recordsByKey(sql, table, [key])).get(key);
  if (record === undefined) return false;
  await sql.query(`${NOTE_UNLINK} and key = $3`, [table, actor, key]);
  await forget(sql, table, key);
  if (record.page !== null) await voidShowing(sql, record.page);
  await sql.query(`delete from pgnotion.outbox where table_name = $1 and key = $2 and kind = 'delete'`, [
    table,
    key,
  ]);
  return true;
}

/** Has the row's page made, if there is a row. */
export const remake = (sql: Sql, table: TableName, key: RowKey): Promise<unknown> =>
  markDirty(sql, [{ table, key, kind: 'write', changedAt: new Date(), lsn: null }]);

/** Why a record's page cannot be seen, or null if it can as far as is known. */
export async function awayCode(sql: Sql, table: TableName, key: RowKey): Promise<string | null> {
  const [row] = await sql.query<{ code: string }>(
    `select code from pgnotion.failures
      where table_name = $1 and key = $2 and code in ('page_hidden', 'page_moved') limit 1`,
    [table, key],
  );
  return row?.code ?? null;
}

/**
 * Whether a daemon holds the lock that makes it the only one at work. If none does, none can before the end of the
 * transaction.
 */
export async function isDaemonAtWork(sql: Sql): Promise<boolean> {
  const [row] = await sql.query<{ free: boolean }>('select pg_try_advisory_xact_lock($1) as free', [
    LOCKS.lease,
  ]);
  return row?.free === false;
}
