import type { PageId, TableName } from '../model/ids.ts';
import { sameJson } from '../model/json.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { changedOnPage } from '../model/merge.ts';
import { editDigest, extraFields, readPage } from '../model/page.ts';
import type { NotionPage } from '../notion/client.ts';
import { isGone } from '../notion/outcome.ts';
import { fetchPage, type Unread } from '../notion/pages.ts';
import { type FoundKey, findKeys } from '../postgres/keys.ts';
import { endConflict, liveConflicts } from '../state/conflicts.ts';
import { editsOf, lookSoon, type WaitingEdit } from '../state/edits.ts';
import { noteExtras } from '../state/extras.ts';
import { longValuesOf } from '../state/long-values.ts';
import { remindNotices } from '../state/notices.ts';
import { markRestore } from '../state/outbox.ts';
import { failuresOf } from '../state/page-failures.ts';
import { markLinked, recordsByPage, type SyncRecord } from '../state/records.ts';
import type { Source } from '../state/sources.ts';
import type { Sql } from '../state/sql.ts';
import { applyEdit } from './apply.ts';
import { guardListed } from './clearing.ts';
import { pageCameBack, restsQuietly } from './comeback.ts';
import type { InboundContext, Sighting } from './context.ts';
import { typedIn } from './keyed-page.ts';
import { receiveNewcomer } from './newcomer.ts';
import { lookOnItsOwn, onItsOwn, waitsForItsTime } from './page-failure.ts';
import { type Beforehand, readListed } from './read-listed.ts';
import { type Evidence, pageLeft } from './trash.ts';

const ASK = { priority: 'poll' } as const;

/**
 * Looks at pages that a query gave: those that are as their records say need nothing; the others are taken one by
 * one, each under its record's lock. Several at once, because each may need a request.
 */
export async function inspectPages(
  context: InboundContext,
  table: ResolvedTable,
  source: Source,
  pages: readonly NotionPage[],
  how: Pick<Beforehand, 'afresh'> = { afresh: false },
): Promise<void> {
  const ids = pages.map((page) => page.id);
  const records = await recordsByPage(context.store, ids);
  const edits = await editsOf(context.store, ids);
  const failures = await failuresOf(context.store, ids);
  const longs = await longValuesOf(context.store, ids);
  await guardListed(context, table, source, pages, records);
  // Of two pages with one key, the one that was made first is the record's.
  const inOrder = pages.toSorted((a, b) => a.createdTime.getTime() - b.createdTime.getTime());
  const unlinked = inOrder.filter(({ id }) => !records.has(id));
  const keys = await keysOf(context, table, source, unlinked);
  await allOf(
    inOrder.map(async (page) => {
      const { id, url, lastEditedTime: editedAt } = page;
      context.clock.observe(editedAt);
      const failed = failures.get(id);
      if (waitsForItsTime(failed, editedAt)) return;
      await onItsOwn(context, { table: table.name, page: id, url, editedAt }, failed, async () => {
        const before = { long: longs.get(id), failed, ...how };
        const { image, unread } = await readListed(context, table, source, page, before, ASK);
        const record = records.get(id);
        const sighting = { table, source, page, image };
        if (isKnown(sighting, record, edits.get(id))) return unread;
        const found = record === undefined ? keys.get(typedIn(sighting) ?? '') : undefined;
        await inspectUnlessGone(context, sighting, record, found);
        return unread;
      });
    }),
  );
  await noteWhatTheyHold(context, table, source, pages, records);
}

/** Keeps which fields hold more than their values say: before such a one is written, its page is looked at. */
async function noteWhatTheyHold(
  { store }: InboundContext,
  table: ResolvedTable,
  { properties }: Source,
  pages: readonly NotionPage[],
  records: ReadonlyMap<PageId, SyncRecord>,
): Promise<void> {
  const noted = pages.flatMap((page) => {
    const record = records.get(page.id);
    const extras = extraFields(readPage(table, properties, page.properties));
    return record === undefined || sameJson(record.extras, extras) ? [] : [{ page: page.id, extras }];
  });
  if (noted.length > 0) await store.transaction((sql) => noteExtras(sql, noted));
}

