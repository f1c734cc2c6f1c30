import type { PageImage } from '../model/change.ts';
import type { LiveConflict } from '../model/conflict-lifecycle.ts';
import { sameJson } from '../model/json.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { type Bases, changedInRow, changedOnPage, ownWrites } from '../model/merge.ts';
import { pick } from '../model/pick.ts';
import { type PagePlan, type PageState, planPage } from '../model/plan.ts';
import { leaveOut, refusedIn } from '../model/refused-field.ts';
import { withheldFields, withoutSignatures } from '../model/uploads.ts';
import { sendWrite } from '../notion/create-once.ts';
import type { NotionFailure } from '../notion/error-classification.ts';
import { doubtfulWrites } from '../state/operations.ts';
import type { SyncRecord } from '../state/records.ts';
import { type RequestOperation, requestOperation } from '../state/request-operation.ts';
import { holdMoveLosses, withoutMoveLosses } from '../sync/move-losses.ts';
import { withoutUnseenLosses } from '../sync/unseen-losses.ts';
import { moved, refusedForPage } from './away.ts';
import { guardPlan } from './clearing.ts';
import { conclude, type Linked, type Look, NEXT, type Seen } from './conclude.ts';
import { decidedBy, type Judging, judging, rulingsToKeep } from './conflict.ts';
import { type DeliverContext, type Delivered, type Delivery, strangerFields } from './context.ts';
import {
  baseOfMerged,
  FIRST,
  type Kept,
  keptBeside,
  mayHoldMore,
  type Second,
  withoutTryingUploads,
  withoutUploads,
} from './extras.ts';
import { failureOf, urgencyOf } from './failure.ts';
import { pageNotFound } from './page-not-found.ts';
import { lookAt, type PrereadResult } from './preread.ts';
import { readAnswer } from './read-answer.ts';
import { afterKindRefused, kindPassed } from './refused-requests.ts';
import { afterRefusal, recordName } from './refused-update.ts';
import { type PageRequest, propertiesOf, requestFor } from './request.ts';
import { seenEdit } from './seen-edit.ts';
import { handOver, isSetAside } from './set-aside.ts';
import { operationOf } from './update-operation.ts';

/** Whether the row has anything for the page: if not, no request is made at all. */
export const hasNews = (
  { entry, table, row }: Pick<Delivery, 'entry' | 'table' | 'row'>,
  record: SyncRecord,
): boolean => changedInRow(table.fields, record.baseRow, row, entry.restore).length > 0;

/**
 * Writes what the row changed, and only that, to its page. `now` is the page as it was just seen; null takes the base
 * for it, when a query has shown that nobody edited it since.
 */
export async function updatePage(
  context: DeliverContext,
  {
    delivery,
    known,
    now,
  }: { readonly delivery: Delivery; readonly known: Linked; readonly now: PrereadResult | null },
  second: Second = FIRST,
): Promise<Delivered> {
  const { entry, table, source, conflicts } = delivery;
  if (now !== null && now.kind !== 'here')
    return pageNotFound(context, delivery, { record: known, found: now, conflicts });
  const found = { ...known, basePage: now?.basePage ?? known.basePage };
  const record = now === null ? found : await afterUnseenActs(context, delivery, found, now);
  const pageNow = { page: now?.image ?? record.basePage, seen: now !== null };
  const { page } = pageNow;
  const ours = await ownFields(context, delivery, record, page);
  const own = Object.keys(ours.page);
  const edit = await seenEdit(context, table, { record, now, own });
  const judges = judging(delivery, page, edit, conflicts);
  const planned = planPage({
    ...judgedBy(conflicts, table, page, second),
    table,
    base: { row: { ...record.baseRow, ...ours.row }, page: { ...record.basePage, ...ours.page } },
    row: delivery.row,
    ...pageNow,
    restore: [...entry.restore, ...own],
    lookups: delivery.lookups,
    judge: judges.judge,
  });
  if (now === null && mayHoldMore(delivery, record, leaveOut(planned, delivery.refused))) {
    const ask = { priority: urgencyOf(entry) };
    const seen = await lookAt(context, table, { source, record, ask });
    return updatePage(context, { delivery, known: record, now: seen });
  }
  // What both changed is settled first, if it can be; what only the page changed keeps no news of the row's back.
  const lost = planned.handedOver.filter((name) => planned.conflicts.includes(name));
  if (planned.handedOver.length > 0 && !(await isSetAside(context, record, own, page))) {
    if (lost.length > 0) return handOver(context, record);
    context.hint(record.page);
  }
  const plan = await guardPlan(context, delivery, record, leaveOut(planned, delivery.refused));
  // The page's own change of a set is still news for the row.
  if (plan.merged.size > 0) context.hint(record.page);
  const look = { page, now, lost, second };
  const isTried = context.refusedFields.of(recordName(delivery)) !== undefined;
  if (Object.keys(plan.writes).length > 0 || isTried)
    return writePage(context, delivery, record, { whole: plan, look, judges });
  return concludeUnwritten(context, delivery, record, { plan, look, judges });
}

