import type { PageImage, PageValue } from '../model/change.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { readPage } from '../model/page.ts';
import { queryArchived } from '../notion/archived-pages.ts';
import type { Ask, NotionPage } from '../notion/client.ts';
import type { QueryAnswer } from '../notion/query-response.ts';
import { recordsByPage } from '../state/records.ts';
import type { Source } from '../state/sources.ts';
import type { SyncContext } from '../sync/context.ts';

/** Clocks differ, and Notion's times are floored to the minute. */
const CLOCKS_MS = 600_000;
const MOST_QUERIES = 5;

/**
 * The page of a create in doubt that could not carry its record's key, because Notion refused that property: what this
 * connection made since the request left, belongs to no record, has no key and holds what was sent.
 */
export async function findUnkeyed(
  context: SyncContext,
  { table, source }: { readonly table: ResolvedTable; readonly source: Source },
  { sentAgoMs, sent, ask }: { readonly sentAgoMs: number; readonly sent: PageImage; readonly ask: Ask },
): Promise<NotionPage | null> {
  const since = new Date(context.now().getTime() - sentAgoMs - CLOCKS_MS);
  const filter = { timestamp: 'created_time', created_time: { on_or_after: since.toISOString() } };
  const sorts = [{ timestamp: 'created_time', direction: 'descending' }];
  let cursor: string | null = null;
  let isArchived = false;
  for (let asked = 0; asked < MOST_QUERIES; asked += 1) {
    const more: { cursor?: string } = cursor === null ? {} : { cursor };
    const what = { dataSourceId: source.dataSource, filter, sorts, ...more };
    const answer: QueryAnswer = isArchived
      ? await queryArchived(context.notion, what, ask)
      : await context.notion.query(what, ask);
    const alike = answer.pages.filter(
      (page) => page.createdBy === context.botId && holds(table, source, page, sent),
    );
    const known = await recordsByPage(
      context.store,
      alike.map(({ id }) => id),
    );
    const found = alike.find(({ id }) => !known.has(id));
    if (found !== undefined) return found;
    cursor = answer.nextCursor;
    if (cursor === null && isArchived) return null;
    isArchived ||= cursor === null;
  }
  return null;
}

/** Whether the page has no key, and holds what was sent as far as its answer shows it. */
function holds(table: ResolvedTable, source: Source, page: NotionPage, sent: PageImage): boolean {
  const { image } = readPage(table, source.properties, page.properties);
  if ((image[table.idProperty] ?? null) !== null && image[table.idProperty] !== '') return false;
  // What was sent empty may have been filled by Notion: a status gets its default.
  const filled = table.fields.filter(
    ({ property }) => property in image && property in sent && !isEmpty(sent[property] ?? null),
  );
  return filled.every(({ property, codec }) => codec.same(sent[property] ?? null, image[property] ?? null));
}

const isEmpty = (value: PageValue): boolean =>
  value === null || value === '' || (Array.isArray(value) && value.length === 0);
