import { referencedTables } from '../model/consequence.ts';
import { commandMark, LOOK_MARK } from '../model/edit-command.ts';
import { moverOf } from '../model/editor.ts';
import type { Told } from '../model/errors.ts';
import type { RowKey } from '../model/ids.ts';
import { type ResolvedTable, softDeleteColumn } from '../model/mapping.ts';
import { isMassChange } from '../model/mass-change.ts';
import { isResting, type RestingState } from '../model/record-state.ts';
import { sendWrite } from '../notion/create-once.ts';
import { cascadedBy } from '../postgres/cascade.ts';
import { RowKeptError } from '../postgres/row-statement-error.ts';
import { existingKeys } from '../postgres/rows.ts';
import { setSoftDeleted } from '../postgres/soft-delete.ts';
import { deleteRow, lockRow, settleConstraints, type UserTransaction, writeAs } from '../postgres/write.ts';
import { movedSince } from '../state/edit-times.ts';
import { dropEdit, releaseRefusedDeletions, waitForEdit } from '../state/edits.ts';
import { approveDeletions, deletionLoad, deletionToReview, massDeletion } from '../state/guarded-changes.ts';
import { tellOnce } from '../state/notices.ts';
import { beginOperation, endOperation, type Operation } from '../state/operations.ts';
import { discard, type Failure, markRestore } from '../state/outbox.ts';
import { markLinked, markTrashed, rest, type SyncRecord } from '../state/records.ts';
import { requestOperation } from '../state/request-operation.ts';
import { fence, type Sql } from '../state/sql.ts';
import { releaseWaiting } from '../state/waiting.ts';
import { assertNotWithDatabase } from '../sync/database-in-trash.ts';
import { actorOf } from './actor.ts';
import { tooManyCascaded } from './cascade.ts';
import { type InboundContext, stateOn } from './context.ts';
import { BECAUSE_SO, type Because, decideDeletion } from './delete-conflict.ts';
import { isFiltered, isOwnRow } from './log-read.ts';
import { type Evidence, evidenceOf, type Left, setAside, strayed, tryLater } from './page-set-aside.ts';
import { editFailureOf, toldKept } from './rejection.ts';
import { noteUndelivered } from './undelivered.ts';

const RETRY_MS = 2_000;

/** Decides what a page's leaving means for its row. The caller holds the record's lock. */
export async function pageRemoved(
  context: InboundContext,
  left: Left,
  record: SyncRecord | undefined,
  evidence: Evidence,
): Promise<void> {
  if (record === undefined) {
    await context.store.transaction((sql) => dropEdit(sql, left.page));
    return;
  }
  // It rests where it should; what waited for it to come back waits no more. A hidden page may still come back.
  if (isResting(record.state)) return context.store.transaction((sql) => dropEdit(sql, left.page));
  const { page } = record;
  if (evidence === 'trashed' && page !== null && !(await isOwnRow(context, left.table, { ...record, page })))
    return;
  // The row went with another one: both sides agree that the record is deleted.
  if (evidence === 'trashed' && (await isRowGone(context, left, record))) {
    await assertNotWithDatabase(context, left);
    return deleteRecord(context, left, record);
  }
  // A person spoke of a page in the trash: what has become of it since is another question.
  if (evidence === 'trashed' && left.decision === 'rejected') return restorePage(context, { left, record });
  if (left.decision === 'approved' && (evidence === 'trashed' || evidence === 'hidden'))
    return deleteRecord(context, left, record);
  // Its row is left out, and a page of such a row says nothing of it: the delivery lays the pair aside.
  if (evidence === 'trashed' && (await isFiltered(context, left.table, record)))
    return context.store.transaction((sql) => markRestore(sql, { ...record, fields: [] }));
  const isNoted = record.state === `away_${evidence}`;
  if (isNoted && left.decision === null && evidence !== 'hidden') return;
  // Only the trash is a deletion; what was archived, moved or hidden from us still exists.
  if (evidence !== 'trashed') {
    const failure = await strayed(context, left, record, evidence);
    return setAside(context, left, { record, evidence, failure });
  }
  await assertNotWithDatabase(context, left);
  const policy = left.table.onNotionTrash;
  if (typeof policy === 'object') return deleteUnlessDisputed(context, left, record);
  switch (policy) {
    case 'review':
      return setAside(context, left, { record, evidence: 'trashed', failure: deletionToReview });
    case 'restore':
      return restorePage(context, { left, record });
    case 'delete':
      return deleteUnlessDisputed(context, left, record);
    case 'ignore':
      return setAside(context, left, { record, evidence: 'trashed', failure: trashIgnored });
    default:
      return policy satisfies never;
  }
}

