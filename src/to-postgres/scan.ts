import { PgnotionError } from '../model/errors.ts';
import type { DataSourceId } from '../model/ids.ts';
import type { NotionClient, NotionPage } from '../notion/client.ts';

const ASK = { priority: 'poll' } as const;

/**
 * All pages of a data source, or those edited at or after `from`, a batch at a time. One query gives at most 10,000
 * results and then says that it is incomplete: the scan goes on from the last time that it saw. A page may come twice.
 */
export async function* scan(
  notion: NotionClient,
  dataSource: DataSourceId,
  from: Date | null,
): AsyncIterable<readonly NotionPage[]> {
  // Creation times never change, so a whole reading cannot lose a page that is edited meanwhile.
  const timestamp = from === null ? 'created_time' : 'last_edited_time';
  let start = from;
  for (;;) {
    let last: Date | null = null;
    let incomplete = false;
    for await (const answer of window(notion, dataSource, timestamp, start)) {
      incomplete ||= answer.incomplete;
      const page = answer.pages.at(-1);
      if (page !== undefined) last = timestamp === 'created_time' ? page.createdTime : page.lastEditedTime;
      yield answer.pages;
    }
    if (!incomplete) return;
    if (last === null || (start !== null && last <= start)) throw stuck(dataSource, start);
    start = last;
  }
}

async function* window(
  notion: NotionClient,
  dataSource: DataSourceId,
  timestamp: 'created_time' | 'last_edited_time',
  start: Date | null,
): AsyncIterable<{ readonly pages: readonly NotionPage[]; readonly incomplete: boolean }> {
  let cursor: string | null = null;
  const seen = new Set<string>();
  do {
    const answer: Awaited<ReturnType<NotionClient['query']>> = await notion.query(
      {
        dataSourceId: dataSource,
        sorts: [{ timestamp, direction: 'ascending' }],
        ...(start === null
          ? {}
          : { filter: { timestamp, [timestamp]: { on_or_after: start.toISOString() } } }),
        ...(cursor === null ? {} : { cursor }),
      },
      ASK,
    );
    yield answer;
    cursor = answer.nextCursor;
    if (cursor !== null && seen.has(cursor)) throw repeating(dataSource);
    if (cursor !== null) seen.add(cursor);
  } while (cursor !== null);
}

const stuck = (dataSource: DataSourceId, start: Date | null): PgnotionError =>
  new PgnotionError({
    code: 'scan_stuck',
    message: `more than one query can give was written to ${dataSource} within the minute of ${start?.toISOString()}`,
    remedy: 'edit some of these pages at another time, so that the scan can tell them apart',
    retryable: true,
  });

const repeating = (dataSource: DataSourceId): PgnotionError =>
  new PgnotionError({
    code: 'scan_repeats',
    message: `Notion gave the same cursor twice while ${dataSource} was read`,
    remedy: 'nothing to do: the scan starts over',
    retryable: true,
  });
