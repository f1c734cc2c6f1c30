import { PgnotionError } from '../model/errors.ts';
import type { Log } from '../runtime/log.ts';
import { pause } from '../runtime/retry.ts';
import { onAbort } from '../runtime/signal.ts';
import type { Priority } from './fair-queue.ts';
import { createRateWindow, type RateLimit, type RateWindow, type Turn } from './rate-window.ts';
import { createRequestQueue, type RequestQueue } from './request-queue.ts';
import { LONGEST_TIMER_MS } from './timer.ts';

export type { Priority } from './fair-queue.ts';
export type { RateLimit } from './rate-window.ts';

/** Remembers across restarts what has left, so that a crash does not empty the window. */
export type Ledger = {
  /** Ages in milliseconds of the requests that left within the window before this process started. */
  readonly open: () => Promise<readonly number[]>;
  /** Awaited before each request leaves; a rejection holds that request back and is what its caller gets. */
  readonly record: (priority: Priority) => Promise<void>;
};

type ThrottleOptions = {
  readonly limit: RateLimit;
  /** How many requests may be under way at once; 4 by default. */
  readonly concurrency?: number;
  readonly ledger?: Ledger;
  readonly log: Log;
};

export type Throttle = {
  /**
   * Runs `job`, which sends exactly one request, when the budget allows. Rejects with `NeverLeft` if the signal
   * or `stop` comes before the request leaves; afterwards the signal is the job's own business. `beforeLeaving`
   * is awaited once the request has its place; its rejection holds the request back and is what the caller gets.
   * Requests of one priority take turns by `lane`; one that waits becomes as urgent as can be when `hastened` comes.
   */
  readonly schedule: <T>(
    priority: Priority,
    signal: AbortSignal | undefined,
    job: () => Promise<T>,
    beforeLeaving?: () => Promise<void>,
    place?: { readonly lane?: string | undefined; readonly hastened?: AbortSignal | undefined },
  ) => Promise<T>;
  /** Lets nothing leave for `ms`. Of overlapping pauses the later end counts. */
  readonly pauseFor: (ms: number) => void;
  /** Resolves when nothing waits or is under way, or when the signal comes. New requests are still let in. */
  readonly drain: (signal?: AbortSignal) => Promise<void>;
  /** Lets nothing more leave, rejects what waits, and resolves when what is under way has settled. */
  readonly stop: (signal?: AbortSignal) => Promise<void>;
  readonly snapshot: () => ThrottleSnapshot;
};

type ThrottleSnapshot = {
  readonly waiting: Readonly<Record<Priority, number>>;
  readonly underWay: number;
  /** How long the present pause still lasts; 0 if there is none. */
  readonly pausedMs: number;
};

/** A request that was given up before it left: Notion has not seen it. */
export class NeverLeft extends PgnotionError {
  constructor(message: string, cause?: unknown) {
    super({
      code: 'notion_request_dropped',
      message,
      remedy: 'nothing to do: it was not sent, and is sent again when the work goes on',
      retryable: true,
      cause,
    });
    this.name = 'NeverLeft';
  }
}

/**
 * Reads `180/60s`, Notion's limit for one connection (600/60s on Business plans).
 * Throws PgnotionError `rate_limit_invalid`.
 */
export function parseRateLimit(text: string): RateLimit {
  const match = /^\s*(\d{1,9})\s*\/\s*(\d{1,6}(?:\.\d+)?)\s*s\s*$/.exec(text);
  const requests = Number(match?.[1]);
  const windowMs = Math.round(Number(match?.[2]) * 1000);
  if (match && requests > 0 && windowMs > 0) return { requests, windowMs };
  throw new PgnotionError({
    code: 'rate_limit_invalid',
    message: `not a rate limit: ${JSON.stringify(text)}`,
    remedy: 'set NOTION_RATE_LIMIT to requests/seconds, both above zero, such as 180/60s',
  });
}

