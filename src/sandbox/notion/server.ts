import { channel } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer, type HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { type Context, Hono } from 'hono';
import { hostAndPort, hostToAsk } from '../../model/admin-address.ts';
import { makeBlackouts } from './blackouts.ts';
import { makeCapabilities } from './capabilities.ts';
import { makeControl, type SandboxControl } from './control.ts';
import { controlCall } from './control-http.ts';
import {
  type Answer,
  admit,
  answer,
  carryOut,
  errorAnswer,
  faultAnswer,
  findRoute,
  type House,
  noRoute,
  type RawRequest,
} from './door.ts';
import { makeFaults } from './faults.ts';
import { type Feed, makeFeed } from './feed.ts';
import { feedResponse } from './feed-http.ts';
import { type Limit, makeLimiter } from './limits.ts';
import { makeLog, parentIn, type RequestLog } from './log.ts';
import { BOT, furnish, PARENT_PAGE } from './people.ts';
import { makeCursors } from './query.ts';
import { openStore } from './store.ts';
import { makeWebhooks } from './webhooks.ts';

export type SandboxOptions = {
  /** 0, the default, takes a free one. */
  port?: number;
  host?: string;
  /** The file that keeps the workspace; null, the default, keeps it in memory only. */
  journal?: string | null;
  now?: () => Date;
  /** Of each token. Notion's own 180 requests in 60 s unless given; null lifts it. */
  limit?: Limit | null;
  token?: string;
};

export type Sandbox = {
  /** For the client's `baseUrl`. A person opens it in a browser. */
  url: string;
  token: string;
  parentPageId: string;
  /** Ends all connections at once. */
  close(): Promise<void>;
  control: SandboxControl;
};

/** What the diagnostics channel `pgnotion:sandbox:exchange` tells of: a request to the API and the sandbox's own answer. */
export type Exchange = {
  readonly method: string;
  /** Query included. */
  readonly path: string;
  readonly operation: string;
  /** The `Notion-Version` that was asked for. */
  readonly version: string;
  readonly requestBody: string;
  readonly status: number;
  readonly responseBody: string;
};

const exchanges = channel('pgnotion:sandbox:exchange');

type Env = { Bindings: HttpBindings };
type Strike = ReturnType<typeof makeFaults>['strike'];
type Inside = {
  readonly house: House;
  readonly log: RequestLog;
  readonly strike: Strike;
  readonly control: SandboxControl;
  readonly feed: Feed;
};

const ASSETS = [
  { path: '/', file: 'page.html', type: 'text/html; charset=utf-8' },
  { path: '/_sandbox/page.js', file: 'page.js', type: 'text/javascript; charset=utf-8' },
  ...['data', 'table', 'grid', 'menus', 'cells', 'editors', 'popover'].map((name) => ({
    path: `/_sandbox/${name}.js`,
    file: `${name}.js`,
    type: 'text/javascript; charset=utf-8',
  })),
  { path: '/_sandbox/page.css', file: 'page.css', type: 'text/css; charset=utf-8' },
  { path: '/_sandbox/table.css', file: 'table.css', type: 'text/css; charset=utf-8' },
];

/** The page loads its own files and nothing else, and stands in no other page. */
const ASSET_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/** Starts a double of the Notion API, with a page at `/` in which a person edits. */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const {
    port = 0,
    host = '127.0.0.1',
    journal = null,
    now = () => new Date(),
    token = 'sandbox-token',
  } = options;
  const store = openStore(journal, () => now().getTime());
  furnish(store, now().getTime());
  const house: House = {
    store,
    cursors: makeCursors(),
    cuts: { cap: 10_000, shortPages: false, blackouts: makeBlackouts() },
    capabilities: makeCapabilities(() => now().getTime()),
    limiter: makeLimiter(options.limit === undefined ? { requests: 180, windowMs: 60_000 } : options.limit),
    now,
    tokens: new Map([[token, BOT]]),
  };
  const log = makeLog();
  const faults = makeFaults(() => now().getTime());
  const webhooks = makeWebhooks(store, now);
  const feed = makeFeed(store);
  const control = makeControl(house, log, faults, webhooks);
  const server = createAdaptorServer({
    fetch: makeApp({ house, log, strike: faults.strike, control, feed }).fetch,
  }) as Server;
  // Longer than clients keep a connection, so that none is closed under a request that is just leaving.
  server.keepAliveTimeout = 120_000;
  await listen(server, port, host).catch((error: unknown) => {
    store.close();
    throw error;
  });
  const { port: taken } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    webhooks.close();
    feed.close();
    await closed;
    store.close();
  };
  return {
    url: `http://${hostAndPort(hostToAsk(host), taken)}`,
    token,
    parentPageId: PARENT_PAGE,
    close,
    control,
  };
}

const listen = (server: Server, port: number, host: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });

