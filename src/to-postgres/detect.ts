import { awayOf } from '../model/away.ts';
import { isMarked, valuesMark } from '../model/edit-command.ts';
import type { PageId, TableName } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { changedOnPage } from '../model/merge.ts';
import { editDigest, readPage } from '../model/page.ts';
import { without } from '../model/pick.ts';
import { isAway, isResting, restOf } from '../model/record-state.ts';
import { showsAgain, withUnshown } from '../model/relation-targets.ts';
import type { NotionPage } from '../notion/client.ts';
import { isGone } from '../notion/error-classification.ts';
import { locatePage } from '../notion/locate.ts';
import type { Unread } from '../notion/pages.ts';
import { type FoundKey, findKeys } from '../postgres/keys.ts';
import { allOf } from '../runtime/all-of.ts';
import { hiddenAmong, isUnshown, lookAtUnshown, releaseHidden, releaseMoved } from '../state/away.ts';
import { editsOf, lookSoon, type WaitingEdit } from '../state/edits.ts';
import { longValuesOf } from '../state/long-values.ts';
import { failuresOf } from '../state/page-failures.ts';
import { recordsByPage, type SyncRecord } from '../state/records.ts';
import type { Source } from '../state/sources.ts';
import { applyEdit } from './apply.ts';
import { guardListed } from './clearing.ts';
import { type InboundContext, inLane, type Sighting } from './context.ts';
import { awaitingFirstLook } from './first-look.ts';
import { typedIn } from './keyed-page.ts';
import { left, type Missed } from './left-as-typed.ts';
import { maybeEdited, noteAgreed } from './maybe-edited.ts';
import { receiveNewPage } from './new-page.ts';
import { noteExtraFields } from './note-extra-fields.ts';
import { lookOnItsOwn, onItsOwn, waitsForItsTime } from './page-failure.ts';
import { pageRestored, type Resting, restsQuietly } from './page-restored.ts';
import { type Beforehand, type Inspection, readListed } from './read-listed.ts';
import { relink } from './relink.ts';
import { lostByMove } from './schema-losses.ts';

const ASK = { priority: 'poll' } as const;

/**
 * Looks at pages that a query gave: those that are as their records say need nothing; the others are taken one by
 * one, each under its record's lock. Several at once, because each may need a request.
 */
