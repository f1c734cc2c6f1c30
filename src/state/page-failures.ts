import type { PageId, RowKey, TableName } from '../model/ids.ts';
import type { Failure } from './outbox.ts';
import type { Sql } from './sql.ts';

/** A page that could not be looked at, or not whole, when it was last tried. */
export type PageFailure = {
  readonly page: PageId;
  readonly table: TableName;
  /** The fields that could not be read; empty if nothing of the page could be. */
  readonly fields: readonly string[];
  readonly editedAt: Date | null;
  readonly attempts: number;
  /** Its time has come to be tried again. */
  readonly due: boolean;
};

const SELECT = `select page_id as page, table_name as "table", fields, edited_at as "editedAt", attempts,
                       next_at <= clock_timestamp() as due
                  from pgnotion.page_failures f`;

export async function failuresOf(sql: Sql, pages: readonly PageId[]): Promise<Map<PageId, PageFailure>> {
  if (pages.length === 0) return new Map();
  const rows = await sql.query<PageFailure>(`${SELECT} where page_id = any($1::uuid[])`, [pages]);
  return new Map(rows.map((row) => [row.page, row]));
}

/** Pages to try again now, of other tables than those of `except`. */
export const dueFailures = (
  sql: Sql,
  limit: number,
  except: readonly TableName[] = [],
): Promise<PageFailure[]> =>
  sql.query<PageFailure>(
    `${SELECT} where next_at <= clock_timestamp() and table_name <> all($2::text[]) and not exists (
       select from pgnotion.data_sources d where d.table_name = f.table_name and d.paused_at is not null)
     order by next_at limit $1`,
    [limit, except],
  );

/** Keeps that a page failed; it is tried again after `afterMs`. The key stays known once it was. */
export async function keepPageFailure(
  sql: Sql,
  failed: Pick<PageFailure, 'page' | 'table' | 'fields' | 'editedAt'> & { readonly key: RowKey | null },
  failure: Failure,
  afterMs: number,
): Promise<void> {
  await sql.query(
    `insert into pgnotion.page_failures as f (page_id, table_name, key, fields, edited_at, next_at, code, reason, remedy, tried_at)
     values ($1, $2, $3, $4, $5, clock_timestamp() + make_interval(secs => $6), $7, $8, $9, clock_timestamp())
     on conflict (page_id) do update
       set table_name = excluded.table_name, key = coalesce(excluded.key, f.key), fields = excluded.fields,
           edited_at = coalesce(excluded.edited_at, f.edited_at), attempts = f.attempts + 1,
           next_at = excluded.next_at, code = excluded.code, reason = excluded.reason, remedy = excluded.remedy,
           tried_at = excluded.tried_at`,
    [
      failed.page,
      failed.table,
      failed.key,
      failed.fields,
      failed.editedAt,
      afterMs / 1_000,
      failure.code,
      failure.reason,
      failure.remedy,
    ],
  );
}

/** The page could be looked at, whole. */
export async function clearPageFailure(sql: Sql, page: PageId): Promise<void> {
  await sql.query('delete from pgnotion.page_failures where page_id = $1', [page]);
}

/** A condition that leaves out the pages which failed and whose time has not come. */
export const notFailing = (page: string): string =>
  `not exists (select from pgnotion.page_failures f where f.page_id = ${page} and f.next_at > clock_timestamp())`;
