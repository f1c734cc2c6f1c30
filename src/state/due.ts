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

/** A page that is there is about to become its row's page. */
const NOT_JOINED = `not exists (select from pgnotion.match_pages m where m.table_name = o.table_name and m.key = o.key)`;

/** Of tables that are delivered at all: not paused, and their data source was read whole once. */
const WAITS = `o.parked_at is null and d.paused_at is null and d.swept_at is not null and ${NOT_REFUSED} and ${MAY_GO}
  and ${NO_MOVE_PENDING} and ${NOT_JOINED}`;

/**
 * The due entries of each of these tables, at most `limit` of each, the longest waiting first; tables come in the order
 * in which they are given. Entries in `busy` (`table/key`) are passed over, and so are tables whose data source was never
 * read whole, and rows without a page while a first contact is under way: their pages may exist already.
 */
export async function claimDue(
  sql: Sql,
  options: {
    readonly tables: readonly TableName[];
    readonly urgency: Urgency;
    readonly limit: number;
    /** Of these tables fewer are wanted. */
    readonly fewer?: ReadonlyMap<TableName, number>;
    readonly busy: readonly string[];
  },
): Promise<ReadonlyMap<TableName, readonly OutboxEntry[]>> {
  const rows = await sql.query<OutboxEntry>(
    `select e.table_name as "table", e.key, e.kind, e.priority as urgency, e.lsn::text, e.changed_at as "changedAt",
            e.version::text, e.restore, e.approved, e.attempts, e.inserted
       from unnest($1::text[], $2::integer[]) with ordinality as t(name, most, place)
       join pgnotion.data_sources d on d.table_name = t.name
      cross join lateral (
        select o.* from pgnotion.outbox o
         where o.table_name = d.table_name and o.priority = $4 and o.next_at <= clock_timestamp() and ${WAITS}
           and o.table_name || '/' || o.key <> all($3::text[])
         order by o.first_at, o.key limit t.most) as e
      order by t.place, e.first_at, e.key`,
    [
      options.tables,
      options.tables.map((table) => options.fewer?.get(table) ?? options.limit),
      options.busy,
      options.urgency,
    ],
  );
  return Map.groupBy(rows, ({ table }) => table);
}

/** Records have to follow changes of their keys first: until then nothing is due. */
export async function doMovesWait(sql: Sql): Promise<boolean> {
  const [row] = await sql.query<{ wait: boolean }>(`select not ${NO_MOVE_PENDING} as wait`);
  return row?.wait ?? false;
}

/** What a loop rests for that has found nothing due, and has nothing in hand: it reads all that waits. */
export type Rest = {
  /** Until the next entry is due, on PostgreSQL's clock; null if nothing waits. */
  readonly ms: number | null;
  /** Records have to follow changes of their keys first: until then nothing is due. */
  readonly movesWait: boolean;
};

export async function restOf(sql: Sql, urgency: Urgency): Promise<Rest> {
  const [row] = await sql.query<Rest>(
    `select (extract(epoch from min(next_at) - clock_timestamp()) * 1000)::float8 as ms,
            not ${NO_MOVE_PENDING} as "movesWait"
       from pgnotion.outbox o join pgnotion.data_sources d using (table_name)
      where o.priority = $1 and ${WAITS}`,
    [urgency],
  );
  return row ?? { ms: null, movesWait: false };
}

/** Of these records those whose next delivery waits, and has not failed yet. */
export async function awaitingDelivery(
  sql: Sql,
  table: TableName,
  keys: readonly RowKey[],
): Promise<ReadonlySet<RowKey>> {
  const rows = await sql.query<{ key: RowKey }>(
    `select key from pgnotion.outbox
      where table_name = $1 and key = any($2::text[]) and kind = 'write' and parked_at is null and attempts = 0`,
    [table, keys],
  );
  return new Set(rows.map(({ key }) => key));
}
