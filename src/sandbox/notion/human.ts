import { idAt } from './check.ts';
import { editSchema, freshSource } from './databases.ts';
import type { House } from './door.ts';
import { invalid, notFound } from './errors.ts';
import { optionName } from './options.ts';
import {
  createPage,
  type Deed,
  deleteForever,
  duplicatePage,
  editPage,
  fresh,
  movePage,
  setState,
} from './pages.ts';
import { ADA } from './people.ts';
import { namesOf, renderComment, renderPage, renderProperty, renderUser, titleOf } from './render.ts';
import { plainOf } from './richtext.ts';
import { findProperty } from './schema.ts';
import { isTrashed, pagesIn } from './sharing.ts';
import type { JsonObject, Page, Property } from './types.ts';
import { addOption } from './values.ts';

/** A page object of the API, newest version, with long lists whole. */
export type PageView = JsonObject & {
  readonly id: string;
  readonly properties: Readonly<Record<string, JsonObject>>;
  readonly in_trash: boolean;
  readonly is_archived: boolean;
  readonly last_edited_time: string;
  /** Whether the connection may see it; not a part of Notion's answer. */
  readonly shared: boolean;
};

export type DatabaseView = {
  readonly databaseId: string;
  readonly dataSourceId: string;
  readonly title: string;
  readonly pages: number;
  readonly trashed: number;
  readonly archived: number;
  readonly shared: boolean;
  /** Schema entries of the API, in the order in which they were made. */
  readonly properties: readonly JsonObject[];
};

/** What a person does in the editor. Ids are taken with or without dashes; mistakes throw with Notion's message. */
export type HumanActions = {
  readonly personId: string;
  readonly users: () => JsonObject[];
  readonly listDatabases: () => DatabaseView[];
  /** Live pages of a data source, oldest first. */
  readonly pages: (dataSourceId: string) => PageView[];
  readonly trashedPages: (dataSourceId: string) => PageView[];
  readonly page: (pageId: string) => PageView;
  /** Titles of pages by id, for pickers. */
  readonly titles: (dataSourceId: string) => { id: string; title: string }[];
  readonly comments: (pageId: string) => JsonObject[];
  readonly editPage: (pageId: string, properties: JsonObject, actor?: string) => PageView;
  readonly createPage: (dataSourceId: string, properties?: JsonObject, actor?: string) => PageView;
  readonly trashPage: (pageId: string) => PageView;
  readonly restorePage: (pageId: string) => PageView;
  readonly archivePage: (pageId: string, archived?: boolean) => PageView;
  readonly movePage: (pageId: string, dataSourceId: string) => PageView;
  readonly duplicatePage: (pageId: string) => PageView;
  readonly deleteForever: (pageId: string) => void;
  /** Takes a page, a data source or a database away from the connection; `share` gives it back. */
  readonly unshare: (id: string) => void;
  readonly share: (id: string) => void;
  readonly trashDatabase: (databaseId: string, inTrash?: boolean) => void;
  readonly renameProperty: (dataSourceId: string, from: string, to: string) => void;
  readonly addProperty: (dataSourceId: string, name: string, config: JsonObject) => void;
  readonly deleteProperty: (dataSourceId: string, name: string) => void;
  readonly addOption: (dataSourceId: string, property: string, option: string) => void;
  readonly renameOption: (dataSourceId: string, property: string, from: string, to: string) => void;
  /** Sets what a formula or a rollup answers, such as `{type: 'number', number: 3}`; no time moves. */
  readonly setComputed: (pageId: string, property: string, answer: JsonObject) => void;
};

export function humanActions(house: House): HumanActions {
  const { store } = house;
  const deed = (actor = ADA): Deed => ({ store, at: house.now().getTime(), by: actor });
  const view = (page: Page): PageView =>
    ({
      ...renderPage({ store, version: '2026-03-11', whole: true }, page),
      shared: page.shared,
    }) as PageView;
  const pageId = (raw: string): string => {
    const id = idAt(raw, 'page_id');
    if (store.pages.get(id) === undefined) throw notFound('page', id);
    return id;
  };
  const act = (raw: string, work: (id: string) => Page): PageView =>
    view(store.transact(() => work(pageId(raw))));
  return {
    personId: ADA,
    users: () => store.users.all().map(renderUser),
    pages: (id) => liveIn(house, sourceId(house, id)).map(view),
    trashedPages: (id) =>
      pagesIn(store, sourceId(house, id))
        .filter((page) => page.inTrash)
        .map(view),
    page: (id) => view(fresh(store, pageId(id))),
    titles: (id) =>
      liveIn(house, sourceId(house, id)).map((page) => ({ id: page.id, title: titleOf(store, page) })),
    comments: (id) =>
      store.comments
        .all()
        .filter((comment) => comment.pageId === pageId(id))
        .map((comment) => renderComment(store, comment)),
    editPage: (raw, properties, actor) => act(raw, (id) => editPage(deed(actor), id, properties)),
    createPage: (raw, properties = {}, actor = ADA) => {
      const dataSourceId = sourceId(house, raw);
      return view(
        store.transact(() => createPage(deed(actor), { type: 'data_source_id', dataSourceId }, properties)),
      );
    },
    trashPage: (raw) => act(raw, (id) => setState(store, id, { inTrash: true })),
    restorePage: (raw) => act(raw, (id) => setState(store, id, { inTrash: false })),
    archivePage: (raw, archived = true) => act(raw, (id) => setState(store, id, { isArchived: archived })),
    movePage: (raw, target) =>
      act(raw, (id) => movePage(deed(), id, freshSource(deed(), sourceId(house, target)))),
    duplicatePage: (raw) => act(raw, (id) => duplicatePage(deed(), id)),
    deleteForever: (raw) => store.transact(() => deleteForever(store, pageId(raw))),
    ...schemaActions(house, deed),
    setComputed: (raw, name, answer) => {
      const page = fresh(store, pageId(raw));
      const source = page.parent.type === 'data_source_id' ? page.parent.dataSourceId : '';
      const property = propertyOf(house, source, name);
      if (property.type !== 'formula' && property.type !== 'rollup')
        throw invalid(`${name} is not computed.`);
      const values = { ...page.values, [property.id]: { type: 'computed', answer } as const };
      store.transact(() => store.pages.put({ ...page, values }));
    },
  };
}

