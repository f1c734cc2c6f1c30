import { type Away, pageArchived, pageHidden, pageMoved } from '../model/away.ts';
import { commandMark, type Decision, isMarked, LOOK_MARK, NO_MARK } from '../model/edit-command.ts';
import type { PageId, RowKey } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import type { NotionPage } from '../notion/client.ts';
import { hiddenWaitMs } from '../runtime/retry.ts';
import { editsOf, parkEdit, parkUndecided, waitForEdit } from '../state/edits.ts';
import type { Failure } from '../state/outbox.ts';
import { markTrashed, type SyncRecord } from '../state/records.ts';
import { type Source, tableOfSource } from '../state/sources.ts';
import type { InboundContext } from './context.ts';
import { editWaitMs } from './rejection.ts';

/** What a GET says of a page that is not among the live ones. */
export type Evidence = Away;

/** A page that is not among the live ones of its table. */
export type Left = {
  readonly table: ResolvedTable;
  readonly source: Source;
  readonly page: PageId;
  /** The page as it was found; null if Notion does not show it. */
  readonly seen: NotionPage | null;
  readonly key: RowKey | null;
  /** What a person said of this page, if it had to wait for one. */
  readonly decision: Decision | null;
  /** How many pages of the table were found gone together. */
  readonly together: number;
};

/** Keeps the row; the pair rests, and stands in the failures, until the page is back. A hidden page is looked for again. */
export async function setAside(
  context: InboundContext,
  left: Left,
  {
    record,
    evidence,
    failure,
  }: { readonly record: SyncRecord; readonly evidence: Evidence; readonly failure: Failure },
  /** A decision that is still to be carried out is kept. */
  given: 'hold' | 'approve' = 'hold',
): Promise<void> {
  const edit = { page: left.page, table: record.table, key: record.key };
  await context.store.transaction(async (sql) => {
    await markTrashed(sql, record.table, record.key, evidence);
    const park = given === 'hold' && left.decision === null ? parkUndecided : parkEdit;
    if (evidence !== 'hidden' || given === 'approve')
      return park(sql, { ...edit, mark: commandMark(given) }, failure);
    const tries = (await editsOf(sql, [left.page])).get(left.page);
    const again = tries?.code === failure.code && isMarked(tries, NO_MARK);
    return waitForEdit(
      sql,
      { ...edit, mark: NO_MARK },
      hiddenWaitMs(again ? tries.attempts + 1 : 1),
      failure,
    );
  });
  context.log.warn({ table: record.table, key: record.key, ...failure }, 'a page left its database');
}

export async function strayed(
  { store }: InboundContext,
  { seen }: Left,
  record: SyncRecord,
  evidence: Exclude<Evidence, 'trashed'>,
): Promise<Failure> {
  if (evidence === 'archived') return pageArchived;
  if (evidence === 'hidden') return pageHidden(record);
  return pageMoved(record, await tableOfSource(store, seen?.parentDataSource ?? null));
}

/** What is known of a page that a deletion came from. */
export const evidenceOf = ({ seen }: Left): Evidence => (seen === null ? 'hidden' : 'trashed');

/** The row could not be deleted in time: it is tried again by itself, and stands in the failures meanwhile. */
export async function tryLater(
  context: InboundContext,
  left: Left,
  record: SyncRecord,
  failure: Failure,
): Promise<void> {
  const mark = left.decision === 'approved' ? commandMark('approve') : LOOK_MARK;
  const edit = { page: left.page, table: record.table, key: record.key, mark };
  await context.store.transaction(async (sql) => {
    const waiting = (await editsOf(sql, [left.page])).get(left.page);
    await markTrashed(sql, record.table, record.key, evidenceOf(left));
    await waitForEdit(sql, edit, editWaitMs(failure, waiting, mark), failure);
  });
  context.log.info({ table: record.table, key: record.key, ...failure }, 'a row could not be deleted yet');
}
