import type { Json, PageImage } from '../model/change.ts';
import { sameJson } from '../model/json.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { baseAfterWrite, changedInRow, changedOnPage, ownWrites, rowChangeOf } from '../model/merge.ts';
import { extraFields, readPage } from '../model/page.ts';
import { type PagePlan, type PageState, planPage } from '../model/plan.ts';
import { withheldFields, withoutSignatures } from '../model/uploads.ts';
import type { NotionPage } from '../notion/client.ts';
import { NotionFailure } from '../notion/outcome.ts';
import { fetchPage, readLate, readWhole, type WholePage } from '../notion/pages.ts';
import { type LiveConflict, liveConflicts } from '../state/conflicts.ts';
import { noteExtras } from '../state/extras.ts';
import {
  closeDoubts,
  doubtfulWrites,
  type Operation,
  type RequestOperation,
  requestOperation,
} from '../state/operations.ts';
import { settle } from '../state/outbox.ts';
import { advanceBase, type SyncRecord } from '../state/records.ts';
import { awaitTargets } from '../state/waiting.ts';
import { guardPlan } from './clearing.ts';
import { concludeConflicts, decidedBy, type Judging, judging, keepRulings } from './conflict.ts';
import {
  type DeliverContext,
  type Delivered,
  type Delivery,
  pick,
  SETTLED,
  strangerFields,
  toProperties,
} from './context.ts';
import {
  baseOfMerged,
  baseOfWithheld,
  FIRST,
  keptBeside,
  mayHoldMore,
  type Second,
  withoutUploads,
} from './extras.ts';
import { away, handOver, heldBy, isSetAside } from './set-aside.ts';
import { parkedBy, troubleOf, urgencyOf } from './trouble.ts';

type Linked = SyncRecord & { readonly page: NonNullable<SyncRecord['page']> };

/** Whether the row has anything for the page: if not, no request is made at all. */
export const hasNews = ({ line, table, row }: Delivery, record: SyncRecord): boolean =>
  changedInRow(table.fields, record.baseRow, row, line.restore).length > 0;

/**
 * Writes what the row changed, and only that, to its page. `now` is the page as it was just seen; null takes the base
 * for it, when a query has shown that nobody edited it since.
 */
export async function updatePage(
  context: DeliverContext,
  delivery: Delivery,
  record: Linked,
  now: WholePage | null,
  second: Second = FIRST,
): Promise<Delivered> {
  const { line, table, source } = delivery;
  const lines = await liveConflicts(context.store, table.name, line.key);
  if (now !== null && (now.page.inTrash || now.page.isArchived))
    return away(context, delivery, record, lines);
  const pageNow = { page: now?.image ?? record.basePage, seen: now !== null };
  const { page } = pageNow;
  const own = await ownFields(context, delivery, record, page);
  const judges = judging(context, delivery, record, now, lines);
  const planned = planPage({
    ...judgedBy(lines, table, page, second),
    table,
    base: { row: record.baseRow, page: { ...record.basePage, ...pick(page, own) } },
    row: delivery.row,
    ...pageNow,
    restore: [...line.restore, ...own],
    lookups: delivery.lookups,
    judge: judges.judge,
  });
  if (now === null && mayHoldMore(delivery, record, planned)) {
    const ask = { priority: urgencyOf(line) };
    const seen = await fetchPage(context.notion, table, source.properties, record.page, ask);
    return updatePage(context, delivery, record, seen);
  }
  // What both changed is settled first, if it can be; what only the page changed keeps no news of the row's back.
  const lost = planned.handedOver.filter((name) => planned.conflicts.includes(name));
  if (planned.handedOver.length > 0 && !(await isSetAside(context, record, own, page))) {
    if (lost.length > 0) return handOver(context, record);
    context.hint(record.page);
  }
  const plan = await guardPlan(context, delivery, record, planned, lines);
  // The page's own change of a set is still news for the row.
  if (plan.merged.size > 0) context.hint(record.page);
  const look = { page, now, lost, second };
  if (Object.keys(plan.writes).length > 0)
    return writePage(context, delivery, record, plan, look, { lines, judges });
  const after = { ...page, ...baseOfMerged(plan, page) };
  return conclude(context, delivery, record, plan, { ...look, after, written: null });
}

