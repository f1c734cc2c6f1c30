import type { PageId } from '../model/ids.ts';
import type { LogEntry, SyncLogLevel } from '../model/sync-log.ts';
import type { Sql } from './sql.ts';

/** How far the log has come: the last operation that was considered, and when. */
type Place = { readonly operation: string; readonly at: string };

const START: Place = { operation: '0', at: '-infinity' };
/** A line whose transaction is still open may have a lower number than one that is seen already. */
const SETTLE_SECONDS = 5;
const CHUNK = 500;

/**
 * Takes what happened since the last time into the log, as far as `level` wants it. Nothing is written where nothing
 * happened. Returns how many lines were added.
 */
export async function collect(sql: Sql, level: Exclude<SyncLogLevel, 'off'>): Promise<number> {
  const place = await readPlace(sql);
  const [seen] = await sql.query<{ last: string | null; added: number }>(OPERATIONS, [
    place.operation,
    level === 'all',
    CHUNK,
    SETTLE_SECONDS,
  ]);
  const [parked] = await sql.query<{ added: number }>(FAILURES, [place.at]);
  const [disputed] = await sql.query<{ added: number }>(CONFLICTS, [place.at]);
  const added = (seen?.added ?? 0) + (parked?.added ?? 0) + (disputed?.added ?? 0);
  const last = seen?.last ?? null;
  if (added > 0 || last !== null) await savePlace(sql, last ?? place.operation, added > 0);
  return added;
}

// An operation under way holds back those after it for as long as a request can take.
const OPERATIONS = `
  with considered as (
    select * from pgnotion.operations
     where id > $1::bigint and started_at < clock_timestamp() - make_interval(secs => $4) order by id limit $3),
  ripe as (
    select * from considered
     where id < coalesce((select min(id) from considered
                           where finished_at is null and started_at > clock_timestamp() - interval '2 minutes'),
                         9223372036854775807)),
  added as (
    insert into pgnotion.sync_log (sync_id, at, table_name, record_id, page_id, direction, status, error, duration_ms)
    select 'operation ' || id, coalesce(finished_at, started_at), table_name, key, page_id, direction,
           case status when 'done' then 'success' else 'failed' end,
           coalesce(error, case status when 'done' then null else 'no answer came; the record is looked at again' end),
           extract(epoch from finished_at - started_at) * 1000
      from ripe
     where status <> 'done' or ($2 and batch is distinct from 'backfill')
    on conflict do nothing returning 1)
  select (select max(id)::text from ripe) as last, (select count(*)::int from added) as added`;

const FAILURES = `
  with added as (
    insert into pgnotion.sync_log (sync_id, at, table_name, record_id, page_id, direction, status, error)
    select 'failure ' || left(md5(concat_ws('/', direction, table_name, key, page_id, since)), 12), since,
           table_name, key, page_id, direction, 'failed', concat_ws('. ', reason, remedy)
      from pgnotion.failures
     where parked and since > $1::timestamptz - interval '1 minute'
    on conflict do nothing returning 1)
  select count(*)::int as added from added`;

// One that waits for a person has a line when it begins and one when it ends. A refused edit stands there already.
const CONFLICTS = `
  with added as (
    insert into pgnotion.sync_log (sync_id, at, table_name, record_id, page_id, direction, status, error)
    select 'conflict ' || id || case status when 'open' then ', open' else '' end,
           coalesce(resolved_at, detected_at), table_name, record_id, page_id, 'both', 'conflict',
           concat_ws('; ', type || coalesce(' of ' || fields[1], ''), 'PostgreSQL: ' || local_record::text,
                     'Notion: ' || remote_record::text,
                     case status when 'open' then 'waits for a decision'
                                 when 'outdated' then 'both sides agree again'
                                 else 'kept: ' || resolution || ' (' || coalesce(resolved_by, strategy) || ')' end)
      from pgnotion.conflict_entries
     where status <> 'decided' and type <> 'REFUSED_EDIT'
       and coalesce(resolved_at, detected_at) > $1::timestamptz - interval '1 minute'
    on conflict do nothing returning 1)
  select count(*)::int as added from added`;

async function readPlace(sql: Sql): Promise<Place> {
  const [row] = await sql.query<{ value: Place }>(
    `select value from pgnotion.settings where name = 'sync_log'`,
  );
  return row?.value ?? START;
}

async function savePlace(sql: Sql, operation: string, moved: boolean): Promise<void> {
  await sql.query(
    `insert into pgnotion.settings as s (name, value)
     values ('sync_log', jsonb_build_object('operation', $1::text, 'at', clock_timestamp()))
     on conflict (name) do update set value = jsonb_build_object('operation', $1::text,
       'at', case when $2 then to_jsonb(clock_timestamp()) else s.value -> 'at' end)`,
    [operation, moved],
  );
}

