import type { DataSourceId, TableName } from '../model/ids.ts';
import type { ReportDatabaseName } from './report-databases.ts';
import type { Sql } from './sql.ts';

/** Whose database it is: that of a table, or one that is written for people to read. */
export type Owner =
  | { readonly kind: 'table'; readonly name: TableName }
  | { readonly kind: 'report'; readonly name: ReportDatabaseName };

/** A request that makes a database, and that nobody has answered. */
type SentDatabase = { readonly title: string; readonly parentPage: string; readonly sentAgoMs: number };

/** Keeps that the request for a database is about to leave. */
export async function noteSending(
  sql: Sql,
  { kind, name }: Owner,
  { title, parentPageId }: { readonly title: string; readonly parentPageId: string },
): Promise<void> {
  await sql.query(
    `insert into pgnotion.made_databases (kind, name, title, parent_page) values ($1, $2, $3, $4)
     on conflict (kind, name) do update set title = excluded.title, parent_page = excluded.parent_page,
       sent_at = clock_timestamp(), data_source_id = null, database_id = null`,
    [kind, name, title, parentPageId],
  );
}

export async function sentDatabase(sql: Sql, { kind, name }: Owner): Promise<SentDatabase | null> {
  const [row] = await sql.query<SentDatabase>(
    `select title, parent_page as "parentPage",
            (extract(epoch from clock_timestamp() - sent_at) * 1000)::float8 as "sentAgoMs"
       from pgnotion.made_databases where kind = $1 and name = $2 and data_source_id is null`,
    [kind, name],
  );
  return row ?? null;
}

/** Keeps where a database is that was made, until its place is settled. */
export async function noteMade(
  sql: Sql,
  { kind, name }: Owner,
  { dataSource, database }: { readonly dataSource: DataSourceId; readonly database: string },
): Promise<void> {
  await sql.query(
    'update pgnotion.made_databases set data_source_id = $3, database_id = $4 where kind = $1 and name = $2',
    [kind, name, dataSource, database],
  );
}

/** The place is settled, or there was nothing made. */
export async function forgetMade(sql: Sql, { kind, name }: Owner): Promise<void> {
  await sql.query('delete from pgnotion.made_databases where kind = $1 and name = $2', [kind, name]);
}

/** Where the databases are that were made, and whose place is not settled yet: those of tables. */
export const madeSources = (sql: Sql): Promise<ReadonlyMap<TableName, DataSourceId>> =>
  madeOf<TableName>(sql, 'table');

/** The same of those that are written for people to read. */
export const madeReports = (sql: Sql): Promise<ReadonlyMap<ReportDatabaseName, DataSourceId>> =>
  madeOf<ReportDatabaseName>(sql, 'report');

async function madeOf<Name>(sql: Sql, kind: Owner['kind']): Promise<ReadonlyMap<Name, DataSourceId>> {
  const rows = await sql.query<{ name: Name; source: DataSourceId }>(
    `select name, data_source_id as source from pgnotion.made_databases
      where kind = $1 and data_source_id is not null`,
    [kind],
  );
  return new Map(rows.map(({ name, source }) => [name, source]));
}

/** The ids of every database that is known to be somebody's: what an unanswered request has made is none of them. */
export async function knownDatabases(sql: Sql): Promise<ReadonlySet<string>> {
  const rows = await sql.query<{ id: string }>(
    `select database_id as id from pgnotion.data_sources where database_id is not null
      union select database_id from pgnotion.notebooks where database_id is not null
      union select database_id from pgnotion.made_databases where database_id is not null`,
  );
  return new Set(rows.map(({ id }) => id));
}
