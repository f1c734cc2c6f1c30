import type { PageImage } from '../model/change.ts';
import type { PageId, TableName } from '../model/ids.ts';
import type { LongValues } from '../model/long-values.ts';
import type { Sql } from './sql.ts';

type Row = LongValues & { readonly page: PageId };

export async function longValuesOf(sql: Sql, pages: readonly PageId[]): Promise<Map<PageId, LongValues>> {
  if (pages.length === 0) return new Map();
  const rows = await sql.query<Row>(
    `select page_id as page, edited_at as "editedAt", closed, listed, whole, reads,
            (extract(epoch from clock_timestamp() - read_at) * 1000)::float8 as "readMsAgo"
       from pgnotion.long_values where page_id = any($1::uuid[])`,
    [pages],
  );
  return new Map(rows.map((row) => [row.page, row]));
}

/** Keeps what has just been read whole. */
export async function keepLongValues(
  sql: Sql,
  read: {
    readonly page: PageId;
    readonly table: TableName;
    readonly editedAt: Date;
    readonly closed: boolean;
    readonly listed: string;
    readonly whole: PageImage;
  },
): Promise<void> {
  await sql.query(
    `insert into pgnotion.long_values as l (page_id, table_name, edited_at, closed, listed, whole)
     values ($1, $2, $3, $4, $5, $6)
     on conflict (page_id) do update
       set reads = case when l.edited_at = excluded.edited_at then l.reads + 1 else 1 end,
           table_name = excluded.table_name, edited_at = excluded.edited_at, closed = excluded.closed,
           listed = excluded.listed, whole = excluded.whole, read_at = clock_timestamp()`,
    [read.page, read.table, read.editedAt, read.closed, read.listed, JSON.stringify(read.whole)],
  );
}

/** Nothing of the page is cut short any more. */
export async function forgetLongValues(sql: Sql, page: PageId): Promise<void> {
  await sql.query('delete from pgnotion.long_values where page_id = $1', [page]);
}

/** Forgets what has not been read for so long that its page is likely gone. */
export async function pruneLongValues(sql: Sql, days: number): Promise<void> {
  await sql.query(
    'delete from pgnotion.long_values where read_at < clock_timestamp() - make_interval(secs => $1)',
    [days * 86_400],
  );
}
