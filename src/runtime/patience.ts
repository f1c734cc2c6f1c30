import { backoff } from './retry.ts';

/** What failed is tried again later and ever less often, so that it keeps nothing beside it waiting. */
export type Patience<Key> = {
  /** Whether its time has come, or it has not failed at all. */
  readonly mayTry: (key: Key) => boolean;
  /** Gives the milliseconds until it may be tried again, and how often it has failed in a row. */
  readonly failed: (key: Key) => { readonly waitMs: number; readonly attempts: number };
  readonly passed: (key: Key) => void;
};

/** How many failures are remembered; beyond that the oldest are forgotten, and tried again at once. */
const MOST = 10_000;

export function createPatience<Key>(
  limits: { readonly firstMs: number; readonly maxMs: number },
  steadyMs: () => number = () => performance.now(),
): Patience<Key> {
  const broken = new Map<Key, { readonly attempts: number; readonly againAt: number }>();
  return {
    mayTry: (key) => steadyMs() >= (broken.get(key)?.againAt ?? Number.NEGATIVE_INFINITY),
    failed: (key) => {
      const attempts = (broken.get(key)?.attempts ?? 0) + 1;
      const waitMs = backoff(attempts, limits);
      broken.delete(key);
      broken.set(key, { attempts, againAt: steadyMs() + waitMs });
      const [oldest] = broken.keys();
      if (broken.size > MOST && oldest !== undefined) broken.delete(oldest);
      return { waitMs, attempts };
    },
    passed: (key) => void broken.delete(key),
  };
}
