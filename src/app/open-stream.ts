import type { Pool } from 'pg';
import { PgnotionError } from '../model/errors.ts';
import { formatLsn } from '../model/ids.ts';
import { isMoved } from '../model/slot-verdict.ts';
import { identityOn, inspectSlot } from '../postgres/slot.ts';
import { openWalStream, type WalStream, type WalStreamOptions } from '../postgres/wal.ts';
import { readCheckpoint } from '../state/checkpoint.ts';
import type { Store } from '../state/sql.ts';

/**
 * Opens the stream, and makes sure that it is the one that was read before: while there was no connection, another server
 * may have taken the address, and anybody may have read, advanced or remade the slot. Throws PgnotionError
 * `server_changed` and `slot_moved` as well: the daemon then starts over, with a new slot and a comparison.
 */
export async function openOwnStream(
  options: WalStreamOptions,
  { pool, store }: { readonly pool: Pool; readonly store: Store },
): Promise<WalStream> {
  const known = await readCheckpoint(store, options.slot);
  const stream = await openWalStream({
    ...options,
    beforeStart: async (client) => {
      const { systemId, timeline, position } = await identityOn(client);
      if (
        known === null ||
        known.systemId !== systemId ||
        known.timeline !== timeline ||
        known.lsn > position
      )
        throw serverChanged();
    },
  });
  // From here on nobody else can move it.
  try {
    const slot = await inspectSlot(pool, options.slot);
    if (!slot.exists || slot.confirmedFlush === null || known === null) throw serverChanged();
    if (isMoved(slot.confirmedFlush, known.acknowledged))
      throw slotMoved(options.slot, formatLsn(slot.confirmedFlush));
    return stream;
  } catch (error) {
    await stream.close();
    throw error;
  }
}

/** What the daemon mends by starting over, whether it has synced before or not. */
export const isMendedByStartingOver = (error: unknown): boolean =>
  error instanceof PgnotionError && STARTING_OVER.has(error.code);

const STARTING_OVER: ReadonlySet<string> = new Set([
  'server_changed',
  'slot_moved',
  'slot_lost',
  'slot_missing',
  'publication_missing',
  'wal_unsendable',
  'wal_undecodable',
]);

const serverChanged = (): PgnotionError =>
  new PgnotionError({
    code: 'server_changed',
    message:
      'another server answers at the address of the replication slot than the one that was read before',
    remedy: 'nothing to do: the daemon starts over, and compares everything if the slot is another one',
  });

const slotMoved = (slot: string, at: string): PgnotionError =>
  new PgnotionError({
    code: 'slot_moved',
    message: `the replication slot ${slot} stands at ${at}, further than pgnotion has read: somebody else read it, advanced it, or dropped it and made it again`,
    remedy:
      'nothing to do: the daemon makes a new slot and compares everything. Find out who did it, because it will happen again',
  });