/** What the record ids on these pages mean, in one query. */
async function keysOf(
  context: InboundContext,
  table: ResolvedTable,
  source: Source,
  pages: readonly NotionPage[],
): Promise<Map<string, FoundKey>> {
  const typed = pages.flatMap(
    (page) => typedIn({ table, image: readPage(table, source.properties, page.properties).image }) ?? [],
  );
  return findKeys(context.db, table, typed);
}

/** Whether the page is as its base says, or holds what was refused or waits for its time, and nothing else. */
function isKnown(sighting: Sighting, record: SyncRecord | undefined, edit: WaitingEdit | undefined): boolean {
  const { table, image } = sighting;
  if (record?.state === 'resting') return restsQuietly(sighting, record, edit);
  if (record?.state !== 'linked') return false;
  const changed = changedOnPage(table.fields, record.basePage, image);
  if (changed.length === 0) return edit === undefined;
  return edit?.digest === editDigest(changed, image);
}

/**
 * Looks again at a page that had to wait, or that somebody gave a hint of, as it is this moment. What fails is the
 * page's own failure.
 */
export async function inspectAgain(
  context: InboundContext,
  name: TableName,
  page: PageId,
  edit: WaitingEdit | null,
  { together = 1, hinted = false }: { readonly together?: number; readonly hinted?: boolean } = {},
): Promise<void> {
  const table = context.tables.get(name);
  if (table === undefined) return;
  const how = { together, hinted };
  await lookOnItsOwn(context, { table: name, page }, () => inspectNow(context, table, page, edit, how));
}

async function inspectNow(
  context: InboundContext,
  table: ResolvedTable,
  page: PageId,
  edit: WaitingEdit | null,
  { together, hinted }: { readonly together: number; readonly hinted: boolean },
): Promise<readonly Unread[]> {
  const source = await context.sourceOf(table.name);
  const before = (await recordsByPage(context.store, [page])).get(page);
  const missed = { table, source, page, edit, together, before };
  try {
    const { page: now, image, unread } = await fetchPage(context.notion, table, source.properties, page, ASK);
    context.clock.observe(now.lastEditedTime);
    const record = (await recordsByPage(context.store, [page])).get(page);
    const evidence = evidenceOf(now, source);
    if (evidence !== null) await left(context, missed, evidence);
    else await inspect(context, { table, source, page: now, image, hinted }, record);
    return unread;
  } catch (error) {
    if (!isGone(error)) throw error;
    await left(context, missed, 'gone');
    return [];
  }
}

/** Pages that a whole reading did not show: absence is only a reason to look, a GET is the evidence. */
export async function inspectAbsent(
  context: InboundContext,
  table: ResolvedTable,
  absent: readonly PageId[],
  together = absent.length,
): Promise<void> {
  for (const page of absent) await inspectAgain(context, table.name, page, null, { together });
}

function evidenceOf(page: NotionPage, source: Source): Evidence | null {
  if (page.inTrash) return 'trashed';
  if (page.isArchived) return 'archived';
  return page.parentDataSource !== null && page.parentDataSource !== source.dataSource ? 'moved' : null;
}

type Missed = {
  readonly table: ResolvedTable;
  readonly source: Source;
  readonly page: PageId;
  readonly edit: WaitingEdit | null;
  readonly together: number;
  /** The record as it was before the page was asked for. */
  readonly before: SyncRecord | undefined;
};

async function left(context: InboundContext, missed: Missed, evidence: Evidence): Promise<void> {
  const { table, source, page, edit, together, before } = missed;
  const known = (await recordsByPage(context.store, [page])).get(page);
  const name = known === undefined ? `page/${page}` : `${known.table}/${known.key}`;
  await context.locks.run(name, async () => {
    const record = (await recordsByPage(context.store, [page])).get(page);
    // What was asked before a delivery brought the page back says nothing of it now.
    if (record !== undefined && !isAsBefore(record, before))
      return context.store.transaction((sql) => lookSoon(sql, { ...record, page }));
    const key = record?.key ?? edit?.key ?? null;
    await pageLeft(
      context,
      { table, source, page, key, decision: decisionOf(edit), together },
      record,
      evidence,
    );
  });
}

