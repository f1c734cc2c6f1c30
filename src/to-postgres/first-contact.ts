import { matchValuesOf } from '../model/adoption.ts';
import { commandOf } from '../model/command-line.ts';
import { contactVerdict, holdsRows, MADE_JUST_NOW_MS, readingDueMs } from '../model/first-contact.ts';
import type { PageId } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { isMassChange } from '../model/mass-change.ts';
import { readPage } from '../model/page.ts';
import type { NotionPage } from '../notion/client.ts';
import { countRows } from '../postgres/read-rows.ts';
import { strangers } from '../state/edits.ts';
import {
  beginReading,
  contactOf,
  endContact,
  endReading,
  noteReading,
  wasMade,
} from '../state/first-contact.ts';
import {
  holdCreations,
  holdRows,
  massCreation,
  massPages,
  newPages,
  rowsToMake,
} from '../state/guarded-changes.ts';
import { saveMatches } from '../state/match-decisions.ts';
import { recordsByPage } from '../state/records.ts';
import type { Source } from '../state/sources.ts';
import type { Sql } from '../state/sql.ts';
import type { InboundContext } from './context.ts';
import { inspectAgain } from './detect.ts';
import { typedIn } from './keyed-page.ts';
import { judgeContact, pairedPages } from './match.ts';
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
  const { store, queryLagMs, blackoutMs } = context;
  const before = await contactOf(store, table.name);
  if (before === null || readingDueMs(before, queryLagMs, blackoutMs) > 0) return;
  const times = { madeMs: MADE_JUST_NOW_MS, staleMs: STALE_LAGS * queryLagMs };
  const reading = await store.transaction((sql) => beginReading(sql, table.name, times));
  const note = (pages: readonly NotionPage[]): Promise<void> =>
    notePages(context, table, { source, reading, pages });
  if (!(await sweep(context, table, { priority: 'poll', signal }, note))) return;
  const seen = await store.transaction((sql) => endReading(sql, table.name, reading));
  const contact = await contactOf(store, table.name);
  // Begun anew meanwhile, by a change of the schema.
  if (contact === null || contact.readings !== reading) return;
  const verdict = contactVerdict(contact, seen, queryLagMs, blackoutMs);
  if (verdict === 'read-again') return;
  if (verdict === 'over-without-agreement')
    context.log.warn(
      { table: table.name, readings: reading },
      'no two readings of the database agreed: it is taken as the last one showed it',
    );
  // Pages that match are looked at when they are joined with their rows. A database that was known has none left to join.
  const isMatched = table.match.length > 0 && !contact.knownBefore;
  const likely = isMatched ? pairedPages(await judgeContact(context, table)) : new Set<PageId>();
  if (!(await fetchUnlinked(context, table, { except: likely, signal }))) return;
  const matched = isMatched ? await judgeContact(context, table) : null;
  await store.transaction(async (sql) => {
    if (matched !== null) await saveMatches(sql, table.name, matched);
    const pages = await massOfPages(context, sql, table);
    if (pages !== null) await holdCreations(sql, table.name, pages);
    if (!contact.knownBefore) await holdMassOfRows(context, sql, table, seen.pages);
    await endContact(sql, table.name);
  });
  const joined = matched === null ? {} : { joined: matched.pairs.length, held: matched.heldPages.length };
  context.log.info({ table: table.name, ...seen, ...joined, readings: reading }, 'the database is known');
  context.onDirty();
}

/** When the next reading of a table is due; null if none is. */
export async function nextReadingMs(context: InboundContext, table: ResolvedTable): Promise<number | null> {
  const contact = await contactOf(context.store, table.name);
  // A table that is stopped is not asked about more often than usual.
  const stopped = (await context.sourceOf(table.name)).pausedBy !== null;
  return contact === null || stopped ? null : readingDueMs(contact, context.queryLagMs, context.blackoutMs);
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
      const typed = typedIn({ table, image });
      return [id, { page: id, typed, linked: records.has(id), match: matchValuesOf(table, image) }];
    }),
  );
  await store.transaction((sql) => noteReading(sql, table.name, reading, [...seen.values()]));
}

/** Why the pages that belong to no record wait for a person, if they would become too many rows at once. */
async function massOfPages(
  { db, guards }: InboundContext,
  sql: Sql,
  table: ResolvedTable,
): Promise<ReturnType<typeof massCreation> | null> {
  if (table.direction === 'to-notion') return null;
  const coming = await newPages(sql, table.name);
  const load = { crossed: 0, waiting: 0, coming, records: await countRows(db, table) };
  if (!isMassChange(load, guards.creation)) return null;
  return massCreation(load, `the database had ${coming} pages without a record id when pgnotion came to it`);
}

/** Has the rows that have no page wait for a person, if too many would be made for them at once beside pages that may be theirs. */
async function holdMassOfRows(
  { db, guards }: InboundContext,
  sql: Sql,
  table: ResolvedTable,
  pages: number,
): Promise<void> {
  if (table.direction === 'to-postgres' || pages === 0) return;
  const isMatched = table.match.length > 0;
  const unlinked = (await strangers(sql, table.name)).length;
  const rows = await countRows(db, table);
  const coming = await rowsToMake(sql, table.name, rows);
  const made = await wasMade(sql, table.name);
  if (!holdsRows({ made, isMatched, pages, unlinked, rows, coming }, guards.creation)) return;
  const cause = isMatched
    ? `${coming} rows match none of the ${pages} pages that the database had when pgnotion came to it`
    : `${coming} rows have no page, and nothing says which of the ${unlinked} pages without a record may be theirs: to join them by what they hold, set \`match\` for ${table.name} and run ${commandOf('reset', table.name, '--yes')} before the next start`;
  const load = { crossed: 0, waiting: 0, coming, records: rows };
  await holdRows(sql, table.name, coming, massPages(load, cause));
}

/** False if it was stopped. */
async function fetchUnlinked(
  context: InboundContext,
  table: ResolvedTable,
  { except, signal }: { readonly except: ReadonlySet<PageId>; readonly signal: AbortSignal },
): Promise<boolean> {
  const unlinked = (await strangers(context.store, table.name)).filter((page) => !except.has(page));
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
