import type { Ask, NotionClient } from './client.ts';
import { NotionFailure } from './error-classification.ts';
import type { QueryAnswer } from './query-response.ts';

const NOTHING: QueryAnswer = { pages: [], nextCursor: null, incomplete: false, unreadable: [] };

/**
 * A query of archived pages, which Notion lists apart from all others (`is_archived`), although they take writes as any other
 * does. A plan or a version without an archive refuses it (400), and has no such page. The caller has asked the same of live
 * pages, so that nothing else of the query is refused.
 */
export async function queryArchived(
  notion: Pick<NotionClient, 'query'>,
  what: Parameters<NotionClient['query']>[0],
  ask: Ask,
): Promise<QueryAnswer> {
  try {
    return await notion.query({ ...what, isArchived: true }, ask);
  } catch (error) {
    const isFirst = what.cursor === undefined;
    if (isFirst && error instanceof NotionFailure && error.errorClass.status === 400) return NOTHING;
    throw error;
  }
}
