import type { Json } from '../model/change.ts';
import { PgnotionError } from '../model/errors.ts';
import type { DataSourceId } from '../model/ids.ts';
import { queryArchived } from './archived-pages.ts';
import type { NotionClient, NotionPage } from './client.ts';
import { NotionFailure } from './error-classification.ts';
import type { Priority } from './fair-queue.ts';
import type { QueryAnswer, UnreadablePage } from './query-response.ts';

/** What a scan reads, and in which order. */
type Scan = {
  readonly dataSource: DataSourceId;
  /** Creation times never change, so a scan by them cannot lose a page that is edited meanwhile. */
  readonly by: 'created_time' | 'last_edited_time';
  /** Pages of this time and later; null reads all. */
  readonly from: Date | null;
  /** A condition beyond that. */
  readonly where?: Json;
  /** Ids of the properties that are shown; all, if it is not said. */
  readonly filterProperties?: readonly string[];
  /** Reads the archived pages, and no others. */
  readonly isArchived?: boolean;
  readonly priority: Priority;
  /** More pages are dated to one minute than a query can give: some of that minute were left out. */
  readonly onGap: (minute: Date) => void;
  /** A result could not be read as a page. */
  readonly onUnreadable: (page: UnreadablePage) => void;
};

type Query = Parameters<NotionClient['query']>[0];

const MINUTE_MS = 60_000;
/** A cursor may turn invalid at any moment; one that always does must not have us begin again for ever. */
const MAX_CUTS = 5;

/**
 * The pages of a data source, a batch at a time, oldest first. One query gives at most 10,000 results and then says
 * that it is incomplete, and a cursor may break off: the scan goes on from the last time that it saw, so that a page
 * may come twice. Throws `scan_stuck` if cursors break off again and again.
 */
export async function* scan(notion: NotionClient, what: Scan): AsyncIterable<readonly NotionPage[]> {
  let start = what.from;
  for (let cuts = 0; ; ) {
    let last: Date | null = null;
    let ended: Ended = 'whole';
    const reading = window(notion, what, start);
    for (let step = await reading.next(); ; step = await reading.next()) {
      if (step.done) {
        ended = step.value;
        break;
      }
      const page = step.value.at(-1);
      if (page !== undefined) last = what.by === 'created_time' ? page.createdTime : page.lastEditedTime;
      yield step.value;
    }
    if (ended === 'whole') return;
    const moved = last !== null && (start === null || last > start);
    cuts = moved ? 0 : cuts + 1;
    if (moved) start = last;
    else if (ended === 'incomplete' && start !== null) start = skipped(what, start);
    if (cuts > MAX_CUTS) throw stuck(what);
  }
}

/** How a query's pages ended: all were given, its limit was reached, or its cursor was refused. */
type Ended = 'whole' | 'incomplete' | 'cut';

function skipped({ onGap }: Scan, minute: Date): Date {
  onGap(minute);
  return new Date(minute.getTime() + MINUTE_MS);
}

async function* window(
  notion: NotionClient,
  what: Scan,
  start: Date | null,
): AsyncGenerator<readonly NotionPage[], Ended> {
  const asked = { priority: what.priority };
  let cursor: string | null = null;
  let incomplete = false;
  const seen = new Set<string>();
  do {
    const query: Query = { ...queryOf(what, start), ...(cursor === null ? {} : { cursor }) };
    const answer: QueryAnswer | null = await (what.isArchived
      ? queryArchived(notion, query, asked)
      : notion.query(query, asked)
    ).catch(whenCut);
    if (answer === null) return 'cut';
    incomplete ||= answer.incomplete;
    for (const one of answer.unreadable) what.onUnreadable(one);
    yield answer.pages;
    cursor = answer.nextCursor;
    // The same cursor twice would have us read the same pages for ever.
    if (cursor !== null && seen.has(cursor)) return 'cut';
    if (cursor !== null) seen.add(cursor);
  } while (cursor !== null);
  return incomplete ? 'incomplete' : 'whole';
}

function queryOf({ dataSource, by, where, filterProperties }: Scan, start: Date | null): Query {
  const since = start === null ? [] : [{ timestamp: by, [by]: { on_or_after: start.toISOString() } }];
  const [first, ...more] = [...since, ...(where === undefined ? [] : [where])];
  return {
    dataSourceId: dataSource,
    sorts: [{ timestamp: by, direction: 'ascending' }],
    ...(first === undefined ? {} : { filter: more.length === 0 ? first : { and: [first, ...more] } }),
    ...(filterProperties === undefined ? {} : { filterProperties }),
  };
}

function whenCut(error: unknown): null {
  if (error instanceof NotionFailure && error.errorClass.code === 'notion_cursor_invalid') return null;
  throw error;
}

const stuck = ({ dataSource }: Scan): PgnotionError =>
  new PgnotionError({
    code: 'scan_stuck',
    message: `Notion broke off each of several readings of ${dataSource} at the same place`,
    remedy: 'nothing to do: the scan starts over; if it lasts, report it to Notion',
    retryable: true,
  });
