import type { LiveConflict } from '../model/conflict-lifecycle.ts';
import { isMarked, LOOK_MARK, valuesMark } from '../model/edit-command.ts';
import { goesToPostgres, type ResolvedField } from '../model/mapping.ts';
import { readRows } from '../postgres/read-rows.ts';
import { applyTransitions } from '../state/conflict-transitions.ts';
import { holdConflict, liveConflicts } from '../state/conflicts.ts';
import { conflictOpen, dropEdit, parkEdit, type WaitingEdit, waitForEdit } from '../state/edits.ts';
import { markDeleted } from '../state/held.ts';
import type { SyncRecord } from '../state/records.ts';
import { editClash } from './conflict.ts';
import type { InboundContext, Sighting } from './context.ts';
import { insertFrom } from './insert.ts';
import { editWaitMs } from './rejection.ts';

type Linked = SyncRecord & { readonly page: NonNullable<SyncRecord['page']> };

type Seen = {
  readonly changed: readonly ResolvedField[];
  readonly digest: string;
  readonly waiting: WaitingEdit | undefined;
  readonly conflicts: readonly LiveConflict[];
};

/**
 * The page of a row that was deleted while a person edited the page: makes the row again under its key, once that is
 * decided, or waits for a person. False if the record has no such conflict, or the deletion has won.
 */
export async function reinsertRow(
  context: InboundContext,
  sighting: Sighting,
  record: Linked,
  seen: Seen,
): Promise<boolean> {
  const conflict = seen.conflicts.find(({ type }) => type === 'DELETED_IN_POSTGRES');
  if (conflict === undefined) return false;
  if ((await readRows(context.db, sighting.table, [record.key])).size > 0) {
    await context.store.transaction((sql) => applyTransitions(sql, [conflict], () => ({ kind: 'row back' })));
    return false;
  }
  if (conflict.choice === 'postgres') return false;
  if (conflict.choice === 'notion') await insertAgain(context, { sighting, record }, seen, conflict);
  else if (seen.changed.some(goesToPostgres)) await hold(context, sighting, record, seen);
  else await letGo(context, record, conflict);
  return true;
}

async function insertAgain(
  context: InboundContext,
  { sighting, record }: { readonly sighting: Sighting; readonly record: Linked },
  { digest, waiting }: Seen,
  conflict: LiveConflict,
): Promise<void> {
  const failure = await insertFrom(context, sighting, record.key, {
    by: conflict.by,
    also: async (sql) => void (await applyTransitions(sql, [conflict], () => ({ kind: 'carried out' }))),
  });
  if (failure === null) return;
  const edit = { page: record.page, table: record.table, key: record.key, mark: valuesMark(digest) };
  await context.store.transaction(async (sql) => {
    if (failure.kind === 'wait')
      return waitForEdit(sql, edit, editWaitMs(failure.cause, waiting, edit.mark), failure.cause);
    const { reason } = failure.cause;
    await applyTransitions(sql, [conflict], () => ({ kind: 'refused', reason }));
    await parkEdit(sql, edit, failure.cause);
  });
}

async function hold(
  context: InboundContext,
  sighting: Sighting,
  record: Linked,
  { digest, waiting }: Seen,
): Promise<void> {
  const edit = { page: record.page, table: record.table, key: record.key, mark: valuesMark(digest) };
  if (waiting?.parked && isMarked(waiting, edit.mark)) return;
  await context.store.transaction(async (sql) => {
    const [conflict] = (await liveConflicts(sql, record.table, record.key, true)).filter(
      ({ type }) => type === 'DELETED_IN_POSTGRES',
    );
    // Somebody decided this moment: the next look carries it out.
    if (conflict?.choice != null) return waitForEdit(sql, { ...edit, mark: LOOK_MARK }, 0, null);
    await holdConflict(sql, editClash('DELETED_IN_POSTGRES', sighting, { record, row: {}, field: null }));
    await parkEdit(sql, edit, conflictOpen([]));
  });
}

/** The page is as both sides last agreed: nothing speaks against the deletion any more. */
async function letGo(context: InboundContext, record: Linked, conflict: LiveConflict): Promise<void> {
  await context.store.transaction(async (sql) => {
    await applyTransitions(sql, [conflict], () => ({ kind: 'edit gone' }));
    await dropEdit(sql, record.page);
    await markDeleted(sql, record.table, record.key);
  });
  context.onDirty();
}
