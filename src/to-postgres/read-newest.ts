import type { PageId } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { NotionFailure } from '../notion/error-classification.ts';
import type { QueryAnswer } from '../notion/query-response.ts';
import type { Source } from '../state/sources.ts';
import type { InboundContext } from './context.ts';
import { inspectPages } from './detect.ts';

/** So many answers in a row that hold nothing new: what lies behind them is our own writes too, as a rule. */
const KNOWN_ANSWERS = 2;
/** How long polls may stop there, until one reads all again: a page that is missed by them waits no longer. */
const APART_MS = 300_000;

/** What a poll has seen: all that was edited, or the newest edits, which are known; in the midst of our own writes, too. */
export type Polled = 'all' | 'newest' | 'amid writes';

export type Newest =
  | { readonly polled: 'all'; readonly seen: ReadonlySet<PageId>; readonly watermark: Date | null }
  | { readonly polled: 'newest' | 'amid writes' };

/** Notion's times are floored to the minute. */
const JUST_NOW_MS = 90_000;

/**
 * Inspects the pages edited since `from`, newest first, and stops where nothing but what is known comes any more: after a
 * mass change of ours a complete reading would list all of its pages at each poll. Null if the pages are to be read
 * in the other order, all of them: it is time for that, or this reading was cut.
 */
export async function readNewest(
  context: InboundContext,
  table: ResolvedTable,
  source: Source,
  from: Date,
): Promise<Newest | null> {
  const complete = context.looks.polledAt(table.name);
  if (complete === null || performance.now() - complete > APART_MS) return null;
  const notionNow = context.clock.atLeast();
  const seen = new Set<PageId>();
  let newest: Date | null = null;
  let cursor: string | null = null;
  for (let known = 0; known < KNOWN_ANSWERS; ) {
    const answer: QueryAnswer | null = await query(context, source, from, cursor);
    if (answer === null || answer.incomplete || answer.unreadable.length > 0) return null;
    newest ??= answer.pages[0]?.lastEditedTime ?? null;
    known += 1;
    const onUnknown = (): void => {
      known = 0;
    };
    await inspectPages(context, { table, source, pages: answer.pages }, { onUnknown });
    for (const { id } of answer.pages) seen.add(id);
    cursor = answer.nextCursor;
    if (cursor === null) return { polled: 'all', seen, watermark: notionNow ?? newest };
  }
  const isUnderWay = newest !== null && notionNow !== null && +notionNow - +newest < JUST_NOW_MS;
  return { polled: isUnderWay ? 'amid writes' : 'newest' };
}

async function query(
  { notion }: InboundContext,
  { dataSource }: Source,
  from: Date,
  cursor: string | null,
): Promise<QueryAnswer | null> {
  const filter = { timestamp: 'last_edited_time', last_edited_time: { on_or_after: from.toISOString() } };
  const sorts = [{ timestamp: 'last_edited_time', direction: 'descending' }];
  const more = cursor === null ? {} : { cursor };
  try {
    return await notion.query({ dataSourceId: dataSource, filter, sorts, ...more }, { priority: 'poll' });
  } catch (error) {
    if (error instanceof NotionFailure && error.errorClass.code === 'notion_cursor_invalid') return null;
    throw error;
  }
}
