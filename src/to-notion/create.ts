import type { PageImage } from '../model/change.ts';
import type { PageId } from '../model/ids.ts';
import { baseAfterWrite, baseOfMade, changedOnPage } from '../model/merge.ts';
import { extraFields, readPage } from '../model/page.ts';
import { pausedBase } from '../model/paused-base.ts';
import { pick } from '../model/pick.ts';
import { planPage } from '../model/plan.ts';
import { leaveOut } from '../model/refused-field.ts';
import { type Unshown, unshownAfterWrite, withUnshown } from '../model/relation-targets.ts';
import { BACKFILL } from '../model/urgency.ts';
import type { NotionPage } from '../notion/client.ts';
import { createOnce } from '../notion/create-once.ts';
import type { NotionFailure } from '../notion/error-classification.ts';
import { readLate, readWhole } from '../notion/pages.ts';
import { lookAtUnshown } from '../state/away.ts';
import { finishMade, linkMade as linkMadePage, type MadePage } from '../state/deliveries.ts';
import { settle } from '../state/outbox.ts';
import { forget, type SyncRecord } from '../state/records.ts';
import { type RequestOperation, requestOperation } from '../state/request-operation.ts';
import { releaseMade } from '../state/waiting.ts';
import { refusedForPage } from './away.ts';
import { type DeliverContext, type Delivered, type Delivery, SETTLED } from './context.ts';
import { failureOf, parkedBy, urgencyOf } from './failure.ts';
import { findCreated, type Made } from './find-created.ts';
import { linkFound } from './link-found.ts';
import { afterKindRefused, kindPassed } from './refused-requests.ts';
import { afterRefusedCreate, codeOf, recordName } from './refused-update.ts';
import { type PageRequest, propertiesOf, requestFor } from './request.ts';
import { hastenTargets, waitForTargets } from './wait-for-targets.ts';

const NOBODY: ReadonlySet<string> = new Set();

/**
 * Makes the page of a record that has none, or links the one that a request whose answer was lost has made (`known` is the
 * record of such a request).
 */
export async function createPage(
  context: DeliverContext,
  delivery: Delivery,
  known: SyncRecord | undefined,
): Promise<Delivered> {
  const wholePlan = planNewPage(delivery);
  const only = stageFields(context, delivery);
  const request = requestFor(context, { delivery, plan: leaveOut(wholePlan, delivery.refused), only });
  const operation = creation(context, delivery, request.plan.writes);
  const created = await createOnce<Made, Delivered>({
    intent: {
      sentAgoMs: known?.intentAgeMs ?? null,
      begin: operation.begin,
      failed: (failure, isOver) => createFailed(context, delivery, { operation, failure, isOver }),
    },
    find: (sentAgoMs) => findCreated(context, delivery, sentAgoMs),
    send: async (begin) => {
      const waits = await waitForTargets(context, delivery, wholePlan.missing);
      if (waits !== null) return { kind: 'unsent', why: waits };
      const page = await sendCreate(context, delivery, request, begin);
      return { kind: 'made', thing: { page, answered: true } };
    },
    byId: async (id) => {
      const page = await context.notion.retrievePage(id as PageId, { priority: urgencyOf(delivery.entry) });
      return { page, answered: false };
    },
    graceMs: context.createGraceMs,
  });
  switch (created.kind) {
    case 'made':
      return afterCreate(context, delivery, request, { made: created.thing, operation });
    case 'found':
      return linkFound(context, delivery, created.thing.page);
    case 'waits':
      return { kind: 'postponed', ms: created.ms };
    case 'unsent':
      return created.why;
    case 'failed':
      return afterFailure(context, delivery, request, created.failure);
    default:
      return created satisfies never;
  }
}

async function sendCreate(
  { notion, inHand }: DeliverContext,
  { entry, source }: Delivery,
  { sent }: PageRequest,
  beforeLeaving: () => Promise<void>,
): Promise<NotionPage> {
  using mine = inHand.take(entry);
  return await notion.createPage(
    { dataSourceId: source.dataSource, properties: propertiesOf(sent) },
    { priority: urgencyOf(entry), beforeLeaving, hastened: mine.hastened },
  );
}

type MadeBy = { readonly made: Made; readonly operation: RequestOperation };

async function afterCreate(
  context: DeliverContext,
  delivery: Delivery,
  request: PageRequest,
  by: MadeBy,
): Promise<Delivered> {
  const { plan } = request;
  await kindPassed(context, 'create', delivery);
  await linkMade(context, delivery, request, by);
  context.refusedFields.end(recordName(delivery));
  // What did not go with the page itself follows by updates.
  if (request.more) return { kind: 'postponed', ms: 0 };
  return plan.faults.length === 0 ? SETTLED : parkedBy(plan.faults, codeOf(delivery, plan.faults));
}

