import { awayOf } from '../model/away.ts';
import type { PageId } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { changedOnPage } from '../model/merge.ts';
import { extraFields, readPage } from '../model/page.ts';
import { withUnshown } from '../model/relation-targets.ts';
import type { Ask, NotionPage } from '../notion/client.ts';
import { type Located, locatePage, type SettledPage } from '../notion/locate.ts';
import { editedPages } from '../state/edits.ts';
import { pagesPutAway } from '../state/operations.ts';
import type { SyncRecord } from '../state/records.ts';
import type { Source } from '../state/sources.ts';
import { assertNotWithDatabase } from '../sync/database-in-trash.ts';
import type { DeliverContext } from './context.ts';
import { editedOfLate, type IsAsBased } from './preread-listing.ts';

/** Up to this many pages are looked at one by one; a larger batch asks for the edited ones at once. */
const SMALL_BATCH = 5;

/** Where a page is and what it holds right before it is written to. `null`: as the base says. A failure is the record's own. */
export type Preread = (record: SyncRecord & { readonly page: PageId }) => Promise<PrereadResult | null>;

/** A live page has what its relations cannot show now among its values, and apart. */
export type PrereadResult =
  | Exclude<Located, { kind: 'here' }>
  | (Extract<Located, { kind: 'here' }> & SettledPage);

/**
 * What a person has typed since our last look must be seen before it is overwritten. A few pages are fetched, which
 * shows each write that was answered; for many, a listing tells which people may have edited since the last complete poll,
 * and those are fetched. Where a person decides conflicts, every page is.
 */
export async function readBeforeWrite(
  context: DeliverContext,
  table: ResolvedTable,
  { source, count, ask }: { readonly source: Source; readonly count: number; readonly ask: Ask },
): Promise<Preread> {
  const one: Preread = (record) => lookAt(context, table, { source, record, ask });
  const byHand = table.fields.some(({ conflict }) => conflict === 'manual');
  if (count <= SMALL_BATCH || source.watermark === null || byHand) return one;
  const asBased: IsAsBased = (record, page) => isAsBased(table, source, record, page);
  const edited = await editedOfLate(context, source, { count, isAsBased: asBased, ask });
  if (edited === null) return one;
  // An edit that waits may be older than the watermark.
  const waiting = await editedPages(context.store, table.name);
  // No query lists a page that is in the trash already.
  const putAway = await pagesPutAway(context.store, table.name);
  return async (record) => {
    if (record.state !== 'linked') return one(record);
    const shown = edited.get(record.page);
    if (shown === undefined) return waiting.has(record.page) || putAway.has(record.page) ? one(record) : null;
    // A query may lag, even behind a write of our own that was answered: what is news is looked at as it is now.
    return isAsBased(table, source, record, shown) ? null : one(record);
  };
}

/** The page as it is, with what its relations cannot show now. One in the trash is there by itself. */
export async function lookAt(
  context: DeliverContext,
  table: ResolvedTable,
  {
    source,
    record,
    ask,
  }: { readonly source: Source; readonly record: SyncRecord & { readonly page: PageId }; readonly ask: Ask },
): Promise<PrereadResult> {
  const found = await locatePage(context.notion, table, { at: source, id: record.page, ask });
  if (found.kind === 'away' && found.away === 'trashed')
    await assertNotWithDatabase(context, { table, source, page: record.page }, ask);
  if (found.kind !== 'here') return found;
  const whole = await context.settleRelations(found, { table, at: source, record }, ask);
  // It left between two looks: the next one says where to.
  return whole === null ? lookAt(context, table, { source, record, ask }) : { ...found, ...whole };
}

/**
 * What a page's answer cuts short takes requests: it is asked for only where the page itself is. A query that lags may list
 * a page that is another table's by now.
 */
function isAsBased(
  table: ResolvedTable,
  source: Source,
  { basePage, extras, unshown }: SyncRecord,
  page: NotionPage,
): boolean {
  if (awayOf(page, source.dataSource) !== null) return false;
  const reading = readPage(table, source.properties, page.properties);
  // What the record does not know of the page is looked at.
  const isNoted = extraFields(reading).every((name) => extras === null || extras.includes(name));
  const whole = withUnshown(table.fields, reading.image, unshown);
  const isUnchanged = changedOnPage(table.fields, basePage, whole).length === 0;
  return isNoted && isUnchanged && reading.truncated.length === 0;
}
