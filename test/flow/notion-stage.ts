import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { expect, onTestFinished } from 'vitest';
import { dataSourceId, pageId } from '../../src/model/ids.ts';
import type { NotionClientOptions } from '../../src/notion/call.ts';
import {
  type Ask,
  createNotionClient,
  type NotionClient,
  type RequestInfo,
} from '../../src/notion/client.ts';
import { type ErrorClass, NotionFailure } from '../../src/notion/error-classification.ts';
import { createThrottle } from '../../src/notion/throttle.ts';

export const TOKEN = 'ntn_secret-of-the-test';
export const PAGE = pageId('0123abcd0123456789ab0123456789ab');
export const SOURCE = dataSourceId('1123abcd0123456789ab0123456789ab');
export const LIVE: Ask = { priority: 'live' };
export const EMPTY_LIST = { object: 'list', results: [], has_more: false, next_cursor: null };

export const page = (members: object = {}) => ({
  object: 'page',
  id: PAGE.replaceAll('-', ''),
  created_time: '2026-11-22T10:00:00.000Z',
  last_edited_time: '2026-11-22T10:01:00.000Z',
  created_by: { object: 'user', id: 'u1' },
  last_edited_by: { object: 'user', id: 'u2' },
  parent: { type: 'data_source_id', data_source_id: SOURCE, database_id: 'd' },
  in_trash: false,
  url: 'https://app.notion.com/p/x',
  properties: {
    Name: { id: 'title', type: 'title', title: [] },
    'In stock': { id: 'a%3Ab', type: 'checkbox' },
  },
  ...members,
});

type Seen = { readonly method: string; readonly url: string; readonly body: unknown; readonly at: number };
export type Handler = (response: ServerResponse, seen: Seen, request: IncomingMessage) => void;

export const reply =
  (status: number, body: unknown, headers: Record<string, string> = {}): Handler =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };

export const refuse = (status: number, code: string, additional_data: object = {}, headers = {}): Handler =>
  reply(status, { object: 'error', status, code, message: 'said Notion', additional_data }, headers);

type Stage = {
  readonly notion: NotionClient;
  readonly seen: Seen[];
  readonly infos: RequestInfo[];
  readonly logged: string[];
  readonly headers: IncomingMessage['headers'][];
};

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text === '' ? null : JSON.parse(text);
}

/** A client before a server that answers with the handlers in turn; the last one answers whatever comes after. */
export async function stage(
  handlers: readonly Handler[],
  options: Partial<NotionClientOptions> = {},
): Promise<Stage> {
  const seen: Seen[] = [];
  const headers: IncomingMessage['headers'][] = [];
  const server = createServer(async (request, response) => {
    const body = await bodyOf(request);
    const entry = { method: request.method ?? '', url: request.url ?? '', body, at: performance.now() };
    headers.push(request.headers);
    seen.push(entry);
    handlers[Math.min(seen.length, handlers.length) - 1]?.(response, entry, request);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const logged: string[] = [];
  const log = pino({ level: 'trace' }, { write: (line: string) => void logged.push(line) });
  const infos: RequestInfo[] = [];
  const notion = createNotionClient({
    token: TOKEN,
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    throttle: createThrottle({ limit: { requests: 1_000, windowMs: 1_000 }, log }),
    retryFirstMs: 5,
    log,
    onRequest: (info) => infos.push(info),
    ...options,
  });
  return { notion, seen, infos, logged, headers };
}

export async function failureOf(promise: Promise<unknown>): Promise<ErrorClass> {
  const error = await promise.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(NotionFailure);
  return (error as NotionFailure).errorClass;
}

export const create = (notion: NotionClient, ask = LIVE) =>
  notion.createPage({ dataSourceId: SOURCE, properties: { title: { title: [] } } }, ask);
