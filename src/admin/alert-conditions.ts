import type { AlertLimits } from '../model/alert-limits.ts';
import type { Observation } from '../state/observation.ts';
import { conflictRatio } from './metrics.ts';

/** What figures tell a person who has to know of it. */
export type Condition =
  | { readonly kind: 'failures'; readonly count: number }
  | { readonly kind: 'conflict-rate'; readonly percent: number; readonly conflicts: number }
  | { readonly kind: 'backlog-depth'; readonly count: number }
  | { readonly kind: 'backlog-age'; readonly minutes: number }
  | { readonly kind: 'rate-limited'; readonly requests: number }
  | { readonly kind: 'slot-lost'; readonly status: string }
  | { readonly kind: 'slot-lagging'; readonly minutes: number | null; readonly megabytes: number | null }
  | { readonly kind: 'drift'; readonly count: number; readonly tables: string }
  | { readonly kind: 'verify-differences'; readonly count: number; readonly run: string };

/** The conditions that hold, by the limits of the configuration. `limited`: requests of the last ten minutes. */
export function conditionsOf(
  seen: Observation | null,
  limited: number,
  limits: AlertLimits,
): readonly Condition[] {
  const pressed = reaches(limited, limits.limitedRequests);
  return [
    ...(pressed ? [{ kind: 'rate-limited', requests: limited } as const] : []),
    ...(seen === null ? [] : [...workConditions(seen, limits), ...slotConditions(seen, limits)]),
  ];
}

const reaches = (value: number | null, limit: number | null): boolean =>
  value !== null && limit !== null && value >= limit;

function workConditions(seen: Observation, limits: AlertLimits): readonly Condition[] {
  const { failures, backlog, drift, drifting, verify } = seen;
  const ratio = conflictRatio(seen);
  const minutes = backlog.seconds === null ? null : backlog.seconds / 60;
  const percent = Math.round(ratio * 1_000) / 10;
  return [
    ...(reaches(failures, limits.failures) ? [{ kind: 'failures', count: failures } as const] : []),
    ...(limits.conflictRate !== null && ratio > limits.conflictRate
      ? [{ kind: 'conflict-rate', percent, conflicts: seen.conflictsOfHour } as const]
      : []),
    ...(reaches(backlog.entries, limits.backlogEntries)
      ? [{ kind: 'backlog-depth', count: backlog.entries } as const]
      : []),
    ...(minutes !== null && reaches(minutes, limits.backlogMinutes)
      ? [{ kind: 'backlog-age', minutes: Math.floor(minutes) } as const]
      : []),
    ...(limits.drift && drift > 0
      ? [{ kind: 'drift', count: drift, tables: drifting.join(', ') } as const]
      : []),
    ...(limits.verifyDifferences && verify !== null && verify.differences > 0
      ? [{ kind: 'verify-differences', count: verify.differences, run: verify.run } as const]
      : []),
  ];
}

function slotConditions({ slot }: Observation, limits: AlertLimits): readonly Condition[] {
  if (slot === null) return [];
  const status = slot.exists ? slot.walStatus : 'missing';
  if (status === 'missing' || status === 'lost') return [{ kind: 'slot-lost', status }];
  const minutes = slot.lagSeconds === null ? null : slot.lagSeconds / 60;
  const megabytes = slot.retainedBytes === null ? null : slot.retainedBytes / 1_048_576;
  const lags =
    status === 'unreserved' ||
    reaches(minutes, limits.slotLagMinutes) ||
    reaches(megabytes, limits.slotRetainedMegabytes);
  return lags
    ? [
        {
          kind: 'slot-lagging',
          minutes: minutes === null ? null : Math.floor(minutes),
          megabytes: megabytes === null ? null : Math.round(megabytes),
        },
      ]
    : [];
}

/** A live change that waits longer for its request feels the limit. */
const LONG_WAIT_MS = 30_000;
const SPAN_MS = 600_000;
const MOST = 10_000;

/** Counts the requests of the last ten minutes that felt the rate limit. */
export function createPressure() {
  let times: readonly number[] = [];
  return {
    add: (request: { status: number | null; priority: string; waitedMs: number }, now: number): void => {
      const { status, priority, waitedMs } = request;
      if (status === 429 || status === 529 || (priority === 'live' && waitedMs > LONG_WAIT_MS))
        times = [...times, now].slice(-MOST);
    },
    count: (now: number): number => {
      times = times.filter((at) => now - at < SPAN_MS);
      return times.length;
    },
  };
}
