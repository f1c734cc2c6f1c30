import type { Count, Outcome, TableProgress } from '../model/first-sync.ts';
import type { TableName } from '../model/ids.ts';
import { BACKFILL } from '../model/urgency.ts';
import type { Sql } from './sql.ts';

/** All rows of a table are about to be found. What was cut off, by a restart or another walk, goes on. */
export async function beginWalk(sql: Sql, table: TableName, total: number): Promise<void> {
  await sql.query(
    `insert into pgnotion.first_syncs as f (table_name, is_first, total) values ($1, true, $2)
     on conflict (table_name) do update
       set is_first = f.is_first and f.finished_at is null,
           began_at = case when f.finished_at is null then f.began_at else clock_timestamp() end,
           done = case when f.finished_at is null then f.done else 0 end,
           requests = case when f.finished_at is null then f.requests else 0 end,
           rows_per_second = case when f.finished_at is null then f.rows_per_second end,
           seen_at = case when f.finished_at is null then f.seen_at else clock_timestamp() end,
           set_aside = 0, seconds_left = null, walked_at = null, finished_at = null, total = excluded.total`,
    [table, total],
  );
}

/** All of them are in the outbox. */
export async function endWalk(sql: Sql, table: TableName, total: number): Promise<void> {
  await sql.query(
    'update pgnotion.first_syncs set walked_at = clock_timestamp(), total = $2 where table_name = $1 and finished_at is null',
    [table, total],
  );
}

/** Those under way, and those that ended since the earliest of them began. */
const RUN = `f.table_name = any($1::text[]) and (f.finished_at is null or f.finished_at >= (
       select min(o.began_at) from pgnotion.first_syncs o where o.finished_at is null and o.table_name = any($1::text[])))`;

/** Counts what is under way of these tables, in the order in which they are given; none if all is over. */
export function countWalks(sql: Sql, tables: readonly TableName[]): Promise<Count[]> {
  return sql.query<Count>(
    `select f.table_name as "table", f.is_first as "isFirst", f.walked_at is not null as walked,
            f.finished_at is not null as finished, d.paused_at is not null as paused, f.total::int,
            coalesce(o.waiting, 0)::int as waiting,
            case when f.finished_at is null then coalesce(o.aside, 0) else f.set_aside end::int as "setAside",
            json_build_object('done', f.done, 'rowsPerSecond', f.rows_per_second) as before
       from pgnotion.first_syncs f
       join pgnotion.data_sources d using (table_name)
       left join lateral (
         select count(*) filter (where parked_at is null) as waiting, count(*) filter (where parked_at is not null) as aside
           from pgnotion.outbox o
          -- What was found, and what has to follow it because a page came later.
          where f.finished_at is null and o.table_name = f.table_name
            and (f.walked_at is null or o.first_at <= f.walked_at or o.priority = ${BACKFILL})) as o on true
      where ${RUN}
      order by array_position($1::text[], f.table_name)`,
    [tables],
  );
}

/** Requests of this age at most that left for something that nobody waits for. */
export async function patientRequests(sql: Sql, ageMs: number): Promise<number> {
  const [row] = await sql.query<{ n: number }>(
    `select count(*)::int as n from pgnotion.requests
      where at > clock_timestamp() - make_interval(secs => $1) and priority in ('bulk', 'backfill')`,
    [ageMs / 1_000],
  );
  return row?.n ?? 0;
}

/** Keeps what was measured, for all who ask and for the next process. */
export async function saveProgress(sql: Sql, lines: readonly TableProgress[]): Promise<void> {
  await sql.query(
    `update pgnotion.first_syncs f
        set done = u.done, set_aside = u.aside, rows_per_second = u.rate, seconds_left = u.remaining, seen_at = n.at,
            requests = f.requests + (select count(*) from pgnotion.requests r where r.at > f.seen_at and r.at <= n.at)
       from unnest($1::text[], $2::bigint[], $3::bigint[], $4::float8[], $5::float8[]) as u(t, done, aside, rate, remaining),
            (select clock_timestamp() as at) as n
      where f.table_name = u.t and f.finished_at is null`,
    [
      lines.map(({ table }) => table),
      lines.map(({ done }) => done),
      lines.map(({ setAside }) => setAside),
      lines.map(({ rowsPerSecond }) => rowsPerSecond),
      lines.map(({ secondsLeft }) => secondsLeft),
    ],
  );
}

/** The last row of these tables is written. */
export async function endFirstSyncs(sql: Sql, tables: readonly TableName[]): Promise<void> {
  await sql.query(
    `update pgnotion.first_syncs set finished_at = clock_timestamp(), seconds_left = 0
      where table_name = any($1::text[]) and finished_at is null and walked_at is not null`,
    [tables],
  );
}

/** What the first sync of these tables came to, in all. */
export async function outcomeOf(sql: Sql, tables: readonly TableName[]): Promise<Outcome> {
  const [row] = await sql.query<Outcome>(
    `with run as (
       select min(began_at) as began, max(finished_at) as ended, sum(total) as total, sum(set_aside) as aside,
              max(requests) as requests
         from pgnotion.first_syncs where table_name = any($1::text[]))
     select coalesce(total, 0)::int as rows, coalesce(aside, 0)::int as "setAside", coalesce(requests, 0)::int as requests,
            coalesce(extract(epoch from ended - began), 0)::int as seconds,
            pages.created::int as "pagesCreated", pages.updated::int as "pagesUpdated"
       from run cross join lateral (
         select count(*) filter (where o.kind = 'create') as created, count(*) filter (where o.kind = 'update') as updated
           from pgnotion.operations o
          where o.table_name = any($1::text[]) and o.started_at >= run.began and o.direction = 'to-notion' and o.status = 'done')
         as pages`,
    [tables],
  );
  return row ?? { rows: 0, setAside: 0, pagesCreated: 0, pagesUpdated: 0, requests: 0, seconds: 0 };
}

/** The view `first_sync`, of the tables whose first sync is under way and of those that ended with it; none otherwise. */
export function readFirstSync(
  sql: Sql,
  tables: readonly TableName[] | null = null,
): Promise<TableProgress[]> {
  return sql.query<TableProgress>(
    `select table_name as "table", kind = 'first sync' as "isFirst", state, total::int, done::int, set_aside::int as "setAside",
            rows_per_second as "rowsPerSecond", seconds_left as "secondsLeft"
       from pgnotion.first_sync s
      where ($1::text[] is null or table_name = any($1))
        and (finished_at is null or finished_at >= (
          select min(o.began_at) from pgnotion.first_sync o
           where o.finished_at is null and ($1::text[] is null or o.table_name = any($1))))
      order by began_at, table_name`,
    [tables],
  );
}
