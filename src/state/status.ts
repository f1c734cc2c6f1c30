import type { TableName } from '../model/ids.ts';
import type { Sql } from './sql.ts';

/** A line of the view `status`. Ages and latencies are seconds. */
export type StatusLine = {
  readonly table_name: TableName;
  readonly records: number;
  readonly linked: number;
  readonly pending: number;
  readonly oldest_pending_seconds: number | null;
  readonly failed: number;
  readonly paused: boolean;
  readonly paused_reason: string | null;
  readonly backfilled: boolean;
  readonly last_success: Date | null;
  readonly latency_p50_seconds: number | null;
  readonly latency_p95_seconds: number | null;
  readonly success_rate: number | null;
  /** Conflicts that wait for a person. */
  readonly conflicts: number;
  /** Conflicts of the last hour as a share of its changes. */
  readonly conflict_rate: number | null;
  /** Records whose rows are there, and are left out by the table's query or condition. */
  readonly filtered: number;
  /** It is not known yet which pages the database has: rows without a page wait. */
  readonly first_contact: boolean;
  /** Changes that wait for a person because they are so many, or because the page may be another row's. */
  readonly guarded: number;
};

export function readStatus(sql: Sql): Promise<StatusLine[]> {
  return sql.query<StatusLine>(
    `select table_name, records::int, linked::int, pending::int, oldest_pending_seconds::float8, failed::int,
            paused, paused_reason, backfilled, last_success, latency_p50_seconds::float8,
            latency_p95_seconds::float8, success_rate::float8, conflicts::int, conflict_rate::float8, filtered::int,
            exists (select from pgnotion.first_contacts f
                     where f.table_name = s.table_name and f.over_at is null) as first_contact,
            coalesce(g.guarded, 0)::int as guarded
       from pgnotion.status s
       left join (select table_name, sum(changes) as guarded from pgnotion.guarded_changes group by 1) g using (table_name)
      order by table_name`,
  );
}

/** A line of the view `failures`. */
export type FailureLine = {
  readonly direction: string;
  readonly table_name: string;
  readonly key: string | null;
  readonly page_id: string | null;
  readonly code: string;
  readonly reason: string;
  readonly remedy: string;
  readonly attempts: number;
  readonly parked: boolean;
  readonly since: Date;
  /** When it failed first since it last succeeded. */
  readonly first_at: Date;
  /** When it was last tried; null if that is not known. */
  readonly last_at: Date | null;
  /** When it is tried again by itself. */
  readonly next_at: Date | null;
  /** What its page says of it. */
  readonly shown: string | null;
};

/** All of them, or the first so many. */
export function readFailures(
  sql: Sql,
  limit: number | null = null,
  table: string | null = null,
): Promise<FailureLine[]> {
  return sql.query<FailureLine>(
    `select * from pgnotion.failures where $2::text is null or table_name = $2
      order by parked desc, since limit $1`,
    [limit, table],
  );
}
