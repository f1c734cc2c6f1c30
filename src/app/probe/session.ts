import { PgnotionError } from '../../model/errors.ts';
import { FOR_REMOVAL, MOST_REQUESTS } from '../../model/probe/plan.ts';
import type { Ask, NotionClient, RequestInfo } from '../../notion/client.ts';
import type { ProbeClient } from '../../notion/probe-client.ts';
import type { Log } from '../../runtime/log.ts';
import type { Store } from '../../state/sql.ts';

/** Time as the probe measures it, and waits. */
export type ProbeClock = {
  /** Milliseconds on a clock that never goes back. */
  readonly now: () => number;
  readonly wall: () => Date;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
};

export type Timed<T> = { readonly askedMs: number; readonly answeredMs: number; readonly value: T };

type RequestSeen = {
  readonly atMs: number;
  readonly status: number | null;
  readonly retryAfterMs: number | null;
};

/** One run of the probe: whatever it sends is counted, each attempt of its own. */
export type Session = {
  readonly notion: NotionClient;
  readonly client: ProbeClient;
  readonly store: Store;
  readonly clock: ProbeClock;
  readonly signal: AbortSignal;
  readonly graceMs: number;
  readonly log: Log;
  readonly tell: (text: string) => void;
  /** For a call that the signal ends, within the budget less what removal needs; `begin` is stored before it leaves. */
  readonly ask: (begin?: () => Promise<void>) => Ask;
  /** For the removal of what was made, which goes on after the signal. */
  readonly removing: () => Ask;
  readonly timed: <T>(call: (ask: Ask) => Promise<T>) => Promise<Timed<T>>;
  /** How many requests may still be sent, beside those for the removal. */
  readonly left: () => number;
  readonly used: () => number;
  readonly requests: readonly RequestSeen[];
  readonly onRequest: (info: RequestInfo) => void;
};

export const BUDGET_SPENT = 'probe_budget_spent';

const spent = (most: number): PgnotionError =>
  new PgnotionError({
    code: BUDGET_SPENT,
    message: `the probe would need more than its ${most} requests`,
    remedy: 'run `pgnotion doctor --probe` again when Notion answers without errors',
  });

type Given = Pick<Session, 'notion' | 'client' | 'store' | 'clock' | 'signal' | 'graceMs' | 'log' | 'tell'>;

/** `observer` is told of each request, and knows the session only once it is there. */
export function createSession(given: Given): Session {
  const { clock, signal } = given;
  const requests: RequestSeen[] = [];
  let used = 0;
  const leave = (most: number): void => {
    if (used >= most) throw spent(MOST_REQUESTS);
    used += 1;
  };
  const forWork = MOST_REQUESTS - FOR_REMOVAL;
  const ask: Session['ask'] = (begin) => ({
    priority: 'live',
    signal,
    beforeLeaving: async () => {
      leave(forWork);
      await begin?.();
    },
  });
  return {
    ...given,
    ask,
    removing: () => ({ priority: 'live', beforeLeaving: async () => leave(MOST_REQUESTS) }),
    timed: async (call) => {
      let askedMs = clock.now();
      // Asked again after a 429, it is the last attempt that is answered.
      const value = await call(
        ask(async () => {
          askedMs = clock.now();
        }),
      );
      return { askedMs, answeredMs: clock.now(), value };
    },
    left: () => Math.max(0, forWork - used),
    used: () => used,
    requests,
    onRequest: ({ status, verdict }) =>
      void requests.push({ atMs: clock.now(), status, retryAfterMs: verdict?.afterMs ?? null }),
  };
}
