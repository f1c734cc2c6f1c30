import type { PageImage } from '../model/change.ts';
import { messageOf } from '../model/errors.ts';
import type { PageId } from '../model/ids.ts';
import { baseAfterWrite, changedOnPage } from '../model/merge.ts';
import { extraFields, readPage } from '../model/page.ts';
import { pick } from '../model/pick.ts';
import { planPage } from '../model/plan.ts';
import { leaveOut } from '../model/refused-field.ts';
import { type Unshown, unshownAfterWrite, withUnshown } from '../model/relation-targets.ts';
import { BACKFILL } from '../model/urgency.ts';
import type { NotionPage } from '../notion/client.ts';
import { isGone, NotionFailure } from '../notion/error-classification.ts';
import { readLate, readWhole } from '../notion/pages.ts';
import { saveUnshown } from '../state/away.ts';
import { noteExtras } from '../state/extras.ts';
import { doubtfulCreate, type RequestOperation, requestOperation } from '../state/operations.ts';
import { settle } from '../state/outbox.ts';
import { forget, intend, link, recordsByPage, type SyncRecord } from '../state/records.ts';
import { propertyKey } from '../state/sources.ts';
import { releaseMade } from '../state/waiting.ts';
import { refusedForPage } from './away.ts';
import { type DeliverContext, type Delivered, type Delivery, SETTLED } from './context.ts';
import { failureOf, parkedBy, urgencyOf } from './failure.ts';
import { findUnkeyed } from './find-unkeyed.ts';
import { afterKindRefused, kindPassed } from './refused-requests.ts';
import { afterRefusedCreate, codeOf, recordName } from './refused-update.ts';
import { type PageRequest, propertiesOf, requestFor } from './request.ts';
import { waitForTargets } from './wait-for-targets.ts';

const NOBODY: ReadonlySet<string> = new Set();

/**
 * Makes the page of a record that has none. Notion has no upsert and no idempotency key, so the intent is stored right
 * before the request leaves, and whatever stays doubtful is looked for before it is tried again (invariant 3).
 */
export async function createPage(context: DeliverContext, delivery: Delivery): Promise<Delivered> {
  const wholePlan = planNewPage(delivery);
  const waits = await waitForTargets(context, delivery, wholePlan.missing);
  if (waits !== null) return waits;
  const only = stageFields(context, delivery);
  const request = requestFor(context, { delivery, plan: leaveOut(wholePlan, delivery.refused), only });
  const { plan } = request;
  const operation = creation(context, delivery, plan.writes);
  const made = await send(context, delivery, request, operation);
  if (!('page' in made)) return made;
  await kindPassed(context, 'create', delivery);
  await linkMade(context, delivery, request, { made, operation });
  context.refusedFields.end(recordName(delivery));
  // What did not go with the page itself follows by updates.
  if (request.more) return { kind: 'postponed', ms: 0 };
  return plan.faults.length === 0 ? SETTLED : parkedBy(plan.faults, codeOf(delivery, plan.faults));
}

/** Ties the page that was made to its record, with what it holds as their base. */
async function linkMade(
  context: DeliverContext,
  delivery: Delivery,
  { plan, more }: PageRequest,
  { made, operation }: { readonly made: Made; readonly operation: RequestOperation },
): Promise<void> {
  const { entry, table, source, row } = delivery;
  const { page } = made;
  const { shown, unshown, basePage } = await readMade(context, delivery, plan.writes, made);
  const whole = Object.keys(plan.writes).filter((name) => !plan.partial.has(name));
  await context.store.transaction(async (sql) => {
    const record = { table: table.name, key: entry.key };
    await link(sql, {
      ...record,
      page: page.id,
      baseRow: pick(row, whole),
      basePage,
      pageEditedAt: page.lastEditedTime,
    });
    const reading = readPage(table, source.properties, page.properties);
    await noteExtras(sql, [{ page: page.id, extras: extraFields(reading) }]);
    await saveUnshown(sql, record, unshown);
    await operation.end(sql, { status: 'done', page: page.id });
    await releaseMade(sql, entry, plan.missing);
    if (plan.faults.length === 0 && !more) await settle(sql, entry);
  });
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
    (sql) => intend(sql, table.name, entry.key),
  );

/** `answered`: the page is as the create's own answer has it, not as it was found later. */
type Made = { readonly page: NotionPage; readonly answered: boolean };