const judgedBy = (
  lines: readonly LiveConflict[],
  table: ResolvedTable,
  page: PageImage,
  { withheld }: Second,
): Pick<PageState, 'decided' | 'withheld'> => ({
  decided: new Set(lines.flatMap(({ by, field }) => (by === null || field === null ? [] : [field]))),
  withheld: new Set([...withheld.keys(), ...withheldFields(table.fields, page, lines)]),
});

/** What a delivery goes by: the page as it was seen, or as the base has it. */
type Look = {
  readonly page: PageImage;
  /** The page as it was looked at before the write, if it was. */
  readonly now: WholePage | null;
  /** Fields whose later edit on the page is set aside. */
  readonly lost: readonly string[];
  readonly second: Second;
};

async function writePage(
  context: DeliverContext,
  delivery: Delivery,
  record: Linked,
  plan: PagePlan,
  look: Look,
  { lines, judges }: { readonly lines: readonly LiveConflict[]; readonly judges: Judging },
): Promise<Delivered> {
  const { table, source } = delivery;
  const { page, now, second } = look;
  const written = Object.keys(plan.writes);
  const overruled = plan.conflicts.filter((name) => name in plan.writes);
  const kept = await keptBeside(context, delivery, plan, now, second);
  const operation = requestOperation(
    context.store,
    {
      ...operationOf(delivery, record, plan, page),
      extras: withoutSignatures(pick(now?.extras ?? {}, written)),
      actor: decidedBy(lines, written),
    },
    (sql) => keepRulings(sql, delivery, record, page, overruled, judges),
  );
  const answer = await send(
    context,
    delivery,
    record,
    toProperties(context, delivery, plan.writes, kept),
    operation,
  );
  if (!('id' in answer)) {
    const again = withoutUploads(answer, kept, second, lines);
    return again === null ? answer : updatePage(context, delivery, record, now, again);
  }
  const ask = { priority: urgencyOf(delivery.line) };
  const { image } = await readWhole(context.notion, table, source.properties, answer, ask);
  const base = baseAfterWrite(table.fields, plan.writes, image, readLate(table, source.properties, answer));
  const strangers = strangerFields(table, page, image, written, sameJson);
  if (strangers.length > 0 || changedOnPage(table.fields, base, image).length > 0) context.hint(record.page);
  // What was found equal was found so before the write: a person may have changed it since.
  const found = { ...base, ...pick(page, plan.agreed) };
  const after = { ...found, ...baseOfMerged(plan, found) };
  return conclude(context, delivery, record, plan, {
    ...look,
    page: image,
    after,
    written: { answer, operation },
  });
}

const operationOf = (
  { line, table, row }: Delivery,
  record: Linked,
  plan: PagePlan,
  page: PageImage,
): Operation => ({
  direction: 'to-notion',
  table: table.name,
  key: line.key,
  page: record.page,
  kind: 'update',
  before: pick(page, Object.keys(plan.writes)),
  after: plan.writes,
  row: rowChangeOf(record.baseRow, row, Object.keys(plan.writes)),
  lsn: line.lsn,
  changedAt: line.changedAt,
  attempt: line.attempts + 1,
  batch: line.urgency === 1 ? 'backfill' : null,
});

/** Fields that differ from their base without anybody's edit: our own write, whose answer was lost. */
async function ownFields(
  context: DeliverContext,
  { line, table }: Delivery,
  record: Linked,
  page: PageImage,
): Promise<string[]> {
  if (changedOnPage(table.fields, record.basePage, page).length === 0) return [];
  const writes = await doubtfulWrites(context.store, table.name, line.key);
  return ownWrites(table.fields, record.basePage, page, writes);
}

