import { Client } from '@notionhq/client';
import { messageOf, PgnotionError } from '../model/errors.ts';
import { storable } from '../model/storable.ts';
import type { Log } from '../runtime/log.ts';
import { backoff, pause } from '../runtime/retry.ts';
import { classify, type ErrorClass, NotionFailure } from './error-classification.ts';
import { boundedFetch } from './fetch-timeout.ts';
import { httpErrorOf, type Operation } from './http-error.ts';
import { createRefusalGate, type KeepRefusal } from './refusal-gate.ts';
import { type Read, Unreadable } from './response-schemas.ts';
import { NeverLeft, type Priority, type Throttle } from './throttle.ts';

/** Notion's API versions that this client speaks; older ones know no data sources. */
type NotionVersion = '2026-03-11' | '2025-09-03';

/** What each request tells the metrics once it is over. */
export type RequestInfo = {
  readonly operation: string;
  readonly method: Operation['method'];
  /** Null if there was no answer. */
  readonly status: number | null;
  /** From leaving to the answer's end, in milliseconds. */
  readonly ms: number;
  /** How long it waited for its place within the rate limit, in milliseconds. */
  readonly waitedMs: number;
  readonly priority: Priority;
  /** When it was answered, by Notion's clock in whole seconds; null if there was no answer. */
  readonly date: string | null;
  /** Null if it gave what was asked for. */
  readonly verdict: ErrorClass | null;
};

export type NotionClientOptions = {
  readonly token: string;
  readonly baseUrl?: string;
  readonly version?: NotionVersion;
  /** For one request, body and all; 30,000 by default. */
  readonly timeoutMs?: number;
  /** The first wait before a read is tried again; 500 by default. */
  readonly retryFirstMs?: number;
  readonly throttle: Throttle;
  readonly log: Log;
  readonly onRequest?: (info: RequestInfo) => void;
  readonly keepRefusal?: KeepRefusal;
};

/** How a call travels. */
export type Ask = {
  readonly priority: Priority;
  /** Calls of one priority take turns by lane: the table that they are made for. */
  readonly lane?: string;
  /** Comes when somebody more urgent waits for this: a call that waits is among the most urgent ones then. */
  readonly hastened?: AbortSignal;
  /** Gives up a call that waits, and one that is under way (then in doubt). */
  readonly signal?: AbortSignal;
  /**
   * Awaited each time before a request of this call leaves, once it has its place in the window: for what must be
   * written down of a request that is sent, but not of one that still waits. A rejection is thrown as it is.
   */
  readonly beforeLeaving?: () => Promise<void>;
};

/** One call of the API. */
export type Call<T> = Operation & {
  readonly name: string;
  readonly send: (notion: Client) => Promise<unknown>;
  /** Takes what is needed out of the answer; throws when it is not there. */
  readonly read: Read<T>;
};

/** Makes a call through the throttle, trying again where that is safe. Throws `NotionFailure`, and what the
 * ledger or `beforeLeaving` throw. */
export type Caller = <T>(call: Call<T>, ask: Ask) => Promise<T>;

type Outcome<T> = { readonly value: T } | { readonly errorClass: ErrorClass };

const READ_ATTEMPTS = 3;
const LONGEST_BACKOFF_MS = 60_000;

function invalid(setting: string, remedy: string): PgnotionError {
  return new PgnotionError({
    code: 'notion_settings_invalid',
    message: `${setting} cannot be used`,
    remedy,
  });
}

function checkSettings(options: NotionClientOptions): void {
  // fetch quotes a header that it refuses, token and all, in its error.
  if (!/^[\x21-\x7e]+$/.test(options.token)) {
    throw invalid(
      'NOTION_API_KEY',
      'set NOTION_API_KEY to the token again: it is empty, or holds a space or a line end',
    );
  }
  if (options.baseUrl !== undefined && !/^https?:$/.test(URL.parse(options.baseUrl)?.protocol ?? '')) {
    throw invalid('NOTION_BASE_URL', 'set NOTION_BASE_URL to a whole URL, such as https://api.notion.com');
  }
}

function readAnswer<T>(call: Call<T>, answer: unknown, askedAt: number): Outcome<T> {
  try {
    return { value: call.read(answer, askedAt) };
  } catch (error) {
    const committedId = error instanceof Unreadable ? error.id : null;
    const operation = { method: call.method, effect: call.effect };
    const message = messageOf(error);
    return { errorClass: classify({ kind: 'unreadable', cut: false, message, committedId, operation }) };
  }
}