async function send(
  context: DeliverContext,
  delivery: Delivery,
  request: PageRequest,
  operation: RequestOperation,
): Promise<Made | Delivered> {
  const { entry, table, source } = delivery;
  try {
    const page = await context.notion.createPage(
      { dataSourceId: source.dataSource, properties: propertiesOf(request.sent) },
      { priority: urgencyOf(entry), beforeLeaving: operation.begin },
    );
    return { page, answered: true };
  } catch (error) {
    if (!(error instanceof NotionFailure)) throw error;
    const { errorClass } = error;
    if (errorClass.committedId !== null) {
      const ask = { priority: urgencyOf(entry) };
      const page = await context.notion.retrievePage(errorClass.committedId as PageId, ask);
      return { page, answered: false };
    }
    const known = errorClass.effect === 'none';
    await context.store.transaction(async (sql) => {
      await operation.end(sql, { status: known ? 'failed' : 'unknown', error: error.message });
      if (known) await forget(sql, table.name, entry.key);
    });
    const waits = await afterKindRefused(context, 'create', delivery, error);
    if (waits !== null) return waits;
    const away = await refusedForPage(context, delivery, { own: null, writes: request.plan.writes, error });
    if (away !== null) return away;
    const without = known ? await afterRefusedCreate(context, delivery, request, error) : null;
    return without ?? failureOf(error, entry);
  }
}

/**
 * Finds what became of a create that nobody answered. The page may come to exist until the grace is over (the server's
 * own deadline, and the lag of queries), so until then "not found" proves nothing.
 */
export async function findCreated(
  context: DeliverContext,
  delivery: Pick<Delivery, 'entry' | 'table' | 'source'>,
  record: SyncRecord,
): Promise<NotionPage | 'absent' | 'doubtful'> {
  const { entry, table, source } = delivery;
  const ask = { priority: urgencyOf(entry) };
  const sent = await doubtfulCreate(context.store, table.name, entry.key);
  if (sent !== null && !(table.idProperty in sent)) {
    const unkeyed = await findUnkeyed(context, { table, source }, { record, sent, ask });
    return unkeyed ?? notFound(context, record);
  }
  const property = propertyKey(source, table.idProperty);
  // Nothing can be found by it until it is back.
  if (property === undefined) return 'doubtful';
  // The row's key may have changed since: the page shows the one that it was made with.
  const shown = sent?.[table.idProperty] ?? entry.key;
  const filter = { property, rich_text: { equals: shown } };
  const found = await context.notion.query({ dataSourceId: source.dataSource, filter }, ask);
  const idField = table.fields.find((field) => field.property === table.idProperty);
  // A page that was moved here from another synced table may carry a key that looks like this one.
  const owned = await recordsByPage(
    context.store,
    found.pages.map(({ id }) => id),
  );
  const twins = found.pages
    .filter((page) => {
      if (owned.has(page.id)) return false;
      const property = page.properties[source.properties[table.idProperty] ?? ''];
      const read = property === undefined ? undefined : idField?.codec.read(property);
      return read?.kind === 'value' && read.value === shown && mayBeOurs(context, record, page);
    })
    // A person may have copied ours, within the same minute even: what we made is the record's, the copy is theirs.
    .sort(
      (a, b) =>
        Number(b.createdBy === context.botId) - Number(a.createdBy === context.botId) ||
        a.createdTime.getTime() - b.createdTime.getTime(),
    );
  const [first, ...others] = twins;
  if (first === undefined) return notFound(context, record);
  for (const twin of others) await trashTwin(context, delivery, twin);
  return first;
}

const notFound = ({ createGraceMs }: DeliverContext, record: SyncRecord): 'absent' | 'doubtful' =>
  (record.intentAgeMs ?? 0) > createGraceMs ? 'absent' : 'doubtful';

/** Notion's clock and ours may be apart, and Notion's tells minutes only. */
const CLOCKS_APART_MS = 180_000;

/** A page of ours that is older than this create was made for another row of the same key, before a restore. */
function mayBeOurs(context: DeliverContext, { intentAgeMs }: SyncRecord, page: NotionPage): boolean {
  const sent = context.now().getTime() - (intentAgeMs ?? 0);
  return page.createdBy !== context.botId || page.createdTime.getTime() > sent - CLOCKS_APART_MS;
}

/** A second page of ours for one record: the first one stays. A page that a person copied is not ours to touch. */
async function trashTwin(
  context: DeliverContext,
  { entry, table }: Pick<Delivery, 'entry' | 'table'>,
  twin: NotionPage,
): Promise<void> {
  if (twin.createdBy !== context.botId) return;
  const operation = requestOperation(context.store, {
    direction: 'to-notion',
    table: table.name,
    key: entry.key,
    page: twin.id,
    kind: 'delete',
    // The page keeps its values in the trash.
    before: { page: twin.id },
    after: {},
    changedAt: entry.changedAt,
  });
  const { store, notion } = context;
  const ask = { priority: urgencyOf(entry), beforeLeaving: operation.begin };
  try {
    await notion.setTrash(twin.id, true, ask);
  } catch (error) {
    const outcome = { status: 'failed', error: messageOf(error) } as const;
    await store.transaction((sql) => operation.end(sql, outcome));
    // Once Notion shows it again, the way back meets it.
    if (isGone(error)) return;
    throw error;
  }
  await store.transaction((sql) => operation.end(sql, { status: 'done' }));
}
