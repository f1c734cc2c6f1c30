import { contactVerdict, MADE_JUST_NOW_MS, readingDueMs } from '../model/first-contact.ts';
import type { PageId } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { isMassChange } from '../model/mass-change.ts';
import { readPage } from '../model/page.ts';
import type { NotionPage } from '../notion/client.ts';
import { countRows } from '../postgres/read-rows.ts';
import { strangers } from '../state/edits.ts';
import { beginReading, contactOf, endContact, endReading, noteReading } from '../state/first-contact.ts';
import { holdCreations, massCreation, newPages } from '../state/guarded-changes.ts';
import { recordsByPage } from '../state/records.ts';
import type { Source } from '../state/sources.ts';
import type { InboundContext } from './context.ts';
import { inspectAgain } from './detect.ts';
import { typedIn } from './keyed-page.ts';
import { sweep } from './sweep.ts';

/** Beyond this many unlinked pages, two readings that agree have to do: fetching more would take hours. */
const MOST_FETCHED = 2_000;
const SIDE_BY_SIDE = 4;
/** After a pause of so many lags, such as a stop of the daemon, the wait begins anew. */
const STALE_LAGS = 2;

/**
 * Reads a data source that pgnotion meets for the first time, or whose schema it has just changed, until two readings
 * agree; then fetches the pages that belong to no record, because a GET never lags. Until that is over no row of the
 * table gets a page: it may have one that no query shows yet (invariant 3). What was read is stored, so that a restart
 * neither skips the wait nor begins it anew.
 */
export async function pursueContact(
  context: InboundContext,
  table: ResolvedTable,
  source: Source,
  signal: AbortSignal,
): Promise<void> {
  const { store, queryLagMs } = context;
  const before = await contactOf(store, table.name);
  if (before === null || readingDueMs(before, queryLagMs) > 0) return;
  const times = { madeMs: MADE_JUST_NOW_MS, staleMs: STALE_LAGS * queryLagMs };
  const reading = await store.transaction((sql) => beginReading(sql, table.name, times));
  const note = (pages: readonly NotionPage[]): Promise<void> =>
    notePages(context, table, { source, reading, pages });
  if (!(await sweep(context, table, { priority: 'poll', signal }, note))) return;
  const seen = await store.transaction((sql) => endReading(sql, table.name, reading));
  const contact = await contactOf(store, table.name);
  // Begun anew meanwhile, by a change of the schema.
  if (contact === null || contact.readings !== reading) return;
  const verdict = contactVerdict(contact, seen, queryLagMs);
  if (verdict === 'read-again') return;
  if (verdict === 'over-without-agreement')
    context.log.warn(
      { table: table.name, readings: reading },
      'no two readings of the database agreed: it is taken as the last one showed it',
    );
  if (!(await fetchUnlinked(context, table, signal))) return;
  const pages = await massOfPages(context, table);
  await store.transaction(async (sql) => {
    if (pages !== null) await holdCreations(sql, table.name, pages);
    await endContact(sql, table.name);
  });
  context.log.info({ table: table.name, ...seen, readings: reading }, 'the database is known');
  context.onDirty();
}

/** When the next reading of a table is due; null if none is. */
export async function nextReadingMs(context: InboundContext, table: ResolvedTable): Promise<number | null> {
  const contact = await contactOf(context.store, table.name);
  // A table that is stopped is not asked about more often than usual.
  const stopped = (await context.sourceOf(table.name)).pausedBy !== null;
  return contact === null || stopped ? null : readingDueMs(contact, context.queryLagMs);
}

async function notePages(
  { store }: InboundContext,
  table: ResolvedTable,
  {
    source,
    reading,
    pages,
  }: { readonly source: Source; readonly reading: number; readonly pages: readonly NotionPage[] },
): Promise<void> {
  const records = await recordsByPage(
    store,
    pages.map(({ id }) => id),
  );
  const seen = new Map(
    pages.map(({ id, properties }) => {
      const { image } = readPage(table, source.properties, properties);
      return [id, { page: id, typed: typedIn({ table, image }), linked: records.has(id) }];
    }),
  );
  await store.transaction((sql) => noteReading(sql, table.name, reading, [...seen.values()]));
}

/** Why the pages that belong to no record wait for a person, if they would become too many rows at once. */
async function massOfPages(
  { store, db, guards }: InboundContext,
  table: ResolvedTable,
): Promise<ReturnType<typeof massCreation> | null> {
  if (table.direction === 'to-notion') return null;
  const coming = await newPages(store, table.name);
  const load = { crossed: 0, waiting: 0, coming, records: await countRows(db, table) };
  if (!isMassChange(load, guards.creation)) return null;
  return massCreation(load, `the database had ${coming} pages without a record id when pgnotion came to it`);
}

/** False if it was stopped. */
async function fetchUnlinked(
  context: InboundContext,
  table: ResolvedTable,
  signal: AbortSignal,
): Promise<boolean> {
  const unlinked = await strangers(context.store, table.name);
  if (unlinked.length > MOST_FETCHED) return true;
  for (let at = 0; at < unlinked.length; at += SIDE_BY_SIDE) {
    if (signal.aborted) return false;
    const some = unlinked.slice(at, at + SIDE_BY_SIDE);
    await Promise.all(
      some.map((page: PageId) => inspectAgain(context, { name: table.name, page, edit: null })),
    );
  }
  return true;
}
