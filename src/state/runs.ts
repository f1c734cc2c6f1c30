import type { Pool } from 'pg';
import type { TableName } from '../model/ids.ts';
import { LOCKS } from './locks.ts';
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

/**
 * Begins a rollback, or goes on with the one of the same selection that was cut off. The caller holds the rollbacks'
 * lock, so whatever else has not ended was cut off too, and stays as it is.
 */
export async function beginRollback(
  sql: Sql,
  run: { readonly selection: string; readonly actor: string; readonly total: number },
): Promise<string> {
  await sql.query(
    `update pgnotion.runs set finished_at = clock_timestamp()
      where kind = 'rollback' and finished_at is null and selection is distinct from $1`,
    [run.selection],
  );
  const [row] = await sql.query<{ id: string }>(
    `with old as (
       select r.id from pgnotion.runs r
        where r.kind = 'rollback' and r.finished_at is null and r.selection = $1 order by r.id desc limit 1),
     made as (
       insert into pgnotion.runs (kind, selection, actor, total)
       select 'rollback', $1, $2, $3 where not exists (select from old) returning id)
     select id::text from old union all select id::text from made`,
    [run.selection, run.actor, run.total],
  );
  if (row === undefined) throw new Error('insert into pgnotion.runs returned no id');
  return row.id;
}

/** The run of this selection that broke off, if there is one: doing it again goes on with it. */
export async function brokenRollback(sql: Sql, selection: string): Promise<string | null> {
  const [row] = await sql.query<{ id: string }>(
    `select r.id::text from pgnotion.runs r
      where r.kind = 'rollback' and r.finished_at is null and r.selection = $1 order by r.id desc limit 1`,
    [selection],
  );
  return row?.id ?? null;
}

/** Keeps two rollbacks from working at once. Gives what ends the lock, or null if another one has it. */
export async function lockRollbacks(pool: Pool): Promise<(() => Promise<void>) | null> {
  const client = await pool.connect();
  const { rows } = await client.query<{ got: boolean }>('select pg_try_advisory_lock($1) as got', [
    LOCKS.rollback,
  ]);
  if (!rows[0]?.got) {
    client.release();
    return null;
  }
  return async () => {
    const ended = await client.query('select pg_advisory_unlock($1)', [LOCKS.rollback]).catch(() => null);
    // The lock goes with its connection, whatever became of the statement.
    client.release(ended === null);
  };
}
