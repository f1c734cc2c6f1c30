import type { ResolvedTable } from '../model/mapping.ts';
import { applyTransitions } from '../state/conflict-transitions.ts';
import { liveConflicts } from '../state/conflicts.ts';
import { remindNotices } from '../state/notices.ts';
import { markRestore } from '../state/outbox.ts';
import { markLinked, type SyncRecord } from '../state/records.ts';
import type { Sql } from '../state/sql.ts';
import { voidRecord } from '../state/void-base.ts';
import { releaseWaiting } from '../state/waiting.ts';
import type { SyncContext } from '../sync/context.ts';

/** The page is back: that it was to come back is carried out, and anything else decided of it is without an object. */
async function endTrashed(sql: Sql, { table, key }: SyncRecord): Promise<void> {
  const conflicts = await liveConflicts(sql, table, key, true);
  await applyTransitions(sql, conflicts, () => ({ kind: 'page back' }));
}

/** A page that is back: the pair goes on where it stopped, but for the fields that the page lost on its way. */
export async function relink(
  context: SyncContext,
  table: ResolvedTable,
  record: SyncRecord,
  lost: readonly string[],
): Promise<void> {
  await context.store.transaction(async (sql) => {
    await endTrashed(sql, record);
    await markLinked(sql, record.table, record.key);
    if (lost.length > 0) await voidRecord(sql, record, table.fields, lost);
    await releaseWaiting(sql, record.table, record.key);
    await markRestore(sql, { table: record.table, key: record.key, fields: [] });
    if (record.page !== null) await remindNotices(sql, record.page);
  });
  context.onDirty();
}
