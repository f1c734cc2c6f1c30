import type { TableName } from '../model/ids.ts';
import type { Failure } from './outbox.ts';
import type { Sql, Store } from './sql.ts';

/** What a request to Notion does that may be refused as a kind. */
export type RequestKind = 'create' | 'update';

/** A kind of request that Notion refuses now; `table` null: for every table. */
export type RefusedKind = {
  readonly kind: RequestKind;
  readonly table: TableName | null;
  readonly code: string;
  readonly remedy: string;
};

const EVERY = '';

/** Keeps that a kind is refused; one request of it may be tried after `afterMs`. Gives whether it was not known before. */
export async function keepRefusedKind(
  sql: Sql,
  { kind, table }: Pick<RefusedKind, 'kind' | 'table'>,
  failure: Failure,
  afterMs: number,
): Promise<boolean> {
  const [row] = await sql.query<{ tries: number }>(
    `insert into pgnotion.refused_requests as r (kind, table_name, next_at, code, reason, remedy)
     values ($1, $2, clock_timestamp() + make_interval(secs => $3), $4, $5, $6)
     on conflict (kind, table_name) do update
       set tries = r.tries + 1, next_at = excluded.next_at, code = excluded.code, reason = excluded.reason,
           remedy = excluded.remedy
     returning tries`,
    [kind, table ?? EVERY, afterMs / 1_000, failure.code, failure.reason, failure.remedy],
  );
  return row?.tries === 1;
}

/** A request of the kind has passed. Gives whether it was refused before. Needs no transaction around it. */
export async function endRefusedKind(
  { query, epoch }: Store,
  kind: RequestKind,
  table: TableName,
): Promise<boolean> {
  const rows = await query(
    `with ended as (
       delete from pgnotion.refused_requests where kind = $1 and table_name in ($2, $3) returning kind)
     select kind from ended, pgnotion.fence($4)`,
    [kind, table, EVERY, epoch],
  );
  return rows.length > 0;
}

export async function readRefusedKinds(sql: Sql): Promise<readonly RefusedKind[]> {
  return sql.query<RefusedKind>(
    `select kind, nullif(table_name, '') as "table", code, remedy from pgnotion.refused_requests order by 1, 2`,
  );
}

/** A condition on `outbox o` that leaves out lines whose kind of request is refused and not to be tried now. */
export const NOT_REFUSED = `not exists (
  select from pgnotion.refused_requests q
   where q.next_at > clock_timestamp() and q.table_name in ('', o.table_name)
     and q.kind = case when exists (select from pgnotion.records r
                                     where r.table_name = o.table_name and r.key = o.key and r.page_id is not null)
                       then 'update' else 'create' end)`;