/**
 * Keeps what waits bounded: when more happens than may be written, the oldest give way to one line that says so.
 * Returns how many were left out.
 */
export async function collapse(sql: Sql, most: number): Promise<number> {
  const [row] = await sql.query<{ n: number }>(
    `with waiting as (
       select sync_id, row_number() over (order by at desc) as place from pgnotion.sync_log
        where log_page is null and sent_at is null),
     over as (select 1 from waiting having count(*) > $1),
     gone as (
       delete from pgnotion.sync_log l using waiting w
        where exists (select from over) and w.place > $1 / 2 and l.sync_id = w.sync_id returning l.at),
     summary as (
       insert into pgnotion.sync_log (sync_id, at, direction, status, error)
       select 'left out until ' || to_char(max(at) at time zone 'utc', 'YYYY-MM-DD HH24:MI:SS'), max(at), 'both',
              'success', count(*) || ' lines were left out: more happened than may be written here. '
                || 'pgnotion.recent_operations has all of them.'
         from gone having count(*) > 0
       on conflict (sync_id) do nothing)
     select count(*)::int as n from gone`,
    [most],
  );
  return row?.n ?? 0;
}

type Row = Omit<LogEntry, 'at'> & {
  readonly at: Date;
  /** How long ago the request for its page left; null if none has that can have made it. */
  readonly sentAgoMs: number | null;
  readonly attempts: number;
  readonly ageSeconds: number;
};

/** The oldest line that has no page yet, of those that are not in `except`. */
export async function nextEntry(sql: Sql, except: readonly string[] = []): Promise<Row | null> {
  const [row] = await sql.query<Row>(
    `select sync_id as "syncId", at, table_name as "table", record_id as record, page_id as page, direction, status,
            error, duration_ms as "durationMs", attempts,
            (extract(epoch from clock_timestamp() - sent_at) * 1000)::float8 as "sentAgoMs",
            extract(epoch from clock_timestamp() - at)::float8 as "ageSeconds"
       from pgnotion.sync_log
      where log_page is null and sync_id <> all($1::text[]) order by attempts, at limit 1`,
    [except],
  );
  return row ?? null;
}

export async function markSent(sql: Sql, syncId: string): Promise<void> {
  await sql.query('update pgnotion.sync_log set sent_at = clock_timestamp() where sync_id = $1', [syncId]);
}

/** Its page cannot have come to exist. */
export async function markUnsent(sql: Sql, syncId: string): Promise<void> {
  await sql.query('update pgnotion.sync_log set sent_at = null where sync_id = $1', [syncId]);
}

/** It failed: it goes behind those that did not. */
export async function countAttempt(sql: Sql, syncId: string): Promise<void> {
  await sql.query('update pgnotion.sync_log set attempts = attempts + 1 where sync_id = $1', [syncId]);
}

export async function markWritten(sql: Sql, syncId: string, page: PageId): Promise<void> {
  await sql.query('update pgnotion.sync_log set log_page = $2 where sync_id = $1', [syncId, page]);
}

export async function forgetEntry(sql: Sql, syncId: string): Promise<void> {
  await sql.query('delete from pgnotion.sync_log where sync_id = $1', [syncId]);
}

/** Notion does not show the line's page, so that it cannot go to the trash now. Gives for how many days that has been so. */
export async function markEntryHidden(sql: Sql, syncId: string): Promise<number> {
  const [row] = await sql.query<{ days: number }>(
    `update pgnotion.sync_log
        set hidden_since = coalesce(hidden_since, clock_timestamp()), looked_at = clock_timestamp()
      where sync_id = $1 returning (extract(epoch from clock_timestamp() - hidden_since) / 86400)::float8 as days`,
    [syncId],
  );
  return row?.days ?? 0;
}

/** Written lines that are too old, or more than may stay; the oldest first. */
export async function expired(
  sql: Sql,
  keep: { readonly days: number; readonly entries: number },
  limit: number,
): Promise<{ readonly syncId: string; readonly page: PageId }[]> {
  return sql.query(
    `select sync_id as "syncId", log_page as page from (
       select sync_id, log_page, at, row_number() over (order by at desc) as place
         from pgnotion.sync_log
        where log_page is not null and coalesce(looked_at < clock_timestamp() - interval '1 day', true)) written
      where at < clock_timestamp() - make_interval(days => $1) or place > $2
      order by at limit $3`,
    [keep.days, keep.entries, limit],
  );
}
