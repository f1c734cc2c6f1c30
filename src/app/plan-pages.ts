import { awayOf } from '../model/away.ts';
import type { RowImage } from '../model/change.ts';
import type { PageId, RowKey } from '../model/ids.ts';
import { judgeKeyedPage, type KeyedPageVerdict } from '../model/keyed-page.ts';
import { type FirstLinkRule, goesToNotion, goesToPostgres } from '../model/mapping.ts';
import { changedOnPage } from '../model/merge.ts';
import { readPage } from '../model/page.ts';
import type { PagePlan } from '../model/plan.ts';
import { isResting } from '../model/record-state.ts';
import { withUnshown } from '../model/relation-targets.ts';
import type { PlanKind } from '../model/sync-plan.ts';
import type { NotionPage } from '../notion/client.ts';
import { scan } from '../notion/scan.ts';
import { findKeys } from '../postgres/keys.ts';
import { readEach } from '../postgres/read-rows.ts';
import { editsOf, type WaitingEdit } from '../state/edits.ts';
import { wasDeletedHere } from '../state/operations.ts';
import { recordsByKey, recordsByPage, type SyncRecord } from '../state/records.ts';
import { typedIn } from '../to-postgres/keyed-page.ts';
import { meetArchived } from './plan-archived.ts';
import { linkedTo, noteLink, noteNew, type Place, rowTimesOf } from './plan-link.ts';
import { meetKeyless } from './plan-match.ts';
import { noteRefused } from './plan-rows.ts';
import {
  adoptionLookups,
  NOBODY,
  newPeople,
  noteOptions,
  pageSample,
  type SeenPage,
  type TableWalk,
} from './plan-walk.ts';

/** What the pages of a data source are, all told. */
export type PagesSeen = {
  readonly pages: number;
  /** Pages of records, by which it is known which records' pages are not listed. */
  readonly met: ReadonlySet<PageId>;
  /** Pages that belong to no record and show no record id. */
  readonly keyless: number;
  /** More pages were made in one minute than Notion lists. */
  readonly gaps: number;
};

/** Reads every page of a data source, and says what each would become. */
export async function walkPages(walk: TableWalk, place: Place): Promise<PagesSeen> {
  const met = new Set<PageId>();
  let pages = 0;
  let keyless = 0;
  let gaps = 0;
  const listing = scan(walk.notion, {
    dataSource: place.dataSource,
    by: 'created_time',
    from: null,
    priority: 'live',
    onGap: () => {
      gaps += 1;
    },
    onUnreadable: () => {
      pages += 1;
    },
  });
  const toMatch: SeenPage[] = [];
  for await (const batch of listing) {
    const here = batch.filter((page) => awayOf(page, place.dataSource) === null);
    pages += here.length;
    const strangers = await meetPages(walk, place, here, met);
    const unkeyed = strangers.filter(({ image }) => typedIn({ table: walk.table, image }) === null);
    keyless += unkeyed.length;
    // What they match is known once all have been read.
    if (walk.isMatched) toMatch.push(...unkeyed);
    const now = walk.isMatched ? strangers.filter((one) => !unkeyed.includes(one)) : strangers;
    await meetStrangers(walk, place, now);
    walk.tell('pages read', pages);
  }
  await meetArchived(walk, place);
  await noteLate(walk, place);
  await meetKeyless(walk, place, toMatch);
  return { pages, met, keyless, gaps };
}

/** Adds to `met` the pages that belong to records, and returns the others. */
async function meetPages(
  walk: TableWalk,
  { ids: properties }: Place,
  pages: readonly NotionPage[],
  met: Set<PageId>,
): Promise<readonly SeenPage[]> {
  const { store, table } = walk;
  const ids = pages.map(({ id }) => id);
  const records = await recordsByPage(store, ids);
  const edits = await editsOf(store, ids);
  const strangers: SeenPage[] = [];
  for (const page of pages) {
    const seen = { page, image: readPage(table, properties, page.properties).image };
    const record = records.get(page.id);
    if (record !== undefined) noteEdit(walk, seen, record, edits.get(page.id));
    // What stands in the failures or waits for a person is told there.
    else if (edits.get(page.id)?.parked !== true) strangers.push(seen);
  }
  for (const page of records.keys()) met.add(page);
  return strangers;
}

