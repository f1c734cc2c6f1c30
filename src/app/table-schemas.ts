import type { TableName } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { mappingDigest } from '../model/mapping-digest.ts';
import type { Identified } from '../model/schema/identify.ts';
import type { KnownSchema } from '../model/schema/known.ts';
import type { NotionDataSource } from '../notion/client.ts';
import type { Sources } from '../notion/schema.ts';
import { settleSchema } from '../reconcile/schema.ts';
import { type Meeting, meetSource } from '../state/first-contact.ts';
import { forgetMade } from '../state/made-databases.ts';
import { readKnown } from '../state/properties.ts';
import { createStore, inTransaction, type Sql } from '../state/sql.ts';
import type { Installation } from './connections.ts';

/** What state knows of each data source, so that its properties are found whatever they are called. */
export async function knownSchemas(
  { pool }: Pick<Installation, 'pool'>,
  sources: Sources,
  store: Sql = createStore(pool, 0),
): Promise<ReadonlyMap<TableName, KnownSchema>> {
  const known = [...sources].map(
    async ([table, id]): Promise<[TableName, KnownSchema]> => [table, await readKnown(store, table, id)],
  );
  return new Map(await Promise.all(known));
}

/** Keeps how a table and its data source stand to each other. */
export async function settleTable(
  { pool }: Installation,
  table: ResolvedTable,
  {
    actual,
    sources,
    meeting,
  }: { readonly actual: NotionDataSource; readonly sources: Sources; readonly meeting: Meeting },
): Promise<Identified> {
  const mapping = mappingDigest(table);
  const settling = inTransaction(pool, async (sql) => {
    await meetSource(sql, table.name, actual.id, meeting);
    await forgetMade(sql, { kind: 'table', name: table.name });
    return settleSchema(sql, { table, actual, sources }, { mapping });
  });
  return (await settling).identified;
}
