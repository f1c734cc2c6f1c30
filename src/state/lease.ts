import type { Pool, PoolClient } from 'pg';
import type { Log } from '../runtime/log.ts';
import { pause } from '../runtime/retry.ts';

export type Lease = {
  /** This daemon's number, higher than that of any before it. */
  readonly epoch: number;
  /** Comes when the lock's connection is lost: another daemon may work from then on. */
  readonly lost: AbortSignal;
  readonly release: () => Promise<void>;
};

/** Together with the slot's name it makes the key of the lock. */
const LOCK_SPACE = 7_420_002;
const ASK_AGAIN_MS = 500;

/**
 * Waits until this is the only daemon on the slot (invariant 11), then raises the epoch, so that whatever a former one
 * still has in hand fails at its next transaction. Null if the signal comes first.
 */
export async function takeLease(
  pool: Pool,
  slot: string,
  log: Log,
  signal: AbortSignal,
): Promise<Lease | null> {
  const lost = new AbortController();
  const client = await pool.connect();
  const fail = (): void => lost.abort();
  client.on('error', fail);
  client.on('end', fail);
  try {
    if (!(await waitForLock(client, slot, log, signal))) {
      client.release();
      return null;
    }
    const { rows } = await client.query<{ epoch: string }>(
      `update pgnotion.settings set value = to_jsonb((value #>> '{}')::bigint + 1) where name = 'epoch'
       returning value #>> '{}' as epoch`,
    );
    return { epoch: Number(rows[0]?.epoch), lost: lost.signal, release: () => release(client, slot) };
  } catch (error) {
    client.release(true);
    throw error;
  }
}

async function waitForLock(
  client: PoolClient,
  slot: string,
  log: Log,
  signal: AbortSignal,
): Promise<boolean> {
  let told = false;
  while (!signal.aborted) {
    const { rows } = await client.query<{ got: boolean }>(
      'select pg_try_advisory_lock($1, hashtext($2)) as got',
      [LOCK_SPACE, slot],
    );
    if (rows[0]?.got) return true;
    if (!told) log.info({ slot }, 'another daemon is at work on this slot; standing by');
    told = true;
    await pause(ASK_AGAIN_MS, signal);
  }
  return false;
}

async function release(client: PoolClient, slot: string): Promise<void> {
  try {
    await client.query('select pg_advisory_unlock($1, hashtext($2))', [LOCK_SPACE, slot]);
    client.release();
  } catch {
    // The connection is gone, and the lock with it.
    client.release(true);
  }
}
