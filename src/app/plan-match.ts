import { type JudgedGroup, matchFields, matchValuesOf } from '../model/adoption.ts';
import type { PageId, RowKey } from '../model/ids.ts';
import { heldPage } from '../model/match-failures.ts';
import { readEach } from '../postgres/read-rows.ts';
import { judgeMatches } from '../sync/matching.ts';
import { linkedTo, noteLink, noteNew, type Place, rowTimesOf } from './plan-link.ts';
import { noteRefused } from './plan-rows.ts';
import {
  adoptionLookups,
  newPeople,
  noteOptions,
  pageSample,
  type SeenPage,
  type TableWalk,
} from './plan-walk.ts';

const AT_ONCE = 100;

/** Pages without a key: what rows they match, by the columns of `match`, once all pages have been read. */
export async function meetKeyless(
  walk: TableWalk,
  place: Place,
  keyless: readonly SeenPage[],
): Promise<void> {
  const { table, db, store, adopted } = walk;
  const byPage = new Map(keyless.map((one) => [one.page.id, one]));
  const pages = keyless.flatMap(({ page, image }) => {
    const values = matchValuesOf(table, image);
    return values === null ? [] : [{ page: page.id, values }];
  });
  const groups = await judgeMatches({ db, sql: store }, table, pages, new Set(adopted.keys()));
  const judged = new Set(groups.flatMap(({ group }) => group.pages));
  const pairs: { readonly page: PageId; readonly key: RowKey }[] = [];
  for (const one of keyless) if (!judged.has(one.page.id)) noteNew(walk, one);
  for (const group of groups) {
    const { verdict } = group;
    if (verdict.kind === 'pair') pairs.push(verdict);
    else if (verdict.kind === 'new') {
      const one = byPage.get(verdict.page);
      if (one !== undefined) noteNew(walk, one);
    } else noteHeld(walk, group, byPage);
  }
  // They may point to one another.
  for (const { page, key } of pairs) adopted.set(key, page);
  for (let at = 0; at < pairs.length; at += AT_ONCE)
    await notePairs(walk, place, pairs.slice(at, at + AT_ONCE), byPage);
}

/** Neither the pages nor their rows get anything until a person has decided. */
function noteHeld(
  { table, counter, adopted }: TableWalk,
  judged: JudgedGroup,
  byPage: ReadonlyMap<PageId, SeenPage>,
): void {
  const kind = judged.verdict.kind === 'duplicate' ? 'alike' : 'ambiguous';
  for (const page of judged.group.pages) {
    const note = heldPage(table, judged, page).reason;
    counter.add(kind, pageSample(table, page, byPage.get(page)?.image ?? {}, { note }));
  }
  for (const { key } of judged.group.rows) adopted.set(key, null);
}

async function notePairs(
  walk: TableWalk,
  place: Place,
  pairs: readonly { readonly page: PageId; readonly key: RowKey }[],
  byPage: ReadonlyMap<PageId, SeenPage>,
): Promise<void> {
  const { table, db, counter, written, naming } = walk;
  const keys = pairs.map(({ key }) => key);
  const { rows } = await readEach(db, table, keys);
  const lookups = await adoptionLookups(walk, [...rows.values()]);
  const times = await rowTimesOf(walk, keys);
  const equal = new Set(matchFields(table).map(({ property }) => property));
  for (const { page, key } of pairs) {
    const seen = byPage.get(page);
    const row = rows.get(key);
    if (seen === undefined || row === undefined) continue;
    const rowAt = times.get(key) ?? null;
    const { plan, link } = linkedTo(walk, place, seen, { row, lookups, rule: table.firstLink, rowAt, equal });
    const fields = Object.keys(plan.writes);
    const differ = link.differing.length === 0 ? null : `differs: ${link.differing.join(', ')}`;
    counter.add('match', pageSample(table, page, seen.image, { key, note: differ }));
    noteLink(walk, link);
    noteRefused(walk, key, row, plan);
    if (plan.missing.some((target) => walk.adoptedOf.get(target.table)?.has(target.key) !== true))
      written.adoptedLate += 1;
    written.matchedWritten += 1;
    for (const field of fields) written.fields[field] = (written.fields[field] ?? 0) + 1;
    naming.note(newPeople(table, plan.writes, seen.image));
    noteOptions(walk, plan.writes);
  }
}
