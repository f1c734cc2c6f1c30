import type { Sql } from './sql.ts';

/** What happened in one span of time. */
export type ChartPoint = {
  readonly at: Date;
  /** Operations that ended well, by direction. */
  readonly to_notion: number;
  readonly to_postgres: number;
  readonly failed: number;
  /** From a change to its arrival at the other side, in seconds; null where nothing arrived. */
  readonly latency_p50_seconds: number | null;
  readonly latency_p95_seconds: number | null;
  /** Requests to Notion, and those of them that it answered with a limit. */
  readonly requests: number;
  readonly limited: number;
};

/** The newest of each that are counted, which bounds the work whatever the history: more than any plan of Notion's allows an hour. */
const MOST = 50_000;

/** The last hours in spans of so many seconds, the oldest first; spans in which nothing happened are there too. */
export function readCharts(sql: Sql, hours: number, seconds: number): Promise<ChartPoint[]> {
  return sql.query<ChartPoint>(
    `with bounds as (
       select to_timestamp(floor(extract(epoch from clock_timestamp()) / $2) * $2) as last),
     spans as (
       select generate_series(last - make_interval(hours => $1) + make_interval(secs => $2), last, make_interval(secs => $2)) as at
         from bounds),
     done as (
       select date_bin(make_interval(secs => $2), started_at, (select last from bounds)) as at, direction, status, batch,
              extract(epoch from finished_at - changed_at) as latency
         from (select started_at, direction, status, batch, finished_at, changed_at from pgnotion.operations
                where started_at >= (select min(at) from spans) order by started_at desc limit ${MOST}) o),
     worked as (
       select at, count(*) filter (where status = 'done' and direction = 'to-notion')::int as to_notion,
              count(*) filter (where status = 'done' and direction = 'to-postgres')::int as to_postgres,
              count(*) filter (where status = 'failed')::int as failed,
              percentile_cont(0.5) within group (order by latency)
                filter (where status = 'done' and batch is distinct from 'backfill') as p50,
              percentile_cont(0.95) within group (order by latency)
                filter (where status = 'done' and batch is distinct from 'backfill') as p95
         from done group by 1),
     asked as (
       select date_bin(make_interval(secs => $2), at, (select last from bounds)) as at, count(*)::int as requests,
              count(*) filter (where status in (429, 529))::int as limited
         from (select at, status from pgnotion.requests
                where at >= (select min(at) from spans) order by at desc limit ${MOST}) r group by 1)
     select s.at, coalesce(w.to_notion, 0) as to_notion, coalesce(w.to_postgres, 0) as to_postgres,
            coalesce(w.failed, 0) as failed, w.p50::float8 as latency_p50_seconds, w.p95::float8 as latency_p95_seconds,
            coalesce(a.requests, 0) as requests, coalesce(a.limited, 0) as limited
       from spans s left join worked w using (at) left join asked a using (at) order by s.at`,
    [hours, seconds],
  );
}

/** How many requests left within the last `windowMs`. */
export async function requestsWithin(sql: Sql, windowMs: number): Promise<number> {
  const [row] = await sql.query<{ n: number }>(
    `select count(*)::int as n from pgnotion.requests where at > clock_timestamp() - make_interval(secs => $1)`,
    [windowMs / 1_000],
  );
  return row?.n ?? 0;
}