async function send(
  context: DeliverContext,
  delivery: Delivery,
  record: Linked,
  properties: Readonly<Record<string, Json>>,
  operation: RequestOperation,
): Promise<NotionPage | Delivered> {
  try {
    return await context.notion.updatePage(
      { id: record.page, properties },
      { priority: urgencyOf(delivery.line), beforeLeaving: operation.begin },
    );
  } catch (error) {
    // Writing the same values again is harmless, so a doubtful update needs no search: the next try looks at the page.
    const unknown = error instanceof NotionFailure && error.verdict.effect !== 'none';
    await context.store.transaction((sql) =>
      operation.end(sql, {
        status: unknown ? 'unknown' : 'failed',
        error: error instanceof Error ? error.message : String(error),
      }),
    );
    return lookFirst(delivery, troubleOf(error));
  }
}

const LOOK_AGAIN_MS = 1_000;

/** Trashed after the look, so it seems: the next try looks again, and says what became of the page. */
const lookFirst = ({ line }: Delivery, outcome: Delivered): Delivered =>
  outcome.kind === 'parked' && outcome.trouble.code === 'notion_page_in_trash' && line.attempts === 0
    ? { ...outcome, kind: 'retry', ms: LOOK_AGAIN_MS }
    : outcome;

/** Moves the base of the fields that were written or found equal, and of no others. */
async function conclude(
  context: DeliverContext,
  delivery: Delivery,
  record: Linked,
  plan: PagePlan,
  seen: Look & {
    /** What the base becomes, for the fields that were written or found equal. */
    readonly after: PageImage;
    readonly written: { readonly answer: NotionPage; readonly operation: RequestOperation } | null;
  },
): Promise<Delivered> {
  const { line, table, row } = delivery;
  const moved = [...Object.keys(plan.writes), ...plan.agreed];
  const whole = moved.filter((name) => !plan.partial.has(name));
  const aside =
    plan.faults.length > 0
      ? parkedBy(plan.faults)
      : (heldBy(seen.lost) ?? unreadBy(delivery, record, seen.now));
  const page = { ...pick(seen.after, moved), ...baseOfWithheld(record, plan, seen.second) };
  const base = { ...record.basePage, ...page };
  const look = await context.store.transaction(async (sql) => {
    const unseen = await concludeConflicts(sql, delivery, record, seen.page, plan, seen.second.withheld);
    await advanceBase(
      sql,
      { table: table.name, key: line.key },
      {
        row: pick(row, whole),
        page,
        ...(seen.written === null ? {} : { pageEditedAt: seen.written.answer.lastEditedTime }),
        rests: changedOnPage(table.fields, base, seen.page).length === 0,
      },
    );
    if (seen.written !== null) {
      const reading = readPage(table, delivery.source.properties, seen.written.answer.properties);
      await noteExtras(sql, [{ page: record.page, extras: extraFields(reading) }]);
      await seen.written.operation.end(sql, { status: 'done' });
    }
    if (seen.now !== null) await closeDoubts(sql, table.name, line.key, seen.now.page.askedAt);
    if (aside === null) await settle(sql, line);
    await awaitTargets(sql, table.name, line.key, plan.missing);
    return unseen;
  });
  if (look) context.hint(record.page);
  return aside ?? SETTLED;
}

/** What cannot be read cannot be overwritten: a person may have typed there. The other fields are not kept waiting. */
function unreadBy(delivery: Delivery, record: Linked, now: WholePage | null): Delivered | null {
  const { table, row, line } = delivery;
  const news = changedInRow(table.fields, record.baseRow, row, line.restore).map(({ property }) => property);
  const [first] = now?.unread.filter(({ field }) => news.includes(field)) ?? [];
  if (first === undefined) return null;
  const outcome = troubleOf(first.error);
  if (!('trouble' in outcome)) return outcome;
  const reason = `the page's ${JSON.stringify(first.field)} cannot be read, and is not overwritten: ${outcome.trouble.reason}`;
  return { kind: 'retry', ms: null, trouble: { ...outcome.trouble, reason } };
}
