import { randomUUID } from 'node:crypto';
import { idAt } from './check.ts';
import { freshSource } from './databases.ts';
import type { House } from './door.ts';
import { invalid, notFound } from './errors.ts';
import { hostedFile } from './files.ts';
import { type DatabaseActions, databaseActions } from './human-databases.ts';
import { propertyOf, type SchemaActions, schemaActions } from './human-schema.ts';
import {
  createPage,
  type Deed,
  deleteForever,
  duplicatePage,
  editPage,
  fresh,
  makePlainPage,
  movePage,
  setState,
} from './pages.ts';
import { ADA, PARENT_PAGE } from './people.ts';
import { renderComment, renderPage, renderUser, titleOf } from './render.ts';
import { plainRuns } from './richtext.ts';
import { isTrashed, pagesIn } from './sharing.ts';
import { type TableActions, tableActions } from './table-view.ts';
import type { JsonObject, Page } from './types.ts';

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

/** What a person does in the editor. Ids are taken with or without dashes; mistakes throw with Notion's message. */
export type HumanActions = SchemaActions &
  DatabaseActions &
  TableActions & {
    readonly personId: string;
    readonly users: () => JsonObject[];
    /** Live pages of a data source, oldest first. */
    readonly pages: (dataSourceId: string) => PageView[];
    readonly trashedPages: (dataSourceId: string) => PageView[];
    readonly page: (pageId: string) => PageView;
    /** Titles of pages by id, for pickers. */
    readonly titles: (dataSourceId: string) => { id: string; title: string }[];
    readonly comments: (pageId: string) => JsonObject[];
    readonly addComment: (pageId: string, text: string) => JsonObject;
    /**
     * Types values, in the shape of the API: a date's offset is kept as typed, texts take styles, links and mentions
     * (`{mention: {user: {id}}}`), people go by their ids, files may be links or what an answer showed.
     */
    readonly editPage: (pageId: string, properties: JsonObject, actor?: string) => PageView;
    readonly createPage: (dataSourceId: string, properties?: JsonObject, actor?: string) => PageView;
    /** Uploads a file into a files property, behind what it holds; answers show it as `type: file`. */
    readonly uploadFile: (pageId: string, property: string, name: string, actor?: string) => PageView;
    readonly trashPage: (pageId: string) => PageView;
    readonly restorePage: (pageId: string) => PageView;
    readonly archivePage: (pageId: string, archived?: boolean) => PageView;
    readonly lockPage: (pageId: string, locked?: boolean) => PageView;
    readonly movePage: (pageId: string, dataSourceId: string) => PageView;
    /** Moves a row out of its database: below another page it has a title only. `movePage` brings its values back. */
    readonly makePlainPage: (pageId: string, parentPageId?: string) => PageView;
    readonly duplicatePage: (pageId: string) => PageView;
    /** The page answers 404 from now on, and relations no longer hold it. */
    readonly deleteForever: (pageId: string) => void;
    /** Takes a page, a data source or a database away from the connection; `share` gives it back. */
    readonly unshare: (id: string) => void;
    readonly share: (id: string) => void;
    /** Sets what a formula or a rollup answers, such as `{type: 'number', number: 3}`; no time moves. */
    readonly setComputed: (pageId: string, property: string, answer: JsonObject) => void;
  };

export function humanActions(house: House): HumanActions {
  const { store } = house;
  const deed = (actor = ADA): Deed => ({ store, at: house.now().getTime(), by: actor });
  const sourceOf = (raw: string): string => sourceId(house, raw);
  return {
    personId: ADA,
    ...lookups(house),
    ...pageActions(house, deed),
    ...schemaActions(house, deed, sourceOf),
    ...databaseActions(house, deed),
    ...tableActions(store),
    addComment: (raw, text) => addComment(house, deed(), pageId(house, raw), text),
    unshare: (id) => setShared(house, id, false),
    share: (id) => setShared(house, id, true),
    setComputed: (raw, name, answer) => {
      const page = fresh(store, pageId(house, raw));
      const source = page.parent.type === 'data_source_id' ? page.parent.dataSourceId : '';
      const property = propertyOf(house, source, name);
      if (property.type !== 'formula' && property.type !== 'rollup')
        throw invalid(`${name} is not computed.`);
      const values = { ...page.values, [property.id]: { type: 'computed', answer } as const };
      store.transact(() => store.pages.put({ ...page, values }));
    },
  };
}

const viewOf = ({ store }: House, page: Page): PageView =>
  ({ ...renderPage({ store, version: '2026-03-11', whole: true }, page), shared: page.shared }) as PageView;

