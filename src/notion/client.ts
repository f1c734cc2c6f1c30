import type { Json } from '../model/change.ts';
import type { DataSourceId, PageId, TableName } from '../model/ids.ts';
import { propertyId, propertyPath } from '../model/schema/property-id.ts';
import { textRuns } from '../model/texts.ts';
import { type Ask, type Caller, createCaller, type NotionClientOptions } from './call.ts';
import type { ChildDatabase } from './child-databases.ts';
import { type NotionComment, readComment } from './comments.ts';
import { databaseCalls } from './database-calls.ts';
import { type QueryAnswer, readQuery } from './query-response.ts';
import { type Body, byPath, collect, pageQuery, type Query } from './requests.ts';
import {
  type FoundSource,
  type NotionDatabase,
  type NotionDataSource,
  type NotionPage,
  type NotionSelf,
  type NotionUser,
  type Read,
  readDatabase,
  readDataSource,
  readFoundSource,
  readList,
  readPage,
  readPropertyItems,
  readSelf,
  readUser,
} from './response-schemas.ts';

export type { Ask, RequestInfo } from './call.ts';
export type { NotionDataSource, NotionPage, NotionUser } from './response-schemas.ts';

type Properties = Readonly<Record<string, Json>>;

/** Of a database: its description as rich text, and its icon in the request's shape. */
type Looks = { readonly description?: readonly Json[]; readonly icon?: Json };

type QueryInput = {
  readonly dataSourceId: DataSourceId;
  readonly filter?: Json;
  readonly sorts?: readonly Json[];
  readonly cursor?: string;
  /** At most 100, which is also the default. */
  readonly pageSize?: number;
  /** Property ids, decoded (the query string encodes them); leaves the others out of the answer. */
  readonly filterProperties?: readonly string[];
  /** Lists only what a person archived (which is not the trash), instead of all else. */
  readonly isArchived?: boolean;
};

/**
 * The calls that pgnotion makes. Each goes through the throttle, in the order of its `Ask`, and throws
 * `NotionFailure`: a write's `verdict.effect` says whether it may have happened.
 */
export type NotionClient = {
  readonly me: (ask: Ask) => Promise<NotionSelf>;
  /** Members of the workspace; Notion leaves guests out. */
  readonly listUsers: (ask: Ask) => Promise<readonly NotionUser[]>;
  /** One request, which shows whether members may be listed at all. */
  readonly someUsers: (ask: Ask) => Promise<readonly NotionUser[]>;
  readonly retrievePage: (id: PageId, ask: Ask) => Promise<NotionPage>;
  readonly createPage: (
    input: { readonly dataSourceId: DataSourceId; readonly properties: Properties },
    ask: Ask,
  ) => Promise<NotionPage>;
  readonly updatePage: (
    input: { readonly id: PageId; readonly properties: Properties },
    ask: Ask,
  ) => Promise<NotionPage>;
  /** Moves a page to the trash or back. */
  readonly setTrash: (id: PageId, inTrash: boolean, ask: Ask) => Promise<NotionPage>;
  /** Archives a page or takes it back: hidden from queries, yet not in the trash. */
  readonly setArchived: (id: PageId, isArchived: boolean, ask: Ask) => Promise<NotionPage>;
  /** The whole of a value that a page's answer may cut at 25 references. */
  readonly retrieveProperty: (page: PageId, property: string, ask: Ask) => Promise<readonly Json[]>;
  /** One page of results, in no set order unless `sorts` gives one. */
  readonly query: (input: QueryInput, ask: Ask) => Promise<QueryAnswer>;
  readonly retrieveDatabase: (id: string, ask: Ask) => Promise<NotionDatabase>;
  readonly retrieveDataSource: (id: DataSourceId, ask: Ask) => Promise<NotionDataSource>;
  /** The data sources that the connection may see; a new one may be missing for a while. */
  readonly searchDataSources: (ask: Ask) => Promise<readonly FoundSource[]>;
  /** The databases that stand on a page, as its content lists them: at once, which a search does not. */
  readonly listChildDatabases: (page: string, ask: Ask) => Promise<readonly ChildDatabase[]>;
  readonly createDatabase: (
    input: Looks & { readonly parentPageId: string; readonly title: string; readonly properties: Properties },
    ask: Ask,
  ) => Promise<{ readonly databaseId: string; readonly dataSourceId: DataSourceId }>;
  /** Adds, changes or (with null) removes properties; those not named stay as they are. */
  readonly updateDataSource: (
    id: DataSourceId,
    input: { readonly properties: Properties },
    ask: Ask,
  ) => Promise<NotionDataSource>;
  /** Replaces a database's description, which is rich text. */
  readonly describeDatabase: (id: string, description: readonly Json[], ask: Ask) => Promise<NotionDatabase>;
  /** Replaces what is given of a database's title, description and icon. */
  readonly updateDatabase: (
    id: string,
    input: Looks & { readonly title?: string },
    ask: Ask,
  ) => Promise<NotionDatabase>;
  /** Starts a discussion on a page. */
  readonly createComment: (page: PageId, text: string, ask: Ask) => Promise<NotionComment>;
  /** The comments on a page that nobody has resolved. */
  readonly listComments: (page: PageId, ask: Ask) => Promise<readonly NotionComment[]>;
  /** The same calls in the lane of a table: see `Ask`. */
  readonly forLane: (lane: TableName) => NotionClient;
};

