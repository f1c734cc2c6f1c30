import type { PageImage } from '../model/change.ts';
import { sameJson } from '../model/json.ts';
import { baseAfterWrite, changedInRow, changedOnPage, ownWrites, rowChangeOf } from '../model/merge.ts';
import { editDigest } from '../model/page.ts';
import { type PagePlan, planPage } from '../model/plan.ts';
import type { NotionPage } from '../notion/client.ts';
import { NotionFailure } from '../notion/outcome.ts';
import { readLate, readWhole, type WholePage } from '../notion/pages.ts';
import { type LiveConflict, liveConflicts } from '../state/conflicts.ts';
import { CONFLICT_OPEN, editsOf, lookSoon, waitForEdit } from '../state/edits.ts';
import { HELD_BY_EDIT, PAGE_IN_TRASH } from '../state/held.ts';
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
import { concludeConflicts, concludeTrashed, decidedBy, judging, keepRulings } from './conflict.ts';
import {
  type DeliverContext,
  type Delivered,
  type Delivery,
  pick,
  SETTLED,
  strangerFields,
  toProperties,
} from './context.ts';
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
): Promise<Delivered> {
  const { line, table, source } = delivery;
  const lines = await liveConflicts(context.store, table.name, line.key);
  if (now !== null && (now.page.inTrash || now.page.isArchived))
    return away(context, delivery, record, lines);
  const pageNow = { page: now?.image ?? record.basePage, seen: now !== null };
  const { page } = pageNow;
  const own = await ownFields(context, delivery, record, page);
  const judges = judging(context, delivery, record, now, lines);
  const plan = planPage({
    table,
    base: { row: record.baseRow, page: { ...record.basePage, ...pick(page, own) } },
    row: delivery.row,
    ...pageNow,
    restore: [...line.restore, ...own],
    lookups: delivery.lookups,
    judge: judges.judge,
  });
  // What both changed is settled first, if it can be; what only the page changed keeps no news of the row's back.
  const lost = plan.handedOver.filter((name) => plan.conflicts.includes(name));
  if (plan.handedOver.length > 0 && !(await isSetAside(context, record, own, page))) {
    if (lost.length > 0) return handOver(context, delivery, record);
    context.hint(record.page);
  }
  const written = Object.keys(plan.writes);
  if (written.length === 0)
    return conclude(context, delivery, record, plan, { page, after: page, now, lost, written: null });
  const overruled = plan.conflicts.filter((name) => name in plan.writes);
  const operation = requestOperation(
    context.store,
    { ...operationOf(delivery, record, plan, page), actor: decidedBy(lines, written) },
    (sql) => keepRulings(sql, delivery, record, page, overruled, judges),
  );
  const answer = await send(context, delivery, record, plan, operation);
  if (!('id' in answer)) return answer;
  const ask = { priority: urgencyOf(line) };
  const { image } = await readWhole(context.notion, table, source.properties, answer, ask);
  const base = baseAfterWrite(table.fields, plan.writes, image, readLate(table, source.properties, answer));
  const strangers = strangerFields(table, page, image, written, sameJson);
  if (strangers.length > 0 || changedOnPage(table.fields, base, image).length > 0) context.hint(record.page);
  // What was found equal was found so before the write: a person may have changed it since.
  const after = { ...base, ...pick(page, plan.agreed) };
  const seen = { page: image, after, now, lost, written: { answer, operation } };
  return conclude(context, delivery, record, plan, seen);
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
  plan: PagePlan,
  operation: RequestOperation,
): Promise<NotionPage | Delivered> {
  try {
    return await context.notion.updatePage(
      { id: record.page, properties: toProperties(context, delivery, plan.writes) },
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
  seen: {
    readonly page: PageImage;
    /** What the base becomes, for the fields that were written or found equal. */
    readonly after: PageImage;
    /** The page as it was looked at before the write, if it was. */
    readonly now: WholePage | null;
    /** Fields whose later edit on the page is set aside. */
    readonly lost: readonly string[];
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
  const base = { ...record.basePage, ...pick(seen.after, moved) };
  const look = await context.store.transaction(async (sql) => {
    const unseen = await concludeConflicts(sql, delivery, record, seen.page, plan);
    await advanceBase(
      sql,
      { table: table.name, key: line.key },
      {
        row: pick(row, whole),
        page: pick(seen.after, moved),
        ...(seen.written === null ? {} : { pageEditedAt: seen.written.answer.lastEditedTime }),
        rests: changedOnPage(table.fields, base, seen.page).length === 0,
      },
    );
    if (seen.written !== null) await seen.written.operation.end(sql, { status: 'done' });
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

/** A person was last, and their value cannot be taken over: the row's stands in the failures beside it. */
const heldBy = (fields: readonly string[]): Delivered | null =>
  fields.length === 0
    ? null
    : {
        kind: 'parked',
        trouble: {
          code: HELD_BY_EDIT,
          reason: `the page holds a later edit of ${fields.join(', ')}, which PostgreSQL has not taken over`,
          remedy: 'correct the value in Notion, or change it in the row; then both go on by themselves',
        },
      };

/** Whether what the page holds cannot be taken over now: it stands in the failures with its reason. */
async function isSetAside(
  context: DeliverContext,
  record: Linked,
  own: readonly string[],
  page: PageImage,
): Promise<boolean> {
  const edit = (await editsOf(context.store, [record.page])).get(record.page);
  if (edit === undefined || edit.code === null || edit.code === CONFLICT_OPEN) return false;
  const base = { ...record.basePage, ...pick(page, own) };
  const table = context.tables.get(record.table);
  return table !== undefined && edit.digest === editDigest(changedOnPage(table.fields, base, page), page);
}

const HAND_OVER_MS = 1_000;

/** A person changed the same field later: the way back applies it, and this line waits until it has. */
async function handOver(
  context: DeliverContext,
  { line, table }: Delivery,
  record: Linked,
): Promise<Delivered> {
  const edit = { page: record.page, table: table.name, key: line.key, digest: '' };
  await context.store.transaction((sql) => waitForEdit(sql, edit, 0, null));
  context.hint(record.page);
  return { kind: 'postponed', ms: HAND_OVER_MS };
}

const away = (
  context: DeliverContext,
  delivery: Delivery,
  record: Linked,
  lines: readonly LiveConflict[],
): Promise<Delivered> | Delivered =>
  lines.some(({ type }) => type === 'DELETED_IN_NOTION')
    ? concludeTrashed(context, delivery, record)
    : inTrash(context, record);

/** The way back decides what a page in the trash means; the row's change stands in the failures until then. */
async function inTrash(context: DeliverContext, record: Linked): Promise<Delivered> {
  // Trash moves no time of Notion's, so that no poll would show it: the look is stored, and outlives this process.
  await context.store.transaction((sql) => lookSoon(sql, record));
  context.hint(record.page);
  return {
    kind: 'parked',
    trouble: {
      code: PAGE_IN_TRASH,
      reason: 'the row changed, and its page is in the trash or archived',
      remedy: 'restore the page in Notion, or delete the row; the next change of either goes on by itself',
    },
  };
}
