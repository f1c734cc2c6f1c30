import { formatLsn, type Lsn, parseLsn } from '../model/ids.ts';
import type { Sql } from './sql.ts';

export type Checkpoint = { readonly systemId: string; readonly timeline: number; readonly lsn: Lsn };

export async function readCheckpoint(sql: Sql, slot: string): Promise<Checkpoint | null> {
  const [row] = await sql.query<{ system_id: string; timeline: number; lsn: string }>(
    'select system_id, timeline, lsn::text from pgnotion.checkpoint where slot = $1',
    [slot],
  );
  return row ? { systemId: row.system_id, timeline: row.timeline, lsn: parseLsn(row.lsn) } : null;
}

/** Starts or restarts the count for a slot. */
export async function resetCheckpoint(sql: Sql, slot: string, checkpoint: Checkpoint): Promise<void> {
  await sql.query(
    `insert into pgnotion.checkpoint (slot, system_id, timeline, lsn) values ($1, $2, $3, $4)
     on conflict (slot) do update set system_id = excluded.system_id, timeline = excluded.timeline,
       lsn = excluded.lsn, at = clock_timestamp()`,
    [slot, checkpoint.systemId, checkpoint.timeline, formatLsn(checkpoint.lsn)],
  );
}

/** As long as there is no checkpoint, a slot counts as new, and everything is compared. */
export async function forgetCheckpoint(sql: Sql, slot: string): Promise<void> {
  await sql.query('delete from pgnotion.checkpoint where slot = $1', [slot]);
}

/** Moves the checkpoint on; belongs in the transaction that stores the outbox lines before it (invariant 2). */
export async function advanceCheckpoint(sql: Sql, slot: string, lsn: Lsn): Promise<void> {
  await sql.query(
    'update pgnotion.checkpoint set lsn = greatest(lsn, $2), at = clock_timestamp() where slot = $1',
    [slot, formatLsn(lsn)],
  );
}
