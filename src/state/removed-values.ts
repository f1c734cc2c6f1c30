import type { Json } from '../model/change.ts';
import type { PageId, TableName } from '../model/ids.ts';
import type { Sql } from './sql.ts';

export type KeptValue = { readonly page: PageId; readonly value: Json };

/** Keeps what pages show of a property that is about to be removed, or to get another type: an operation of each record. */
export async function keepRemovedValues(
  sql: Sql,
  table: TableName,
  property: string,
  values: readonly KeptValue[],
): Promise<void> {
  await sql.query(
    `insert into pgnotion.operations
       (direction, table_name, key, page_id, kind, fields, before, after, status, finished_at, actor)
     select 'to-notion', $1, r.key, v.page, 'update', array[$2::text], jsonb_build_object($2::text, v.value),
            jsonb_build_object($2::text, null), 'done', clock_timestamp(), 'pgnotion apply --allow-destructive'
       from jsonb_to_recordset($3::jsonb) as v(page uuid, value jsonb)
       left join pgnotion.records r on r.page_id = v.page and r.table_name = $1`,
    [table, property, JSON.stringify(values)],
  );
}
