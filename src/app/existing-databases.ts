import type { Environment } from '../config/environment.ts';
import { pageId } from '../model/ids.ts';
import type { ExistingDatabase } from '../model/suggestion/from-notion.ts';
import { createNotionClient } from '../notion/client.ts';
import { createThrottle } from '../notion/throttle.ts';
import type { Log } from '../runtime/log.ts';

type Place = Pick<
  Environment,
  'NOTION_API_KEY' | 'NOTION_VERSION' | 'NOTION_TIMEOUT_SECONDS' | 'NOTION_RATE_LIMIT'
> & { readonly NOTION_BASE_URL?: string | undefined; readonly parent: string };

/** The databases right below a page. Nothing is stored yet, so the requests are counted in this process alone. */
export async function databasesBelow(place: Place, log: Log): Promise<readonly ExistingDatabase[]> {
  const throttle = createThrottle({ limit: place.NOTION_RATE_LIMIT, log });
  const { NOTION_BASE_URL: baseUrl } = place;
  const notion = createNotionClient({
    token: place.NOTION_API_KEY,
    version: place.NOTION_VERSION,
    timeoutMs: place.NOTION_TIMEOUT_SECONDS * 1_000,
    throttle,
    log,
    ...(baseUrl === undefined ? {} : { baseUrl }),
  });
  try {
    const parent = pageId(place.parent);
    // Tells by its own error if the connection does not see the page, where a search would find nothing.
    await notion.retrievePage(parent, { priority: 'live' });
    const all = await notion.searchDataSources({ priority: 'live' });
    const below = all.filter(({ parentPage, inTrash }) => parentPage === parent && !inTrash);
    return below.map(({ id, databaseId, title, properties }) => {
      const isOnly = below.filter((other) => other.databaseId === databaseId).length === 1;
      return { id: isOnly && databaseId !== null ? databaseId : id, dataSource: id, title, properties };
    });
  } finally {
    await throttle.stop();
  }
}
