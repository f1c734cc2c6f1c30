import { onAbort } from '../runtime/signal.ts';
import type { Priority } from './fair-queue.ts';
import { LONGEST_TIMER_MS } from './timer.ts';

/** Counts who waits and who is under way, and tells when nobody is. */
export type RequestQueue = {
  readonly waiting: Readonly<Record<Priority, number>>;
  readonly underWay: () => number;
  readonly enter: (priority: Priority) => void;
  readonly depart: (priority: Priority) => void;
  readonly leave: (priority: Priority, departed: boolean) => void;
  /** Resolves when nobody is here, or when the signal comes. */
  readonly empty: (signal?: AbortSignal) => Promise<void>;
};

export function createRequestQueue(): RequestQueue {
  const waiting: Record<Priority, number> = {
    live: 0,
    poll: 0,
    bulk: 0,
    backfill: 0,
    sweep: 0,
    bookkeeping: 0,
  };
  const watchers = new Set<() => void>();
  let present = 0;
  let underWay = 0;
  // The reservoir's timers do not hold the process; a caller who awaits a unit must.
  const keepAlive = setInterval(() => undefined, LONGEST_TIMER_MS).unref();
  return {
    waiting,
    underWay: () => underWay,
    enter: (priority) => {
      waiting[priority] += 1;
      present += 1;
      keepAlive.ref();
    },
    depart: (priority) => {
      waiting[priority] -= 1;
      underWay += 1;
    },
    leave: (priority, departed) => {
      if (departed) underWay -= 1;
      else waiting[priority] -= 1;
      present -= 1;
      if (present > 0) return;
      keepAlive.unref();
      for (const tell of watchers) tell();
    },
    empty: async (signal) => {
      while (present > 0 && !signal?.aborted) {
        const { promise, resolve } = Promise.withResolvers<void>();
        const tell = (): void => resolve();
        watchers.add(tell);
        using _ = onAbort(signal, tell);
        await promise;
        watchers.delete(tell);
      }
    },
  };
}
