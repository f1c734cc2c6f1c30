import type { Client } from '@notionhq/client';
import { z } from 'zod';
import type { Json } from '../model/change.ts';
import { textRuns } from '../model/texts.ts';
import { type Ask, type Caller, createCaller, type NotionClientOptions } from './call.ts';
import type { Operation } from './http-error.ts';
import {
  cursorOf,
  list,
  type NotionPage,
  plain,
  type Read,
  reader,
  readPage,
  richText,
} from './response-schemas.ts';

/** Whose token it is, and what tells of the workspace's plan. */
export type ProbeSelf = {
  readonly id: string;
  readonly workspace: string | null;
  readonly maxUploadBytes: number | null;
};

/** A page or database that stands directly in a page. */
export type Child = { readonly kind: 'page' | 'database'; readonly id: string; readonly title: string };

/** Calls that a probe of the workspace makes, and a sync does not. Each is one request, and throws `NotionFailure`. */
export type ProbeClient = {
  readonly self: (ask: Ask) => Promise<ProbeSelf>;
  readonly createPageIn: (parent: string, title: string, ask: Ask) => Promise<NotionPage>;
  readonly childrenOf: (
    page: string,
    cursor: string | null,
    ask: Ask,
  ) => Promise<{ readonly children: readonly Child[]; readonly nextCursor: string | null }>;
  /** Pages whose title has the text; a new one may be missing for a while. */
  readonly searchPages: (text: string, ask: Ask) => Promise<readonly NotionPage[]>;
  readonly trashDatabase: (id: string, ask: Ask) => Promise<void>;
  /** Makes an upload, which expires if nothing takes it. Gives its id. */
  readonly beginUpload: (name: string, ask: Ask) => Promise<string>;
  readonly sendUpload: (
    id: string,
    file: { readonly name: string; readonly text: string },
    ask: Ask,
  ) => Promise<void>;
};

const readSelf: Read<ProbeSelf> = reader(
  z.object({
    id: z.string(),
    bot: z
      .object({
        workspace_name: z.string().nullish(),
        workspace_limits: z.object({ max_file_upload_size_in_bytes: z.number() }).nullish().catch(null),
      })
      .nullish()
      .catch(null),
  }),
  ({ id, bot }) => ({
    id,
    workspace: bot?.workspace_name ?? null,
    maxUploadBytes: bot?.workspace_limits?.max_file_upload_size_in_bytes ?? null,
  }),
);

const titled = z.object({ title: z.string().catch('') }).optional();
const block = z.looseObject({
  id: z.string(),
  type: z.string(),
  in_trash: z.boolean().optional(),
  archived: z.boolean().optional(),
  child_page: titled,
  child_database: titled,
});

const readChildren = reader(list, (answer) => ({
  children: answer.results.flatMap((result): readonly Child[] => {
    const { data } = block.safeParse(result);
    if (data === undefined || (data.in_trash ?? data.archived) === true) return [];
    if (data.type === 'child_page')
      return [{ kind: 'page', id: data.id, title: data.child_page?.title ?? '' }];
    if (data.type !== 'child_database') return [];
    return [{ kind: 'database', id: data.id, title: data.child_database?.title ?? '' }];
  }),
  nextCursor: cursorOf(answer),
}));

const readPages: Read<readonly NotionPage[]> = reader(list, (answer, askedAt) =>
  answer.results.flatMap((result) => {
    const isPage = z.object({ object: z.literal('page') }).safeParse(result).success;
    return isPage ? [readPage(result, askedAt)] : [];
  }),
);

const readId: Read<string> = reader(z.object({ id: z.string() }), ({ id }) => id);

export function createProbeClient(options: NotionClientOptions): ProbeClient {
  const call = createCaller(options);
  return { ...pageCalls(call), ...uploadCalls(call) };
}

type Method = Lowercase<Operation['method']>;
type Body = Record<string, unknown>;

const send =
  (method: Method, path: string, body?: Body) =>
  (notion: Client): Promise<unknown> =>
    notion.request({ method, path, ...(body === undefined ? {} : { body }) });

function pageCalls(call: Caller): Omit<ProbeClient, 'beginUpload' | 'sendUpload'> {
  return {
    self: (ask) =>
      call({ name: 'me', method: 'GET', effect: 'read', send: send('get', 'users/me'), read: readSelf }, ask),
    createPageIn: (parent, title, ask) => {
      const body = {
        parent: { type: 'page_id', page_id: parent },
        properties: { title: { title: textRuns(title) } },
      };
      const sending = send('post', 'pages', body);
      return call(
        { name: 'createPage', method: 'POST', effect: 'create', send: sending, read: readPage },
        ask,
      );
    },
    childrenOf: (page, cursor, ask) => {
      const query = { page_size: 100, ...(cursor === null ? {} : { start_cursor: cursor }) };
      const sending = (notion: Client) =>
        notion.request({ method: 'get', path: `blocks/${page}/children`, query });
      const reading = { method: 'GET', effect: 'read', send: sending, read: readChildren } as const;
      return call({ name: 'listChildren', ...reading }, ask);
    },
    searchPages: (text, ask) => {
      const filter = { property: 'object', value: 'page' };
      const sending = send('post', 'search', { query: text, filter, page_size: 100 });
      return call(
        { name: 'searchPages', method: 'POST', effect: 'read', send: sending, read: readPages },
        ask,
      );
    },
    trashDatabase: async (id, ask) => {
      const sending = send('patch', `databases/${id}`, { in_trash: true });
      const writing = { method: 'PATCH', effect: 'update', send: sending, read: readId } as const;
      await call({ name: 'trashDatabase', ...writing }, ask);
    },
  };
}

function uploadCalls(call: Caller): Pick<ProbeClient, 'beginUpload' | 'sendUpload'> {
  return {
    beginUpload: (name, ask) => {
      const body = { mode: 'single_part', filename: name, content_type: 'text/plain' };
      const sending = send('post', 'file_uploads', body);
      return call(
        { name: 'beginUpload', method: 'POST', effect: 'create', send: sending, read: readId },
        ask,
      );
    },
    sendUpload: async (id, { name, text }, ask) => {
      const data = new Blob([text], { type: 'text/plain' });
      const sending = (notion: Client) =>
        notion.request({
          method: 'post',
          path: `file_uploads/${id}/send`,
          formDataParams: { file: { filename: name, data } },
        });
      const writing = { method: 'POST', effect: 'update', send: sending, read: readId } as const;
      await call({ name: 'sendUpload', ...writing }, ask);
    },
  };
}

const titleText = z.object({ title: richText });

/** The title of a page that is no row of a data source. */
export function pageTitle(page: NotionPage): string {
  const { data } = titleText.safeParse(page.properties.title);
  return plain(data?.title);
}

/** A page's properties by name. */
export const propertiesByName = (page: NotionPage): Readonly<Record<string, Json>> =>
  Object.fromEntries(Object.values(page.properties).map((value) => [value.name, value as unknown as Json]));
