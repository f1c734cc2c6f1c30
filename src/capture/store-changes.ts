import type { TableName } from '../model/ids.ts';
import { BACKFILL, BULK, LIVE, type Urgency } from '../model/urgency.ts';
import { advanceCheckpoint } from '../state/checkpoint.ts';
import { isLongKey, noteLongKeys } from '../state/long-keys.ts';
import { type DirtyRecord, markDirty, type ReadTo } from '../state/outbox.ts';
import { markReferrers, type Referrers } from '../state/referrers.ts';
import { keepMoves, type LoggedMove } from '../state/rekeys.ts';
import { compareAgain } from '../state/sources.ts';
import type { Store } from '../state/sql.ts';
import { recountOutbox } from '../state/statistics.ts';

/** What capture has read and stores with the checkpoint. */
export type Changes = {
  readonly records: readonly DirtyRecord[];
  readonly referrers: readonly Referrers[];
  /** Tables whose rows are all compared. */
  readonly compared: readonly TableName[];
  readonly moves: readonly LoggedMove[];
};

const EVERY_URGENCY = [LIVE, BULK, BACKFILL] as const;

/** Commits changes and checkpoint together (invariant 2). Gives the urgencies under which something may be due by it. */
export async function storeChanges(
  store: Store,
  { records, referrers, compared, moves }: Changes,
  to: ReadTo | null,
): Promise<readonly Urgency[]> {
  const kept = records.filter(({ key }) => !isLongKey(key));
  const long = records.filter(({ key }) => isLongKey(key));
  const others = long.length + referrers.length + compared.length + moves.length;
  // As a rule there is nothing else: a change that stands alone is stored by one statement.
  if (others === 0 && kept.length > 0) {
    const urgencies = await markDirty(store, kept, to, store.epoch);
    await recountOutbox(store, kept.length);
    return urgencies;
  }
  await store.transaction(async (sql) => {
    await noteLongKeys(sql, long);
    await markDirty(sql, kept);
    for (const each of referrers) await markReferrers(sql, each);
    if (compared.length > 0) await compareAgain(sql, compared);
    await keepMoves(sql, moves);
    if (to !== null) await advanceCheckpoint(sql, to.slot, to.lsn);
  });
  await recountOutbox(store, kept.length);
  return others + kept.length === 0 ? [] : EVERY_URGENCY;
}
