import type { DataSourceId } from '../model/ids.ts';
import { type KnownSchema, knownByIds } from '../model/schema/known.ts';
import type { Sql } from './sql.ts';

export type ReportDatabaseName = 'sync_log' | 'conflicts';

/** Where a notebook is in Notion. */
export type ReportDatabasePlace = {
  readonly dataSource: DataSourceId;
  readonly database: string | null;
  /** Property name -> property id, of those that can be written now. */
  readonly properties: Readonly<Record<string, string>>;
  readonly known: KnownSchema;
};

/** Null if `pgnotion apply` has not made it. */
export async function readReportDatabase(
  sql: Sql,
  name: ReportDatabaseName,
): Promise<ReportDatabasePlace | null> {
  const [row] = await sql.query<{
    data_source_id: DataSourceId;
    database_id: string | null;
    properties: Record<string, string>;
    known: KnownSchema;
  }>('select data_source_id, database_id, properties, known from pgnotion.notebooks where name = $1', [name]);
  if (row === undefined) return null;
  const { data_source_id: dataSource, database_id: database } = row;
  if (Object.keys(row.known).length > 0)
    return { dataSource, database, properties: row.properties, known: row.known };
  const known = knownByIds(row.properties);
  const properties = Object.fromEntries(Object.entries(known).map(([name, { id }]) => [name, id]));
  return { dataSource, database, properties, known };
}

export async function saveReportDatabase(
  sql: Sql,
  name: ReportDatabaseName,
  place: ReportDatabasePlace,
): Promise<void> {
  await sql.query(
    `insert into pgnotion.notebooks (name, data_source_id, database_id, properties, known) values ($1, $2, $3, $4, $5)
     on conflict (name) do update set data_source_id = excluded.data_source_id,
       database_id = excluded.database_id, properties = excluded.properties, known = excluded.known`,
    [name, place.dataSource, place.database, JSON.stringify(place.properties), JSON.stringify(place.known)],
  );
}
