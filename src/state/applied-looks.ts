import type { DataSourceId, TableName } from '../model/ids.ts';
import type { Looks } from '../model/looks.ts';
import type { Sql } from './sql.ts';

/** How the configuration wanted a table's database to look when that was last carried out; null if it never was. */
export async function readAppliedLooks(
  sql: Sql,
  table: TableName,
  dataSource: DataSourceId,
): Promise<Looks | null> {
  const [row] = await sql.query<{ looks: Looks }>(
    'select looks from pgnotion.applied_looks where table_name = $1 and data_source_id = $2',
    [table, dataSource],
  );
  return row?.looks ?? null;
}

export async function saveAppliedLooks(
  sql: Sql,
  { table, dataSource }: { readonly table: TableName; readonly dataSource: DataSourceId },
  looks: Looks,
): Promise<void> {
  await sql.query(
    `insert into pgnotion.applied_looks (table_name, data_source_id, looks) values ($1, $2, $3)
     on conflict (table_name) do update set data_source_id = excluded.data_source_id, looks = excluded.looks`,
    [table, dataSource, JSON.stringify(looks)],
  );
}
