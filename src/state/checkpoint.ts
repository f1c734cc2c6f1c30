import { formatLsn, type Lsn, parseLsn } from '../model/ids.ts';
import type { Sql } from './sql.ts';

export type Checkpoint = {
  readonly systemId: string;
  readonly timeline: number;
  readonly lsn: Lsn;
  /** No later position was acknowledged; null if that is not known. */
  readonly acknowledged: Lsn | null;
};

export async function readCheckpoint(sql: Sql, slot: string): Promise<Checkpoint | null> {
  const [row] = await sql.query<{
    systemId: string;
    timeline: number;
    lsn: string;
    acknowledged: string | null;
  }>(
    `select system_id as "systemId", timeline, lsn::text, acknowledged::text
       from pgnotion.checkpoint where slot = $1`,
    [slot],
  );
  if (row === undefined) return null;
  const acknowledged = row.acknowledged === null ? null : parseLsn(row.acknowledged);
  return { ...row, lsn: parseLsn(row.lsn), acknowledged };
}

/** Starts or restarts the count for a slot that was just made, or is read from where it stands. */
export async function resetCheckpoint(
  sql: Sql,
  slot: string,
  { systemId, timeline, lsn }: Omit<Checkpoint, 'acknowledged'>,
): Promise<void> {
  await sql.query(
    `insert into pgnotion.checkpoint (slot, system_id, timeline, lsn, acknowledged) values ($1, $2, $3, $4, $4)
     on conflict (slot) do update set system_id = excluded.system_id, timeline = excluded.timeline,
       lsn = excluded.lsn, acknowledged = excluded.acknowledged, at = clock_timestamp()`,
    [slot, systemId, timeline, formatLsn(lsn)],
  );
  await sql.query(`delete from pgnotion.settings where name = 'slot_announced'`);
}

/** As long as there is no checkpoint, a slot counts as new, and everything is compared. */
export async function forgetCheckpoint(sql: Sql, slot: string): Promise<void> {
  await sql.query('delete from pgnotion.checkpoint where slot = $1', [slot]);
}

/** The slots that this installation has read from. */
export async function knownSlots(sql: Sql): Promise<readonly string[]> {
  return (await sql.query<{ slot: string }>('select slot from pgnotion.checkpoint')).map(({ slot }) => slot);
}

/** Moves the checkpoint on; belongs in the transaction that stores the outbox entries before it (invariant 2). */
export async function advanceCheckpoint(sql: Sql, slot: string, lsn: Lsn): Promise<void> {
  await sql.query(checkpointUpdate('$1', '$2'), [slot, formatLsn(lsn)]);
}

/** The same as a part of another statement, given the names of its parameters. */
export const checkpointUpdate = (slot: string, lsn: string): string =>
  `update pgnotion.checkpoint
      set lsn = greatest(lsn, ${lsn}), acknowledged = greatest(acknowledged, ${lsn}), at = clock_timestamp()
    where slot = ${slot} and ${OUTLIVES_CRASH}`;

/** Before a position is acknowledged that has no changes of ours before it. */
export async function raiseAcknowledged(sql: Sql, slot: string, lsn: Lsn): Promise<void> {
  await sql.query(
    `update pgnotion.checkpoint set acknowledged = greatest(acknowledged, $2) where slot = $1 and ${OUTLIVES_CRASH}`,
    [slot, formatLsn(lsn)],
  );
}

/** A role may have `synchronous_commit = off`; what is acknowledged must not be lost in a crash of the server. */
const OUTLIVES_CRASH = `case current_setting('synchronous_commit')
  when 'off' then set_config('synchronous_commit', 'local', true) = 'local' else true end`;

/** Before a slot is made, so that one that a crash leaves behind is known as ours. */
export async function announceSlot(sql: Sql, slot: string): Promise<void> {
  await sql.query(
    `insert into pgnotion.settings (name, value) values ('slot_announced', to_jsonb($1::text))
     on conflict (name) do update set value = excluded.value`,
    [slot],
  );
}

export async function isSlotAnnounced(sql: Sql, slot: string): Promise<boolean> {
  const [row] = await sql.query<{ slot: string }>(
    `select value #>> '{}' as slot from pgnotion.settings where name = 'slot_announced'`,
  );
  return row?.slot === slot;
}

/** Whether all that was committed before this position is in the outbox. */
export async function isCaptured(sql: Sql, lsn: string): Promise<boolean> {
  const rows = await sql.query('select from pgnotion.checkpoint where lsn >= $1::pg_lsn limit 1', [lsn]);
  return rows.length > 0;
}
