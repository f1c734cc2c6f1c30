import { referencedTables } from '../model/consequence.ts';
import type { RowKey, TableName } from '../model/ids.ts';
import { markProperty } from '../model/mapping.ts';
import { isMassChange } from '../model/mass-change.ts';
import { isAway, isLeftInSight, type Rest, type RestingPage, restOf } from '../model/record-state.ts';
import { findUnanswered } from '../notion/create-once.ts';
import { isGone } from '../notion/error-classification.ts';
import { applyTransitions } from '../state/conflict-transitions.ts';
import { liveConflicts } from '../state/conflicts.ts';
import { releaseRefusedDeletions } from '../state/edits.ts';
import { deletionLoad, massDeletion } from '../state/guarded-changes.ts';
import { settle } from '../state/outbox.ts';
import { forget, rest, type SyncRecord } from '../state/records.ts';
import type { Sql } from '../state/sql.ts';
import { awayRequestOf, isTrashed, putAway } from './away-request.ts';
import { awaitProperty, type Deletion, type DeliverContext, type Delivered, SETTLED } from './context.ts';
import { deletePolicyOf } from './delete-policy.ts';
import { findCreated, linkWithoutBase } from './find-created.ts';
import type { Preread } from './preread.ts';

/** What becomes of the page of a row that the WAL said was deleted. */
export async function deletePage(
  context: DeliverContext,
  delivery: Deletion,
  record: SyncRecord | undefined,
  look: Preread,
): Promise<Delivered> {
  const { entry, table } = delivery;
  if (record === undefined) return conclude(context, delivery, null);
  // Its page rests already. A row that was only marked or filtered out is gone by now: the page alone can bring it back.
  const rested = restOf(record.state);
  if (rested !== null && !isShown(rested))
    return conclude(context, delivery, rested.page, rested.because !== 'deleted');
  const { page } = record;
  if (page === null) return afterIntent(context, delivery, record);
  if (table.onPostgresDelete === 'ignore') return conclude(context, delivery, 'left');
  // A person has put it there already, so that nothing is left to be decided.
  if (isAway(record.state) && (await isTrashed(context, delivery, page).catch(whereGone)))
    return conclude(context, delivery, 'trashed');
  const load = await deletionLoad(
    context.store,
    table.name,
    'to-notion',
    context.guards.deletion.windowMinutes,
  );
  if (!entry.approved && isMassChange(load, context.guards.deletion))
    return { kind: 'parked', failure: massDeletion(load) };
  const waits = awaitProperty(delivery, markProperty(table));
  if (waits !== null) return waits;
  const removal = await deletePolicyOf(context, delivery, { ...record, page }, look);
  if (removal.kind === 'stays') return removal.delivered;
  if (removal.kind === 'in trash') return conclude(context, delivery, 'trashed');
  const request = awayRequestOf(context, delivery, page, table.onPostgresDelete);
  const away = await putAway(
    context,
    delivery,
    { record: { ...record, page }, request },
    {
      kind: 'delete',
      before: removal.edited ?? record.basePage,
      by: removal.by,
      keep: removal.keep,
    },
  );
  return away.kind === 'away' ? conclude(context, delivery, away.as) : away.delivered;
}

/** Its row was filtered out, which left the page where people see it. */
const isShown = (rested: Rest): boolean => rested.because === 'filtered' && isLeftInSight(rested);

/** A page that Notion does not show is not seen in the trash. */
function whereGone(error: unknown): false {
  if (isGone(error)) return false;
  throw error;
}

/** The decision that the page has to go is carried out; whatever else was open ends with the pair. */
async function endDeletion(sql: Sql, table: TableName, key: RowKey): Promise<void> {
  const conflicts = await liveConflicts(sql, table, key, true);
  await applyTransitions(sql, conflicts, () => ({ kind: 'page deleted' }));
}

/** Settles the entry. The record is remembered as resting, or forgotten with its page (`null`). */
async function conclude(
  context: DeliverContext,
  { entry, table }: Deletion,
  as: RestingPage | null,
  isNews = true,
): Promise<Delivered> {
  await context.store.transaction(async (sql) => {
    await endDeletion(sql, table.name, entry.key);
    if (as === null) await forget(sql, table.name, entry.key);
    else if (isNews) await rest(sql, { table: table.name, key: entry.key }, `deleted_${as}`);
    await settle(sql, entry);
    await releaseRefusedDeletions(sql, referencedTables(table, context.tables.values()));
  });
  return SETTLED;
}

/** Its page may have come to exist when something broke. What rests has to name its page. */
export async function afterIntent(
  context: DeliverContext,
  delivery: Deletion,
  { table, key, intentAgeMs }: SyncRecord,
): Promise<Delivered> {
  const created = await findUnanswered({
    sentAgoMs: intentAgeMs,
    find: (sentAgoMs) => findCreated(context, delivery, sentAgoMs),
    graceMs: context.createGraceMs,
  });
  switch (created.kind) {
    case 'waits':
      return { kind: 'postponed', ms: created.ms };
    case 'absent':
      return conclude(context, delivery, null);
    case 'found':
      // What waits for this record is not released: its page is about to go.
      await context.store.transaction((sql) => linkWithoutBase(sql, { table, key }, created.thing.page));
      return { kind: 'postponed', ms: 0 };
    default:
      return created satisfies never;
  }
}