/** Without a page the record is nothing; while one may still appear, the record stands for it. */
const createFailed = (
  { store }: DeliverContext,
  { entry, table }: Delivery,
  {
    operation,
    failure,
    isOver,
  }: { readonly operation: RequestOperation; readonly failure: NotionFailure; readonly isOver: boolean },
): Promise<void> =>
  store.transaction(async (sql) => {
    await operation.end(sql, { status: isOver ? 'failed' : 'unknown', error: failure.message });
    if (isOver) await forget(sql, table.name, entry.key);
  });

async function afterFailure(
  context: DeliverContext,
  delivery: Delivery,
  request: PageRequest,
  failure: NotionFailure,
): Promise<Delivered> {
  const waits = await afterKindRefused(context, 'create', delivery, failure);
  if (waits !== null) return waits;
  const writes = request.plan.writes;
  const away = await refusedForPage(context, delivery, { own: null, writes, error: failure });
  if (away !== null) return away;
  const without = await afterRefusedCreate(context, delivery, request, failure);
  return without ?? failureOf(failure, delivery.entry);
}

/** Ties the page that was made to its record, with what it holds as their base. */
async function linkMade(
  context: DeliverContext,
  delivery: Delivery,
  { plan, more }: PageRequest,
  { made, operation }: MadeBy,
): Promise<void> {
  const { entry, table, source, row } = delivery;
  const { page } = made;
  const { shown, unshown, basePage } = await readMade(context, delivery, plan.writes, made);
  const whole = Object.keys(plan.writes).filter((name) => !plan.partial.has(name));
  const { properties } = source;
  const record: MadePage = {
    table: table.name,
    key: entry.key,
    page: page.id,
    baseRow: { ...pausedBase(table), ...pick(row, whole) },
    basePage: baseOfMade(table.fields, basePage),
    pageEditedAt: page.lastEditedTime,
    extras: extraFields(readPage(table, properties, page.properties)),
    unshown,
    operation: operation.answered(),
  };
  const settles = plan.faults.length === 0 && !more;
  const lifts = await context.store.transaction(async (sql) => {
    if (made.answered && plan.missing.length === 0) {
      await finishMade(sql, { entry, made: record, settles });
      return false;
    }
    await linkMadePage(sql, record);
    // One that was looked for may have been there for a while.
    if (!made.answered) await lookAtUnshown(sql, page.id);
    const urgent = await releaseMade(sql, entry, plan.missing);
    if (settles) await settle(sql, entry);
    return urgent;
  });
  if (lifts) await hastenTargets(context, entry);
  // What is computed waits for the poll: a look at each page would double the requests of a first sync.
  if (changedOnPage(table.fields, basePage, shown).length > 0) context.hint(page.id);
}

/** The page as it was made, what its relations do not show of what was sent, and its base. */
async function readMade(
  context: DeliverContext,
  { entry, table, source }: Delivery,
  sent: PageImage,
  { page, answered }: Made,
): Promise<{ readonly shown: PageImage; readonly unshown: Unshown; readonly basePage: PageImage }> {
  const ask = { priority: urgencyOf(entry) };
  const { image } = await readWhole(context.notion, table, { ids: source.properties, page, ask });
  const late = answered ? readLate(table, source.properties, page) : new Set(Object.keys(image));
  const unshown = unshownAfterWrite(table.fields, sent, image, late);
  const shown = withUnshown(table.fields, image, unshown);
  return { shown, unshown, basePage: baseAfterWrite(table.fields, sent, shown, late) };
}

/** What the page is to be made with; null for all. Fewer fields are tried if Notion refused more without a reason. */
function stageFields(context: DeliverContext, delivery: Delivery): readonly string[] | null {
  const { table } = delivery;
  const stage = context.refusedFields.stageOf(recordName(delivery));
  const titles = table.fields.filter(({ type }) => type === 'title').map(({ property }) => property);
  switch (stage) {
    case 'all':
      return null;
    case 'essential':
      return [table.idProperty, ...titles];
    case 'key':
      return [table.idProperty];
    case 'title':
      return titles;
    case 'nothing':
      return [];
    default:
      return stage satisfies never;
  }
}

/** All that a page is to hold that does not exist yet. */
export const planNewPage = ({
  table,
  row,
  lookups,
}: Pick<Delivery, 'table' | 'row' | 'lookups'>): ReturnType<typeof planPage> =>
  planPage({
    table,
    base: { row: {}, page: {} },
    row,
    page: null,
    seen: false,
    restore: [],
    lookups,
    decided: NOBODY,
    withheld: NOBODY,
    judge: () => 'postgres',
  });

/** The operation of a create, stored together with the intent right before the request leaves. */
const creation = (
  { store }: DeliverContext,
  { entry, table, row }: Delivery,
  writes: PageImage,
): RequestOperation =>
  requestOperation(
    store,
    {
      direction: 'to-notion',
      table: table.name,
      key: entry.key,
      page: null,
      kind: 'create',
      before: {},
      after: writes,
      row: entry.inserted ? { before: null, after: row } : null,
      lsn: entry.lsn,
      changedAt: entry.changedAt,
      attempt: entry.attempts + 1,
      batch: entry.urgency === BACKFILL ? 'backfill' : null,
    },
    'intent',
  );
