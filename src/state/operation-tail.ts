import type { OperationEnd } from '../model/operation-tail.ts';
import type { Sql } from './sql.ts';

/** The number of the last operation that began before `seconds` ago; 0 if there is none. */
export async function lastOperationBefore(sql: Sql, seconds: number): Promise<number> {
  const [row] = await sql.query<{ id: string }>(
    `select coalesce((select id from pgnotion.operations
                       where started_at < clock_timestamp() - make_interval(secs => $1)
                       order by started_at desc limit 1), 0)::text as id`,
    [seconds],
  );
  return Number(row?.id ?? 0);
}

/** The next operations after `last`, at most `limit`, and those of `open`. */
export const readOperationEnds = (
  sql: Sql,
  { last, open, limit }: { readonly last: number; readonly open: readonly number[]; readonly limit: number },
): Promise<OperationEnd[]> =>
  sql.query<OperationEnd>(
    `select id::float8 as id, table_name as "table", direction, status,
            case when changed_at is not null and batch is distinct from 'backfill'
                 then greatest(extract(epoch from finished_at - changed_at), 0)::float8 end as latency
       from ((select * from pgnotion.operations where id > $1 order by id limit $3)
             union all
             select * from pgnotion.operations where id = any($2::bigint[])) as read`,
    [last, open, limit],
  );
