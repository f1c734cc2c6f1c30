import Bottleneck from 'bottleneck';
import type { Log } from '../runtime/log.ts';
import { alarm } from './alarm.ts';

/** At most `requests` within any `windowMs`. */
export type RateLimit = { readonly requests: number; readonly windowMs: number };

export type Reservoir = {
  /** Runs `job` once a unit and a free hand are there; lower ranks first. The job gives the unit back itself. */
  readonly run: <T>(caller: Caller, job: () => Promise<T>) => Promise<T>;
  /** For a request that did not leave. */
  readonly giveBack: (caller: Caller) => void;
  /** For one that left and has been answered: its unit returns a window from now. */
  readonly giveBackLater: (caller: Caller) => void;
  /** Takes the units of requests that left before this process started, by their ages in milliseconds. */
  readonly charge: (ages: readonly number[]) => Promise<void>;
  /** Lets nothing start for `ms`; of overlapping holds the later end counts. */
  readonly hold: (ms: number) => void;
  /** What is left of the present hold; 0 if there is none. */
  readonly heldMs: () => number;
};

export type Caller = {
  readonly rank: number;
  /** Nobody waits for it: it may never spend the last part of the window. */
  readonly patient: boolean;
};

/**
 * What patient callers may spend. A window that a backfill had spent in one burst would make the next live edit wait
 * for most of a minute.
 */
const PATIENT_SHARE = 0.8;

// Far more units than any limit has: taken out of the reservoir, they hold back whatever waits.
const HOLD = 2 ** 40;

/**
 * The reservoir whose units return a window after each request's *answer*: as a request reaches Notion between
 * leaving and its answer, Notion's own window cannot hold more than the limit either, whatever the latency.
 */
export function createReservoir(limit: RateLimit, concurrency: number, log: Log): Reservoir {
  const door = new Bottleneck({ maxConcurrent: concurrency, reservoir: limit.requests });
  const antechamber = new Bottleneck({ reservoir: Math.max(1, Math.floor(limit.requests * PATIENT_SHARE)) });
  let heldUntil = 0;
  let held = false;
  const add = (units: number): void => void door.incrementReservoir(units);
  const giveBack = ({ patient }: Pick<Caller, 'patient'>): void => {
    add(1);
    if (patient) void antechamber.incrementReservoir(1);
  };
  const giveBackAfter = (ms: number, caller: Pick<Caller, 'patient'>): void => {
    const due = performance.now() + ms;
    alarm(
      () => due,
      () => giveBack(caller),
    );
  };
  const release = (): void => {
    held = false;
    add(HOLD);
  };
  return {
    run: ({ rank, patient }, job) => {
      const enter = () => door.schedule({ priority: rank }, job);
      return patient ? antechamber.schedule({ priority: rank }, enter) : enter();
    },
    giveBack,
    giveBackLater: (caller) => giveBackAfter(limit.windowMs, caller),
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
      for (const age of recent) giveBackAfter(windowMs - Math.max(0, age), { patient: false });
      if (recent.length > 0) log.debug({ requests: recent.length }, 'the rate window goes on from before');
    },
  };
}
