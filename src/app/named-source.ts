import { dataSourceId } from '../model/ids.ts';
import { seenSource } from '../notion/apply-schema.ts';
import type { NotionClient } from '../notion/client.ts';
import { NotionFailure } from '../notion/error-classification.ts';
import { badId, hiddenId, severalSources } from './data-source-faults.ts';

const ASK = { priority: 'live' } as const;

/**
 * People copy the id of a database out of its address; a data source's own id is taken too. Of several in one database it
 * is the one that is synced already.
 */
export async function dataSourceOf(
  notion: NotionClient,
  variable: string,
  id: string,
  known?: ReturnType<typeof dataSourceId>,
): Promise<ReturnType<typeof dataSourceId>> {
  try {
    const database = await notion.retrieveDatabase(dataSourceId(id), ASK);
    const [only, ...others] = database.dataSources;
    if (known !== undefined && database.dataSources.some((source) => source.id === known)) return known;
    if (only === undefined || others.length > 0) throw severalSources(database.title, database.dataSources);
    return only.id;
  } catch (error) {
    if (error instanceof TypeError) throw badId(variable, id);
    if (!(error instanceof NotionFailure) || error.errorClass.status !== 404) throw error;
    const source = await seenSource(notion, dataSourceId(id), ASK);
    if (source === null) throw hiddenId(variable, id);
    return source.id;
  }
}
