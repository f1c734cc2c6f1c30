import type { Told } from '../model/errors.ts';
import { type SeenTimes, seenTimesJson } from '../model/field-times.ts';
import type { Lsn, RowKey, TableName } from '../model/ids.ts';
import { formatLsn } from '../model/ids.ts';
import { mergeTimes } from './change-times.ts';
import { NOT_REFUSED } from './refused-requests.ts';
import type { Sql } from './sql.ts';

/** 0: somebody is waiting for it. 1: the first sync or a resync, which live changes overtake. */
export type Urgency = 0 | 1;

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
};

export type OutboxLine = {
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

/**
 * Marks records dirty, one line each however often they changed. A change of a parked record makes it due again:
 * what was refused may be right now. `records` must not name a record twice.
 */
export async function markDirty(
  sql: Sql,
  records: readonly DirtyRecord[],
  urgency: Urgency = 0,
): Promise<void> {
  if (records.length === 0) return;
  await mergeTimes(sql, records);
  await sql.query(
    `insert into pgnotion.outbox as o (table_name, key, kind, lsn, changed_at, first_at, priority, inserted, field_times)
     select t, k, kind, lsn, at, at, $6, inserted,
            pgnotion.merge_field_times('{}', coalesce(r.base_row, '{}'), seen::jsonb)
       from unnest($1::text[], $2::text[], $3::text[], $4::pg_lsn[], $5::timestamptz[], $7::boolean[], $8::text[])
         as u(t, k, kind, lsn, at, inserted, seen)
       left join pgnotion.records r on r.table_name = t and r.key = k and r.state <> 'resting'
     on conflict (table_name, key) do update
       set kind = excluded.kind, lsn = coalesce(excluded.lsn, o.lsn), changed_at = excluded.changed_at,
           -- What was approved before the log told of it stays so.
           approved = o.approved and o.kind = 'delete' and excluded.kind = 'delete',
           priority = least(o.priority, excluded.priority), version = o.version + 1,
           next_at = clock_timestamp(), attempts = 0, parked_at = null, code = null, reason = null, remedy = null`,
    [
      records.map((each) => each.table),
      records.map((each) => each.key),
      records.map((each) => each.kind),
      records.map((each) => (each.lsn === null ? null : formatLsn(each.lsn))),
      records.map((each) => each.changedAt),
      urgency,
      records.map((each) => each.inserted ?? false),
      records.map((each) => seenTimesJson(each.times)),
    ],
  );
}

/**
 * Adds records to the outbox that a walk over a table found. What already waits there is newer than the walk; only what
 * was set aside is tried again, as a deletion if the row is gone by now.
 */
export async function markFound(
  sql: Sql,
  table: TableName,
  keys: readonly RowKey[],
  kind: 'write' | 'delete',
): Promise<void> {
  if (keys.length === 0) return;
  await sql.query(
    `insert into pgnotion.outbox as o (table_name, key, kind, priority) select $1, k, $3, 1 from unnest($2::text[]) as k
     on conflict (table_name, key) do update
       set kind = case when excluded.kind = 'delete' then excluded.kind else o.kind end,
           next_at = clock_timestamp(), parked_at = null, attempts = 0, version = o.version + 1
     where o.parked_at is not null`,
    [table, keys, kind],
  );
}

/**
 * Asks for fields to be written although the row did not change them. `again`: at once, though an earlier request for the
 * same has failed. Each look at a page finds anew what could not be written to it, which is no reason to try sooner.
 */
export async function markRestore(
  sql: Sql,
  table: TableName,
  key: RowKey,
  fields: readonly string[],
  again = true,
): Promise<void> {
  await sql.query(
    `insert into pgnotion.outbox as o (table_name, key, kind, restore) values ($1, $2, 'write', $3::text[])
     on conflict (table_name, key) do update
       set restore = (select coalesce(array_agg(distinct f), '{}') from unnest(o.restore || excluded.restore) f),
           version = o.version + 1, priority = 0, next_at = clock_timestamp(), parked_at = null, attempts = 0
     where $4 or not (o.restore @> excluded.restore and (o.attempts > 0 or o.parked_at is not null))`,
    [table, key, fields, again],
  );
}

/**
 * The due lines of one table: the first of `tables` that has any, so that relation targets come before what points to
 * them. Lines in `busy` (`table/key`) are passed over, and so are tables whose data source was never read whole, and rows
 * without a page while a first contact is under way: their pages may exist already. Empty if nothing is due.
 */
export async function claimDue(
  sql: Sql,
  options: {
    readonly tables: readonly TableName[];
    readonly urgency: Urgency;
    readonly limit: number;
    readonly busy: readonly string[];
  },
): Promise<OutboxLine[]> {
  const rows = await sql.query<LineRow>(
    `with due as (
       select o.*, array_position($1::text[], o.table_name) as place
         from pgnotion.outbox o
         join pgnotion.data_sources d using (table_name)
        where o.parked_at is null and o.next_at <= clock_timestamp() and d.paused_at is null
          and d.swept_at is not null and o.priority = $4 and ${NOT_REFUSED}
          and ${MAY_GO}
          and o.table_name = any($1::text[]) and o.table_name || '/' || o.key <> all($3::text[])),
     first as (select place from due order by place limit 1)
     select due.table_name, due.key, due.kind, due.priority, due.lsn::text, due.changed_at, due.version::text,
            due.restore, due.approved, due.attempts, due.inserted
       from due join first using (place)
      order by due.first_at, due.key limit $2`,
    [options.tables, options.limit, options.busy, options.urgency],
  );
  return rows.map(toLine);
}

/** A row gets a page only once it is known which pages there are. */
const MAY_GO = `(o.kind = 'delete'
            or not exists (select from pgnotion.first_contacts f where f.table_name = o.table_name and f.over_at is null)
            or exists (select from pgnotion.records r
                        where r.table_name = o.table_name and r.key = o.key and r.page_id is not null))`;

/** Milliseconds until the next line is due, on PostgreSQL's clock; null if nothing waits. */
export async function nextDueMs(sql: Sql, urgency: Urgency): Promise<number | null> {
  const [row] = await sql.query<{ ms: number | null }>(
    `select (extract(epoch from min(next_at) - clock_timestamp()) * 1000)::float8 as ms
       from pgnotion.outbox o join pgnotion.data_sources d using (table_name)
      where o.parked_at is null and d.paused_at is null and d.swept_at is not null and o.priority = $1 and ${NOT_REFUSED}
        and ${MAY_GO}`,
    [urgency],
  );
  return row?.ms ?? null;
}

/** Takes a line out, unless its record changed since it was claimed: then only what was delivered is struck off. */
export async function settle(
  sql: Sql,
  line: Pick<OutboxLine, 'table' | 'key' | 'version' | 'restore'>,
): Promise<void> {
  await sql.query('delete from pgnotion.outbox where table_name = $1 and key = $2 and version = $3', [
    line.table,
    line.key,
    line.version,
  ]);
  await sql.query(
    `update pgnotion.outbox
        set first_at = changed_at, inserted = false, restore = array(select unnest(restore) except select unnest($3::text[]))
      where table_name = $1 and key = $2`,
    [line.table, line.key, line.restore],
  );
}

export type Trouble = {
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

/** Leaves a line for later, after a failure that may pass. */
export async function reschedule(
  sql: Sql,
  line: OutboxLine,
  afterMs: number,
  trouble: Trouble,
): Promise<void> {
  await sql.query(
    `update pgnotion.outbox set attempts = attempts + 1, next_at = clock_timestamp() + make_interval(secs => $4),
            code = $5, reason = $6, remedy = $7
      where table_name = $1 and key = $2 and version = $3`,
    [line.table, line.key, line.version, afterMs / 1000, trouble.code, trouble.reason, trouble.remedy],
  );
}

/** Waits without counting a failure: the record depends on another one that is on its way. */
export async function postpone(sql: Sql, line: OutboxLine, afterMs: number): Promise<void> {
  await sql.query(
    `update pgnotion.outbox set next_at = clock_timestamp() + make_interval(secs => $4)
      where table_name = $1 and key = $2 and version = $3`,
    [line.table, line.key, line.version, afterMs / 1000],
  );
}

/** Sets a line aside until its record changes or somebody asks for a retry. */
export async function park(sql: Sql, line: OutboxLine, trouble: Trouble): Promise<void> {
  await sql.query(
    `update pgnotion.outbox set attempts = attempts + 1, parked_at = clock_timestamp(),
            code = $4, reason = $5, remedy = $6, cause = $7
      where table_name = $1 and key = $2 and version = $3`,
    [line.table, line.key, line.version, trouble.code, trouble.reason, trouble.remedy, trouble.cause ?? null],
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
      where o.parked_at is null and o.kind = 'write' and o.attempts = 0 and not exists (select from
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
    `insert into pgnotion.outbox as o (table_name, key, kind, lsn, changed_at, first_at)
     select table_name, key, 'delete', $2, $3, $3 from pgnotion.records
      where table_name = $1 and state <> 'resting'
     on conflict (table_name, key) do update
       set kind = 'delete', lsn = excluded.lsn, changed_at = excluded.changed_at, version = o.version + 1,
           approved = false, priority = 0,
           next_at = clock_timestamp(), attempts = 0, parked_at = null, code = null, reason = null, remedy = null`,
    [table, lsn === null ? null : formatLsn(lsn), changedAt],
  );
}

type LineRow = {
  table_name: TableName;
  key: RowKey;
  kind: 'write' | 'delete';
  priority: Urgency;
  lsn: string | null;
  changed_at: Date;
  version: string;
  restore: string[];
  approved: boolean;
  attempts: number;
  inserted: boolean;
};

const toLine = (row: LineRow): OutboxLine => ({
  table: row.table_name,
  key: row.key,
  kind: row.kind,
  urgency: row.priority,
  lsn: row.lsn,
  changedAt: row.changed_at,
  version: row.version,
  restore: row.restore,
  approved: row.approved,
  attempts: row.attempts,
  inserted: row.inserted,
});
