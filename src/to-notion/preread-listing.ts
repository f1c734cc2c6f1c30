import { messageOf } from '../model/errors.ts';
import type { DataSourceId, PageId, TableName } from '../model/ids.ts';
import { queryArchived } from '../notion/archived-pages.ts';
import type { Ask, NotionPage } from '../notion/client.ts';
import { stopsAll } from '../notion/error-classification.ts';
import type { QueryAnswer } from '../notion/query-response.ts';
import { recordsByPage, type SyncRecord } from '../state/records.ts';
import type { Source } from '../state/sources.ts';
import type { DeliverContext } from './context.ts';

/**
 * What a listing of the pages edited of late has shown: those that hold something else than their records know. Our own
 * writes are recognised by their content, so that only what people typed is left, however much we have written.
 */
type Listing = {
  readonly dataSource: DataSourceId;
  /** What Notion's clock showed at least when it began; null if that is not known. */
  readonly from: Date | null;
  readonly takenAt: number;
  /** Null if there were too many to list, or they could not be listed. */
  readonly edited: ReadonlyMap<PageId, NotionPage> | null;
  /** How many more writes it is good for, so that it costs a small part of them. */
  left: number;
};

/** The newest listing of each table, shared by all batches. */
export type PrereadListings = Map<TableName, Promise<Listing>>;

/**
 * What a person types meanwhile is overwritten unseen, as in the time between a page's own look and its write: so this is
 * short, and yet long enough for more writes than a query has to serve at 180 requests a minute.
 */
const GOOD_FOR_MS = 15_000;
/** A listing must not cost more than a small part of what it saves. */
const WRITES_PER_QUERY = 30;
/** More than this would cost more than a look at each page, and is not tried again so soon. */
const MAX_QUERIES = 30;
const TOO_MANY_FOR_MS = 300_000;

/** Whether a page holds what its record knows of it, and nothing else. */
export type IsAsBased = (record: SyncRecord, page: NotionPage) => boolean;

/** What is listed for, and how. */
type Wanted = {
  /** How many pages are about to be written. */
  readonly count: number;
  readonly isAsBased: IsAsBased;
  readonly ask: Ask;
};

/**
 * The pages of a table that people may have edited since the last complete poll. Null if each page
 * has to be looked at before its own write.
 */
export async function editedOfLate(
  context: DeliverContext,
  source: Source,
  wanted: Wanted,
): Promise<ReadonlyMap<PageId, NotionPage> | null> {
  const { listings } = context;
  const newest = listings.get(source.table);
  const before = (await newest?.catch(() => null)) ?? null;
  // Another batch has begun a listing meanwhile.
  if (listings.get(source.table) !== newest) return editedOfLate(context, source, wanted);
  const listing = isGood(before, source) ? before : await take(context, source, before, wanted);
  listing.left -= wanted.count;
  return listing.edited;
}

function isGood(listing: Listing | null, { dataSource }: Source): listing is Listing {
  if (listing === null || listing.dataSource !== dataSource || listing.left <= 0) return false;
  const goodForMs = listing.edited === null ? TOO_MANY_FOR_MS : GOOD_FOR_MS;
  return performance.now() - listing.takenAt < goodForMs;
}

/** One listing at a time for each table. */
function take(
  context: DeliverContext,
  source: Source,
  before: Listing | null,
  wanted: Wanted,
): Promise<Listing> {
  const taken = list(context, source, before, wanted);
  context.listings.set(source.table, taken);
  return taken;
}

async function list(
  context: DeliverContext,
  source: Source,
  before: Listing | null,
  { isAsBased, ask }: Wanted,
): Promise<Listing> {
  const { dataSource, watermark } = source;
  const begun = { dataSource, from: context.clock.atLeast(), takenAt: performance.now() };
  const polled = (watermark?.getTime() ?? 0) - context.overlapMs;
  // What was listed whole need not be listed again: what of it was a person's is known, until a poll has seen it.
  const known = before?.dataSource === dataSource && before.edited !== null ? before : null;
  const start = new Date(Math.max(polled, (known?.from?.getTime() ?? 0) - context.overlapMs));
  const listed = new Map(
    [...(known?.edited ?? [])].filter(([, page]) => page.lastEditedTime.getTime() >= polled),
  );
  let asked = 0;
  // An archived page takes a write as any other does, and is listed apart.
  for (const isArchived of [false, true]) {
    let cursor: string | null = null;
    do {
      asked += 1;
      const answer: QueryAnswer | null =
        asked > MAX_QUERIES ? null : await query(context, source, { start, cursor, isArchived, ask });
      if (answer === null || answer.incomplete || answer.unreadable.length > 0)
        return { ...begun, edited: null, left: Number.POSITIVE_INFINITY };
      for (const page of answer.pages) listed.set(page.id, page);
      cursor = answer.nextCursor;
    } while (cursor !== null);
  }
  const edited = await otherThanBased(context, listed, isAsBased);
  return { ...begun, edited, left: asked * WRITES_PER_QUERY };
}

async function otherThanBased(
  { store }: DeliverContext,
  listed: ReadonlyMap<PageId, NotionPage>,
  isAsBased: IsAsBased,
): Promise<ReadonlyMap<PageId, NotionPage>> {
  if (listed.size === 0) return listed;
  const records = await recordsByPage(store, [...listed.keys()]);
  return new Map(
    [...listed].filter(([id, page]) => {
      const record = records.get(id);
      return record !== undefined && !isAsBased(record, page);
    }),
  );
}

type Part = {
  readonly start: Date;
  readonly cursor: string | null;
  readonly isArchived: boolean;
  readonly ask: Ask;
};

async function query(
  { notion, log }: DeliverContext,
  { table, dataSource }: Pick<Source, 'table' | 'dataSource'>,
  { start, cursor, isArchived, ask }: Part,
): Promise<QueryAnswer | null> {
  try {
    const filter = { timestamp: 'last_edited_time', last_edited_time: { on_or_after: start.toISOString() } };
    const sorts = [{ timestamp: 'last_edited_time', direction: 'ascending' }];
    const what = { dataSourceId: dataSource, filter, sorts, ...(cursor === null ? {} : { cursor }) };
    return isArchived ? await queryArchived(notion, what, ask) : await notion.query(what, ask);
  } catch (error) {
    if (stopsAll(error)) throw error;
    log.debug(
      { table, reason: messageOf(error) },
      'edited pages cannot be listed before writes: each is looked at',
    );
    return null;
  }
}