/** What people changed since both sides agreed goes to the row; what they may not change is written again. */
function noteEdit(
  { table, counter, written }: TableWalk,
  { page, image }: SeenPage,
  record: SyncRecord,
  edit: WaitingEdit | undefined,
): void {
  if (record.state !== 'linked' || record.table !== table.name || edit?.parked) return;
  if (Object.keys(record.basePage).length === 0) return;
  const whole = withUnshown(table.fields, image, record.unshown);
  const changed = changedOnPage(
    table.fields.filter(({ property }) => property in record.basePage),
    record.basePage,
    whole,
  );
  const theirs = changed.filter(goesToPostgres).map(({ property }) => property);
  const ours = changed.filter((field) => !goesToPostgres(field) && goesToNotion(field));
  const { key } = record;
  if (theirs.length > 0)
    counter.add('edit', pageSample(table, page.id, image, { key, note: theirs.join(', ') }));
  if (ours.length === 0) return;
  const names = ours.map(({ property }) => property);
  counter.add('update', pageSample(table, page.id, image, { key, note: names.join(', ') }));
  for (const name of names) written.fields[name] = (written.fields[name] ?? 0) + 1;
}

/** Pages that belong to no record. Of two with one key, the one that was made first is the record's. */
async function meetStrangers(walk: TableWalk, place: Place, seen: readonly SeenPage[]): Promise<void> {
  const { db, table, store, counter } = walk;
  const typed = seen.flatMap((one) => typedIn({ table, image: one.image }) ?? []);
  const keys = await findKeys(db, table, typed);
  const found = [...keys.values()].map(({ key }) => key);
  const owners = await recordsByKey(store, table.name, found);
  const existing = [...keys.values()].filter(({ exists }) => exists).map(({ key }) => key);
  const { rows } = await readEach(db, table, existing);
  const lookups = await adoptionLookups(walk, [...rows.values()]);
  const times = await rowTimesOf(walk, existing);
  for (const one of seen) {
    const text = typedIn({ table, image: one.image });
    const key = text === null ? null : (keys.get(text)?.key ?? null);
    if (text === null) noteNew(walk, one);
    else if (key === null) counter.add('unknown', pageSample(table, one.page.id, one.image, { key: text }));
    else {
      const row = rows.get(key);
      const rule = ruleFor(walk, place, one);
      const rowAt = times.get(key) ?? null;
      const linked =
        row === undefined ? null : linkedTo(walk, place, one, { row, lookups, rule, rowAt, equal: NOBODY });
      const writes = linked?.plan ?? null;
      const verdict = await verdictOf(walk, place, one, { key, owner: owners.get(key), row, writes });
      noteKeyed(walk, one, { key, verdict });
      if (verdict !== 'adopt' || linked === null || row === undefined) continue;
      walk.adopted.set(key, one.page.id);
      // What it points to may be adopted after it.
      if (linked.plan.missing.length > 0) walk.late.push({ seen: one, key });
      else noteAdopted(walk, one, { key, row, ...linked });
    }
  }
}

type Keyed = {
  readonly key: RowKey;
  readonly owner: SyncRecord | undefined;
  readonly row: RowImage | undefined;
  readonly writes: PagePlan | null;
};