/** Sends one request. Never throws. */
function createSender(options: NotionClientOptions) {
  const { token, baseUrl, version = '2026-03-11', timeoutMs = 30_000 } = options;
  const settings = {
    auth: token,
    notionVersion: version,
    retry: false as const,
    // Only a belt: the deadline of the fetch comes first.
    timeoutMs: timeoutMs * 2,
    // The client's log holds bodies and knows no redaction.
    logger: () => undefined,
    ...(baseUrl === undefined ? {} : { baseUrl: baseUrl.replace(/\/+$/, '') }),
  };
  return async <T>(call: Call<T>, { priority, signal }: Ask, waitedMs: number): Promise<Outcome<T>> => {
    using bounded = boundedFetch(timeoutMs, signal);
    const left = performance.now();
    const attempt = async (): Promise<Outcome<T>> => {
      try {
        const answer = await call.send(new Client({ ...settings, fetch: bounded.fetch }));
        return readAnswer(call, storable(answer), left);
      } catch (error) {
        const errorClass = classify(httpErrorOf(error, { method: call.method, effect: call.effect }));
        return { errorClass: { ...errorClass, message: errorClass.message.replaceAll(token, '[secret]') } };
      }
    };
    const outcome = await attempt();
    const ms = performance.now() - left;
    const { name: operation, method } = call;
    const verdict = 'errorClass' in outcome ? outcome.errorClass : null;
    options.onRequest?.({
      operation,
      method,
      status: bounded.status(),
      ms,
      waitedMs,
      priority,
      date: bounded.date(),
      verdict,
    });
    return outcome;
  };
}

/** Makes one try of a call, as the throttle and the gate allow; `pauses` are those that this call has met. */
function createAttempt(options: NotionClientOptions) {
  const { throttle, log, keepRefusal } = options;
  const send = createSender(options);
  const gate = createRefusalGate(log, keepRefusal);
  return async <T>(call: Call<T>, ask: Ask, pauses: number): Promise<Outcome<T>> => {
    const askedAt = performance.now();
    try {
      gate.check(call.name);
      const beforeLeaving = async (): Promise<void> => {
        gate.leave(call.name);
        await ask.beforeLeaving?.();
      };
      const job = async (): Promise<Outcome<T>> => {
        const leftAt = performance.now();
        const outcome = await send(call, ask, leftAt - askedAt);
        await gate.answered('errorClass' in outcome ? outcome.errorClass : null, leftAt);
        // Before the request gives its place to the next one, which must wait too.
        if ('errorClass' in outcome && outcome.errorClass.pausesAll) {
          const limits = { firstMs: 1_000, maxMs: LONGEST_BACKOFF_MS };
          throttle.pauseFor(outcome.errorClass.afterMs ?? backoff(pauses + 1, limits));
        }
        return outcome;
      };
      return await throttle.schedule(ask.priority, ask.signal, job, beforeLeaving, ask);
    } catch (error) {
      if (!(error instanceof NeverLeft)) throw error;
      const operation = { method: call.method, effect: call.effect };
      return {
        errorClass: classify({ kind: 'transport', fault: 'dropped', message: error.message, operation }),
      };
    }
  };
}

/**
 * 429 and 529 say that nothing was done: every call waits as long as Notion asks and is made again. Other failures
 * that may pass are tried again for reads alone; a write's failure goes to the caller, who looks before repeating.
 */
export function createCaller(options: NotionClientOptions): Caller {
  checkSettings(options);
  const { log, retryFirstMs = 500 } = options;
  const attempt = createAttempt(options);

  return async (call, ask) => {
    let pauses = 0;
    for (let failures = 0; ; ) {
      const outcome = await attempt(call, ask, pauses);
      if ('value' in outcome) return outcome.value;
      const { errorClass } = outcome;
      const { code, status, afterMs, requestId } = errorClass;
      log.debug({ operation: call.name, code, status, afterMs, requestId }, 'a request to Notion failed');
      if (errorClass.pausesAll) {
        pauses += 1;
        continue;
      }
      failures += 1;
      const passes = errorClass.retry === 'soon' || errorClass.retry === 'later';
      const again = call.effect === 'read' && passes && failures < READ_ATTEMPTS && !ask.signal?.aborted;
      if (!again) throw new NotionFailure(errorClass, call.name);
      const waitMs = backoff(failures, { firstMs: retryFirstMs, maxMs: LONGEST_BACKOFF_MS });
      await pause(Math.max(waitMs, afterMs ?? 0), ask.signal ?? new AbortController().signal);
    }
  };
}
