import { messageOf } from '../model/errors.ts';
import { afterReading, type Tail } from '../model/operation-tail.ts';
import type { Log } from '../runtime/log.ts';
import { pause, within } from '../runtime/retry.ts';
import { type Observation, readObservation } from '../state/observation.ts';
import { lastOperationBefore, readOperationEnds } from '../state/operation-tail.ts';
import type { Sql } from '../state/sql.ts';
import type { Metrics } from './metrics.ts';

type ObserverOptions = {
  /** The state, while this daemon is at work. */
  readonly state: () => Sql | null;
  readonly slot: string;
  readonly windowMs: number;
  readonly metrics: Metrics | null;
  readonly log: Log;
  /** Between two readings. */
  readonly everyMs?: number;
};

/** Reads what figures and alerts go by, on its own time: whoever asks for them gets what was read last. */
export type Observer = {
  /** As it is now, or was a moment ago; null if this daemon is not at work or PostgreSQL does not answer. */
  readonly look: () => Promise<Observation | null>;
  /** Keeps the figures up to date until the signal comes. Never fails. */
  readonly run: (signal: AbortSignal) => Promise<void>;
};

const EVERY_MS = 10_000;
const FRESH_MS = 1_000;
const ANSWER_MS = 5_000;
/** Operations of one statement, and how many statements one reading makes at most. */
const PAGE = 2_000;
const MOST_PAGES = 25;

export function createObserver(options: ObserverOptions): Observer {
  const { state, metrics, log, everyMs = EVERY_MS } = options;
  const counting: Counting = { tail: null, since: performance.now() };
  let last: { readonly at: number; readonly seen: Promise<Observation | null> } | null = null;
  const read = async (): Promise<Observation | null> => {
    const sql = state();
    if (sql === null) {
      // What another daemon does is counted by that one.
      counting.tail = null;
      counting.since = performance.now();
      metrics?.observed(null);
      return null;
    }
    try {
      const seen = await within(
        ANSWER_MS,
        'the figures',
        readObservation(sql, options.slot, options.windowMs),
      );
      if (metrics !== null) await countOperations(sql, metrics, counting);
      metrics?.observed(seen);
      return seen;
    } catch (error) {
      log.debug({ reason: messageOf(error) }, 'the figures cannot be read');
      metrics?.observed(null);
      return null;
    }
  };
  const look = (): Promise<Observation | null> => {
    if (last === null || performance.now() - last.at > Math.min(FRESH_MS, everyMs))
      last = { at: performance.now(), seen: read() };
    return last.seen;
  };
  return {
    look,
    run: async (signal) => {
      while (!signal.aborted) {
        await look();
        await pause(everyMs, signal);
      }
    },
  };
}

type Counting = {
  tail: Tail | null;
  /** When this daemon was not at work for the last time. */
  since: number;
};

/** Counts the operations that have ended since the last reading, each once; those before this daemon's work are not its own. */
async function countOperations(sql: Sql, metrics: Metrics, counting: Counting): Promise<void> {
  const seconds = (performance.now() - counting.since) / 1_000;
  let tail: Tail = counting.tail ?? {
    last: await within(ANSWER_MS, 'the last operation', lastOperationBefore(sql, seconds)),
    open: new Map(),
  };
  for (let pages = 0; pages < MOST_PAGES; pages += 1) {
    const asked = { last: tail.last, open: [...tail.open.keys()], limit: PAGE };
    const read = await within(ANSWER_MS, 'the operations', readOperationEnds(sql, asked));
    const next = afterReading(tail, read, performance.now());
    metrics.ended(next.ended);
    tail = next.tail;
    counting.tail = tail;
    if (read.filter(({ id }) => id > asked.last).length < PAGE) return;
  }
}
