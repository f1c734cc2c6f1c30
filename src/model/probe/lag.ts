import { type Answer, found, type LagFound, type SchemaLagFound, unknown } from './evidence.ts';

// Times are milliseconds on one clock of the probe's own.

/** A write whose effect queries are to show. */
export type Trial = { readonly id: string; readonly answeredMs: number };

/** A query, and which trials' effects it showed. */
export type QueryLook = { readonly askedMs: number; readonly shown: ReadonlySet<string> };

export type TrialLag = {
  /** The age of the write at the last query that did not show it. */
  readonly atLeastMs: number;
  /** Its age at the first query from which on all show it; null if none does. */
  readonly atMostMs: number | null;
};

export function lagOfTrial({ id, answeredMs }: Trial, looks: readonly QueryLook[]): TrialLag {
  const later = looks.filter(({ askedMs }) => askedMs >= answeredMs);
  const lastMiss = later.findLastIndex(({ shown }) => !shown.has(id));
  const first = later[lastMiss + 1];
  const ageAt = (look: QueryLook | undefined): number =>
    Math.max(0, (look?.askedMs ?? answeredMs) - answeredMs);
  return {
    atLeastMs: lastMiss < 0 ? 0 : ageAt(later[lastMiss]),
    atMostMs: first === undefined ? null : ageAt(first),
  };
}

/** The nearest rank: of twenty values, the 99th percentile is the largest. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}

/** A trial that no query showed counts with the age that it had at the last one. */
export function lagFound(lags: readonly TrialLag[]): Answer<LagFound> {
  if (lags.length === 0) return unknown('no write was answered');
  const inOrder = (ages: readonly number[]): readonly number[] => ages.toSorted((a, b) => a - b);
  const sorted = inOrder(lags.map(({ atLeastMs, atMostMs }) => atMostMs ?? atLeastMs));
  const least = inOrder(lags.map(({ atLeastMs }) => atLeastMs));
  return found({
    trials: lags.length,
    p50Ms: Math.round(percentile(sorted, 0.5)),
    p99Ms: Math.round(percentile(sorted, 0.99)),
    p99AtLeastMs: Math.round(percentile(least, 0.99)),
    unseen: lags.filter(({ atMostMs }) => atMostMs === null).length,
  });
}

/** A first look that came later after the change would have missed what was over by then. */
const FIRST_LOOK_MS = 5_000;

/** `missing`: how many of the pages that were listed before the change a query left out. */
export function schemaLagFound(
  changedMs: number,
  looks: readonly { readonly askedMs: number; readonly missing: number }[],
): Answer<SchemaLagFound> {
  if (looks.length === 0) return unknown('no query was made after the change');
  const lastMiss = looks.findLastIndex(({ missing }) => missing > 0);
  const firstMs = (looks[0]?.askedMs ?? changedMs) - changedMs;
  if (lastMiss < 0 && firstMs > FIRST_LOOK_MS)
    return unknown(
      `the first query after the change had to wait for ${Math.round(firstMs / 1_000)} s, and showed every page then`,
    );
  const end = lastMiss < 0 ? null : (looks[lastMiss + 1] ?? looks[lastMiss]);
  return found({
    ms: end === null || end === undefined ? 0 : Math.round(end.askedMs - changedMs),
    incomplete: looks.filter(({ missing }) => missing > 0).length,
    isOver: lastMiss < looks.length - 1,
  });
}

/**
 * When to look again, in milliseconds after the last write: close together first, since most lags are short. If something is
 * known of the lag already, most looks fall where it is expected.
 */
export function lookTimes(count: number, untilMs: number, expectedMs = 0): readonly number[] {
  const fromMs = Math.min(expectedMs, untilMs);
  return Array.from({ length: count }, (_, at) =>
    Math.round(fromMs + (untilMs - fromMs) * ((at + 1) / count) ** 2),
  );
}

/**
 * As many of these times as there are requests for, spread over all of them. The last one stays: without it, what takes
 * longest would pass for never seen.
 */
export function affordable(times: readonly number[], requests: number): readonly number[] {
  if (requests >= times.length) return times;
  if (requests <= 1) return times.slice(-1).slice(0, Math.max(0, requests));
  const step = (times.length - 1) / (requests - 1);
  return Array.from({ length: requests }, (_, at) => times[Math.round(at * step)] ?? 0);
}
