import type { DataSourceId } from '../model/ids.ts';
import { type KnownSchema, knownByIds } from '../model/schema/known.ts';
import type { Sql } from './sql.ts';

export type ReportDatabaseName = 'sync_log' | 'conflicts';

/** Where a report database is in Notion. */
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
  const [place] = await sql.query<ReportDatabasePlace>(
    `select data_source_id as "dataSource", database_id as database, properties, known
       from pgnotion.notebooks where name = $1`,
    [name],
  );
  if (place === undefined) return null;
  if (Object.keys(place.known).length > 0) return place;
  const known = knownByIds(place.properties);
  const properties = Object.fromEntries(Object.entries(known).map(([name, { id }]) => [name, id]));
  return { ...place, properties, known };
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
