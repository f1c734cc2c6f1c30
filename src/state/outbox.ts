import type { Told } from '../model/errors.ts';
import { type SeenTimes, seenTimesJson } from '../model/field-times.ts';
import type { Lsn, RowKey, TableName } from '../model/ids.ts';
import { formatLsn } from '../model/ids.ts';
import { BACKFILL, BULK, LIVE, MOST_ALONE, type Urgency } from '../model/urgency.ts';
import { checkpointUpdate } from './checkpoint.ts';
import type { Sql } from './sql.ts';

export type DirtyRecord = {
  readonly table: TableName;
  readonly key: RowKey;
  readonly kind: 'write' | 'delete';
  /** Commit time of the change. */
  readonly changedAt: Date;
  readonly lsn: Lsn | null;
  /** The row was not there before this change. */
  readonly inserted?: boolean;
  /** What the log told of the fields' values, and when. */
  readonly times?: SeenTimes;
  /** Live if absent. */
  readonly urgency?: Urgency;
};

export type OutboxEntry = {
  readonly table: TableName;
  readonly key: RowKey;
  readonly kind: 'write' | 'delete';
  readonly urgency: Urgency;
  readonly lsn: string | null;
  readonly changedAt: Date;
  readonly version: string;
  readonly restore: readonly string[];
  /** A person let this deletion pass the guard. */
  readonly approved: boolean;
  readonly attempts: number;
  /** The row was not there before the changes that wait. */
  readonly inserted: boolean;
};

/** Where the log has been read to: the slot, and the end of the last transaction. */
export type ReadTo = { readonly slot: string; readonly lsn: Lsn };

/**
 * As a statement's `set`, for entries that change in more than that they wake: due, with nothing left of a failure that is
 * over. All others are woken by `pgnotion.enqueue` and `pgnotion.wake` (`sql/outbox.sql`).
 */
export const AWAKE = `next_at = clock_timestamp(), attempts = 0, parked_at = null, code = null, reason = null, remedy = null,
           cause = null`;

const MARK_DIRTY = `with waiting as (
       select t, (select count(*) from (
                    select from pgnotion.outbox w
                     where w.table_name = t and w.priority = ${LIVE} and w.parked_at is null
                       and w.next_at <= clock_timestamp() limit ${MOST_ALONE + 1}) as due) as live
         from (select distinct unnest($1::text[]) as t) as changed),
     -- Locked in the order of all who write many entries, and as they are by now.
     known as materialized (
       select o.table_name as t, o.key as k, o.field_times
         from pgnotion.outbox o join unnest($1::text[], $2::text[]) as u(t, k) on o.table_name = t and o.key = k
        order by o.table_name, o.key for update of o),
     marked as (
       insert into pgnotion.outbox as o (table_name, key, kind, lsn, changed_at, first_at, priority, inserted, field_times)
       select t, k, kind, lsn, at, at,
              case when live + row_number() over (partition by t order by urgency, at, k) > ${MOST_ALONE}
                   then greatest(urgency, ${BULK}) else urgency end,
              inserted, pgnotion.merge_field_times(coalesce(known.field_times, '{}'), coalesce(r.base_row, '{}'), seen::jsonb)
         from unnest($1::text[], $2::text[], $3::text[], $4::pg_lsn[], $5::timestamptz[], $6::smallint[], $7::boolean[], $8::text[])
           with ordinality as u(t, k, kind, lsn, at, urgency, inserted, seen, place)
         join waiting using (t)
         left join known using (t, k)
         left join pgnotion.records r on r.table_name = t and r.key = k and r.rested_at is null
        order by place
       on conflict (table_name, key) do update
         set kind = excluded.kind, lsn = coalesce(excluded.lsn, o.lsn), changed_at = excluded.changed_at,
             field_times = excluded.field_times,
             -- What was approved before the log told of it stays so.
             approved = o.approved and o.kind = 'delete' and excluded.kind = 'delete',
             priority = least(o.priority, excluded.priority), version = o.version + 1, leaves = null, ${AWAKE}
       returning priority),
     moved as (${checkpointUpdate('$9', '$10')})
     select distinct priority as urgency from marked`;

