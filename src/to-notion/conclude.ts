import type { PageImage } from '../model/change.ts';
import { isWhole } from '../model/mapping.ts';
import { changedOnPage } from '../model/merge.ts';
import { extraFields, readPage } from '../model/page.ts';
import { pick } from '../model/pick.ts';
import type { PagePlan } from '../model/plan.ts';
import type { Unshown } from '../model/relation-targets.ts';
import type { NotionPage } from '../notion/client.ts';
import { type FinishedUpdate, finishUpdate } from '../state/deliveries.ts';
import type { SyncRecord } from '../state/records.ts';
import type { RequestOperation } from '../state/request-operation.ts';
import type { Sql } from '../state/sql.ts';
import { awaitTargets, lockWaiting } from '../state/waiting.ts';
import { concludeConflicts } from './conflict.ts';
import { type DeliverContext, type Delivered, type Delivery, SETTLED } from './context.ts';
import { baseOfWithheld, type Second } from './extras.ts';
import type { PrereadResult } from './preread.ts';
import { setAside } from './set-aside.ts';
import { hastenTargets } from './wait-for-targets.ts';

export type Linked = SyncRecord & { readonly page: NonNullable<SyncRecord['page']> };

/** What a delivery goes by: the page as it was seen, or as the base has it. */
export type Look = {
  readonly page: PageImage;
  /** The page as it was looked at before the write, if it was. */
  readonly now: Extract<PrereadResult, { kind: 'here' }> | null;
  /** Fields whose later edit on the page is set aside. */
  readonly lost: readonly string[];
  readonly second: Second;
};

export const NEXT: Delivered = { kind: 'postponed', ms: 0 };

export type Seen = Look & {
  /** What the base becomes, for the fields that were written or found equal. */
  readonly after: PageImage;
  readonly written: {
    readonly answer: NotionPage;
    readonly operation: RequestOperation;
    /** What of the written relations the page does not show. */
    readonly unshown: Unshown;
  } | null;
  /** Other fields are left for another request. */
  readonly more: boolean;
};

/** Moves the base of the fields that were written or found equal, and of no others. */
export async function conclude(
  context: DeliverContext,
  delivery: Delivery,
  { record, plan, seen }: { readonly record: Linked; readonly plan: PagePlan; readonly seen: Seen },
): Promise<Delivered> {
  const { entry, table, row } = delivery;
  const moved = [...Object.keys(plan.writes), ...plan.agreed];
  const complete = moved.filter((name) => !plan.partial.has(name));
  const aside = seen.more ? NEXT : setAside(delivery, record, plan, seen);
  const page = { ...pick(seen.after, moved), ...baseOfWithheld(record, plan, seen.second) };
  const base = { ...record.basePage, ...page };
  const finished = {
    row: pick(row, complete),
    page,
    rests: isWhole(table) && changedOnPage(table.fields, base, seen.page).length === 0,
    written: seen.written === null ? null : writtenOf(delivery, seen.written),
    lookedAt: seen.now?.page.askedAt ?? null,
    waitsForNothing: plan.missing.length === 0,
    settles: aside === null,
  };
  const { store } = context;
  const finish = (sql: Sql): Promise<void> => finishUpdate(sql, store, entry, finished);
  if (plan.missing.length === 0 && !touchesConflicts(delivery, plan)) await finish(store);
  else {
    const { unseen: look, lifts } = await store.transaction(async (sql) => {
      if (plan.missing.length > 0) await lockWaiting(sql);
      const unseen = await concludeConflicts(
        sql,
        { delivery, record, page: seen.page },
        plan,
        seen.second.withheld,
      );
      const urgent = plan.missing.length > 0 && (await awaitTargets(sql, entry, plan.missing));
      await finish(sql);
      return { unseen, lifts: urgent };
    });
    if (lifts) await hastenTargets(context, entry);
    if (look) context.hint(record.page);
  }
  return aside ?? SETTLED;
}

/** Whether there are conflicts to hold or to end: those that there were, and those that this delivery decided itself. */
const touchesConflicts = ({ conflicts }: Delivery, { held, conflicts: found }: PagePlan): boolean =>
  conflicts.length + held.length + found.length > 0;

const writtenOf = (
  { table, source }: Delivery,
  { answer, operation, unshown }: NonNullable<Seen['written']>,
): FinishedUpdate['written'] => ({
  operation: operation.answered(),
  pageEditedAt: answer.lastEditedTime,
  extras: extraFields(readPage(table, source.properties, answer.properties)),
  unshown,
});
