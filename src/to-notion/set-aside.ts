import type { PageImage } from '../model/change.ts';
import type { LiveConflict } from '../model/conflict-lifecycle.ts';
import { isMarked, valuesMark } from '../model/edit-command.ts';
import { changedInRow, changedOnPage } from '../model/merge.ts';
import { editDigest } from '../model/page.ts';
import { pick } from '../model/pick.ts';
import type { PagePlan } from '../model/plan.ts';
import type { CompletePage } from '../notion/pages.ts';
import { CONFLICT_OPEN, editsOf, lookSoon } from '../state/edits.ts';
import { HELD_BY_EDIT, PAGE_IN_TRASH } from '../state/held.ts';
import type { SyncRecord } from '../state/records.ts';
import { concludeTrashed } from './conflict.ts';
import type { DeliverContext, Delivered, Delivery } from './context.ts';
import { failureOf, parkedBy } from './failure.ts';
import { codeOf } from './refused-update.ts';

type Linked = SyncRecord & { readonly page: NonNullable<SyncRecord['page']> };

/** A person was last, and their value cannot be taken over: the row's stands in the failures beside it. */
const heldBy = (fields: readonly string[]): Delivered | null =>
  fields.length === 0
    ? null
    : {
        kind: 'parked',
        failure: {
          code: HELD_BY_EDIT,
          reason: `the page holds a later edit of ${fields.join(', ')}, which PostgreSQL has not taken over`,
          remedy: 'correct the value in Notion, or change it in the row; then both go on by themselves',
        },
      };

/** Whether what the page holds cannot be taken over now: it stands in the failures with its reason. */
export async function isSetAside(
  context: DeliverContext,
  record: Linked,
  own: readonly string[],
  page: PageImage,
): Promise<boolean> {
  const edit = (await editsOf(context.store, [record.page])).get(record.page);
  if (edit === undefined || edit.code === null || edit.code === CONFLICT_OPEN) return false;
  const base = { ...record.basePage, ...pick(page, own) };
  const table = context.tables.get(record.table);
  return (
    table !== undefined &&
    isMarked(edit, valuesMark(editDigest(changedOnPage(table.fields, base, page), page)))
  );
}

const HAND_OVER_MS = 1_000;

/**
 * A person changed the same field later: the way back applies it, and this entry waits until it has. An edit that is still
 * settling keeps its time.
 */
export async function handOver(context: DeliverContext, record: Linked): Promise<Delivered> {
  await context.store.transaction((sql) => lookSoon(sql, record));
  context.hint(record.page);
  return { kind: 'postponed', ms: HAND_OVER_MS };
}

export const away = (
  context: DeliverContext,
  delivery: Delivery,
  record: Linked,
  conflicts: readonly LiveConflict[],
): Promise<Delivered> | Delivered =>
  conflicts.some(({ type }) => type === 'DELETED_IN_NOTION')
    ? concludeTrashed(context, delivery, record)
    : inTrash(context, record);

/** The way back decides what a page in the trash means; the row's change stands in the failures until then. */
async function inTrash(context: DeliverContext, record: Linked): Promise<Delivered> {
  // Trash moves no time of Notion's, so that no poll would show it: the look is stored, and outlives this process.
  await context.store.transaction((sql) => lookSoon(sql, record));
  context.hint(record.page);
  return {
    kind: 'parked',
    failure: {
      code: PAGE_IN_TRASH,
      reason: 'the row changed, and its page is in the trash or archived',
      remedy: 'restore the page in Notion, or delete the row; the next change of either goes on by itself',
    },
  };
}

/** Why an entry cannot be settled though all that can be written is; null if it can. */
export function setAside(
  delivery: Delivery,
  record: Linked,
  { faults }: Pick<PagePlan, 'faults'>,
  { lost, now }: { readonly lost: readonly string[]; readonly now: CompletePage | null },
): Delivered | null {
  if (faults.length > 0) return parkedBy(faults, codeOf(delivery, faults));
  return heldBy(lost) ?? unreadBy(delivery, record, now);
}

/** What cannot be read cannot be overwritten: a person may have typed there. The other fields are not kept waiting. */
function unreadBy(delivery: Delivery, record: Linked, now: CompletePage | null): Delivered | null {
  const { table, row, entry } = delivery;
  const news = changedInRow(table.fields, record.baseRow, row, entry.restore).map(({ property }) => property);
  const [first] = now?.unread.filter(({ field }) => news.includes(field)) ?? [];
  if (first === undefined) return null;
  const outcome = failureOf(first.error, entry);
  if (!('failure' in outcome)) return outcome;
  const reason = `the page's ${JSON.stringify(first.field)} cannot be read, and is not overwritten: ${outcome.failure.reason}`;
  return { kind: 'retry', ms: null, failure: { ...outcome.failure, reason } };
}