/**
 * Marks records dirty, one entry each however often they changed. A change of a parked record makes it due again:
 * what was refused may be right now. A change that comes with or behind many live ones of its table does not stand alone,
 * as when each row of a mass is committed by itself: it is bulk. `records` must not name a record twice.
 *
 * With `to` the checkpoint moves in the same statement, which with an epoch needs no transaction around it. Gives the
 * urgencies under which the records wait now.
 */
export async function markDirty(
  sql: Sql,
  records: readonly DirtyRecord[],
  to: ReadTo | null = null,
  epoch: number | null = null,
): Promise<Urgency[]> {
  if (records.length === 0) return [];
  const rows = await sql.query<{ urgency: Urgency }>(
    `${MARK_DIRTY} ${epoch === null ? '' : ', pgnotion.fence($11)'}`,
    [
      records.map((each) => each.table),
      records.map((each) => each.key),
      records.map((each) => each.kind),
      records.map((each) => (each.lsn === null ? null : formatLsn(each.lsn))),
      records.map((each) => each.changedAt),
      records.map((each) => each.urgency ?? LIVE),
      records.map((each) => each.inserted ?? false),
      records.map((each) => seenTimesJson(each.times)),
      to?.slot ?? null,
      to === null ? null : formatLsn(to.lsn),
      ...(epoch === null ? [] : [epoch]),
    ],
  );
  return rows.map(({ urgency }) => urgency);
}

/**
 * Adds records to the outbox that a walk over a table found. What already waits there is newer than the walk, and keeps its
 * time; only what was set aside is tried again. A delivery may have it in hand, though, and go by what was known before the
 * walk was asked for: then it is compared once more. That a row is gone is noted whatever waits: a write that an earlier walk
 * left behind would wait for the row, and one that is newer finds its row when it is delivered.
 */
export async function markFound(
  sql: Sql,
  table: TableName,
  keys: readonly RowKey[],
  kind: 'write' | 'delete',
): Promise<void> {
  if (keys.length === 0) return;
  await sql.query(
    `select pgnotion.enqueue(array_agg($1::text), array_agg(k), $3, urgency => ${BACKFILL}::smallint, keeps => $3 = 'write')
       from unnest($2::text[]) as k
       left join pgnotion.outbox o on o.table_name = $1 and o.key = k
      where $3 = 'write' or o.key is null or o.parked_at is not null or o.kind <> 'delete'`,
    [table, keys, kind],
  );
}

/**
 * Asks for fields to be written although the row did not change them. `again`: at once, though an earlier request for the
 * same has failed. Each look at a page finds anew what could not be written to it, which is no reason to try sooner.
 */
export async function markRestore(
  sql: Sql,
  {
    table,
    key,
    fields,
  }: { readonly table: TableName; readonly key: RowKey; readonly fields: readonly string[] },
  again = true,
): Promise<void> {
  await sql.query(
    `select pgnotion.enqueue(array[$1], array[$2], 'write', restored => $3::text[])
      where $4::boolean or not exists (
        select from pgnotion.outbox o
         where o.table_name = $1 and o.key = $2 and o.restore @> $3::text[]
           and (o.attempts > 0 or o.parked_at is not null))`,
    [table, key, fields, again],
  );
}

export type SettledEntry = Pick<OutboxEntry, 'table' | 'key' | 'version' | 'restore'>;

/**
 * Common table expressions that end the entry of table $1 and key $2 if it still has version $3; one that changed since
 * loses only what was delivered of it ($4). It is locked first, so that exactly one of the two sees it as it is.
 */
export const settling = (condition = 'true'): string => `
     entry as materialized (
       select version from pgnotion.outbox where table_name = $1 and key = $2 and ${condition} for update),
     settled as (
       delete from pgnotion.outbox o using entry e where o.table_name = $1 and o.key = $2 and e.version = $3::bigint),
     struck_off as (
       update pgnotion.outbox o
          set first_at = o.changed_at, inserted = false, restore = array(select unnest(o.restore) except select unnest($4::text[]))
         from entry e where o.table_name = $1 and o.key = $2 and e.version <> $3::bigint)`;

/** With an epoch it needs no transaction around it. */
export async function settle(sql: Sql, entry: SettledEntry, epoch: number | null = null): Promise<void> {
  await sql.query(`with ${settling()} select ${epoch === null ? '' : 'pgnotion.fence($5)'}`, [
    entry.table,
    entry.key,
    entry.version,
    entry.restore,
    ...(epoch === null ? [] : [epoch]),
  ]);
}

