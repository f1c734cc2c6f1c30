import type { RowKey, TableName } from '../model/ids.ts';
import { BACKFILL, BULK, LIVE, MOST_ALONE, type Urgency } from '../model/urgency.ts';
import { LOCKS } from './locks.ts';
import type { Sql } from './sql.ts';

// Order of locks: first the lock of this file, then what waits, then lines of the outbox. So these functions come before
// anything that their transaction does to the outbox; otherwise two pages that wait for each other stand still until
// PostgreSQL ends one of the transactions. A transaction that takes a conflict's line too takes it between the lock of this
// file (`lockWaiting`) and the outbox, as whoever decides a conflict holds its line when it comes to the outbox.

/** A record that waits for pages of others, or that others wait for, and how urgently. */
export type Waiter = { readonly table: TableName; readonly key: RowKey; readonly urgency: Urgency };

/** A page has become a record: what points to it on either side goes on now. */
export async function releaseWaiting(sql: Sql, table: TableName, key: RowKey): Promise<void> {
  await lockWaiting(sql);
  await release(sql, { table, key, urgency: BACKFILL }, false);
}

/** The same for a page that was just made and waits for others itself: see `awaitTargets`. */
export async function releaseMade(
  sql: Sql,
  { table, key, urgency }: Waiter,
  targets: Parameters<typeof awaitTargets>[2],
): Promise<boolean> {
  const lifts = targets.length > 0 && (await awaitTargets(sql, { table, key, urgency }, targets));
  if (targets.length === 0) await shareWaiting(sql);
  await release(sql, { table, key, urgency }, targets.length === 0);
  return lifts;
}

/**
 * Common table expressions that end what waits for the record of table $1 and key $2. Each of those that waited is as urgent
 * as it was, or as its target, unless there are many of them. `waitsForNothing`: nor does the record wait for others any more.
 * `released` has to be read for it to happen.
 */
export const releasing = (at: { readonly waitsForNothing: string; readonly urgency: string }): string => `
     dropped as (
       delete from pgnotion.waiting where ${at.waitsForNothing} and table_name = $1 and key = $2),
     freed as (
       delete from pgnotion.waiting
        where target_table = $1 and target_key = $2 and not (${at.waitsForNothing} and table_name = $1 and key = $2)
       returning table_name, key, least(urgency, ${at.urgency}::smallint) as wanted),
     -- Locked in order, here and below, since pages are tied side by side.
     locked as materialized (
       select from pgnotion.outbox o join freed using (table_name, key) order by table_name, key for update of o),
     looked_at as (
       update pgnotion.edits set next_at = clock_timestamp()
        where page_id in (select page_id from pgnotion.edits
                           where code = 'related_page_unknown' and next_at > clock_timestamp()
                           order by page_id for update)),
     released as materialized (
       select pgnotion.enqueue(
                array_agg(table_name), array_agg(key), 'write', lifts => false,
                urgency => case when count(*) > ${MOST_ALONE} then greatest(wanted, ${BULK}::smallint) else wanted end)
         from freed, (select count(*) from locked) as held group by wanted)`;

const release = (sql: Sql, { table, key, urgency }: Waiter, waitsForNothing: boolean): Promise<object[]> =>
  sql.query(
    `with ${releasing({ waitsForNothing: '$3::boolean', urgency: '$4' })} select count(*) from released`,
    [table, key, waitsForNothing, urgency],
  );

/** Whoever links a page and whoever waits for one must see each other. */
export const lockWaiting = (sql: Sql): Promise<object[]> =>
  sql.query('select pg_advisory_xact_lock($1)', [LOCKS.waiting]);

/** The same for who only links: the pages of a first sync need not see each other, and are tied side by side. */
export const shareWaiting = (sql: Sql): Promise<object[]> =>
  sql.query('select pg_advisory_xact_lock_shared($1)', [LOCKS.waiting]);

/**
 * Keeps which records a relation waits for. A target that got its page in the meantime makes the record dirty again, so that
 * `settle` leaves its line. The record is as urgent as its entry is by now; one that points to many does not wait alone.
 * Gives whether its targets may have to be lifted, which `liftTargets` does in a transaction of its own.
 */
