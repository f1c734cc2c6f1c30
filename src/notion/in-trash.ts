import type { DataSourceId } from '../model/ids.ts';
import type { Ask, NotionClient } from './client.ts';

/** Whether a data source is in the trash, by itself or with its database. Rejects if Notion shows neither. */
export async function isInTrash(notion: NotionClient, id: DataSourceId, ask: Ask): Promise<boolean> {
  const found = await notion.retrieveDataSource(id, ask);
  if (found.inTrash) return true;
  return found.databaseId !== null && (await notion.retrieveDatabase(found.databaseId, ask)).inTrash;
}
