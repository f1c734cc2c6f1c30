import type { RowKey, TableName } from '../model/ids.ts';
import type { Urgency } from '../model/urgency.ts';
import type { OutboxEntry } from './outbox.ts';
import { NOT_REFUSED } from './refused-requests.ts';
import { NO_MOVE_PENDING } from './rekeys.ts';
import type { Sql } from './sql.ts';

/** A row gets a page only once it is known which pages there are. */
const MAY_GO = `(o.kind = 'delete'
            or not exists (select from pgnotion.first_contacts f where f.table_name = o.table_name and f.over_at is null)
            or exists (select from pgnotion.records r
                        where r.table_name = o.table_name and r.key = o.key and r.page_id is not null))`;

/** Of tables that are delivered at all: not paused, and their data source was read whole once. */
const WAITS = `o.parked_at is null and d.paused_at is null and d.swept_at is not null and ${NOT_REFUSED} and ${MAY_GO}
  and ${NO_MOVE_PENDING}`;

/**
 * Which of these tables have entries of this urgency that are due. Entries in `busy` (`table/key`) are passed over, and
 * so are tables whose data source was never read whole, and rows without a page while a first contact is under way: their
 * pages may exist already.
 */
export async function dueTables(
  sql: Sql,
  options: {
    readonly tables: readonly TableName[];
    readonly urgency: Urgency;
    readonly busy: readonly string[];
  },
): Promise<TableName[]> {
  const rows = await sql.query<{ name: TableName }>(
    `select d.table_name as name from pgnotion.data_sources d
      where d.table_name = any($1::text[]) and exists (
        select from pgnotion.outbox o
         where o.table_name = d.table_name and o.priority = $2 and o.next_at <= clock_timestamp() and ${WAITS}
           and o.table_name || '/' || o.key <> all($3::text[]))
      order by array_position($1::text[], d.table_name)`,
    [options.tables, options.urgency, options.busy],
  );
  return rows.map(({ name }) => name);
}

/** The due entries of one table, the longest waiting first, passing over the same as `dueTables`. */
export async function claimDue(
  sql: Sql,
  options: {
    readonly table: TableName;
    readonly urgency: Urgency;
    readonly limit: number;
    readonly busy: readonly string[];
  },
): Promise<OutboxEntry[]> {
  const rows = await sql.query<LineRow>(
    `select o.table_name, o.key, o.kind, o.priority, o.lsn::text, o.changed_at, o.version::text,
            o.restore, o.approved, o.attempts, o.inserted
       from pgnotion.outbox o join pgnotion.data_sources d using (table_name)
      where o.table_name = $1 and o.priority = $4 and o.next_at <= clock_timestamp() and ${WAITS}
        and o.table_name || '/' || o.key <> all($3::text[])
      order by o.first_at, o.key limit $2`,
    [options.table, options.limit, options.busy, options.urgency],
  );
  return rows.map(toLine);
}

/** Milliseconds until the next entry is due, on PostgreSQL's clock; null if nothing waits. */
export async function nextDueMs(sql: Sql, urgency: Urgency): Promise<number | null> {
  const [row] = await sql.query<{ ms: number | null }>(
    `select (extract(epoch from min(next_at) - clock_timestamp()) * 1000)::float8 as ms
       from pgnotion.outbox o join pgnotion.data_sources d using (table_name)
      where o.priority = $1 and ${WAITS}`,
    [urgency],
  );
  return row?.ms ?? null;
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

const toLine = (row: LineRow): OutboxEntry => ({
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
