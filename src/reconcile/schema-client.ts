import type { DataSourceId } from '../model/ids.ts';
import type { NotionClient, NotionPage } from '../notion/client.ts';
import { NotionFailure } from '../notion/error-classification.ts';

/** A client that shows each page which Notion answers to `see`, and tells `refused` of each write that Notion finds invalid. */
export function observing(
  notion: NotionClient,
  see: (page: NotionPage) => void,
  refused: (source: DataSourceId | null) => void,
): NotionClient {
  const seen = (page: NotionPage): NotionPage => {
    see(page);
    return page;
  };
  const written = async (source: DataSourceId | null, answer: Promise<NotionPage>): Promise<NotionPage> => {
    try {
      return seen(await answer);
    } catch (error) {
      if (error instanceof NotionFailure && error.errorClass.status === 400) refused(source);
      throw error;
    }
  };
  return {
    ...notion,
    retrievePage: async (id, ask) => seen(await notion.retrievePage(id, ask)),
    createPage: (input, ask) => written(input.dataSourceId, notion.createPage(input, ask)),
    updatePage: (input, ask) => written(null, notion.updatePage(input, ask)),
    query: async (input, ask) => {
      const answer = await notion.query(input, ask);
      for (const page of answer.pages) see(page);
      return answer;
    },
    forLane: (lane) => observing(notion.forLane(lane), see, refused),
  };
}