async function verdictOf(
  { store, table, adopted }: TableWalk,
  { botId }: Place,
  { page }: SeenPage,
  { key, owner, row, writes }: Keyed,
): Promise<KeyedPageVerdict> {
  const ownerState =
    owner?.page != null
      ? isResting(owner.state)
        ? 'resting'
        : 'linked'
      : owner === undefined
        ? 'none'
        : 'creating';
  // A relation to what has no page yet cannot be compared.
  const different = Object.keys(writes?.writes ?? {}).filter(
    (name) => name !== table.idProperty && writes?.partial.has(name) !== true,
  );
  return judgeKeyedPage({
    ours: page.createdBy === botId,
    rowExists: row !== undefined,
    owner: adopted.has(key) ? 'linked' : ownerState,
    fromLostCreate: false,
    sameValues: different.length === 0,
    wasDeleted: row === undefined && (await wasDeletedHere(store, page.id)),
    decision: null,
  });
}

const KINDS: Readonly<Record<KeyedPageVerdict, PlanKind | null>> = {
  adopt: 'adopt',
  review: 'review',
  'not-this-row': 'duplicate',
  duplicate: 'duplicate',
  twin: 'duplicate',
  // It is being made by a daemon at work.
  later: null,
  'row-returns': 'become',
  'unknown-key': 'unknown',
};

function noteKeyed(
  walk: TableWalk,
  { page, image }: SeenPage,
  { key, verdict }: Pick<Keyed, 'key'> & { readonly verdict: KeyedPageVerdict },
): void {
  const { table, counter, adopted } = walk;
  const asRow =
    verdict === 'duplicate' && table.onDuplicatePage === 'new-row' && table.direction !== 'to-notion';
  const kind = asRow ? 'become' : KINDS[verdict];
  if (verdict !== 'adopt' && kind !== null)
    counter.add(kind, pageSample(table, page.id, image, { key, note: null }));
  // Its row gets no other page until a person has decided.
  if (verdict === 'review') adopted.set(key, null);
}

/** Counts a page that becomes its row's, and what is written to it. */
function noteAdopted(
  walk: TableWalk,
  { page, image }: SeenPage,
  { key, row, plan, link }: { readonly key: RowKey; readonly row: RowImage } & ReturnType<typeof linkedTo>,
): void {
  const { table, counter, written, naming } = walk;
  const fields = Object.keys(plan.writes);
  const note = fields.length > 0 ? fields.join(', ') : null;
  counter.add('adopt', pageSample(table, page.id, image, { key, note }));
  noteLink(walk, link);
  noteRefused(walk, key, row, plan);
  if (plan.missing.some((target) => walk.adoptedOf.get(target.table)?.has(target.key) !== true))
    written.adoptedLate += 1;
  if (fields.length === 0) return;
  written.adoptedWritten += 1;
  for (const field of fields) written.fields[field] = (written.fields[field] ?? 0) + 1;
  naming.note(newPeople(table, plan.writes, image));
  noteOptions(walk, plan.writes);
}

/** The adopted pages that point to others, once all of these are known. */
async function noteLate(walk: TableWalk, place: Place): Promise<void> {
  const { table, db } = walk;
  for (let at = 0; at < walk.late.length; at += AT_ONCE) {
    const some = walk.late.slice(at, at + AT_ONCE);
    const { rows } = await readEach(
      db,
      table,
      some.map(({ key }) => key),
    );
    const lookups = await adoptionLookups(walk, [...rows.values()]);
    const times = await rowTimesOf(walk, [...rows.keys()]);
    for (const { seen, key } of some) {
      const row = rows.get(key);
      if (row === undefined) continue;
      const rule = ruleFor(walk, place, seen);
      const rowAt = times.get(key) ?? null;
      noteAdopted(walk, seen, {
        key,
        row,
        ...linkedTo(walk, place, seen, { row, lookups, rule, rowAt, equal: NOBODY }),
      });
    }
  }
}

const AT_ONCE = 100;

/** What pgnotion made itself has no values of a person's to weigh. */
const ruleFor = ({ table }: TableWalk, { botId }: Place, { page }: SeenPage): FirstLinkRule | null =>
  page.createdBy === botId ? null : table.firstLink;
