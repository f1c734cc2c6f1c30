import { idAt } from './check.ts';
import type { House } from './door.ts';
import { notFound } from './errors.ts';
import { type Deed, deleteForever } from './pages.ts';
import { PARENT_PAGE } from './people.ts';
import { namesOf, renderProperty } from './render.ts';
import { plainOf, plainRuns } from './richtext.ts';
import { isTrashedSource, pagesIn } from './sharing.ts';
import type { Store } from './store.ts';
import type { Database, JsonObject } from './types.ts';

export type DatabaseCount = {
  readonly databaseId: string;
  readonly dataSourceId: string;
  readonly title: string;
  readonly pages: number;
  readonly trashed: number;
  readonly archived: number;
  readonly shared: boolean;
};

type DatabaseView = DatabaseCount & {
  /** Schema entries of the API, in the order in which they were made. */
  readonly properties: readonly JsonObject[];
};

/** What a person does to a whole database. All but `trashDataSource` take the database's id. */
export type DatabaseActions = {
  readonly listDatabases: () => DatabaseView[];
  readonly trashDatabase: (databaseId: string, inTrash?: boolean) => void;
  readonly restoreDatabase: (databaseId: string) => void;
  /** Trashes one data source of a database, or brings it back. */
  readonly trashDataSource: (dataSourceId: string, inTrash?: boolean) => void;
  readonly renameDatabase: (databaseId: string, title: string) => void;
  /** Below another page; without one, back below the page that the sandbox starts with. */
  readonly moveDatabase: (databaseId: string, parentPageId?: string) => void;
  /** Removes a database for good, with its data sources and pages: all of them answer 404 from now on. */
  readonly deleteDatabaseForever: (databaseId: string) => void;
};

export function databaseActions(house: House, deed: () => Deed): DatabaseActions {
  const { store } = house;
  const change = (raw: string, next: (database: Database) => Partial<Database>): void => {
    const database = store.databases.get(idAt(raw, 'database_id'));
    if (database === undefined) throw notFound('database', raw);
    store.transact(() => store.databases.put({ ...database, ...next(database) }));
  };
  const edited = (): Pick<Database, 'lastEditedTime' | 'lastEditedBy'> => {
    const { at, by } = deed();
    return { lastEditedTime: at, lastEditedBy: by };
  };
  return {
    listDatabases: () => listDatabases(house),
    trashDatabase: (raw, inTrash = true) => change(raw, () => ({ inTrash })),
    restoreDatabase: (raw) => change(raw, () => ({ inTrash: false })),
    trashDataSource: (raw, inTrash = true) => {
      const source = store.dataSources.get(idAt(raw, 'data_source_id'));
      if (source === undefined) throw notFound('data source', raw);
      store.transact(() => store.dataSources.put({ ...source, inTrash }));
    },
    renameDatabase: (raw, title) => {
      const runs = plainRuns(title);
      change(raw, () => ({ title: runs, ...edited() }));
      // The editor names the only data source with the database.
      const [only, other] = store.dataSources
        .all()
        .filter(({ databaseId }) => databaseId === idAt(raw, 'id'));
      if (only !== undefined && other === undefined)
        store.transact(() => store.dataSources.put({ ...only, title: runs, ...edited() }));
    },
    moveDatabase: (raw, parent = PARENT_PAGE) => {
      const parentPageId = idAt(parent, 'page_id');
      if (store.pages.get(parentPageId) === undefined) throw notFound('page', parentPageId);
      change(raw, () => ({ parentPageId, ...edited() }));
    },
    deleteDatabaseForever: (raw) => {
      const id = idAt(raw, 'database_id');
      if (store.databases.get(id) === undefined) throw notFound('database', id);
      store.transact(() => removeDatabase(house, id));
    },
  };
}

function removeDatabase({ store }: House, id: string): void {
  for (const source of store.dataSources.all().filter(({ databaseId }) => databaseId === id)) {
    for (const page of pagesIn(store, source.id)) deleteForever(store, page.id);
    store.dataSources.remove(source.id);
  }
  store.databases.remove(id);
}

const listDatabases = ({ store }: House): DatabaseView[] =>
  databaseCounts(store).map((count) => {
    const schema = store.dataSources.get(count.dataSourceId)?.properties ?? [];
    return { ...count, properties: schema.map((property) => renderProperty(store, property, schema)) };
  });

/** The databases that are not in the trash, with how many pages each has. */
export function databaseCounts(store: Store): DatabaseCount[] {
  const names = namesOf(store);
  return store.dataSources.all().flatMap((source): DatabaseCount[] => {
    const database = store.databases.get(source.databaseId);
    if (database === undefined || isTrashedSource(store, source)) return [];
    const pages = pagesIn(store, source.id);
    const trashed = pages.filter((page) => page.inTrash).length;
    const archived = pages.filter((page) => !page.inTrash && page.isArchived).length;
    return [
      {
        databaseId: database.id,
        dataSourceId: source.id,
        title: plainOf(source.title, names) || plainOf(database.title, names) || 'Untitled',
        pages: pages.length - trashed - archived,
        trashed,
        archived,
        shared: source.shared && database.shared,
      },
    ];
  });
}
