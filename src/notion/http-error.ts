import { messageOf } from '../model/errors.ts';

/** What a request does to Notion. `effect` decides, not the method: a query is a read although it is a POST. */
export type Operation = {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly effect: 'read' | 'create' | 'update';
};

/** An HTTP answer that is no success. */
export type AnswerProblem = {
  readonly kind: 'answer';
  readonly status: number;
  /** Notion's own code; null if the body is not the API's JSON (an edge's HTML page, a proxy). */
  readonly code: string | null;
  readonly message: string;
  readonly retryAfterMs: number | null;
  readonly additional: Readonly<Record<string, unknown>>;
  readonly requestId: string | null;
};

/**
 * `unsent`: no connection, so nothing left. `certificate`: the same, and only a person can mend it. `lost`: the
 * connection broke after the request may have left. `timeout`: no whole answer within the deadline.
 * `aborted`: our caller gave up on a request that had left. `dropped`: it gave up before.
 */
export type TransportFault = 'unsent' | 'certificate' | 'lost' | 'timeout' | 'aborted' | 'dropped';

/** Why a call did not give what was asked for. */
export type HttpError = { readonly operation: Operation } & (
  | AnswerProblem
  | { readonly kind: 'transport'; readonly fault: TransportFault; readonly message: string }
  /** A success whose body we cannot use; `cut` if it is not even JSON. */
  | {
      readonly kind: 'unreadable';
      readonly cut: boolean;
      readonly message: string;
      readonly committedId: string | null;
    }
  /** The client refused to send it. */
  | { readonly kind: 'local'; readonly message: string }
);

const members = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : {};

const textOf = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);

function parsed(body: unknown): Readonly<Record<string, unknown>> {
  if (typeof body !== 'string') return {};
  try {
    return members(JSON.parse(body));
  } catch {
    return {};
  }
}

/** Seconds or an HTTP date (RFC 9110, 10.2.3) in milliseconds from now; null if it is neither. */
function retryAfter(value: unknown): number | null {
  const text = typeof value === 'number' ? String(value) : textOf(value)?.trim();
  if (!text) return null;
  if (/^\d+(\.\d+)?$/.test(text)) return Math.ceil(Number(text) * 1000);
  const date = Date.parse(text);
  return Number.isNaN(date) ? null : Math.max(0, date - Date.now());
}

function header(headers: unknown, name: string): string | null {
  return headers instanceof Headers ? headers.get(name) : textOf(members(headers)[name]);
}

type HttpFailure = { readonly status: number; readonly body: unknown; readonly headers: unknown };

const isHttpFailure = (thrown: unknown): thrown is HttpFailure =>
  thrown instanceof Error && 'status' in thrown && typeof thrown.status === 'number' && 'body' in thrown;

/**
 * The body is read here and not through the client's own error members, because the client leaves out the code
 * and `additional_data` of every code that it does not list (`row_limit_exceeded`, `bad_gateway`, …).
 */
function answerOf(failure: HttpFailure): AnswerProblem {
  const body = parsed(failure.body);
  const code = textOf(body.code);
  const additional = members(body.additional_data);
  const waits = [retryAfter(header(failure.headers, 'retry-after')), retryAfter(additional.retry_after)];
  const known = waits.filter((wait) => wait !== null);
  const ray = header(failure.headers, 'cf-ray');
  const foreign = `a body that is not the API's JSON${ray ? ` (ray id ${ray})` : ''}`;
  return {
    kind: 'answer',
    status: failure.status,
    code,
    message: textOf(body.message) ?? (code ? code : foreign),
    retryAfterMs: known.length === 0 ? null : Math.max(...known),
    additional,
    requestId: textOf(body.request_id) ?? header(failure.headers, 'x-notion-request-id'),
  };
}

/** The error and all that caused it: fetch wraps the socket's error, and a dual-stack connect wraps several. */
function* causes(thrown: unknown): Generator<{ readonly code?: unknown; readonly syscall?: unknown }> {
  if (typeof thrown !== 'object' || thrown === null) return;
  yield thrown;
  if ('cause' in thrown) yield* causes(thrown.cause);
  if (thrown instanceof AggregateError) for (const error of thrown.errors) yield* causes(error);
}

const NEVER_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT']);
const TIMED_OUT = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);
const CERTIFICATE = /^(ERR_TLS_CERT_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_)/;

function faultOf(thrown: unknown): TransportFault {
  for (const { code, syscall } of causes(thrown)) {
    if (syscall === 'connect' || syscall === 'getaddrinfo') return 'unsent';
    if (typeof code !== 'string') continue;
    if (NEVER_SENT.has(code)) return 'unsent';
    if (CERTIFICATE.test(code)) return 'certificate';
    if (TIMED_OUT.has(code)) return 'timeout';
  }
  // What we do not know may have been sent.
  return 'lost';
}

function deepest(thrown: unknown): string {
  const texts = [...causes(thrown)].map(messageOf).filter((text) => text !== '');
  return [...new Set(texts)].join(': ');
}

/**
 * Names what was thrown by the official client or by fetch. Expects a deadline to abort with a `TimeoutError` and
 * a caller with an `AbortError`, as `deadline.ts` does.
 */
export function httpErrorOf(thrown: unknown, operation: Operation): HttpError {
  if (isHttpFailure(thrown)) return { operation, ...answerOf(thrown) };
  const name = thrown instanceof Error ? thrown.name : '';
  if (name === 'TimeoutError' || name === 'RequestTimeoutError') {
    return { operation, kind: 'transport', fault: 'timeout', message: messageOf(thrown) };
  }
  if (name === 'AbortError') {
    return { operation, kind: 'transport', fault: 'aborted', message: messageOf(thrown) };
  }
  if (name === 'InvalidPathParameterError' || thrown instanceof URIError) {
    return { operation, kind: 'local', message: messageOf(thrown) };
  }
  if (thrown instanceof SyntaxError) {
    return { operation, kind: 'unreadable', cut: true, message: messageOf(thrown), committedId: null };
  }
  return { operation, kind: 'transport', fault: faultOf(thrown), message: deepest(thrown) };
}
