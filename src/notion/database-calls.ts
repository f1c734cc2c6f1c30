import { textRuns } from '../model/texts.ts';
import type { Caller } from './call.ts';
import { readChildDatabases } from './child-databases.ts';
import type { NotionClient } from './client.ts';
import { byPath, collect, pageQuery } from './requests.ts';
import { readCreatedDatabase, readDatabase, readDataSource } from './response-schemas.ts';

/** The calls that find, make and change databases and their schemas. */
export function databaseCalls(
  call: Caller,
): Pick<
  NotionClient,
  'createDatabase' | 'updateDataSource' | 'describeDatabase' | 'updateDatabase' | 'listChildDatabases'
> {
  return {
    listChildDatabases: (page, ask) =>
      collect('listChildDatabases', async (cursor) => {
        const send = byPath('GET', `blocks/${page}/children`, undefined, pageQuery(cursor));
        const read = readChildDatabases;
        return call({ name: 'listChildDatabases', method: 'GET', effect: 'read', send, read }, ask);
      }),
    updateDatabase: (id, { title, ...looks }, ask) => {
      const body = { ...(title === undefined ? {} : { title: textRuns(title) }), ...looks };
      const [send, read] = [byPath('PATCH', `databases/${id}`, body), readDatabase];
      return call({ name: 'updateDatabase', method: 'PATCH', effect: 'update', send, read }, ask);
    },
    describeDatabase: (id, description, ask) => {
      const [send, read] = [byPath('PATCH', `databases/${id}`, { description }), readDatabase];
      return call({ name: 'describeDatabase', method: 'PATCH', effect: 'update', send, read }, ask);
    },
    createDatabase: ({ parentPageId, title, properties, description, icon }, ask) => {
      const send = byPath('POST', 'databases', {
        parent: { type: 'page_id', page_id: parentPageId },
        title: textRuns(title),
        description,
        icon,
        initial_data_source: { properties },
      });
      const read = readCreatedDatabase;
      return call({ name: 'createDatabase', method: 'POST', effect: 'create', send, read }, ask);
    },
    updateDataSource: (id, { properties }, ask) => {
      const send = byPath('PATCH', `data_sources/${id}`, { properties });
      const read = readDataSource;
      return call({ name: 'updateDataSource', method: 'PATCH', effect: 'update', send, read }, ask);
    },
  };
}
