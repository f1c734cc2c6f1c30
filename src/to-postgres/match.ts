import { type JudgedGroup, matchValuesOf } from '../model/adoption.ts';
import type { PageId } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { heldPage, heldRow } from '../model/match-failures.ts';
import { editsOf } from '../state/edits.ts';
import { saveMatches } from '../state/match-decisions.ts';
import {
  contactMatches,
  isMatchOpen,
  type KnownMatch,
  type MatchDecision,
  type MatchPage,
  openMatches,
  reopenMatch,
} from '../state/matches.ts';
import { judgeMatches } from '../sync/matching.ts';
import type { InboundContext, Sighting } from './context.ts';

/** What the pages of a first contact match; nothing is kept of it. */
export async function judgeContact(
  { store, db }: Pick<InboundContext, 'store' | 'db'>,
  table: ResolvedTable,
): Promise<MatchDecision> {
  const pages = await contactMatches(store, table.name);
  return decisionOf(table, pages, await judgeMatches({ db, sql: store }, table, pages));
}

/** Decides anew what pages match whose own values, or those of their rows, changed since; and lets go what is held no more. */
export async function judgeAgain(context: InboundContext, table: ResolvedTable): Promise<void> {
  const { store, db } = context;
  if (table.match.length === 0 || !(await isMatchOpen(store, table.name))) return;
  const pages = await store.transaction((sql) => openMatches(sql, table.name));
  const decision = decisionOf(table, pages, await judgeMatches({ db, sql: store }, table, pages));
  await store.transaction((sql) => saveMatches(sql, table.name, decision));
  context.onDirty();
}

function decisionOf(
  table: ResolvedTable,
  pages: readonly MatchPage[],
  groups: readonly JudgedGroup[],
): MatchDecision {
  const byPage = new Map(pages.map((one) => [one.page, one]));
  const read = new Set(groups.flatMap(({ group }) => group.pages));
  const decision = {
    pairs: [] as MatchDecision['pairs'][number][],
    heldPages: [] as MatchDecision['heldPages'][number][],
    heldRows: [] as MatchDecision['heldRows'][number][],
    freed: pages.flatMap(({ page }) => (read.has(page) ? [] : [page])),
  };
  for (const judged of groups) {
    const { verdict, group } = judged;
    switch (verdict.kind) {
      case 'new':
        decision.freed.push(verdict.page);
        break;
      case 'pair':
        decision.pairs.push({ page: verdict.page, key: verdict.key, values: judged.values });
        break;
      case 'duplicate':
      case 'ambiguous': {
        const [first] = group.pages;
        if (first === undefined) break;
        for (const page of group.pages) {
          const values = byPage.get(page)?.values ?? judged.values;
          decision.heldPages.push({ page, values, group: first, failure: heldPage(table, judged, page) });
        }
        for (const { key, taken } of table.direction === 'to-postgres' ? [] : group.rows)
          if (!taken)
            decision.heldRows.push({ key, group: first, failure: heldRow(table, group.pages, key) });
        break;
      }
      default:
        verdict satisfies never;
    }
  }
  return decision;
}

/** A page without a key of which something was decided. Whether the caller has to do nothing more with it. */
export async function meetMatched(
  { store }: InboundContext,
  sighting: Sighting,
  known: KnownMatch,
): Promise<boolean> {
  const { page, table } = sighting;
  switch (known.verdict) {
    case 'separate':
      return false;
    case 'pair':
    case 'undecided':
      return true;
    case 'held': {
      const values = matchValuesOf(table, sighting.image);
      const waiting = (await editsOf(store, [page.id])).get(page.id);
      // Somebody asked for a look at it, or it shows something else.
      if (waiting?.parked !== true || !isSame(values, known.values))
        await store.transaction((sql) => reopenMatch(sql, page.id, values));
      return values !== null;
    }
    default:
      return known.verdict satisfies never;
  }
}

export const isSame = (one: readonly string[] | null, other: readonly string[]): boolean =>
  one !== null && one.length === other.length && one.every((value, at) => value === other[at]);

/** Those of these pages that become the pages of rows. */
export const pairedPages = ({ pairs }: MatchDecision): ReadonlySet<PageId> =>
  new Set(pairs.map(({ page }) => page));
