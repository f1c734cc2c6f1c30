import type { TableName } from '../model/ids.ts';
import type { OutboxEntry } from '../state/outbox.ts';
import type { SyncRecord } from '../state/records.ts';
import { isMovePending } from '../state/rekeys.ts';
import type { SyncContext } from '../sync/context.ts';
import type { Delivered } from './context.ts';

const BEHIND_MS = 1_000;

/**
 * That a record waits before its page is made, put away or brought back, because its key may be another row's by now: a
 * change of keys is committed before the log tells it. So the log is read up to now, after the row was read. Null if the
 * key is known to be the record's own. The caller holds the record's lock, so that no move passes it meanwhile.
 */
export async function waitForMoves(
  { readLog, store }: SyncContext,
  table: TableName,
  entry: OutboxEntry,
  known: SyncRecord | undefined,
): Promise<Delivered | null> {
  const isCreated = known === undefined || known.page === null;
  // The log has told of the row itself.
  if (known === undefined && entry.inserted && entry.kind === 'write') return null;
  const isRead = await readLog();
  if (await isMovePending(store, table, entry.key)) return { kind: 'postponed', ms: 0 };
  // While a transaction of any size is read, rows go on getting pages: a record that moves here later ends a second one.
  return isRead || isCreated ? null : { kind: 'postponed', ms: BEHIND_MS };
}