type Lookups = Pick<HumanActions, 'users' | 'pages' | 'trashedPages' | 'page' | 'titles' | 'comments'>;

function lookups(house: House): Lookups {
  const { store } = house;
  const view = (page: Page): PageView => viewOf(house, page);
  return {
    users: () => store.users.all().map(renderUser),
    pages: (id) => liveIn(house, sourceId(house, id)).map(view),
    trashedPages: (id) =>
      pagesIn(store, sourceId(house, id))
        .filter((page) => page.inTrash)
        .map(view),
    page: (id) => view(fresh(store, pageId(house, id))),
    titles: (id) =>
      liveIn(house, sourceId(house, id)).map((page) => ({ id: page.id, title: titleOf(store, page) })),
    comments: (id) =>
      store.comments
        .all()
        .filter((comment) => comment.pageId === pageId(house, id))
        .map((comment) => renderComment(store, comment)),
  };
}

type PageActions = Omit<
  HumanActions,
  | keyof SchemaActions
  | keyof DatabaseActions
  | keyof TableActions
  | 'addComment'
  | keyof Lookups
  | 'personId'
  | 'unshare'
  | 'share'
  | 'setComputed'
>;

function pageActions(house: House, deed: (actor?: string) => Deed): PageActions {
  const { store } = house;
  const act = (raw: string, work: (id: string) => Page): PageView =>
    viewOf(
      house,
      store.transact(() => work(pageId(house, raw))),
    );
  return {
    editPage: (raw, properties, actor) => act(raw, (id) => editPage(deed(actor), id, properties)),
    createPage: (raw, properties = {}, actor = ADA) => {
      const dataSourceId = sourceId(house, raw);
      const made = store.transact(() =>
        createPage(deed(actor), { type: 'data_source_id', dataSourceId }, properties),
      );
      return viewOf(house, made);
    },
    uploadFile: (raw, name, file, actor) =>
      act(raw, (id) => uploadFile(house, deed(actor), { id, name, file })),
    trashPage: (raw) => act(raw, (id) => setState(store, id, { inTrash: true })),
    restorePage: (raw) => act(raw, (id) => setState(store, id, { inTrash: false })),
    archivePage: (raw, archived = true) => act(raw, (id) => setState(store, id, { isArchived: archived })),
    lockPage: (raw, locked = true) => act(raw, (id) => setState(store, id, { isLocked: locked })),
    movePage: (raw, target) =>
      act(raw, (id) => movePage(deed(), id, freshSource(deed(), sourceId(house, target)))),
    makePlainPage: (raw, parent = PARENT_PAGE) =>
      act(raw, (id) => makePlainPage(deed(), id, pageId(house, parent))),
    duplicatePage: (raw) => act(raw, (id) => duplicatePage(deed(), id)),
    deleteForever: (raw) => store.transact(() => deleteForever(store, pageId(house, raw))),
  };
}

function uploadFile(
  house: House,
  deed: Deed,
  { id, name, file }: { readonly id: string; readonly name: string; readonly file: string },
): Page {
  const { store } = house;
  const page = fresh(store, id);
  const source = page.parent.type === 'data_source_id' ? page.parent.dataSourceId : '';
  const property = propertyOf(house, source, name);
  if (property.type !== 'files') throw invalid(`${name} is expected to be files.`);
  const held = page.values[property.id];
  const files = [...(held?.type === 'files' ? held.files : []), hostedFile(file)];
  const values = { ...page.values, [property.id]: { type: 'files', files } as const };
  store.pages.put({ ...page, values, lastEditedTime: deed.at, lastEditedBy: deed.by });
  return fresh(store, id);
}

function addComment({ store }: House, { at, by }: Deed, id: string, text: string): JsonObject {
  if (text.trim() === '') throw invalid('A comment must have a text.');
  const comment = {
    id: randomUUID(),
    pageId: id,
    discussionId: randomUUID(),
    runs: plainRuns(text.trim()),
    createdTime: at,
    createdBy: by,
  };
  store.transact(() => store.comments.put(comment));
  return renderComment(store, comment);
}

function pageId({ store }: House, raw: string): string {
  const id = idAt(raw, 'page_id');
  if (store.pages.get(id) === undefined) throw notFound('page', id);
  return id;
}

function sourceId(house: House, raw: string): string {
  const id = idAt(raw, 'data_source_id');
  if (house.store.dataSources.get(id) === undefined) throw notFound('data source', id);
  return id;
}

const liveIn = (house: House, id: string): readonly Page[] =>
  pagesIn(house.store, id).filter((page) => !isTrashed(house.store, page));

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
