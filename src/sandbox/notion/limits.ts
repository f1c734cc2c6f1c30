import { ApiError } from './errors.ts';

/** How many requests may come in a window; fixed windows start with their first request. */
export type Limit = {
  readonly requests: number;
  readonly windowMs: number;
  readonly mode?: 'fixed' | 'sliding';
};

export type Limiter = {
  /** Counts a request, or refuses it with 429. */
  readonly pass: (token: string, now: number) => void;
  readonly setLimit: (limit: Limit | null) => void;
  /** A budget that all tokens draw on together. */
  readonly setWorkspaceLimit: (limit: Limit | null) => void;
};

export function makeLimiter(initial: Limit | null): Limiter {
  let limit = initial;
  let workspace: Limit | null = null;
  const times = new Map<string, number[]>();
  const check = (name: string, budget: Limit | null, now: number, reason: string): void => {
    const wait = budget === null ? 0 : waitFor(budget, times.get(name) ?? [], now);
    if (wait <= 0) return;
    const seconds = String(Math.ceil(wait / 1000));
    throw new ApiError(
      429,
      'rate_limited',
      'You have been rate limited. Please try again in a few minutes.',
      {
        rate_limit_reason: reason,
        retry_after: seconds,
      },
    );
  };
  const count = (name: string, budget: Limit | null, now: number): void => {
    if (budget !== null) times.set(name, [...kept(budget, times.get(name) ?? [], now), now]);
  };
  return {
    pass: (token, now) => {
      check('workspace', workspace, now, 'public_api_space_request_rate_limit');
      check(`token ${token}`, limit, now, 'public_api_request_rate_limit');
      count('workspace', workspace, now);
      count(`token ${token}`, limit, now);
    },
    setLimit: (next) => {
      limit = next;
      for (const name of [...times.keys()]) if (name !== 'workspace') times.delete(name);
    },
    setWorkspaceLimit: (next) => {
      workspace = next;
      times.delete('workspace');
    },
  };
}

/** The requests that still count: those of the running window, or of the last stretch of its length. */
function kept(limit: Limit, times: readonly number[], now: number): readonly number[] {
  const [first] = times;
  if (limit.mode === 'sliding') return times.filter((at) => at > now - limit.windowMs);
  return first === undefined || now >= first + limit.windowMs ? [] : times;
}

function waitFor(limit: Limit, times: readonly number[], now: number): number {
  const counted = kept(limit, times, now);
  const [first] = counted;
  if (counted.length < limit.requests || first === undefined) return 0;
  const freed = limit.mode === 'sliding' ? (counted[counted.length - limit.requests] ?? first) : first;
  return freed + limit.windowMs - now;
}
