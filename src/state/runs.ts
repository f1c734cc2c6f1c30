import type { TableName } from '../model/ids.ts';
import type { Sql } from './sql.ts';

/** A long piece of work, so that its progress can be seen from outside. */
export async function beginRun(sql: Sql, kind: 'backfill', table: TableName, total: number): Promise<string> {
  const [row] = await sql.query<{ id: string }>(
    'insert into pgnotion.runs (kind, table_name, total) values ($1, $2, $3) returning id::text',
    [kind, table, total],
  );
  return row?.id ?? '0';
}

export async function endRun(sql: Sql, id: string): Promise<void> {
  await sql.query('update pgnotion.runs set finished_at = clock_timestamp() where id = $1', [id]);
}