const isRowGone = async ({ db }: InboundContext, { table }: Left, { key }: SyncRecord): Promise<boolean> =>
  !(await existingKeys(db, table, [key])).has(key);

/** A row that changed since both sides agreed is not deleted without a decision. */
async function deleteUnlessDisputed(context: InboundContext, left: Left, record: SyncRecord): Promise<void> {
  const verdict = await decideDeletion(context, left, record);
  if (verdict.kind === 'held') return;
  if (verdict.kind === 'restore') return restorePage(context, { left, record }, verdict.because);
  if (verdict.because.by !== null) return deleteRecord(context, left, record, verdict.because);
  return deleteUnlessMany(context, left, record, verdict.because);
}

/** One after the other for each table: side by side, none would count the others. */
function deleteUnlessMany(
  context: InboundContext,
  left: Left,
  record: SyncRecord,
  because: Because,
): Promise<void> {
  return context.locks.run(`deletions of ${left.table.name}`, async () => {
    const guard = context.guards.deletion;
    const load = await deletionLoad(context.store, left.table.name, 'to-postgres', guard.windowMinutes);
    const all = { ...load, coming: left.together };
    if (isMassChange(all, guard))
      return setAside(context, left, { record, evidence: 'trashed', failure: massDeletion(all) });
    const cascade = await tooManyCascaded(context, left.table, record.key);
    if (cascade !== null) return setAside(context, left, { record, evidence: 'trashed', failure: cascade });
    return deleteRecord(context, left, record, because);
  });
}

async function deleteRecord(
  context: InboundContext,
  left: Left,
  record: SyncRecord,
  because = BECAUSE_SO,
): Promise<void> {
  const { table } = left;
  const editor = left.seen?.lastEditedBy ?? null;
  const actor = await actorOf(
    context,
    because.by === null ? moverOf(editor, context.botId) : { kind: 'decided', name: because.by },
  );
  const write = { operation: left.page, table: table.name, key: record.key };
  try {
    await writeAs(context.writer, { secret: context.tagSecret, write, actor }, async (transaction) => {
      const sql = stateOn(transaction);
      await fence(sql, context.store.epoch);
      if (softDeleteColumn(table) === null) await noteUndelivered(transaction, table, record.key, record);
      if (softDeleteColumn(table) === null)
        await approveDeletions(sql, await cascadedBy(transaction, context.tables, table, record.key));
      const gone = await takeRow(transaction, table, record.key);
      await settleConstraints(transaction);
      await because.conclude(sql);
      await rest(sql, record, gone.as);
      await discard(sql, table.name, record.key);
      await releaseRefusedDeletions(sql, referencedTables(table, context.tables.values()));
      if (gone.before === null) return;
      const operation = await beginOperation(sql, {
        direction: 'to-postgres',
        table: table.name,
        key: record.key,
        page: left.page,
        kind: 'delete',
        before: gone.before,
        after: gone.after,
        changedAt: await leftSince(sql, context, left, because),
        actor: actor.name,
        actorId: actor.id,
        candidates: actor.candidates ?? [],
        approved: left.decision === 'approved' || because.by !== null,
      });
      await endOperation(sql, operation, { status: 'done' });
    });
  } catch (error) {
    await notDeleted(context, left, { record, because, error });
  }
}

/** Null as well where a person has decided: how long that took says nothing of the sync. */
const leftSince = async (
  sql: Sql,
  context: InboundContext,
  { table, page, decision }: Left,
  because: Because,
): Promise<Date | null> =>
  decision === null && because.by === null ? movedSince(sql, context, { table: table.name, page }) : null;

