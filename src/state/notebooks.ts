import type { DataSourceId } from '../model/ids.ts';
import type { Sql } from './sql.ts';

export type NotebookName = 'sync_log' | 'conflicts';

/** Where a notebook is in Notion. */
export type NotebookPlace = {
  readonly dataSource: DataSourceId;
  readonly database: string | null;
  /** Property name -> property id. */
  readonly properties: Readonly<Record<string, string>>;
};

/** Null if `pgnotion apply` has not made it. */
export async function readNotebook(sql: Sql, name: NotebookName): Promise<NotebookPlace | null> {
  const [row] = await sql.query<{
    data_source_id: DataSourceId;
    database_id: string | null;
    properties: Record<string, string>;
  }>('select data_source_id, database_id, properties from pgnotion.notebooks where name = $1', [name]);
  if (row === undefined) return null;
  return { dataSource: row.data_source_id, database: row.database_id, properties: row.properties };
}

export async function saveNotebook(sql: Sql, name: NotebookName, place: NotebookPlace): Promise<void> {
  await sql.query(
    `insert into pgnotion.notebooks (name, data_source_id, database_id, properties) values ($1, $2, $3, $4)
     on conflict (name) do update set data_source_id = excluded.data_source_id,
       database_id = excluded.database_id, properties = excluded.properties`,
    [name, place.dataSource, place.database, JSON.stringify(place.properties)],
  );
}
