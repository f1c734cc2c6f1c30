import Bottleneck from 'bottleneck';
import type { Log } from '../runtime/log.ts';
import { onAbort } from '../runtime/signal.ts';
import { createFairQueue, PRIORITIES, type Priority } from './fair-queue.ts';
import { startTimer } from './timer.ts';

/** At most `requests` within any `windowMs`. */
export type RateLimit = { readonly requests: number; readonly windowMs: number };

export type RateWindow = {
  /** Runs `job` once it is its turn and a unit and a free hand are there. The job gives the unit back itself. */
  readonly run: <T>(turn: Turn, job: () => Promise<T>) => Promise<T>;
  /** For a request that did not leave. */
  readonly giveBack: (priority: Priority) => void;
  /** For one that left and has been answered: its unit returns a window from now. */
  readonly giveBackLater: (priority: Priority) => void;
  /** Takes the units of requests that left before this process started, by their ages in milliseconds. */
  readonly charge: (ages: readonly number[]) => Promise<void>;
  /** Lets nothing start for `ms`; of overlapping holds the later end counts. */
  readonly hold: (ms: number) => void;
  /** What is left of the present hold; 0 if there is none. */
  readonly heldMs: () => number;
};

/** Where a request stands in line: see `FairQueue`. Once `hastened` comes, it stands among the most urgent ones. */
export type Turn = {
  readonly priority: Priority;
  readonly lane: string;
  readonly hastened?: AbortSignal | undefined;
};

/**
 * What patient callers may spend. A window that a backfill had spent in one burst would make the next live edit wait
 * for most of a minute.
 */
const PATIENT_SHARE = 0.8;

// Far more units than any limit has: taken out of the reservoir, they hold back whatever waits.
const HOLD = 2 ** 40;

type Door = Pick<RateWindow, 'run'> & {
  /** Adds units, or takes some out. */
  readonly add: (units: number) => Promise<unknown>;
  readonly giveBackTo: (patient: boolean) => void;
};

/** Lets requests through in their order, as far as there are units: the patient ones through an antechamber with fewer. */
function createDoor({ requests }: RateLimit, concurrency: number): Door {
  const door = new Bottleneck({ maxConcurrent: concurrency, reservoir: requests });
  const antechamber = new Bottleneck({ reservoir: Math.max(1, Math.floor(requests * PATIENT_SHARE)) });
  const queue = createFairQueue<() => Promise<void>>();
  /** Patient requests that have passed the antechamber and not the door. */
  let admitted = 0;
  // Who goes is decided at the door, when it opens: by then somebody more urgent may have come.
  const add = (units: number): Promise<unknown> => door.incrementReservoir(units);
  const passNext = async (): Promise<void> => {
    const next = queue.take((priority) => !PRIORITIES[priority].patient || admitted > 0);
    // One that was hastened came to the door twice.
    if (next === null) return void add(1);
    if (PRIORITIES[next.priority].patient) admitted -= 1;
    await next.item();
  };
  const admit = async (): Promise<void> => {
    admitted += 1;
    void door.schedule(passNext);
  };
  return {
    add,
    giveBackTo: (patient) => {
      void add(1);
      if (patient) void antechamber.incrementReservoir(1);
    },
    run: ({ priority, lane, hastened }, job) =>
      new Promise((resolve, reject) => {
        const item = async (): Promise<void> => {
          listening[Symbol.dispose]();
          await job().then(resolve, reject);
        };
        queue.add(priority, lane, item);
        const { patient } = PRIORITIES[priority];
        void (patient ? antechamber.schedule(admit) : door.schedule(passNext));
        // Its unit of the antechamber comes in time, and lets another one pass.
        const listening = onAbort(patient ? hastened : undefined, () => {
          if (queue.hasten(priority, lane, item)) void door.schedule(passNext);
        });
      }),
  };
}

/**
 * The reservoir whose units return a window after each request's *answer*: as a request reaches Notion between
 * leaving and its answer, Notion's own window cannot hold more than the limit either, whatever the latency.
 */
export function createRateWindow(limit: RateLimit, concurrency: number, log: Log): RateWindow {
  const { run, add, giveBackTo } = createDoor(limit, concurrency);
  let heldUntil = 0;
  let held = false;
  const giveBackAfter = (ms: number, patient: boolean): void => {
    const due = performance.now() + ms;
    startTimer(
      () => due,
      () => giveBackTo(patient),
    );
  };
  const release = (): void => {
    held = false;
    void add(HOLD);
  };
  return {
    run,
    giveBack: (priority) => giveBackTo(PRIORITIES[priority].patient),
    giveBackLater: (priority) => giveBackAfter(limit.windowMs, PRIORITIES[priority].patient),
    heldMs: () => Math.max(0, heldUntil - performance.now()),
    hold: (ms) => {
      heldUntil = Math.max(heldUntil, performance.now() + ms);
      if (held) return;
      held = true;
      void add(-HOLD);
      startTimer(() => heldUntil, release);
    },
    charge: async (ages) => {
      // A recorded request left a little after its line was written: without the slack, an old one and a new
      // one could stand closer than the window.
      const windowMs = limit.windowMs * 1.05;
      const recent = ages.filter((age) => age < windowMs);
      await add(-recent.length);
      for (const age of recent) giveBackAfter(windowMs - Math.max(0, age), false);
      if (recent.length > 0) log.debug({ requests: recent.length }, 'the rate window goes on from before');
    },
  };
}