/** PostgreSQL did not delete the row: it says why, or keeps it without a word, or could not do it in time. */
async function notDeleted(
  context: InboundContext,
  left: Left,
  {
    record,
    because,
    error,
  }: { readonly record: SyncRecord; readonly because: Because; readonly error: unknown },
): Promise<void> {
  const failure = editFailureOf(error);
  if (failure === null) throw error;
  if (failure.kind === 'wait') return tryLater(context, left, record, failure.cause);
  await context.store.transaction((sql) => because.refused(sql, failure.cause.reason));
  if (error instanceof RowKeptError && left.seen !== null)
    return restorePage(context, { left, record }, BECAUSE_SO, toldKept([], null));
  await refuse(context, left, record, failure.cause);
}

/** What was approved goes on as soon as nothing keeps the row any more. */
function refuse(context: InboundContext, left: Left, record: SyncRecord, refusal: Failure): Promise<void> {
  const remedy = `${refusal.remedy}; then retry, or restore the page to keep the row`;
  const given = left.decision === 'approved' ? 'approve' : 'hold';
  return setAside(
    context,
    left,
    { record, evidence: evidenceOf(left), failure: { ...refusal, remedy } },
    given,
  );
}

type Gone = Pick<Operation, 'after'> & {
  readonly as: Extract<RestingState, 'deleted_trashed' | 'soft_deleted'>;
  /** The whole row; null if there was none. */
  readonly before: Operation['before'] | null;
};

/** Deletes the row, or marks it where the table's policy says so: then `after` tells what was set. */
async function takeRow(transaction: UserTransaction, table: ResolvedTable, key: RowKey): Promise<Gone> {
  const column = softDeleteColumn(table);
  if (column === null) {
    const row = await deleteRow(transaction, table, key);
    return { as: 'deleted_trashed', before: row, after: {} };
  }
  if (!(await lockRow(transaction, table, key))) return { as: 'deleted_trashed', before: null, after: {} };
  const rows = await setSoftDeleted(transaction, table, { key, column, deleted: true });
  if (rows === null) return { as: 'soft_deleted', before: null, after: {} };
  return {
    as: 'soft_deleted',
    before: rows.before,
    after: { [column]: JSON.parse(rows.after)[column] },
  };
}

async function restorePage(
  context: InboundContext,
  { left, record }: { readonly left: Left; readonly record: SyncRecord },
  because = BECAUSE_SO,
  told: readonly Told[] = [],
): Promise<void> {
  const operation = requestOperation(
    context.store,
    {
      direction: 'to-notion',
      table: left.table.name,
      key: record.key,
      page: left.page,
      kind: 'restore',
      before: {},
      after: { page: left.page },
      changedAt: null,
      actor: because.by,
    },
    (sql) => expectBack(sql, left, record, because),
  );
  const sent = await sendWrite(operation, (beforeLeaving) =>
    context.notion.setTrash(left.page, false, { priority: 'poll', beforeLeaving }),
  );
  if (sent.kind === 'failed') throw sent.failure;
  await context.store.transaction(async (sql) => {
    await because.conclude(sql);
    await operation.end(sql, { status: 'done' });
    await markLinked(sql, record.table, record.key);
    await dropEdit(sql, left.page);
    if (told.length > 0) await tellOnce(sql, { page: left.page, table: record.table }, told);
    // What the row changed while its page was away goes on, and so does what points to the page.
    await releaseWaiting(sql, record.table, record.key);
    await markRestore(sql, { ...record, fields: [] });
  });
  context.onDirty();
}

/** If no answer comes, the page is looked at again, whichever way that went. */
async function expectBack(sql: Sql, left: Left, { table, key }: SyncRecord, because: Because): Promise<void> {
  const mark = left.decision === 'rejected' ? commandMark('reject') : LOOK_MARK;
  await because.keep(sql);
  await markTrashed(sql, table, key, 'trashed');
  await waitForEdit(sql, { page: left.page, table, key, mark }, RETRY_MS, null);
}

const trashIgnored: Failure = {
  code: 'page_in_trash',
  reason: 'the page is in the trash, and the configuration keeps its row',
  remedy: 'restore the page in Notion, or delete the row; or set onNotionTrash to "delete"',
};
