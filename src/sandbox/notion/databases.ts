import { randomUUID } from 'node:crypto';
import { archivedEdit } from './errors.ts';
import type { Deed } from './pages.ts';
import { applySchema } from './schema.ts';
import { isTrashedSource } from './sharing.ts';
import type { Database, DataSource, JsonObject, Run } from './types.ts';

const stamps = ({ at, by }: Deed) => ({
  createdTime: at,
  createdBy: by,
  lastEditedTime: at,
  lastEditedBy: by,
});

/** Makes a database with its first data source. */
export function createDatabase(
  deed: Deed,
  wanted: {
    readonly parentPageId: string;
    readonly title: readonly Run[];
    readonly description: readonly Run[];
    readonly isInline: boolean;
    readonly icon?: JsonObject | null;
    readonly properties: unknown;
  },
): Database {
  const { parentPageId, title, description, isInline, icon = null } = wanted;
  const id = randomUUID();
  const database = {
    id,
    parentPageId,
    title,
    description,
    isInline,
    icon,
    inTrash: false,
    shared: true,
    ...stamps(deed),
  };
  deed.store.databases.put(database);
  createDataSource(deed, id, {
    title,
    properties: wanted.properties,
    path: 'body.initial_data_source.properties',
  });
  return database;
}

/** Adds a data source to a database. A schema without a title gets one. */
export function createDataSource(
  deed: Deed,
  databaseId: string,
  {
    title,
    properties,
    path,
  }: { readonly title: readonly Run[]; readonly properties: unknown; readonly path: string },
): DataSource {
  const { store } = deed;
  const id = randomUUID();
  store.dataSources.put({
    id,
    databaseId,
    title,
    properties: [],
    inTrash: false,
    shared: true,
    nextNumber: 1,
    ...stamps(deed),
  });
  applySchema(store, id, properties ?? {}, path);
  const made = store.dataSources.get(id);
  if (made !== undefined && !made.properties.some((property) => property.type === 'title')) {
    applySchema(store, id, { Name: { title: {} } }, path);
  }
  return freshSource(deed, id);
}

export function freshSource({ store }: Deed, id: string): DataSource {
  const source = store.dataSources.get(id);
  if (source === undefined) throw new TypeError(`no data source ${id}`);
  return source;
}

/** Changes a schema, with `properties` in the API's shape. */
export function editSchema(deed: Deed, id: string, properties: unknown): DataSource {
  const { store, at, by } = deed;
  if (isTrashedSource(store, freshSource(deed, id))) throw archivedEdit();
  applySchema(store, id, properties, 'body.properties');
  store.dataSources.put({ ...freshSource(deed, id), lastEditedTime: at, lastEditedBy: by });
  return freshSource(deed, id);
}