/** The record as a page counts that may have lost values unseen: what the row has not changed would pass for an edit afterwards. */
async function afterUnseenActs(
  context: DeliverContext,
  { table, source, row, entry }: Delivery,
  record: Linked,
  { page, image }: Extract<PrereadResult, { readonly kind: 'here' }>,
): Promise<Linked> {
  const seen = { table, source, page, image };
  const home = await withoutMoveLosses(context, seen, record);
  const intact = await withoutUnseenLosses(context, seen, home);
  const news = changedInRow(table.fields, record.baseRow, row, entry.restore);
  const still = table.fields.filter((field) => !news.includes(field)).map(({ property }) => property);
  await holdMoveLosses(context, seen, intact, still);
  return intact;
}

const judgedBy = (
  conflicts: readonly LiveConflict[],
  table: ResolvedTable,
  page: PageImage,
  { withheld }: Second,
): Pick<PageState, 'decided' | 'withheld'> => ({
  decided: new Set(conflicts.flatMap(({ by, field }) => (by === null || field === null ? [] : [field]))),
  withheld: new Set([...withheld.keys(), ...withheldFields(table.fields, page, conflicts)]),
});

async function writePage(
  context: DeliverContext,
  delivery: Delivery,
  record: Linked,
  { whole, look, judges }: { readonly whole: PagePlan; readonly look: Look; readonly judges: Judging },
): Promise<Delivered> {
  const { conflicts } = delivery;
  const { page, now, second } = look;
  const kept = await keptBeside(context, delivery, { plan: whole, now }, second);
  const spared = context.handsBackFiles ? null : withoutTryingUploads(kept, second, conflicts);
  if (spared !== null) return updatePage(context, { delivery, known: record, now }, spared);
  const only = context.refusedFields.of(recordName(delivery))?.groups[0] ?? null;
  const request = requestFor(context, { delivery, plan: whole, only }, kept);
  const { plan } = request;
  if (request.sent.length === 0) return nothingSent(context, delivery, record, { plan, look, judges });
  const written = Object.keys(plan.writes);
  const operation = requestOperation(
    context.store,
    {
      ...operationOf(delivery, record, plan, page),
      extras: withoutSignatures(pick(now?.extras ?? {}, written)),
      actor: decidedBy(conflicts, written),
    },
    rulingsToKeep(delivery, { record, page, overruled: overruledBy(plan) }, judges),
  );
  const sent = await send(context, { delivery, record }, request, operation);
  if (sent.kind === 'failed') {
    const { failure } = sent;
    const waits = await afterKindRefused(context, 'update', delivery, failure);
    if (waits !== null) return waits;
    const outcome = lookFirst(delivery, failureOf(failure, delivery.entry));
    const again = isOfUploads(failure, request, kept)
      ? withoutUploads(outcome, kept, second, conflicts)
      : null;
    if (again !== null) return updatePage(context, { delivery, known: record, now }, again);
    const away = await refusedForPage(context, delivery, {
      own: record.page,
      writes: plan.writes,
      error: failure,
    });
    return away ?? (await afterRefusal(context, delivery, request, failure)) ?? outcome;
  }
  await kindPassed(context, 'update', delivery);
  return afterAnswer(context, delivery, {
    record,
    request,
    seen: { ...look, answer: sent.answer, operation },
  });
}

/** Whether a refusal may be about uploaded files that a request hands back: it names no other field. */
function isOfUploads(
  { message }: NotionFailure,
  { sent }: PageRequest,
  { present, restored }: Kept,
): boolean {
  const named = refusedIn(message, sent);
  return named === null || named.some((name) => name in present || name in restored);
}