export async function inspectPages(
  context: InboundContext,
  {
    table,
    source,
    pages,
  }: { readonly table: ResolvedTable; readonly source: Source; readonly pages: readonly NotionPage[] },
  { afresh = false, onUnknown }: Inspection = {},
): Promise<void> {
  const ids = pages.map((page) => page.id);
  const records = await recordsByPage(context.store, ids);
  const edits = await editsOf(context.store, ids);
  const failures = await failuresOf(context.store, ids);
  const longs = await longValuesOf(context.store, ids);
  const edited = maybeEdited(context, source, { pages, records }, { edits, failures });
  await guardListed(context, table, { source, pages: edited, records });
  const fresh = await awaitingFirstLook(context, table, records);
  await noteSeen(context, ids);
  // Of two pages with one key, the one that was made first is the record's.
  const inOrder = pages.toSorted((a, b) => a.createdTime.getTime() - b.createdTime.getTime());
  const unlinked = inOrder.filter(
    (page) => !records.has(page.id) && awayOf(page, source.dataSource) === null,
  );
  const keys = await keysOf(context, table, source, unlinked);
  await allOf(
    inOrder.map(async (page) => {
      const { id, url, lastEditedTime: editedAt } = page;
      context.clock.observe(editedAt);
      const failed = failures.get(id);
      if (waitsForItsTime(failed, editedAt) || fresh.has(id)) return;
      const known = { record: records.get(id), edit: edits.get(id), keys };
      const before = { long: longs.get(id), failed, afresh, onUnknown, ...known };
      const at = { table: table.name, page: id, url, editedAt };
      await onItsOwn(context, at, failed, () => inspectListed(context, { table, source, page }, before));
    }),
  );
  await noteExtraFields(context, table, source, { pages, records });
  await noteAgreed(context, table, source, { pages, records });
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

/** What is known of a page that a query gave, before it is read. */
type Known = Beforehand & {
  readonly onUnknown: Inspection['onUnknown'] | undefined;
  readonly record: SyncRecord | undefined;
  readonly edit: WaitingEdit | undefined;
  /** What the record ids on unlinked pages mean. */
  readonly keys: ReadonlyMap<string, FoundKey>;
};

async function inspectListed(
  context: InboundContext,
  { table, source, page }: Omit<Sighting, 'image'>,
  { record, edit, keys, onUnknown, ...before }: Known,
): Promise<readonly Unread[]> {
  const isHere = awayOf(page, source.dataSource) === null;
  // A record belongs to its table, wherever a person has moved its page. A query that lags lists pages that have left.
  if (record !== undefined && (record.table !== table.name || !isHere)) {
    const isNoted = isResting(record.state) || record.state === 'away_moved';
    const own = context.tables.get(record.table);
    return isNoted || own === undefined
      ? []
      : inspectNow(
          context,
          { given: own, page: page.id, edit: edit ?? null },
          { together: 1, hinted: false },
        );
  }
  if (!isHere) return [];
  const { image, unread } = await readListed(context, { table, source, page }, before, ASK);
  const sighting = { table, source, page, image };
  if (isKnown(sighting, record, edit)) return unread;
  onUnknown?.();
  const found = record === undefined ? keys.get(typedIn(sighting) ?? '') : undefined;
  await inspectUnlessGone(context, sighting, record, { found });
  return unread;
}

/** Whether the page is as its base says, or holds what was refused or waits for its time, and nothing else. */
function isKnown(
  { image, ...sighting }: Sighting,
  record: SyncRecord | undefined,
  edit: WaitingEdit | undefined,
): boolean {
  const { fields } = sighting.table;
  const rest = record === undefined ? null : restOf(record.state);
  if (record !== undefined && rest !== null)
    return restsQuietly({ image, ...sighting }, { record, rest }, edit);
  if (record?.state !== 'linked' || showsAgain(fields, image, record.unshown)) return false;
  const whole = withUnshown(fields, image, record.unshown);
  const changed = changedOnPage(fields, record.basePage, whole);
  if (changed.length === 0) return edit === undefined;
  return isMarked(edit, valuesMark(editDigest(changed, whole)));
}

/** Notion shows these pages: what waited for that goes on. */
async function noteSeen(context: InboundContext, pages: readonly PageId[]): Promise<void> {
  const waited = await hiddenAmong(context.store, pages);
  if (waited.length === 0) return;
  await context.store.transaction((sql) => releaseHidden(sql, waited));
  context.onDirty();
}

/**
 * A page that was away for others while its record never noticed it (its whole database was in the trash, say) is among
 * the live ones: the pages whose relations could not show it are looked at again.
 */
async function noteShown(context: InboundContext, page: PageId): Promise<void> {
  if (await isUnshown(context.store, page))
    await context.store.transaction((sql) => lookAtUnshown(sql, page));
  // It may have come back while a delivery that met it elsewhere set its line aside.
  if (await context.store.transaction((sql) => releaseMoved(sql, page))) context.onDirty();
}

/**
 * Looks again at a page that had to wait, or that somebody gave a hint of, as it is this moment. What fails is the
 * page's own failure.
 */
export async function inspectAgain(
  context: InboundContext,
  {
    name,
    page,
    edit,
  }: { readonly name: TableName; readonly page: PageId; readonly edit: WaitingEdit | null },
  { together = 1, hinted = false }: { readonly together?: number; readonly hinted?: boolean } = {},
): Promise<void> {
  const table = context.tables.get(name);
  if (table === undefined) return;
  const how = { together, hinted };
  const own = inLane(context, name);
  await lookOnItsOwn(own, { table: name, page }, () => inspectNow(own, { given: table, page, edit }, how));
}

async function inspectNow(
  context: InboundContext,
  {
    given,
    page,
    edit,
  }: { readonly given: ResolvedTable; readonly page: PageId; readonly edit: WaitingEdit | null },
  { together, hinted }: { readonly together: number; readonly hinted: boolean },
): Promise<readonly Unread[]> {
  const before = (await recordsByPage(context.store, [page])).get(page);
  // A record belongs to its table, whoever asks.
  const name = before !== undefined && context.tables.has(before.table) ? before.table : given.name;
  const source = await context.sourceOf(name);
  const table = context.tables.get(name) ?? given;
  const missed = { table, source, page, edit, together, before };
  const found = await locatePage(context.notion, table, { at: source, id: page, ask: ASK });
  if (found.kind !== 'hidden') await noteSeen(context, [page]);
  if (found.kind !== 'here') {
    await left(context, missed, found);
    return [];
  }
  context.clock.observe(found.page.lastEditedTime);
  const record = (await recordsByPage(context.store, [page])).get(page);
  await inspectUnlessGone(context, { table, source, page: found.page, image: found.image, hinted }, record, {
    missed,
  });
  return found.unread;
}

/** Pages that a whole reading did not show: absence is only a reason to look, a GET is the evidence. */
export async function inspectAbsent(
  context: InboundContext,
  table: ResolvedTable,
  absent: readonly PageId[],
  together = absent.length,
): Promise<void> {
  for (const page of absent)
    await inspectAgain(context, { name: table.name, page, edit: null }, { together });
}

/** Between the look and what follows from it the page may have gone. */
async function inspectUnlessGone(
  context: InboundContext,
  sighting: Sighting,
  seen: SyncRecord | undefined,
  { missed, found }: { readonly missed?: Missed; readonly found?: FoundKey | undefined } = {},
): Promise<void> {
  try {
    await inspect(context, sighting, seen, found);
  } catch (error) {
    if (!isGone(error)) throw error;
    const { table, source, page } = sighting;
    const one = missed ?? { table, source, page: page.id, edit: null, together: 1, before: seen };
    await left(context, one, { kind: 'hidden' });
  }
}

async function inspect(
  context: InboundContext,
  sighting: Sighting,
  seen: SyncRecord | undefined,
  found?: FoundKey,
): Promise<void> {
  if (seen === undefined) return receiveNewPage(context, sighting, found);
  await context.locks.run(`${seen.table}/${seen.key}`, async () => {
    const record = (await recordsByPage(context.store, [sighting.page.id])).get(sighting.page.id);
    if (record === undefined || record.page === null || record.table !== sighting.table.name) return;
    // Its row got another key meanwhile, and that is what it goes by.
    if (record.key !== seen.key)
      return context.store.transaction((sql) => lookSoon(sql, { ...record, page: sighting.page.id }));
    const rest = restOf(record.state);
    if (rest !== null) return inspectResting(context, sighting, { record, rest });
    const fresh = await noOlderThan(context, sighting, record);
    if (fresh === null) return;
    await noteShown(context, fresh.page.id);
    const { table, source } = sighting;
    const lost = record.state === 'away_moved' ? lostByMove(table.fields, record.basePage, fresh.image) : [];
    if (isAway(record.state)) await relink(context, table, record, lost);
    const whole = await context.settleRelations(fresh, { table, at: source, record }, ASK);
    if (whole === null) return;
    const { page, image, away } = whole;
    const basePage = without(whole.basePage, lost);
    await applyEdit(context, { ...fresh, page, image, away }, { ...record, page: record.page, basePage });
  });
}

/** A query that lags shows pages that we have just put away: only a GET tells what came back. */
async function inspectResting(context: InboundContext, sighting: Sighting, resting: Resting): Promise<void> {
  const { table, source, page } = sighting;
  if (resting.rest.because !== 'filtered' && restsQuietly(sighting, resting, undefined)) return;
  const now = await locatePage(context.notion, table, { at: source, id: page.id, ask: ASK });
  if (now.kind !== 'here') return;
  await pageRestored(context, { ...sighting, page: now.page, image: now.image }, resting);
}

/**
 * A query may lag, so what it showed may be older than our own last write; taken for an edit, it would undo that
 * write. A later minute proves that it is not; otherwise a GET, which never lags, shows the page as it is, and whether it
 * is back. Null if it is not a live page of its table.
 */
async function noOlderThan(
  context: InboundContext,
  sighting: Sighting,
  record: SyncRecord,
): Promise<Sighting | null> {
  const { table, source, page } = sighting;
  const isNewer = record.pageEditedAt === null || page.lastEditedTime > record.pageEditedAt;
  if (isNewer && record.state === 'linked') return sighting;
  const now = await locatePage(context.notion, table, { at: source, id: page.id, ask: ASK });
  return now.kind === 'here' ? { ...sighting, page: now.page, image: now.image } : null;
}