export type Failure = {
  readonly code: string;
  readonly reason: string;
  readonly remedy: string;
  /** The likely cause of a mass of changes. */
  readonly cause?: string;
  /** The same in the words of Notion, a line for each property: see `state/notices.ts`. */
  readonly told?: readonly Told[];
};

/** Drops what waits for a row that this transaction deleted: there is nothing left to bring to its page. */
export async function discard(sql: Sql, table: TableName, key: RowKey): Promise<void> {
  await sql.query('delete from pgnotion.outbox where table_name = $1 and key = $2', [table, key]);
}

/** It has failed now; the first time stays for as long as the entry does. */
const TRIED = 'failed_at = coalesce(failed_at, clock_timestamp()), tried_at = clock_timestamp()';

/** Leaves an entry for later, after a failure that may pass. */
export async function reschedule(
  sql: Sql,
  entry: OutboxEntry,
  afterMs: number,
  failure: Failure,
): Promise<void> {
  await sql.query(
    `update pgnotion.outbox set attempts = attempts + 1, next_at = clock_timestamp() + make_interval(secs => $4),
            code = $5, reason = $6, remedy = $7, cause = null, ${TRIED}
      where table_name = $1 and key = $2 and version = $3`,
    [entry.table, entry.key, entry.version, afterMs / 1000, failure.code, failure.reason, failure.remedy],
  );
}

/** Waits without counting a failure: the record depends on another one that is on its way. */
export async function postpone(sql: Sql, entry: OutboxEntry, afterMs: number): Promise<void> {
  await sql.query(
    `update pgnotion.outbox set next_at = clock_timestamp() + make_interval(secs => $4)
      where table_name = $1 and key = $2 and version = $3`,
    [entry.table, entry.key, entry.version, afterMs / 1000],
  );
}

/** Sets an entry aside until its record changes or somebody asks for a retry. */
export async function park(sql: Sql, entry: OutboxEntry, failure: Failure): Promise<void> {
  await sql.query(
    `update pgnotion.outbox set attempts = attempts + 1, parked_at = clock_timestamp(),
            code = $4, reason = $5, remedy = $6, cause = $7, ${TRIED}
      where table_name = $1 and key = $2 and version = $3`,
    [
      entry.table,
      entry.key,
      entry.version,
      failure.code,
      failure.reason,
      failure.remedy,
      failure.cause ?? null,
    ],
  );
}

/** Which of these records, as `table/key`, get their first page by a delivery that has not failed yet. */
export async function pagesComing(
  store: Sql,
  records: readonly { readonly table: TableName; readonly key: RowKey }[],
): Promise<ReadonlySet<string>> {
  if (records.length === 0) return new Set();
  const rows = await store.query<{ name: string }>(
    `select o.table_name || '/' || o.key as name from pgnotion.outbox o
       join unnest($1::text[], $2::text[]) as u(t, k) on o.table_name = u.t and o.key = u.k
       join pgnotion.data_sources d using (table_name)
      where d.paused_at is null and o.parked_at is null and o.kind = 'write' and o.attempts = 0 and not exists (select from
        pgnotion.records r where r.table_name = t and r.key = k and r.page_id is not null)`,
    [records.map((each) => each.table), records.map((each) => each.key)],
  );
  return new Set(rows.map((row) => row.name));
}

/** Every record of a table that has, or may have, a page: what TRUNCATE and a resync look at. */
export async function markAllDeleted(
  sql: Sql,
  table: TableName,
  changedAt: Date,
  lsn: Lsn | null,
): Promise<void> {
  await sql.query(
    `insert into pgnotion.outbox as o (table_name, key, kind, lsn, changed_at, first_at, priority)
     select table_name, key, 'delete', $2, $3, $3, case when count(*) over () > ${MOST_ALONE} then ${BULK} else ${LIVE} end
       from pgnotion.records
      where table_name = $1 and (rested_at is null or state like 'filtered%')
     on conflict (table_name, key) do update
       set kind = 'delete', lsn = excluded.lsn, changed_at = excluded.changed_at, version = o.version + 1,
           approved = false, priority = least(o.priority, excluded.priority), leaves = null, ${AWAKE}`,
    [table, lsn === null ? null : formatLsn(lsn), changedAt],
  );
}
