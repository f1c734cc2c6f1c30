import type { NotionPage } from '../notion/client.ts';
import type { Source } from '../state/sources.ts';
import type { InboundContext } from './context.ts';

const MINUTE_MS = 60_000;

/**
 * Whether every edit of a page has been seen, so that what it lacks by now no person has taken away: Notion's time of its last edit,
 * rounded down to the minute, lies before what has been looked at since, whatever queries lag. An edit that was seen and is
 * not taken over yet is as old; who asks knows of those.
 */
export function isSeenWhole(
  { clock, looks, overlapMs }: InboundContext,
  source: Pick<Source, 'table' | 'watermark'>,
  page: Pick<NotionPage, 'id' | 'lastEditedTime'>,
): boolean {
  const [now, look] = [clock.atLeast(), looks.last(source.table, page.id)];
  const looked =
    now === null || look === null ? Number.NEGATIVE_INFINITY : now.getTime() - (performance.now() - look);
  const until = Math.max(looked, source.watermark?.getTime() ?? Number.NEGATIVE_INFINITY) - overlapMs;
  return page.lastEditedTime.getTime() + MINUTE_MS <= until;
}

/** What nobody has edited since is no part of a mass of edits: see `withoutSchemaLosses`. `waiting` are edits that were seen. */
export const maybeEdited = (
  context: InboundContext,
  source: Pick<Source, 'table' | 'watermark'>,
  pages: readonly NotionPage[],
  waiting: readonly Pick<ReadonlyMap<NotionPage['id'], unknown>, 'has'>[],
): readonly NotionPage[] =>
  pages.filter((page) => waiting.some((edits) => edits.has(page.id)) || !isSeenWhole(context, source, page));