/** Nothing of the plan fits into a request, or the row changed while a refused field of it was looked for. */
async function nothingSent(
  context: DeliverContext,
  delivery: Delivery,
  record: Linked,
  { plan, look, judges }: { readonly plan: PagePlan; readonly look: Look; readonly judges: Judging },
): Promise<Delivered> {
  if (context.refusedFields.decide(recordName(delivery), true) !== undefined) return NEXT;
  return concludeUnwritten(context, delivery, record, { plan, look, judges });
}

async function concludeUnwritten(
  context: DeliverContext,
  delivery: Delivery,
  record: Linked,
  { plan, look, judges }: { readonly plan: PagePlan; readonly look: Look; readonly judges: Judging },
): Promise<Delivered> {
  const overruled = overruledBy(plan);
  const keep =
    overruled.length === 0 ? null : rulingsToKeep(delivery, { record, page: look.page, overruled }, judges);
  if (keep !== null) await context.store.transaction(keep);
  const after = { ...look.page, ...baseOfMerged(plan, look.page) };
  return conclude(context, delivery, { record, plan, seen: { ...look, after, written: null, more: false } });
}

/** A person's values that the row's replace, or will replace once they are whole. */
const overruledBy = ({ conflicts, writes, agreed }: PagePlan): readonly string[] =>
  conflicts.filter((name) => name in writes || agreed.includes(name));

/** What Notion made of the values stands in its answer; so does what a person did meanwhile. */
async function afterAnswer(
  context: DeliverContext,
  delivery: Delivery,
  {
    record,
    request,
    seen,
  }: {
    readonly record: Linked;
    readonly request: PageRequest;
    readonly seen: Look & Omit<NonNullable<Seen['written']>, 'unshown'>;
  },
): Promise<Delivered> {
  const { table } = delivery;
  const { answer, operation, ...look } = seen;
  const { page } = look;
  const { plan } = request;
  const left = context.refusedFields.decide(recordName(delivery), true)?.groups.length ?? 0;
  const read = await readAnswer(context, delivery, {
    known: look.now?.unshown ?? record.unshown,
    sent: plan.writes,
    answer,
    unseen: look.now === null ? record : null,
  });
  if (read === null) {
    await context.store.transaction((sql) => operation.end(sql, { status: 'done' }));
    return moved(context, delivery.entry, answer);
  }
  const { image, base, unshown } = read;
  const strangers = strangerFields(table, page, { image, written: Object.keys(plan.writes), same: sameJson });
  if (strangers.length > 0 || changedOnPage(table.fields, base, image).length > 0) context.hint(record.page);
  // What was found equal was found so before the write: a person may have changed it since.
  const found = { ...base, ...pick(page, plan.agreed) };
  const after = { ...found, ...baseOfMerged(plan, found) };
  return conclude(context, delivery, {
    record,
    plan,
    seen: {
      ...look,
      page: image,
      after,
      written: { answer, operation, unshown },
      more: request.more || left > 0,
    },
  });
}

/** Fields that differ from their base without anybody's edit: our own write, whose answer was lost. */
async function ownFields(
  context: DeliverContext,
  { entry, table }: Delivery,
  record: Linked,
  page: PageImage,
): Promise<Bases> {
  if (changedOnPage(table.fields, record.basePage, page).length === 0) return { page: {}, row: {} };
  const writes = await doubtfulWrites(context.store, table.name, entry.key);
  return ownWrites(table.fields, record.basePage, page, writes);
}

/** Nothing is looked for after a lost answer: the next try looks at the page, and writes what it lacks. */
const send = (
  { notion }: DeliverContext,
  { delivery, record }: { readonly delivery: Delivery; readonly record: Linked },
  { sent }: PageRequest,
  operation: RequestOperation,
) =>
  sendWrite(operation, (beforeLeaving) =>
    notion.updatePage(
      { id: record.page, properties: propertiesOf(sent) },
      { priority: urgencyOf(delivery.entry), beforeLeaving },
    ),
  );

const LOOK_AGAIN_MS = 1_000;

/** Trashed after the look, so it seems: the next try looks again, and says what became of the page. */
const lookFirst = ({ entry }: Delivery, outcome: Delivered): Delivered =>
  outcome.kind === 'parked' && outcome.failure.code === 'notion_page_in_trash' && entry.attempts === 0
    ? { ...outcome, kind: 'retry', ms: LOOK_AGAIN_MS }
    : outcome;
