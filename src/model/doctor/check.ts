import type { Fault } from '../errors.ts';
import type { Look } from './facts.ts';

/** One precondition: whether it is met, what was seen, and what to do about it. */
export type Check = {
  /** Stable, such as `postgres.wal_level`. */
  readonly id: string;
  readonly status: 'ok' | 'warning' | 'failed' | 'skipped';
  readonly seen: string;
  /** SQL, a setting or a click; null if there is nothing to do. */
  readonly fix: string | null;
};

export const ok = (id: string, seen: string): Check => ({ id, status: 'ok', seen, fix: null });
export const warning = (id: string, seen: string, fix: string): Check => ({
  id,
  status: 'warning',
  seen,
  fix,
});
export const failed = (id: string, seen: string, fix: string): Check => ({ id, status: 'failed', seen, fix });
export const skipped = (id: string, why: string): Check => ({ id, status: 'skipped', seen: why, fix: null });

/** A check of what was seen; a look that failed, or that nobody took, is a check by itself. */
export function checkOf<T>(id: string, look: Look<T>, judge: (value: T) => Check): Check {
  switch (look.kind) {
    case 'seen':
      return judge(look.value);
    case 'failed':
      return failed(id, look.message, look.remedy);
    case 'skipped':
      return skipped(id, look.why);
    default:
      return look satisfies never;
  }
}

export const ofFaults = (id: string, faults: readonly Fault[], seen: string): Check =>
  faults.length === 0
    ? ok(id, seen)
    : failed(
        id,
        faults.map(({ path, message }) => `${path}: ${message}`).join('; '),
        [...new Set(faults.map(({ remedy }) => remedy))].join('; '),
      );

/** 0 good, 1 a check failed, 2 there are only warnings. */
export function exitCodeOf(checks: readonly Check[]): 0 | 1 | 2 {
  if (checks.some(({ status }) => status === 'failed')) return 1;
  return checks.some(({ status }) => status === 'warning') ? 2 : 0;
}
