import { expect, test } from 'vitest';
import { dataSourceId, pageId, tableName } from '../../src/model/ids.ts';
import type { NotionClient } from '../../src/notion/client.ts';
import { assertNotWithDatabase } from '../../src/sync/database-in-trash.ts';

type Answers = { readonly source: boolean; readonly database: boolean; readonly page: boolean };

/** What Notion says is in the trash, each at the moment in which it is asked. */
const verdict = ({ source, database, page }: Answers): Promise<void> => {
  const notion = {
    retrieveDataSource: async () => ({ inTrash: source, databaseId: 'd' }),
    retrieveDatabase: async () => ({ inTrash: database }),
    retrievePage: async () => ({ inTrash: page }),
  } as unknown as NotionClient;
  const at = { table: { name: tableName('goods') }, source: { dataSource: dataSourceId('1'.repeat(32)) } };
  return assertNotWithDatabase({ notion }, { ...at, page: pageId('2'.repeat(32)) });
};

test('invariant 3: a page is in the trash by itself only beside a database that is not, and stays there', async () => {
  await expect(verdict({ source: false, database: false, page: true })).resolves.toBeUndefined();
  for (const [source, database] of [
    [true, false],
    [false, true],
  ] as const)
    await expect(verdict({ source, database, page: true })).rejects.toMatchObject({
      code: 'notion_database_in_trash',
      retryable: true,
    });
  // The database came back after the page had been seen, and before the database was asked.
  await expect(verdict({ source: false, database: false, page: false })).rejects.toMatchObject({
    code: 'notion_page_back',
    retryable: true,
  });
});