export async function awaitTargets(
  sql: Sql,
  { table, key, urgency }: Waiter,
  targets: readonly { readonly table: TableName; readonly key: RowKey }[],
): Promise<boolean> {
  // To wait for nothing any more hinders nobody.
  if (targets.length > 0) await lockWaiting(sql);
  await sql.query('delete from pgnotion.waiting where table_name = $1 and key = $2', [table, key]);
  if (targets.length === 0) return false;
  const [row] = await sql.query<{ urgent: boolean }>(
    `with target as (select distinct t, k from unnest($3::text[], $4::text[]) as u(t, k)),
     waiter as (
       select greatest(least($5::smallint, (select priority from pgnotion.outbox where table_name = $1 and key = $2)),
                       case when (select count(*) from target) > ${MOST_ALONE} then ${BULK} else ${LIVE} end)::smallint as urgency),
     kept as (
       insert into pgnotion.waiting (table_name, key, target_table, target_key, urgency)
       select $1, $2, t, k, urgency from target, waiter),
     again as (
       select pgnotion.enqueue(array[$1], array[$2], 'write', lifts => false)
        where exists (select from target join pgnotion.records r on r.table_name = t and r.key = k where r.state = 'linked'))
     select urgency < ${BACKFILL} as urgent, (select count(*) from again) from waiter`,
    [table, key, targets.map((each) => each.table), targets.map((each) => each.key), urgency],
  );
  return row?.urgent ?? false;
}

/** Whose targets are lifted: those of a record, those that are among these records, or those of all records. */
export type Awaited =
  | { readonly of: Omit<Waiter, 'urgency'> }
  | { readonly among: { readonly table: TableName; readonly keys: readonly RowKey[] } }
  | 'all';

/**
 * Makes what urgent records wait for as urgent as they are: their targets, and what these wait for themselves, across all
 * tables. In a transaction of its own, because who makes their pages holds their entries and waits for the lock of those
 * that wait. Doing it again finds what was left undone. Gives the entries that became more urgent.
 */
export function liftTargets(sql: Sql, awaited: Awaited): Promise<Waiter[]> {
  if (awaited === 'all') return sql.query(lifting('true'), []);
  return 'of' in awaited
    ? sql.query(lifting('table_name = $1 and key = $2'), [awaited.of.table, awaited.of.key])
    : sql.query(lifting('target_table = $1 and target_key = any($2::text[])'), [
        awaited.among.table,
        awaited.among.keys,
      ]);
}

const lifting = (condition: string): string =>
  `with recursive awaited (t, k, urgency) as (
     select target_table, target_key, urgency from pgnotion.waiting where urgency < ${BACKFILL} and ${condition}
     union
     select w.target_table, w.target_key, greatest(a.urgency, case when m.targets > ${MOST_ALONE} then ${BULK} end)::smallint
       from awaited a
       -- Once a target has its page, nobody waits for what it waits for.
       join pgnotion.outbox o on o.table_name = a.t and o.key = a.k and o.parked_at is null
       join pgnotion.waiting w on w.table_name = a.t and w.key = a.k
      cross join lateral (
        select count(*) as targets from pgnotion.waiting n where n.table_name = a.t and n.key = a.k) as m),
   wanted as (select t, k, min(urgency) as urgency from awaited group by t, k),
   -- Locked in the order of all who write many entries.
   slower as materialized (
     select o.table_name as t, o.key as k, w.urgency
       from pgnotion.outbox o join wanted w on o.table_name = w.t and o.key = w.k
      where o.priority > w.urgency and o.kind = 'write' and o.parked_at is null
      order by o.table_name, o.key for update of o)
   update pgnotion.outbox o
      -- One that waits for others looks for them at once: what it waits for is as urgent as that.
      set priority = s.urgency, next_at = case when o.attempts = 0 then least(o.next_at, clock_timestamp()) else o.next_at end
     from slower s where o.table_name = s.t and o.key = s.k
   returning o.table_name as "table", o.key, o.priority as urgency`;
