import type { Client } from '@notionhq/client';
import type { Json } from '../model/change.ts';
import type { DataSourceId, PageId, TableName } from '../model/ids.ts';
import { propertyId, propertyPath } from '../model/schema/property-id.ts';
import { textRuns } from '../model/texts.ts';
import { type Ask, type Call, type Caller, createCaller, type NotionClientOptions } from './call.ts';
import { type NotionComment, readComment } from './comments.ts';
import { classify, NotionFailure } from './error-classification.ts';
import type { Operation } from './http-error.ts';
import { type QueryAnswer, readQuery } from './query-response.ts';
import {
  type FoundSource,
  type Listed,
  type NotionDatabase,
  type NotionDataSource,
  type NotionPage,
  type NotionSelf,
  type NotionUser,
  type Read,
  readCreatedDatabase,
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
  readonly createDatabase: (
    input: { readonly parentPageId: string; readonly title: string; readonly properties: Properties },
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
  /** Starts a discussion on a page. */
  readonly createComment: (page: PageId, text: string, ask: Ask) => Promise<NotionComment>;
  /** The comments on a page that nobody has resolved. */
  readonly listComments: (page: PageId, ask: Ask) => Promise<readonly NotionComment[]>;
  /** The same calls in the lane of a table: see `Ask`. */
  readonly forLane: (lane: TableName) => NotionClient;
};

/** The part of a call that its kind decides. */
type Body = Readonly<Record<string, unknown>>;
type Query = Record<string, string | number | boolean | string[]>;

const given = (values: Body): Record<string, unknown> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));

/**
 * All calls go by path: the client's named methods drop parameters that they do not know (`is_archived`) and turn
 * a call into an empty one that looks like a success (`archived` on a database).
 */
function byPath(method: Operation['method'], path: string, body?: Body, query?: Query): Call<never>['send'] {
  const lower = method.toLowerCase() as Lowercase<Operation['method']>;
  return (notion: Client) =>
    notion.request({
      path,
      method: lower,
      ...(body ? { body: given(body) } : {}),
      ...(query ? { query } : {}),
    });
}

/** All pages of a list. A cursor that comes back would have us ask for ever. */
async function collect<T>(
  operation: string,
  ask: (cursor: string | undefined) => Promise<Listed<T>>,
): Promise<readonly T[]> {
  const all: T[] = [];
  const seen = new Set<string>();
  for (let cursor: string | undefined; ; ) {
    const { items, nextCursor } = await ask(cursor);
    all.push(...items);
    if (nextCursor === null) return all;
    if (seen.has(nextCursor)) {
      const message = 'the same cursor was given twice';
      const problem = { kind: 'unreadable', cut: false, message, committedId: null } as const;
      throw new NotionFailure(
        classify({ ...problem, operation: { method: 'GET', effect: 'read' } }),
        operation,
      );
    }
    seen.add(nextCursor);
    cursor = nextCursor;
  }
}

const pageQuery = (cursor: string | undefined): Query => ({
  page_size: 100,
  ...(cursor === undefined ? {} : { start_cursor: cursor }),
});

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

function schemaWrites(
  call: Caller,
): Pick<NotionClient, 'createDatabase' | 'updateDataSource' | 'describeDatabase'> {
  return {
    describeDatabase: (id, description, ask) => {
      const [send, read] = [byPath('PATCH', `databases/${id}`, { description }), readDatabase];
      return call({ name: 'describeDatabase', method: 'PATCH', effect: 'update', send, read }, ask);
    },
    createDatabase: ({ parentPageId, title, properties }, ask) => {
      const send = byPath('POST', 'databases', {
        parent: { type: 'page_id', page_id: parentPageId },
        title: textRuns(title),
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
    ...schemaWrites(call),
    forLane: (lane) => {
      const known = lanes.get(lane) ?? over((what, ask) => caller(what, { ...ask, lane }));
      lanes.set(lane, known);
      return known;
    },
  });
  return over(caller);
}