function makeApp(inside: Inside): Hono<Env> {
  const app = new Hono<Env>();
  for (const { path, file, type } of ASSETS) {
    const text = readFileSync(new URL(file, import.meta.url), 'utf8');
    app.get(path, (c) => c.body(text, 200, { 'content-type': type, ...ASSET_HEADERS }));
  }
  app.get('/_sandbox/changes', (c) => feedResponse(inside.feed, c.req.query('source') ?? null));
  app.post('/_sandbox/call/:name', async (c) => {
    // A foreign web page can post plain text here without asking, but not JSON.
    const json = c.req.header('content-type')?.startsWith('application/json') === true;
    const result = json
      ? await controlCall(inside.control, c.req.param('name'), {
          body: await c.req.text(),
          brief: c.req.query('brief') !== undefined,
        })
      : { status: 400, body: '{"message":"content-type must be application/json"}' };
    return send(result);
  });
  app.all('/v1/*', async (c) => handle(inside, c));
  app.notFound(() => send(errorAnswer(inside.house.now(), noRoute())));
  return app;
}

/** A file, which the sandbox takes and does not keep. */
const isMultipart = (type: string | undefined): boolean => type?.startsWith('multipart/form-data') === true;

const send = (reply: {
  status: number;
  body: string;
  headers?: Readonly<Record<string, string>>;
}): Response =>
  new Response(reply.body, {
    status: reply.status,
    headers: reply.headers ?? { 'content-type': 'application/json; charset=utf-8' },
  });

/** Takes one request through log, faults, door and endpoint. */
async function handle(inside: Inside, c: Context<Env>): Promise<Response> {
  const { house, log, strike } = inside;
  const url = new URL(c.req.url);
  const request: RawRequest = {
    method: c.req.method,
    url,
    headers: c.req.raw.headers,
    body: isMultipart(c.req.header('content-type')) ? '' : await c.req.text(),
  };
  const path = url.pathname + url.search;
  const found = findRoute(request.method, url.pathname);
  const operation = found?.route.operation ?? 'unknown';
  const bodyBytes = Buffer.byteLength(request.body);
  const at = house.now().getTime();
  const parent = operation.endsWith('.create') ? parentIn(request.body) : null;
  const done = log.begin({ at, method: request.method, path, operation, parent, bodyBytes });
  const fault = strike({ method: request.method, path, operation, body: request.body });

  const early = fault !== null && 'when' in fault && fault.when === 'before';
  if (early && fault.kind === 'status') return finish(done, faultAnswer(house.now(), fault, undefined));
  if (early && fault.kind === 'reset') return cut(done, c);
  if (early && fault.kind === 'delay') await delay(fault);
  const { reply, id } = perform(house, request, found);
  if (exchanges.hasSubscribers) exchanges.publish(exchangeOf(request, path, operation, reply));
  if (fault === null || early) return finish(done, reply);
  if (fault.kind === 'reset') return cut(done, c);
  if (fault.kind === 'stall-body') return stall(done, reply);
  if (fault.kind === 'delay') await delay(fault);
  // A request that was refused would not have come as far as the failure.
  if (fault.kind === 'status' && reply.status === 200)
    return finish(done, faultAnswer(house.now(), fault, id));
  return finish(done, reply);
}

function perform(
  house: House,
  request: RawRequest,
  found: ReturnType<typeof findRoute>,
): { readonly reply: Answer; readonly id: string | undefined } {
  try {
    if (found === undefined) throw noRoute();
    const result = carryOut(house, request, found, admit(house, request));
    return {
      reply: answer(house.now(), 200, result),
      id: typeof result.id === 'string' ? result.id : undefined,
    };
  } catch (error) {
    return { reply: errorAnswer(house.now(), error), id: undefined };
  }
}

const exchangeOf = (request: RawRequest, path: string, operation: string, reply: Answer): Exchange => ({
  method: request.method,
  path,
  operation,
  version: request.headers.get('notion-version') ?? '',
  requestBody: request.body,
  status: reply.status,
  responseBody: reply.body,
});

function finish(done: (status: number) => void, reply: Answer): Response {
  done(reply.status);
  return send(reply);
}

function cut(done: (status: number) => void, c: Context<Env>): Response {
  done(0);
  c.env.incoming.socket.resetAndDestroy();
  return RESPONSE_ALREADY_SENT;
}

function stall(done: (status: number) => void, reply: Answer): Response {
  done(reply.status);
  const half = new TextEncoder().encode(reply.body).slice(0, Math.floor(reply.body.length / 2));
  const body = new ReadableStream({ start: (controller) => controller.enqueue(half) });
  return new Response(body, { status: reply.status, headers: reply.headers });
}

const delay = ({ ms, until }: { readonly ms: number; readonly until?: Promise<void> }): Promise<void> =>
  until === undefined ? pause(ms) : Promise.race([pause(ms), until]);

const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    // A pending answer is no reason for the process to stay.
    setTimeout(resolve, ms).unref();
  });
