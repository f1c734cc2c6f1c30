import type { OperationEnd } from './operation-tail.ts';

type Sample = { readonly at: number; readonly latency: number };

/** Latencies of late, by table and direction. */
export type RecentLatency = {
  readonly add: (ended: readonly OperationEnd[], now: number) => void;
  /** The latency that 95 of a hundred changes of the last hour did not exceed. */
  readonly p95: (now: number) => readonly (Pick<OperationEnd, 'table' | 'direction'> & {
    readonly seconds: number;
  })[];
};

const SPAN_MS = 3_600_000;
/** The newest of each table and direction: more would not change what they tell. */
const MOST = 1_000;

export function createRecentLatency(): RecentLatency {
  const samples = new Map<string, readonly Sample[]>();
  return {
    add: (ended, now) => {
      for (const [key, group] of Map.groupBy(ended, keyOf)) {
        const fresh = group.flatMap(({ latency }) => (latency === null ? [] : [{ at: now, latency }]));
        if (fresh.length > 0) samples.set(key, [...(samples.get(key) ?? []), ...fresh].slice(-MOST));
      }
    },
    p95: (now) =>
      [...samples].flatMap(([key, all]) => {
        const recent = all.filter(({ at }) => now - at < SPAN_MS);
        samples.set(key, recent);
        const sorted = recent.map(({ latency }) => latency).toSorted((a, b) => a - b);
        const seconds = sorted[Math.max(0, Math.ceil(sorted.length * 0.95) - 1)];
        const [table = '', direction] = JSON.parse(key) as [string, OperationEnd['direction']];
        return seconds === undefined ? [] : [{ table, direction, seconds }];
      }),
  };
}

const keyOf = ({ table, direction }: OperationEnd): string => JSON.stringify([table, direction]);
