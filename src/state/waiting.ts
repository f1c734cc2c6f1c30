import type { RowKey, TableName } from '../model/ids.ts';
import { BACKFILL, BULK, MOST_ALONE, type Urgency } from '../model/urgency.ts';
import { LOCKS } from './locks.ts';
import type { Sql } from './sql.ts';

// Order of locks: first the lock of this file, then what waits, then lines of the outbox. So these functions come before
// anything that their transaction does to the outbox; otherwise two pages that wait for each other stand still until
// PostgreSQL ends one of the transactions. A transaction that takes a conflict's line too takes it between the lock of this
// file (`lockWaiting`) and the outbox, as whoever decides a conflict holds its line when it comes to the outbox.

/** A page has become a record: what points to it on either side goes on now. */
export async function releaseWaiting(sql: Sql, table: TableName, key: RowKey): Promise<void> {
  await lockWaiting(sql);
  await release(sql, { table, key }, BACKFILL, false);
}

/** The same for a page that was just made, together with what it waits for itself: see `awaitTargets`. */
export async function releaseMade(
  sql: Sql,
  { table, key, urgency }: { readonly table: TableName; readonly key: RowKey; readonly urgency: Urgency },
  targets: Parameters<typeof awaitTargets>[3],
): Promise<void> {
  if (targets.length > 0) await awaitTargets(sql, table, key, targets);
  else await lockWaiting(sql);
  await release(sql, { table, key }, urgency, targets.length === 0);
}

/**
 * One statement, because every page of a first sync passes here behind the lock. `waitsForNothing`: nor does the record
 * wait for others any more.
 */
const release = (
  sql: Sql,
  { table, key }: { readonly table: TableName; readonly key: RowKey },
  urgency: Urgency,
  waitsForNothing: boolean,
): Promise<object[]> =>
  sql.query(
    `with dropped as (
       delete from pgnotion.waiting where $3 and table_name = $1 and key = $2),
     freed as (
       delete from pgnotion.waiting
        where target_table = $1 and target_key = $2 and not ($3 and table_name = $1 and key = $2)
       returning table_name, key),
     looked_at as (
       update pgnotion.edits set next_at = clock_timestamp()
        where code = 'related_page_unknown' and next_at > clock_timestamp())
     select pgnotion.enqueue(
              array_agg(table_name), array_agg(key), 'write', lifts => false,
              urgency => case when count(*) > ${MOST_ALONE} then greatest($4::smallint, ${BULK}::smallint) else $4::smallint end)
       from freed having count(*) > 0`,
    [table, key, waitsForNothing, urgency],
  );

/** Whoever links a page and whoever waits for one must see each other. */
export const lockWaiting = (sql: Sql): Promise<object[]> =>
  sql.query('select pg_advisory_xact_lock($1)', [LOCKS.waiting]);

/**
 * Keeps which records a relation waits for. A target that got its page in the meantime makes the record dirty again, so that
 * `settle` leaves its line.
 */
export async function awaitTargets(
  sql: Sql,
  table: TableName,
  key: RowKey,
  targets: readonly { readonly table: TableName; readonly key: RowKey }[],
): Promise<void> {
  // To wait for nothing any more hinders nobody.
  if (targets.length > 0) await lockWaiting(sql);
  await sql.query('delete from pgnotion.waiting where table_name = $1 and key = $2', [table, key]);
  if (targets.length === 0) return;
  await sql.query(
    `with target as (select distinct t, k from unnest($3::text[], $4::text[]) as u(t, k)),
     kept as (
       insert into pgnotion.waiting (table_name, key, target_table, target_key) select $1, $2, t, k from target)
     select pgnotion.enqueue(array[$1], array[$2], 'write', lifts => false)
      where exists (select from target join pgnotion.records r on r.table_name = t and r.key = k where r.state = 'linked')`,
    [table, key, targets.map((each) => each.table), targets.map((each) => each.key)],
  );
}