type SchemaActions = Pick<
  HumanActions,
  | 'listDatabases'
  | 'unshare'
  | 'share'
  | 'trashDatabase'
  | 'renameProperty'
  | 'addProperty'
  | 'deleteProperty'
  | 'addOption'
  | 'renameOption'
>;

function schemaActions(house: House, deed: () => Deed): SchemaActions {
  const { store } = house;
  const edit = (raw: string, properties: JsonObject): void => {
    store.transact(() => editSchema(deed(), sourceId(house, raw), properties));
  };
  return {
    listDatabases: () => listDatabases(house),
    unshare: (id) => setShared(house, id, false),
    share: (id) => setShared(house, id, true),
    trashDatabase: (raw, inTrash = true) => {
      const database = store.databases.get(idAt(raw, 'database_id'));
      if (database === undefined) throw notFound('database', raw);
      store.transact(() => store.databases.put({ ...database, inTrash }));
    },
    renameProperty: (raw, from, to) => edit(raw, { [from]: { name: to } }),
    addProperty: (raw, name, config) => edit(raw, { [name]: config }),
    deleteProperty: (raw, name) => edit(raw, { [name]: null }),
    addOption: (raw, name, option) => {
      const id = sourceId(house, raw);
      const property = propertyOf(house, id, name);
      store.transact(() => addOption(store, id, property.id, optionName(option, 'option.name')));
    },
    renameOption: (raw, name, from, to) => {
      const id = sourceId(house, raw);
      const property = propertyOf(house, id, name);
      if (!('options' in property)) throw invalid(`${name} has no options.`);
      if (!property.options.some((option) => option.name === from))
        throw invalid(`${from} is not an option.`);
      const renamed = optionName(to, 'option.name');
      const options = property.options.map((option) =>
        option.name === from ? { ...option, name: renamed } : option,
      );
      const source = freshSource(deed(), id);
      const properties = source.properties.map((one) =>
        one.id === property.id ? ({ ...property, options } as Property) : one,
      );
      store.transact(() => store.dataSources.put({ ...source, properties }));
    },
  };
}

function sourceId(house: House, raw: string): string {
  const id = idAt(raw, 'data_source_id');
  if (house.store.dataSources.get(id) === undefined) throw notFound('data source', id);
  return id;
}

function propertyOf(house: House, dataSourceId: string, name: string): Property {
  const property = findProperty(house.store.dataSources.get(dataSourceId)?.properties ?? [], name);
  if (property === undefined) throw invalid(`${name} is not a property that exists.`);
  return property;
}

const liveIn = (house: House, id: string): readonly Page[] =>
  pagesIn(house.store, id).filter((page) => !isTrashed(house.store, page));

function listDatabases(house: House): DatabaseView[] {
  const { store } = house;
  const names = namesOf(store);
  return store.dataSources.all().flatMap((source): DatabaseView[] => {
    const database = store.databases.get(source.databaseId);
    if (database === undefined || database.inTrash || source.inTrash) return [];
    const title = plainOf(source.title, names) || plainOf(database.title, names) || 'Untitled';
    const pages = pagesIn(store, source.id);
    return [
      {
        databaseId: database.id,
        dataSourceId: source.id,
        title,
        pages: pages.filter((page) => !page.inTrash && !page.isArchived).length,
        trashed: pages.filter((page) => page.inTrash).length,
        archived: pages.filter((page) => !page.inTrash && page.isArchived).length,
        shared: source.shared && database.shared,
        properties: source.properties.map((property) => renderProperty(store, property, source.properties)),
      },
    ];
  });
}

function setShared(house: House, raw: string, shared: boolean): void {
  const { store } = house;
  const id = idAt(raw, 'id');
  const page = store.pages.get(id);
  const source = store.dataSources.get(id);
  const database = store.databases.get(id);
  store.transact(() => {
    if (page !== undefined) store.pages.put({ ...page, shared });
    else if (source !== undefined) store.dataSources.put({ ...source, shared });
    else if (database !== undefined) store.databases.put({ ...database, shared });
    else throw notFound('page', id);
  });
}
