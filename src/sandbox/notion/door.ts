import { randomUUID } from 'node:crypto';
import { otherRoutes } from './api-other.ts';
import { pageRoutes } from './api-pages.ts';
import { schemaRoutes } from './api-schema.ts';
import { type Call, checkMembers, type Route } from './call.ts';
import type { Capabilities } from './capabilities.ts';
import { isObject } from './check.ts';
import { ApiError, codeOf, invalid } from './errors.ts';
import type { FaultAction } from './faults.ts';
import type { Limiter } from './limits.ts';
import type { Cursors, Cuts } from './query.ts';
import type { Store } from './store.ts';
import type { JsonObject } from './types.ts';

const ROUTES: readonly Route[] = [...pageRoutes, ...schemaRoutes, ...otherRoutes];
const VERSIONS = ['2025-09-03', '2026-03-11'];
const MAX_BODY = 500 * 1024;

/** What every request shares. */
export type House = {
  readonly store: Store;
  readonly cursors: Cursors;
  readonly cuts: Cuts;
  readonly limiter: Limiter;
  readonly capabilities: Capabilities;
  readonly now: () => Date;
  /** Token -> the user that it acts as. */
  readonly tokens: Map<string, string>;
};

export type RawRequest = {
  readonly method: string;
  readonly url: URL;
  readonly headers: { readonly get: (name: string) => string | null };
  readonly body: string;
};

export type Answer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

type Found = { readonly route: Route; readonly params: readonly string[] };

/** Which endpoint a request is for. */
export function findRoute(method: string, path: string): Found | undefined {
  for (const route of ROUTES) {
    const match = route.method === method ? route.pattern.exec(path) : null;
    if (match !== null) return { route, params: match.slice(1).map((part) => decodeOnce(part)) };
  }
  return undefined;
}

function decodeOnce(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Lets a request in or throws Notion's refusal: token, version, budget, in that order. */
export function admit(house: House, request: RawRequest): { readonly by: string; readonly version: string } {
  const token = /^Bearer (.+)$/.exec(request.headers.get('authorization') ?? '')?.[1];
  const by = token === undefined ? undefined : house.tokens.get(token);
  if (token === undefined || by === undefined)
    throw new ApiError(401, 'unauthorized', 'API token is invalid.');
  const version = request.headers.get('notion-version');
  if (version === null) {
    throw new ApiError(
      400,
      'missing_version',
      'Notion-Version header failed validation: Notion-Version header should be defined, instead was `undefined`.',
    );
  }
  if (!VERSIONS.includes(version)) {
    throw invalid(
      `Notion-Version header failed validation: Notion-Version header should be one of ${VERSIONS.join(', ')}, instead was \`"${version}"\`.`,
    );
  }
  house.limiter.pass(token, house.now().getTime());
  return { by, version };
}

/** Carries a request out, all of it or nothing. */
export function carryOut(
  house: House,
  request: RawRequest,
  found: Found,
  who: { readonly by: string; readonly version: string },
): JsonObject {
  if (Buffer.byteLength(request.body) > MAX_BODY)
    throw invalid('Request body is too large: at most 500 KB are taken.');
  const { store, cursors, cuts } = house;
  const call: Call = {
    store,
    cursors,
    cuts,
    at: house.now().getTime(),
    ...who,
    params: found.params,
    query: request.url.searchParams,
    body: parseBody(request.body),
  };
  house.capabilities.check(found.route.operation, call.at);
  checkMembers(found.route, call.body);
  return store.transact(() => found.route.run(call));
}

function parseBody(text: string): JsonObject {
  if (text === '') return {};
  try {
    const body: unknown = JSON.parse(text);
    if (isObject(body)) return body;
  } catch {
    throw new ApiError(400, 'invalid_json', 'Error parsing JSON body.');
  }
  throw invalid('body failed validation: body should be an object.');
}

/** The refusal of a path that leads nowhere. */
export const noRoute = (): ApiError => new ApiError(400, 'invalid_request_url', 'Invalid request URL.');

/** An answer as it leaves: every one has its request's id and the server's time. */
export function answer(
  now: Date,
  status: number,
  body: JsonObject,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  const id = randomUUID();
  return {
    status,
    headers: {
      'content-type': 'application/json; charset=utf-8',
      date: now.toUTCString(),
      'x-notion-request-id': id,
      ...headers,
    },
    body: JSON.stringify({ ...body, request_id: id }),
  };
}

/** An error as Notion answers it; anything that is not one is our own bug and says so. */
export function errorAnswer(now: Date, error: unknown): Answer {
  if (!(error instanceof ApiError)) {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return answer(now, 500, { object: 'error', status: 500, code: 'internal_server_error', message });
  }
  const { status, code, message, additionalData } = error;
  const retryAfter = additionalData?.retry_after;
  return answer(
    now,
    status,
    { object: 'error', status, code, message, ...(additionalData && { additional_data: additionalData }) },
    typeof retryAfter === 'string' ? { 'retry-after': retryAfter } : {},
  );
}

/** The answer that a fault rule makes up; `id` is what the request made or changed. */
export function faultAnswer(
  now: Date,
  action: Extract<FaultAction, { kind: 'status' }>,
  id: string | undefined,
): Answer {
  const { status, headers = {} } = action;
  if (action.html === true) {
    const body = `<html><head><title>${status}</title></head><body><center><h1>${status}</h1></center></body></html>`;
    return { status, headers: { 'content-type': 'text/html', date: now.toUTCString(), ...headers }, body };
  }
  const data = Object.entries(action.additionalData ?? {}).map(([key, value]) => [
    key,
    value === '$id' ? id : value,
  ]);
  const error = {
    object: 'error',
    status,
    code: action.code ?? codeOf(status),
    message: action.message ?? 'The request could not be completed.',
    ...(data.length > 0 && { additional_data: Object.fromEntries(data) }),
  };
  return answer(now, status, error, headers);
}