/** Restores the window from the ledger once; a failure is its caller's, and the next caller tries again. */
function opener(ledger: Ledger | undefined, window: RateWindow): () => Promise<void> {
  let opening: Promise<void> | null = null;
  return () => {
    if (!ledger) return Promise.resolve();
    opening ??= ledger
      .open()
      .then(window.charge)
      .catch((error: unknown) => {
        opening = null;
        throw error;
      });
    return opening;
  };
}

/** One caller on its way through the door. */
type Passage = {
  readonly turn: Turn;
  readonly gone: AbortSignal;
  /** What has to be written down before a request leaves. */
  readonly prepare: () => Promise<void>;
  readonly depart: () => void;
};

/** Once a unit is there: waits out a pause, has written down what must be, and sends. */
async function pass<T>(
  { turn, gone, prepare, depart }: Passage,
  window: RateWindow,
  job: () => Promise<T>,
): Promise<T> {
  let departed = false;
  try {
    do {
      while (window.heldMs() > 0 && !gone.aborted) {
        await pause(Math.min(Math.ceil(window.heldMs()), LONGEST_TIMER_MS), gone);
      }
      gone.throwIfAborted();
      await prepare();
      // A pause that came meanwhile makes the ledger's line too old to count from.
    } while (window.heldMs() > 0);
    gone.throwIfAborted();
    departed = true;
    depart();
    return await job();
  } finally {
    if (departed) window.giveBackLater(turn.priority);
    else window.giveBack(turn.priority);
  }
}

/** Calls `drop` when one of the signals comes, until `using` ends it. */
function listen(signals: readonly (AbortSignal | undefined)[], drop: () => void): Disposable {
  const listening = signals.map((signal) => onAbort(signal, drop));
  return {
    [Symbol.dispose]: () => {
      for (const each of listening) each[Symbol.dispose]();
    },
  };
}

function createSchedule(
  options: ThrottleOptions,
  window: RateWindow,
  queue: RequestQueue,
  closing: AbortSignal,
): Throttle['schedule'] {
  const open = opener(options.ledger, window);
  return async (priority, signal, job, beforeLeaving, { lane = '', hastened } = {}) => {
    const gone = new AbortController();
    const dropped = Promise.withResolvers<never>();
    let preparing = false;
    let departed = false;
    using _ = listen([signal, closing], () => {
      if (departed) return;
      const why = closing.aborted ? 'the throttle was stopped' : 'the caller gave up';
      const error = new NeverLeft(`${why} before the request left`, signal?.reason);
      gone.abort(error);
      // What is being written down must not come true after the caller has heard that nothing left.
      if (!preparing) dropped.reject(error);
    });
    if (gone.signal.aborted) return dropped.promise;
    const prepare = async (): Promise<void> => {
      preparing = true;
      await beforeLeaving?.();
      await options.ledger?.record(priority);
      preparing = false;
    };
    const depart = (): void => {
      departed = true;
      queue.depart(priority);
    };
    const turn = { priority, lane, hastened };
    const passage = { turn, gone: gone.signal, prepare, depart };
    queue.enter(priority);
    try {
      const admitted = open().then(() => window.run(turn, () => pass(passage, window, job)));
      return await Promise.race([dropped.promise, admitted]);
    } finally {
      queue.leave(priority, departed);
    }
  };
}

/** The only door to Notion: rate (invariant 8), order, concurrency, and the waiting that Notion asks for. */
export function createThrottle(options: ThrottleOptions): Throttle {
  const window = createRateWindow(options.limit, options.concurrency ?? 4, options.log);
  const queue = createRequestQueue();
  const closing = new AbortController();
  return {
    schedule: createSchedule(options, window, queue, closing.signal),
    pauseFor: (ms) => {
      if (ms <= 0) return;
      options.log.debug({ ms }, 'nothing leaves for Notion until the pause is over');
      window.hold(ms);
    },
    drain: queue.empty,
    stop: (signal) => {
      closing.abort();
      return queue.empty(signal);
    },
    snapshot: () => ({
      waiting: { ...queue.waiting },
      underWay: queue.underWay(),
      pausedMs: Math.ceil(window.heldMs()),
    }),
  };
}
