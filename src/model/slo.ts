/** What the report counts: the operations of a window, and what else tells of it. */
export type SloCounts = {
  readonly done: number;
  readonly failed: number;
  /** Of the changes with a known latency, those that took less than `PROMPT_SECONDS`. */
  readonly prompt: number;
  /** By the number of their bucket. */
  readonly latencies: ReadonlyMap<number, number>;
  readonly conflicts: number;
  /** Comparisons of both sides that ended within the window. */
  readonly comparisons: number;
  /** The most differences that one of them found. */
  readonly differences: number;
};

export const TARGETS = {
  successRate: 0.999,
  latencySeconds: 300,
  conflictRate: 0.01,
  lostChanges: 0,
} as const;

/** Each bucket reaches from 1.1 ^ n seconds to 1.1 ^ (n + 1): what is read from it is right to 5 %. */
export const BUCKET_BASE = 1.1;
/** What takes less is counted as this. */
export const LEAST_SECONDS = 0.001;

/** `isMet` is null where there is no data. */
type Objective = { readonly isMet: boolean | null };

export type Slo = {
  readonly since: Date;
  readonly until: Date;
  readonly success: Objective & {
    readonly rate: number | null;
    readonly target: number;
    readonly done: number;
    readonly failed: number;
  };
  readonly latency: Objective & {
    readonly p50: number | null;
    readonly p95: number | null;
    readonly p99: number | null;
    /** Of the changes whose latency is known, the share that took less than the target. */
    readonly share: number | null;
    readonly target: number;
    readonly changes: number;
  };
  readonly conflicts: Objective & {
    readonly rate: number | null;
    readonly target: number;
    readonly conflicts: number;
  };
  readonly lost: Objective & {
    readonly changes: number | null;
    readonly target: number;
    readonly comparisons: number;
  };
  /** False if any objective is missed; null if there is no data at all. */
  readonly isMet: boolean | null;
};

/** How the success criteria were met within a window. Where nothing was measured, it says that, and not that all is well. */
export function sloOf(counts: SloCounts, since: Date, until: Date): Slo {
  const { done, failed, conflicts, comparisons, differences, latencies } = counts;
  const changes = [...latencies.values()].reduce((sum, n) => sum + n, 0);
  const quantile = (share: number): number | null => quantileOf(latencies, changes, share);
  const rate = ratio(done, done + failed);
  const p99 = quantile(0.99);
  const clashing = done === 0 && conflicts === 0 ? null : conflicts / Math.max(done, conflicts);
  const parts = {
    success: {
      rate,
      target: TARGETS.successRate,
      isMet: rate === null ? null : rate >= TARGETS.successRate,
      done,
      failed,
    },
    latency: {
      p50: quantile(0.5),
      p95: quantile(0.95),
      p99,
      share: ratio(counts.prompt, changes),
      target: TARGETS.latencySeconds,
      isMet: p99 === null ? null : counts.prompt / changes >= 0.99,
      changes,
    },
    conflicts: {
      rate: clashing,
      target: TARGETS.conflictRate,
      isMet: clashing === null ? null : clashing < TARGETS.conflictRate,
      conflicts,
    },
    lost: {
      changes: comparisons === 0 ? null : differences,
      target: TARGETS.lostChanges,
      isMet: comparisons === 0 ? null : differences <= TARGETS.lostChanges,
      comparisons,
    },
  };
  const met = Object.values(parts).flatMap(({ isMet }) => (isMet === null ? [] : [isMet]));
  return { since, until, ...parts, isMet: met.length === 0 ? null : met.every(Boolean) };
}

const ratio = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole);

/** The middle of the bucket in which that share of all is reached. */
function quantileOf(latencies: ReadonlyMap<number, number>, total: number, share: number): number | null {
  let left = Math.max(1, Math.ceil(total * share));
  for (const [bucket, n] of [...latencies].toSorted(([a], [b]) => a - b)) {
    left -= n;
    if (left <= 0) return BUCKET_BASE ** (bucket + 0.5);
  }
  return null;
}
