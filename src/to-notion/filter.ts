import { valuesMark } from '../model/edit-command.ts';
import { type LeftOut, rowFiltered } from '../model/filtered.ts';
import type { PageId } from '../model/ids.ts';
import { filterMark, goesToPostgres } from '../model/mapping.ts';
import { isMassChange } from '../model/mass-change.ts';
import { changedOnPage } from '../model/merge.ts';
import { digestOf } from '../model/page.ts';
import { type RestingPage, restOf } from '../model/record-state.ts';
import type { CompletePage } from '../notion/pages.ts';
import { leftOutAmong } from '../postgres/left-out.ts';
import { parkEdit } from '../state/edits.ts';
import { deletionLoad, massFiltered, noteLeaving, unseenChanges } from '../state/guarded-changes.ts';
import { settle } from '../state/outbox.ts';
import { rest, type SyncRecord } from '../state/records.ts';
import { hidden, moved } from './away.ts';
import { awayRequestOf, putAway } from './away-request.ts';
import { awaitProperty, type Deletion, type DeliverContext, type Delivered, SETTLED } from './context.ts';
import { afterIntent } from './delete.ts';
import { deletedPageRequest } from './delete-policy.ts';
import type { Preread } from './preread.ts';

type Linked = SyncRecord & { readonly page: PageId };

/**
 * What becomes of the page of a row that is there and not to be synced. Nothing is deleted: the pair keeps its base, and
 * goes on from it once the row is back.
 */
export async function filterOut(
  context: DeliverContext,
  delivery: Deletion,
  {
    record,
    look,
    why,
  }: { readonly record: SyncRecord | undefined; readonly look: Preread; readonly why: LeftOut },
): Promise<Delivered> {
  const { entry, table } = delivery;
  if (record === undefined) {
    await context.store.transaction((sql) => settle(sql, entry));
    return SETTLED;
  }
  const { page } = record;
  if (page === null) return afterIntent(context, delivery, record);
  const policy = why === 'soft' ? 'trash' : table.onRowFiltered;
  const rested = restsAlready(record, why);
  if (rested !== null) return conclude(context, delivery, record, { as: rested, why, edited: null });
  if (policy === 'ignore') return leaveAsItIs(context, delivery, { record: { ...record, page }, look, why });
  const tooMany = await guardLeaving(context, delivery);
  if (tooMany !== null) return tooMany;
  const waits = awaitProperty(delivery, why === 'soft' ? null : filterMark(table));
  if (waits !== null) return waits;
  const found = await pageNow(context, delivery, { ...record, page }, look);
  if (found.kind === 'elsewhere') return found.delivered;
  if (found.inTrash) return conclude(context, delivery, record, { as: 'trashed', why, edited: null });
  const request = awayRequestOf(context, delivery, page, policy);
  const away = await putAway(
    context,
    delivery,
    { record: { ...record, page }, request },
    {
      kind: 'filter',
      before: found.edited?.image ?? record.basePage,
      by: null,
      keep: async () => undefined,
    },
  );
  return away.kind === 'away'
    ? conclude(context, delivery, record, { as: away.as, why, edited: found.edited })
    : away.delivered;
}

/** How a record rests whose page is put away, and needs no request; null if it is still to be put away. */
function restsAlready({ state }: SyncRecord, why: LeftOut): RestingPage | null {
  const rested = restOf(state);
  // A row that was left out before is marked as deleted now: its page goes where those of marked rows go.
  return rested !== null && (why === 'filtered' || rested.page === 'trashed') ? rested.page : null;
}

/** The page stays; what a person has typed there and the row never got is told to wait. */
async function leaveAsItIs(
  context: DeliverContext,
  delivery: Deletion,
  { record, look, why }: { readonly record: Linked; readonly look: Preread; readonly why: LeftOut },
): Promise<Delivered> {
  const found = await pageNow(context, delivery, record, look);
  if (found.kind === 'elsewhere') return found.delivered;
  return conclude(context, delivery, record, {
    as: found.inTrash ? 'trashed' : 'left',
    why,
    edited: found.edited,
  });
}

/** Many rows that leave at once wait for a person, as deletions do (invariant 10). */
async function guardLeaving(context: DeliverContext, { entry, table }: Deletion): Promise<Delivered | null> {
  const guard = context.guards.deletion;
  const load = await deletionLoad(context.store, table.name, 'to-notion', guard.windowMinutes);
  return !entry.approved && isMassChange(load, guard)
    ? { kind: 'parked', failure: massFiltered(load) }
    : null;
}

type PageNow =
  | { readonly kind: 'elsewhere'; readonly delivered: Delivered }
  | { readonly kind: 'here'; readonly inTrash: boolean; readonly edited: CompletePage | null };

async function pageNow(
  context: DeliverContext,
  delivery: Deletion,
  record: Linked,
  look: Preread,
): Promise<PageNow> {
  const { entry } = delivery;
  const found = await look(record);
  if (found?.kind === 'hidden') return { kind: 'elsewhere', delivered: hidden(entry) };
  if (found?.kind === 'away' && found.away === 'moved')
    return { kind: 'elsewhere', delivered: await moved(context, entry, found.page) };
  const inTrash = found?.kind === 'away' && found.away === 'trashed';
  const edited =
    found?.kind === 'here'
      ? await deletedPageRequest(context, delivery, { ...record, basePage: found.basePage }, found)
      : null;
  return { kind: 'here', inTrash, edited };
}

/** The record rests with its base. An edit that has not reached the row stands in the failures (invariant 4). */
async function conclude(
  context: DeliverContext,
  { entry, table }: Deletion,
  record: SyncRecord,
  {
    as,
    why,
    edited,
  }: { readonly as: RestingPage; readonly why: LeftOut; readonly edited: CompletePage | null },
): Promise<Delivered> {
  const { page } = record;
  await context.store.transaction(async (sql) => {
    const state = why === 'soft' ? 'soft_deleted' : (`filtered_${as}` as const);
    if (record.state !== state) await rest(sql, { table: table.name, key: entry.key }, state);
    await settle(sql, entry);
    if (edited === null || page === null) return;
    const [first] = changedOnPage(table.fields.filter(goesToPostgres), record.basePage, edited.image);
    const edit = { page, table: table.name, key: entry.key, mark: valuesMark(digestOf(edited.image)) };
    await parkEdit(sql, edit, rowFiltered(entry, first?.property ?? null));
  });
  return SETTLED;
}

const CHUNK = 1_000;

/**
 * Counts, for the guard, which of a table's changes that wait are of rows to be left out: a mass of them shows at its
 * first row. Each change is looked at once.
 */
export async function countLeaving(
  context: DeliverContext,
  { table }: Pick<Deletion, 'table'>,
): Promise<void> {
  for (;;) {
    const keys = await unseenChanges(context.store, table.name, CHUNK);
    if (keys.length === 0) return;
    const leaving = await leftOutAmong(context.db, table, keys);
    await context.store.transaction((sql) => noteLeaving(sql, table.name, keys, new Set(leaving.keys())));
  }
}
