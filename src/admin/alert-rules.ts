import type { AlertLimits } from '../model/alert-limits.ts';
import type { ListedKind } from '../model/mass-change.ts';
import { type Cause, keyOf, type Occurrence } from './alert-causes.ts';
import type { Condition } from './alert-conditions.ts';
import { textOf } from './alert-text.ts';
import type { Health } from './health.ts';

/** One cause that was raised and is not over. Times are milliseconds since 1970. */
export type ToldCause = {
  readonly kind: Cause['kind'];
  readonly text: string;
  readonly raisedAt: number;
  /** When it is to be told next: that it lasts, or what did not arrive; null if never. */
  readonly nextAt: number | null;
  readonly seenAt: number;
  /** The receiver has got it. */
  readonly arrived: boolean;
  /** It is over, and the receiver has not been told yet. */
  readonly over?: boolean;
};

/** By key. */
export type Told = Readonly<Record<string, ToldCause>>;

/** What there is at a look. `isComplete`: what is not among the causes is not there. */
export type Seen = { readonly causes: readonly Cause[]; readonly isComplete: boolean };

/** What a look leads to: a cause to be told of, or one that is over. `isNew`: it is told for the first time. */
export type Telling = { readonly key: string; readonly isNew: boolean } & (
  | { readonly kind: 'raised'; readonly cause: Cause }
  | { readonly kind: 'resolved'; readonly told: ToldCause }
);

export type Pace = {
  /** A cause that lasts is told again after this time; null: never. */
  readonly repeatMs: number | null;
  /** A cause counts as over only after this time, so that one which comes and goes is told once. */
  readonly clearedMs: number;
};

export const paceOf = ({ repeatHours }: Pick<AlertLimits, 'repeatHours'>): Pace => ({
  repeatMs: repeatHours === null ? null : repeatHours * 3_600_000,
  clearedMs: 600_000,
});

/** What could not be sent is sent again after this time. */
const AGAIN_MS = 600_000;
/** What could not be told in this time is forgotten; the log has it. */
export const OCCURRENCE_MS = 3_600_000;

const isOccurrence = (kind: Cause['kind']): kind is Occurrence['kind'] =>
  kind === 'slot-renewed' || kind === 'taken-over';

/** Whether a daemon tells it that is not at work too, from what it knows by itself. */
export const isOwnKnowledge = (kind: Cause['kind']): boolean =>
  isOccurrence(kind) || kind === 'notion-refuses' || kind === 'rate-limited';

/** Everything that alerts. */
export function causesOf(seen: {
  readonly health: Health;
  readonly suspended: readonly { readonly table: string; readonly reason: string }[];
  /** Kinds of requests that Notion refuses to this connection. */
  readonly refusedKinds?: readonly {
    readonly kind: string;
    readonly table: string | null;
    readonly code: string;
    readonly remedy: string;
  }[];
  readonly guarded: readonly { readonly kind: ListedKind; readonly table: string; readonly count: number }[];
  readonly conditions?: readonly Condition[];
  readonly occurrences: readonly Occurrence[];
}): readonly Cause[] {
  const { refused } = seen.health.notion;
  return [
    ...(refused === null ? [] : [{ kind: 'notion-refuses', ...refused } as const]),
    ...(seen.refusedKinds ?? []).map(
      ({ kind: requests, ...each }) => ({ kind: 'requests-refused', requests, ...each }) as const,
    ),
    ...seen.suspended.map((each) => ({ kind: 'table-suspended', ...each }) as const),
    ...seen.guarded.map(({ kind, ...each }) => ({ kind: `${kind}s-wait`, ...each }) as const),
    ...(seen.conditions ?? []),
    ...seen.occurrences,
  ];
}

/** What is told now: causes that are new, or have lasted since they were told long ago, and those that are over. */
export function dueTellings(
  { causes, isComplete }: Seen,
  told: Told,
  now: number,
  pace: Pace,
): readonly Telling[] {
  const present = new Map(causes.map((cause) => [keyOf(cause), cause]));
  const raised = [...present].flatMap(([key, cause]) => {
    const before = told[key];
    const isDue = before === undefined || before.over || (before.nextAt !== null && now >= before.nextAt);
    return isDue ? [{ kind: 'raised', key, isNew: before === undefined, cause } as const] : [];
  });
  const over = Object.entries(told).flatMap(([key, one]) => {
    if (present.has(key) || isOccurrence(one.kind)) return [];
    if (!isComplete && !isOwnKnowledge(one.kind)) return [];
    if (now - one.seenAt <= pace.clearedMs) return [];
    const isDue = !one.over || one.nextAt === null || now >= one.nextAt;
    return isDue ? [{ kind: 'resolved', key, isNew: !one.over, told: one } as const] : [];
  });
  return [...raised, ...over];
}

/** What has been told, after this was seen and `sent` says of what was due whether it arrived. */
export function afterTelling(
  told: Told,
  { causes, isComplete }: Seen,
  sent: ReadonlyMap<string, boolean>,
  now: number,
  pace: Pace,
): Told {
  const present = new Map(causes.map((cause) => [keyOf(cause), cause]));
  const absent = Object.entries(told).flatMap(([key, one]) => {
    if (present.has(key)) return [];
    // Nobody has looked, so it counts as there.
    if (!isComplete && !isOwnKnowledge(one.kind)) return [[key, { ...one, seenAt: now }] as const];
    const kept = afterAbsence(one, sent.get(key), now, pace);
    return kept === null ? [] : [[key, kept] as const];
  });
  const there = [...present].map(
    ([key, cause]) => [key, afterPresence(cause, told[key], sent.get(key), now, pace)] as const,
  );
  return Object.fromEntries([...absent, ...there]);
}

function afterPresence(
  cause: Cause,
  before: ToldCause | undefined,
  sent: boolean | undefined,
  now: number,
  pace: Pace,
): ToldCause {
  const { kind } = cause;
  const { raisedAt = now, nextAt = now, arrived = false } = before ?? {};
  const known = { kind, text: textOf(cause), raisedAt, seenAt: now };
  if (sent === undefined) return { ...known, nextAt, arrived };
  const repeats = pace.repeatMs === null || isOccurrence(kind) ? null : now + pace.repeatMs;
  return { ...known, arrived: arrived || sent, nextAt: sent ? repeats : now + AGAIN_MS };
}

/** Null: it is forgotten. */
function afterAbsence(one: ToldCause, sent: boolean | undefined, now: number, pace: Pace): ToldCause | null {
  const goneMs = now - one.seenAt;
  if (isOccurrence(one.kind)) return goneMs > pace.clearedMs ? null : one;
  if (sent === undefined) return one;
  return sent || goneMs > OCCURRENCE_MS + pace.clearedMs
    ? null
    : { ...one, over: true, nextAt: now + AGAIN_MS };
}