function reads(
  call: Caller,
): Pick<
  NotionClient,
  'me' | 'listUsers' | 'someUsers' | 'retrievePage' | 'retrieveDatabase' | 'retrieveDataSource'
> {
  const get = <T>(
    name: string,
    path: string,
    { read, ask, query }: { readonly read: Read<T>; readonly ask: Ask; readonly query?: Query | undefined },
  ) => call({ name, method: 'GET', effect: 'read', send: byPath('GET', path, undefined, query), read }, ask);
  return {
    me: (ask) => get('me', 'users/me', { read: readSelf, ask }),
    listUsers: (ask) =>
      collect('listUsers', (cursor) =>
        get('listUsers', 'users', { read: readList(readUser), ask, query: pageQuery(cursor) }),
      ),
    someUsers: async (ask) => {
      const query = { page_size: 1 };
      return (await get('someUsers', 'users', { read: readList(readUser), ask, query })).items;
    },
    retrievePage: (id, ask) => get('retrievePage', `pages/${id}`, { read: readPage, ask }),
    retrieveDatabase: (id, ask) => get('retrieveDatabase', `databases/${id}`, { read: readDatabase, ask }),
    retrieveDataSource: (id, ask) =>
      get('retrieveDataSource', `data_sources/${id}`, { read: readDataSource, ask }),
  };
}

function lists(
  call: Caller,
): Pick<NotionClient, 'retrieveProperty' | 'query' | 'listComments' | 'searchDataSources'> {
  return {
    searchDataSources: (ask) =>
      collect('searchDataSources', (cursor) => {
        const filter = { property: 'object', value: 'data_source' };
        const send = byPath('POST', 'search', { filter, ...pageQuery(cursor) });
        const read = readList(readFoundSource);
        return call({ name: 'searchDataSources', method: 'POST', effect: 'read', send, read }, ask);
      }),
    listComments: (page, ask) =>
      collect('listComments', (cursor) => {
        const send = byPath('GET', 'comments', undefined, { block_id: page, ...pageQuery(cursor) });
        const read = readList(readComment);
        return call({ name: 'listComments', method: 'GET', effect: 'read', send, read }, ask);
      }),
    retrieveProperty: (page, property, ask) =>
      collect('retrieveProperty', (cursor) => {
        const path = `pages/${page}/properties/${propertyPath(property)}`;
        const send = byPath('GET', path, undefined, pageQuery(cursor));
        const read = readPropertyItems;
        return call({ name: 'retrieveProperty', method: 'GET', effect: 'read', send, read }, ask);
      }),
    query: ({ dataSourceId, filter, sorts, cursor, pageSize, filterProperties, isArchived }, ask) => {
      const body = {
        filter,
        sorts,
        start_cursor: cursor,
        page_size: pageSize ?? 100,
        is_archived: isArchived,
      };
      const query = filterProperties ? { filter_properties: filterProperties.map(propertyId) } : undefined;
      const send = byPath('POST', `data_sources/${dataSourceId}/query`, body, query);
      return call({ name: 'query', method: 'POST', effect: 'read', send, read: readQuery }, ask);
    },
  };
}

function pageWrites(
  call: Caller,
  trashMember: 'in_trash' | 'archived',
): Pick<NotionClient, 'createPage' | 'updatePage' | 'setTrash' | 'setArchived' | 'createComment'> {
  const patch = (name: string, id: PageId, body: Body, ask: Ask) => {
    const send = byPath('PATCH', `pages/${id}`, body);
    return call({ name, method: 'PATCH', effect: 'update', send, read: readPage }, ask);
  };
  return {
    createPage: ({ dataSourceId, properties }, ask) => {
      const parent = { type: 'data_source_id', data_source_id: dataSourceId };
      const send = byPath('POST', 'pages', { parent, properties });
      return call({ name: 'createPage', method: 'POST', effect: 'create', send, read: readPage }, ask);
    },
    updatePage: ({ id, properties }, ask) => patch('updatePage', id, { properties }, ask),
    setTrash: (id, inTrash, ask) => patch('setTrash', id, { [trashMember]: inTrash }, ask),
    setArchived: (id, isArchived, ask) => patch('setArchived', id, { is_archived: isArchived }, ask),
    createComment: (page, text, ask) => {
      const send = byPath('POST', 'comments', { parent: { page_id: page }, rich_text: textRuns(text) });
      const read = readComment;
      return call({ name: 'createComment', method: 'POST', effect: 'create', send, read }, ask);
    },
  };
}

/**
 * The official client behind the throttle, with its own retries off, because it repeats what is hopeless, cuts
 * Notion's waits short and does not know a read that is a POST. Throws PgnotionError `notion_settings_invalid`.
 */
export function createNotionClient(options: NotionClientOptions): NotionClient {
  const caller = createCaller(options);
  const trashMember = options.version === '2025-09-03' ? 'archived' : 'in_trash';
  const lanes = new Map<TableName, NotionClient>();
  const over = (call: Caller): NotionClient => ({
    ...reads(call),
    ...lists(call),
    ...pageWrites(call, trashMember),
    ...databaseCalls(call),
    forLane: (lane) => {
      const known = lanes.get(lane) ?? over((what, ask) => caller(what, { ...ask, lane }));
      lanes.set(lane, known);
      return known;
    },
  });
  return over(caller);
}
