import type { TableName } from '../model/ids.ts';
import { ownCall } from './own-call.ts';
import type { Sql } from './sql.ts';

// What an operator asks for through the schema's own functions, which do the same for whoever has only SQL.

/** How many waiting or failed entries of a record are tried again now. */
export async function retryRecord(sql: Sql, table: string, key: string): Promise<number> {
  const [row] = await sql.query<{ answer: string }>(ownCall('pgnotion.retry($1, $2)'), [table, key]);
  return Number(row?.answer ?? 0);
}

/** How many tables are compared again: one, or all for null. */
export async function resyncTables(sql: Sql, table: string | null): Promise<number> {
  const [row] = await sql.query<{ answer: string }>(ownCall('pgnotion.resync($1)'), [table]);
  return Number(row?.answer ?? 0);
}

export const pauseTable = (sql: Sql, table: TableName): Promise<unknown> =>
  sql.query(ownCall('pgnotion.pause($1)'), [table]);

export const resumeTable = (sql: Sql, table: TableName): Promise<unknown> =>
  sql.query(ownCall('pgnotion.resume($1)'), [table]);

/** How many tables there are now that stand still; one that could not be synced anyway is a person's to resume, too. */
export async function pauseAll(sql: Sql): Promise<number> {
  const [row] = await sql.query<{ answer: number }>(ownCall('pgnotion.pause_all()::int'));
  return row?.answer ?? 0;
}

/** How many tables that a person had paused go on; those that cannot be synced wait until they can. */
export async function resumeAll(sql: Sql): Promise<number> {
  const [row] = await sql.query<{ answer: number }>(ownCall('pgnotion.resume_all()::int'));
  return row?.answer ?? 0;
}

/** The role that a command has connected as. */
export async function currentRole(sql: Sql): Promise<string> {
  const [role] = await sql.query<{ name: string }>('select current_user::text as name');
  return role?.name ?? '';
}
