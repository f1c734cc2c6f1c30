import type { PageImage } from '../model/change.ts';
import { type Clash, type ConflictType, clashOf } from '../model/clash.ts';
import { type TimedRuling, timedRuling } from '../model/conflict.ts';
import { isInReview, type LiveConflict } from '../model/conflict-lifecycle.ts';
import { LOOK_MARK } from '../model/edit-command.ts';
import type { PageId } from '../model/ids.ts';
import type { PagePlan, PageState } from '../model/plan.ts';
import { isAway } from '../model/record-state.ts';
import { applyTransitions } from '../state/conflict-transitions.ts';
import { decideConflict, holdConflict, liveConflicts } from '../state/conflicts.ts';
import { noteHeld, waitForEdit } from '../state/edits.ts';
import { settle } from '../state/outbox.ts';
import type { SyncRecord } from '../state/records.ts';
import type { Sql } from '../state/sql.ts';
import { type DeliverContext, type Delivered, type Delivery, SETTLED } from './context.ts';
import type { SeenEdit } from './seen-edit.ts';

type Linked = SyncRecord & { readonly page: PageId };

/** How a delivery decides what both sides changed, and what it decided and why. */
export type Judging = {
  readonly judge: PageState['judge'];
  readonly rulings: ReadonlyMap<string, TimedRuling>;
  /** Keeps what was seen of the page's edit. */
  readonly keepSeen: SeenEdit['keep'];
};

/**
 * Decides by each field's rule; what a person has decided goes first. `edit` is what a look has
 * shown of the page.
 */
export function judging(
  { entry }: Pick<Delivery, 'entry'>,
  page: PageImage,
  { times, keep }: SeenEdit,
  conflicts: readonly LiveConflict[],
): Judging {
  const rulings = new Map<string, TimedRuling>();
  const never = { from: new Date(0), to: new Date(0) };
  const judge: PageState['judge'] = (field, rowChanged) => {
    const name = field.property;
    const choice = conflicts.find((each) => each.field === name && each.by !== null)?.choice ?? null;
    const rule = isInReview(conflicts, name) ? 'manual' : field.conflict;
    const row = times?.row(name, rowChanged) ?? { at: entry.changedAt, known: true };
    const edit = times?.page(name, page[name] ?? null) ?? never;
    const one = timedRuling(rule, { choice, rowChanged, row, edit });
    rulings.set(name, one);
    return one.winner;
  };
  return { judge, rulings, keepSeen: keep };
}

/** What stands against what in a delivery. */
export const deliveryClash = (
  type: ConflictType,
  { table, row }: Pick<Delivery, 'table' | 'row'>,
  {
    record,
    page,
    field,
  }: { readonly record: Linked; readonly page: PageImage; readonly field: string | null },
): Clash => clashOf({ type, field }, table, record, { row, page });

/**
 * Keeps, before the write leaves, which of a person's values it is going to replace, and why; null if there is nothing to
 * keep.
 */
export function rulingsToKeep(
  delivery: Delivery,
  {
    record,
    page,
    overruled,
  }: { readonly record: Linked; readonly page: PageImage; readonly overruled: readonly string[] },
  { rulings, keepSeen }: Judging,
): ((sql: Sql) => Promise<void>) | null {
  const decided = overruled.flatMap((name) => {
    const one = rulings.get(name);
    return one === undefined || one.strategy === 'manual' ? [] : [{ name, one, strategy: one.strategy }];
  });
  if (decided.length === 0) return keepSeen;
  return async (sql) => {
    await keepSeen?.(sql);
    for (const { name, one, strategy } of decided) {
      const clash = deliveryClash('CONCURRENT_UPDATE', delivery, { record, page, field: name });
      await decideConflict(sql, { ...clash, times: one }, 'postgres', strategy);
    }
  };
}