const isAsBefore = (record: SyncRecord, before: SyncRecord | undefined): boolean =>
  before?.state === record.state &&
  before.key === record.key &&
  before.syncedAt?.getTime() === record.syncedAt?.getTime();

/** The functions `approve_guarded`, `reject_guarded` and `retry` speak through the digest. */
function decisionOf(edit: WaitingEdit | null): Parameters<typeof pageLeft>[1]['decision'] {
  if (edit === null || edit.parked) return null;
  if (edit.digest === 'approved' || edit.digest === 'rejected') return edit.digest;
  return edit.digest === '' ? 'retry' : null;
}

/** Between the query and the look the page may have gone. */
async function inspectUnlessGone(
  context: InboundContext,
  sighting: Sighting,
  seen: SyncRecord | undefined,
  found: FoundKey | undefined,
): Promise<void> {
  try {
    await inspect(context, sighting, seen, found);
  } catch (error) {
    if (!isGone(error)) throw error;
    const { table, source, page } = sighting;
    const missed = { table, source, page: page.id, edit: null, together: 1, before: seen };
    await left(context, missed, 'gone');
  }
}

async function inspect(
  context: InboundContext,
  sighting: Sighting,
  seen: SyncRecord | undefined,
  found?: FoundKey,
): Promise<void> {
  if (seen === undefined) return receiveNewcomer(context, sighting, found);
  await context.locks.run(`${seen.table}/${seen.key}`, async () => {
    const record = (await recordsByPage(context.store, [sighting.page.id])).get(sighting.page.id);
    if (record === undefined || record.page === null) return;
    if (record.state === 'resting') return inspectResting(context, sighting, record);
    if (record.state === 'trashed') await relink(context, record);
    const fresh = await noOlderThan(context, sighting, record);
    if (evidenceOf(fresh.page, sighting.source) !== null) return;
    await applyEdit(context, fresh, { ...record, page: record.page });
  });
}

/** A query that lags shows pages that we have just put away: only a GET tells what came back. */
async function inspectResting(
  context: InboundContext,
  sighting: Sighting,
  record: SyncRecord,
): Promise<void> {
  const { table, source, page } = sighting;
  if (restsQuietly(sighting, record, undefined)) return;
  const now = await fetchPage(context.notion, table, source.properties, page.id, ASK);
  if (evidenceOf(now.page, source) === null) await pageCameBack(context, { ...sighting, ...now }, record);
}

/** The page is back: that it was to come back is carried out, and anything else decided of it is without an object. */
async function endTrashed(sql: Sql, { table, key }: SyncRecord): Promise<void> {
  for (const { id, type, choice } of await liveConflicts(sql, table, key, true))
    if (type === 'DELETED_IN_NOTION')
      await endConflict(sql, id, choice === 'postgres' ? 'resolved' : 'outdated');
}

/** A restored page: the pair goes on where it stopped. */
async function relink(context: InboundContext, record: SyncRecord): Promise<void> {
  await context.store.transaction(async (sql) => {
    await endTrashed(sql, record);
    await markLinked(sql, record.table, record.key);
    await markRestore(sql, record.table, record.key, []);
    if (record.page !== null) await remindNotices(sql, record.page);
  });
  context.onDirty();
}

/**
 * A query may lag, so what it showed may be older than our own last write; taken for an edit, it would undo that
 * write. A later minute proves that it is not; otherwise a GET, which never lags, shows the page as it is.
 */
async function noOlderThan(
  context: InboundContext,
  sighting: Sighting,
  record: SyncRecord,
): Promise<Sighting> {
  const { table, source, page } = sighting;
  if (record.pageEditedAt === null || page.lastEditedTime > record.pageEditedAt) return sighting;
  return { ...sighting, ...(await fetchPage(context.notion, table, source.properties, page.id, ASK)) };
}

/** Waits for all, then fails with the first failure: none goes on unseen. */
async function allOf(work: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((each) => each.status === 'rejected');
  if (failed) throw failed.reason;
}
