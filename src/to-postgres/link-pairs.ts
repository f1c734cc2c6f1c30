import { matchValuesOf } from '../model/adoption.ts';
import type { PageId, RowKey, TableName } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { locatePage } from '../notion/locate.ts';
import { readEach } from '../postgres/read-rows.ts';
import { dissolvePair } from '../state/match-decisions.ts';
import { endPair, nextPairs, type Pair, reopenMatch } from '../state/matches.ts';
import { recordsByKey, recordsByPage } from '../state/records.ts';
import { judgeMatches } from '../sync/matching.ts';
import { type InboundContext, inLane, type Sighting } from './context.ts';
import { firstLinks, linkFirst } from './first-link.ts';
import { typedIn } from './keyed-page.ts';
import { isSame } from './match.ts';
import { receiveNewPage } from './new-page.ts';
import { lookOnItsOwn } from './page-failure.ts';

const ASK = { priority: 'poll' } as const;
/** Linked together, so that their pages are written as one batch. */
const TOGETHER = 25;
const SIDE_BY_SIDE = 4;

/**
 * Joins the pages of a table with the rows that they match. Each page is looked at by itself first, because a GET never
 * lags: what it shows now must still be what it was matched by.
 */
export async function linkPairs(
  context: InboundContext,
  name: TableName,
  signal: AbortSignal,
): Promise<void> {
  const own = inLane(context, name);
  const skipped: PageId[] = [];
  while (!signal.aborted) {
    const table = context.tables.get(name);
    if (table === undefined) return;
    const pairs = await nextPairs(context.store, name, { limit: TOGETHER, except: skipped });
    if (pairs.length === 0) return;
    const seen = await lookAtEach(own, table, pairs, signal);
    if (signal.aborted) return;
    const joined = await joinSeen(own, table, seen);
    skipped.push(...pairs.flatMap(({ page }) => (joined.has(page) ? [] : [page])));
    context.onDirty();
  }
}

type SeenPair = { readonly pair: Pair; readonly sighting: Sighting };

/** Those of these pairs whose pages still show what they were matched by. */
async function lookAtEach(
  context: InboundContext,
  table: ResolvedTable,
  pairs: readonly Pair[],
  signal: AbortSignal,
): Promise<readonly SeenPair[]> {
  const seen: SeenPair[] = [];
  for (let at = 0; at < pairs.length && !signal.aborted; at += SIDE_BY_SIDE) {
    await Promise.all(
      pairs.slice(at, at + SIDE_BY_SIDE).map((pair) =>
        lookOnItsOwn(context, { table: table.name, page: pair.page }, async () => {
          const one = await lookAtOne(context, table, pair);
          if (one !== null) seen.push(one);
          return [];
        }),
      ),
    );
  }
  return seen;
}

async function lookAtOne(
  context: InboundContext,
  table: ResolvedTable,
  pair: Pair,
): Promise<SeenPair | null> {
  const source = await context.sourceOf(table.name);
  const found = await locatePage(context.notion, table, { at: source, id: pair.page, ask: ASK });
  if (found.kind !== 'here') {
    await context.store.transaction((sql) => dissolvePair(sql, table.name, pair));
    return null;
  }
  context.clock.observe(found.page.lastEditedTime);
  const sighting = { table, source, page: found.page, image: found.image };
  // A key that a person typed meanwhile goes before whatever matches.
  if (typedIn(sighting) !== null) {
    await context.store.transaction((sql) => dissolvePair(sql, table.name, pair));
    await receiveNewPage(context, sighting);
    return null;
  }
  const values = matchValuesOf(table, found.image);
  if (pair.chosen || isSame(values, pair.values)) return { pair, sighting };
  await context.store.transaction(async (sql) => {
    await reopenMatch(sql, pair.page, values);
    if (values === null) await dissolvePair(sql, table.name, pair);
  });
  if (values === null) await receiveNewPage(context, sighting);
  return null;
}

/** Returns the pages of which something has become. */
async function joinSeen(
  context: InboundContext,
  table: ResolvedTable,
  seen: readonly SeenPair[],
): Promise<ReadonlySet<PageId>> {
  const { store, db } = context;
  const keys = seen.map(({ pair }) => pair.key);
  const { rows } = await readEach(db, table, keys);
  const matched = await stillMatching(context, table, seen);
  const done = new Set<PageId>();
  const fit: (SeenPair & { readonly key: RowKey })[] = [];
  for (const { pair, sighting } of seen) {
    done.add(pair.page);
    if (rows.has(pair.key) && (pair.chosen || matched.get(pair.page) === pair.key))
      fit.push({ pair, sighting, key: pair.key });
    // The row changed, or is gone.
    else await store.transaction((sql) => reopenMatch(sql, pair.page, matchValuesOf(table, sighting.image)));
  }
  const links = await firstLinks(context, table, fit, { rows, by: 'match' });
  await store.transaction(async (sql) => {
    const known = await recordsByKey(sql, table.name, keys);
    const pages = await recordsByPage(sql, [...done]);
    for (const { pair, sighting, ...linked } of links) {
      await endPair(sql, table.name, pair);
      if (!known.has(pair.key) && !pages.has(pair.page)) await linkFirst(sql, sighting, pair.key, linked);
    }
  });
  return done;
}

/** The one row that holds what a page shows, of each of these pages that has one alone. */
async function stillMatching(
  { store, db }: InboundContext,
  table: ResolvedTable,
  seen: readonly SeenPair[],
): Promise<ReadonlyMap<PageId, RowKey>> {
  const pages = seen.flatMap(({ pair, sighting }) => {
    const values = matchValuesOf(table, sighting.image);
    return values === null ? [] : [{ page: pair.page, values }];
  });
  const groups = await judgeMatches({ db, sql: store }, table, pages);
  return new Map(
    groups.flatMap(({ group }) => {
      const [page, second] = group.pages;
      const [row, another] = group.rows;
      return page !== undefined && row !== undefined && second === undefined && another === undefined
        ? [[page, row.key] as const]
        : [];
    }),
  );
}