/** Whose decisions these writes carry out. */
export function decidedBy(conflicts: readonly LiveConflict[], written: readonly string[]): string | null {
  const names = conflicts.flatMap(({ field, by, choice }) =>
    by !== null && choice === 'postgres' && field !== null && written.includes(field) ? [by] : [],
  );
  return names.length === 0 ? null : [...new Set(names)].join(', ');
}

/** What a delivery made of a field that a conflict is about. */
function deliveredField(
  field: string,
  plan: Pick<PagePlan, 'agreed' | 'writes' | 'held' | 'conflicts'>,
): 'agreed' | 'written' | 'held' | 'contested' | 'untouched' {
  if (plan.agreed.includes(field)) return 'agreed';
  if (field in plan.writes) return 'written';
  if (plan.held.includes(field)) return 'held';
  return plan.conflicts.includes(field) ? 'contested' : 'untouched';
}

const NOTHING = { agreed: [], writes: {}, held: [], conflicts: [] };

/**
 * Holds what a person has to decide, and ends what is carried out or has lost its object. Belongs at the start of the
 * transaction that moves the base. Returns whether the way back has to look at the page now.
 */
export async function concludeConflicts(
  sql: Sql,
  {
    delivery,
    record,
    page,
  }: { readonly delivery: Delivery; readonly record: Linked; readonly page: PageImage },
  plan: Pick<PagePlan, 'agreed' | 'writes' | 'held' | 'conflicts'> = NOTHING,
  notes: ReadonlyMap<string, string> = new Map(),
): Promise<boolean> {
  const { name } = delivery.table;
  const conflicts = await liveConflicts(sql, name, record.key, true);
  const decided = new Set(conflicts.flatMap(({ by, field }) => (by === null ? [] : [field])));
  for (const field of plan.held.filter((each) => !decided.has(each)))
    await holdConflict(sql, {
      ...deliveryClash('CONCURRENT_UPDATE', delivery, { record, page, field }),
      ...(notes.has(field) ? { note: notes.get(field) ?? '' } : {}),
    });
  const freed = await applyTransitions(sql, conflicts, ({ field }) => ({
    kind: 'delivered',
    field: field === null ? 'untouched' : deliveredField(field, plan),
  }));
  const edit = { page: record.page, table: name, key: record.key };
  if (freed) await waitForEdit(sql, { ...edit, mark: LOOK_MARK }, 0, null);
  const noted = plan.held.length > 0 && (await noteHeld(sql, edit, plan.held));
  return freed || noted;
}

/** A row that did not change, or is back at what the page holds: conflicts over it have lost their object. */
export async function concludeQuietly(
  context: DeliverContext,
  delivery: Delivery,
  record: Linked,
): Promise<Delivered> {
  const look = await context.store.transaction(async (sql) => {
    const freed = isAway(record.state)
      ? await freeTrashed(sql, record)
      : await concludeConflicts(sql, { delivery, record, page: record.basePage });
    await settle(sql, delivery.entry);
    return freed;
  });
  if (look) context.hint(record.page);
  return SETTLED;
}

/** The row is back at what the page had when it was trashed: nothing speaks against the deletion any more. */
async function freeTrashed(sql: Sql, record: Linked): Promise<boolean> {
  const conflicts = await liveConflicts(sql, record.table, record.key, true);
  const freed = await applyTransitions(sql, conflicts, () => ({ kind: 'row at base' }));
  const edit = { page: record.page, table: record.table, key: record.key, mark: LOOK_MARK };
  if (freed) await waitForEdit(sql, edit, 0, null);
  return false;
}

/** The row changed again while a person has to decide whether its trashed page comes back. */
export async function concludeTrashed(
  context: DeliverContext,
  delivery: Delivery,
  record: Linked,
): Promise<Delivered> {
  await context.store.transaction(async (sql) => {
    await holdConflict(
      sql,
      deliveryClash('DELETED_IN_NOTION', delivery, { record, page: record.basePage, field: null }),
    );
    await settle(sql, delivery.entry);
  });
  return SETTLED;
}
