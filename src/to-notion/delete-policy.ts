import type { PageImage } from '../model/change.ts';
import { deletionRuling, lastOf } from '../model/conflict.ts';
import { LOOK_MARK } from '../model/edit-command.ts';
import type { PageId } from '../model/ids.ts';
import { goesToPostgres } from '../model/mapping.ts';
import { changedOnPage, ownWrites } from '../model/merge.ts';
import type { CompletePage } from '../notion/pages.ts';
import { decideConflict, holdConflict, liveConflicts } from '../state/conflicts.ts';
import { editTimesOf } from '../state/edit-times.ts';
import { waitForEdit } from '../state/edits.ts';
import { doubtfulWrites } from '../state/operations.ts';
import { settle } from '../state/outbox.ts';
import type { SyncRecord } from '../state/records.ts';
import type { Sql } from '../state/sql.ts';
import { hidden, moved } from './away.ts';
import { deliveryClash } from './conflict.ts';
import { type Deletion, type DeliverContext, type Delivered, SETTLED } from './context.ts';
import type { Preread } from './preread.ts';

type Linked = SyncRecord & { readonly page: PageId };
/** Whether the page of a deleted row may go to the trash. */
type DeletePolicy =
  | {
      readonly kind: 'goes';
      /** Who decided it against an edit of the page; null if nobody had to. */
      readonly by: string | null;
      /** What the page held that is to go; null if it is as the base says. */
      readonly edited: PageImage | null;
      /** Keeps the rule's decision; belongs to the moment before the request leaves. */
      readonly keep: (sql: Sql) => Promise<void>;
    }
  /** It is there already: by a person, or by a request of ours whose answer was lost. */
  | { readonly kind: 'in trash' }
  | { readonly kind: 'stays'; readonly delivered: Delivered };

/** A row was deleted: if a person has edited its page since both sides agreed, somebody has to give way. */
export async function deletePolicyOf(
  context: DeliverContext,
  delivery: Deletion,
  record: Linked,
  look: Preread,
): Promise<DeletePolicy> {
  const { entry, table } = delivery;
  const lines = await liveConflicts(context.store, table.name, entry.key);
  const known = lines.find(({ type }) => type === 'DELETED_IN_POSTGRES');
  const person = known?.by ?? null;
  const found = await look(record);
  if (found?.kind === 'hidden') return { kind: 'stays', delivered: hidden(entry) };
  if (found?.kind === 'away' && found.away === 'moved')
    return { kind: 'stays', delivered: await moved(context, entry, found.page) };
  if (found?.kind === 'away' && found.away === 'trashed') return { kind: 'in trash' };
  const now =
    found?.kind === 'here'
      ? await deletedPageRequest(context, delivery, { ...record, basePage: found.basePage }, found)
      : null;
  const goes = { kind: 'goes', by: null, edited: now?.image ?? null, keep: async () => undefined } as const;
  if (person !== null && known?.choice === 'postgres') return { ...goes, by: person };
  if (now === null) return goes;
  const clash = deliveryClash(
    'DELETED_IN_POSTGRES',
    { table, row: {} },
    { record, page: now.image, field: null },
  );
  const times = await editTimesOf(context.store, context, record, now.page);
  const changed = changedOnPage(table.fields.filter(goesToPostgres), record.basePage, now.image);
  const edit = lastOf(changed.map(({ property }) => times.page(property, now.image[property] ?? null)));
  const byRule = deletionRuling(table.conflict, { rowChangedAt: entry.changedAt, edit });
  const { winner, strategy } = person === null ? byRule : FOR_THE_PAGE;
  if (winner === 'postgres')
    return { ...goes, keep: (sql) => decideConflict(sql, clash, 'postgres', strategy) };
  await context.store.transaction(async (sql) => {
    if (winner === 'hold') await holdConflict(sql, clash);
    else await decideConflict(sql, clash, 'notion', strategy);
    await settle(sql, entry);
    // The way back makes the row again, or shows what the edit waits for.
    await waitForEdit(
      sql,
      { page: record.page, table: table.name, key: entry.key, mark: LOOK_MARK },
      0,
      null,
    );
  });
  context.hint(record.page);
  return { kind: 'stays', delivered: SETTLED };
}

/** A person's decision that is still to be carried out. */
const FOR_THE_PAGE = { winner: 'notion', strategy: 'manual' } as const;

/** The page, if it holds what a person typed and the row never got. */
export async function deletedPageRequest(
  context: DeliverContext,
  { entry, table }: Deletion,
  record: Linked,
  now: CompletePage,
): Promise<CompletePage | null> {
  const fields = table.fields.filter((field) => goesToPostgres(field) && field.property in record.basePage);
  if (changedOnPage(fields, record.basePage, now.image).length === 0) return null;
  const writes = await doubtfulWrites(context.store, table.name, entry.key);
  const own = ownWrites(table.fields, record.basePage, now.image, writes);
  const base: PageImage = { ...record.basePage, ...own.page };
  return changedOnPage(fields, base, now.image).length === 0 ? null : now;
}
