import type { DataSourceId, TableName } from '../model/ids.ts';
import type { MadeProperty } from '../model/removals.ts';
import type { Sql } from './sql.ts';

/** What `apply` has made in a data source: see `MadeProperty`. */
export const readMadeProperties = (
  sql: Sql,
  table: TableName,
  dataSource: DataSourceId,
): Promise<MadeProperty[]> =>
  sql.query<MadeProperty>(
    `select property_id as id, name, type, whole, options from pgnotion.made_properties
      where table_name = $1 and data_source_id = $2 order by name`,
    [table, dataSource],
  );

/** Keeps what was made, beside what is known of it from before. */
export async function noteMadeProperties(
  sql: Sql,
  { table, dataSource }: { readonly table: TableName; readonly dataSource: DataSourceId },
  made: readonly MadeProperty[],
): Promise<void> {
  for (const { id, name, type, whole, options } of made)
    await sql.query(
      `insert into pgnotion.made_properties as m (table_name, data_source_id, property_id, name, type, whole, options)
       values ($1, $2, $3, $4, $5, $6, $7)
       on conflict (table_name, data_source_id, property_id) do update
         set name = excluded.name, type = excluded.type, whole = m.whole or excluded.whole,
             options = m.options || excluded.options`,
      [table, dataSource, id, name, type, whole, JSON.stringify(options)],
    );
}

export async function forgetMadeProperty(
  sql: Sql,
  { table, dataSource }: { readonly table: TableName; readonly dataSource: DataSourceId },
  id: string,
): Promise<void> {
  await sql.query(
    'delete from pgnotion.made_properties where table_name = $1 and data_source_id = $2 and property_id = $3',
    [table, dataSource, id],
  );
}
