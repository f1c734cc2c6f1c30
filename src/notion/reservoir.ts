import Bottleneck from 'bottleneck';
import type { Log } from '../runtime/log.ts';
import { alarm } from './alarm.ts';

/** At most `requests` within any `windowMs`. */
export type RateLimit = { readonly requests: number; readonly windowMs: number };

export type Reservoir = {
  /** Runs `job` once a unit and a free hand are there; lower ranks first. The job gives the unit back itself. */
  readonly run: <T>(rank: number, job: () => Promise<T>) => Promise<T>;
  /** For a request that did not leave. */
  readonly giveBack: () => void;
  /** For one that left and has been answered: its unit returns a window from now. */
  readonly giveBackLater: () => void;
  /** Takes the units of requests that left before this process started, by their ages in milliseconds. */
  readonly charge: (ages: readonly number[]) => Promise<void>;
  /** Lets nothing start for `ms`; of overlapping holds the later end counts. */
  readonly hold: (ms: number) => void;
  /** What is left of the present hold; 0 if there is none. */
  readonly heldMs: () => number;
};

// Far more units than any limit has: taken out of the reservoir, they hold back whatever waits.
const HOLD = 2 ** 40;

/**
 * The reservoir whose units return a window after each request's *answer*: as a request reaches Notion between
 * leaving and its answer, Notion's own window cannot hold more than the limit either, whatever the latency.
 */
export function createReservoir(limit: RateLimit, concurrency: number, log: Log): Reservoir {
  const door = new Bottleneck({ maxConcurrent: concurrency, reservoir: limit.requests });
  let heldUntil = 0;
  let held = false;
  const add = (units: number): void => void door.incrementReservoir(units);
  const addAfter = (ms: number): void => {
    const due = performance.now() + ms;
    alarm(
      () => due,
      () => add(1),
    );
  };
  const release = (): void => {
    held = false;
    add(HOLD);
  };
  return {
    run: (rank, job) => door.schedule({ priority: rank }, job),
    giveBack: () => add(1),
    giveBackLater: () => addAfter(limit.windowMs),
    heldMs: () => Math.max(0, heldUntil - performance.now()),
    hold: (ms) => {
      heldUntil = Math.max(heldUntil, performance.now() + ms);
      if (held) return;
      held = true;
      add(-HOLD);
      alarm(() => heldUntil, release);
    },
    charge: async (ages) => {
      // A recorded request left a little after its line was written: without the slack, an old one and a new
      // one could stand closer than the window.
      const windowMs = limit.windowMs * 1.05;
      const recent = ages.filter((age) => age < windowMs);
      await door.incrementReservoir(-recent.length);
      for (const age of recent) addAfter(windowMs - Math.max(0, age));
      if (recent.length > 0) log.debug({ requests: recent.length }, 'the rate window goes on from before');
    },
  };
}
