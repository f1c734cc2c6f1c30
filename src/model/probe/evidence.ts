/** What a probe has found out, or why it could not. */
export type Answer<T> =
  | { readonly kind: 'found'; readonly value: T }
  | { readonly kind: 'unknown'; readonly why: string };

export const found = <T>(value: T): Answer<T> => ({ kind: 'found', value });
export const unknown = (why: string): Answer<never> => ({ kind: 'unknown', why });

export type LagFound = {
  readonly trials: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** What the p99 is at least: much less where a query had to wait for the rate limit after the write. */
  readonly p99AtLeastMs?: number;
  /** Trials that no query had shown when the probe gave up: the lag is longer than what is told. */
  readonly unseen: number;
};

export type SchemaLagFound = {
  /** Until queries listed every page again. */
  readonly ms: number;
  /** Queries that left pages out. */
  readonly incomplete: number;
  /** False if pages were still missing when the probe gave up. */
  readonly isOver: boolean;
};

export type DatesFound = {
  readonly seconds: 'kept' | 'dropped';
  readonly offset: 'kept' | 'turned to UTC' | 'changed';
};

export type RateFound = {
  /** Requests of the probe, and the most of them within a minute. */
  readonly requests: number;
  readonly mostInAMinute: number;
  /** Answers that asked to wait (429, 529). */
  readonly refused: number;
  readonly longestRetryAfterMs: number | null;
  /** How many requests had left before the first such answer, and within what time; null if there was none. */
  readonly met?: { readonly requests: number; readonly withinMs: number } | null;
  /** A daemon was at work, whose requests count in the same limit and are not told here. */
  readonly besideDaemon?: boolean;
};

export type WebhooksFound =
  | { readonly ownEdits: 'delivered'; readonly afterMs: number }
  | { readonly ownEdits: 'not delivered'; readonly watchedMs: number };

/** The questions that the documents of Notion leave open. */
export type Answers = {
  readonly queryLag: Answer<LagFound>;
  readonly schemaLag: Answer<SchemaLagFound>;
  readonly dates: Answer<DatesFound>;
  /** Significant digits that a number keeps; 17 are all that a double has. */
  readonly numberDigits: Answer<number>;
  readonly trashedTargets: Answer<'listed' | 'left out'>;
  readonly optionIds: Answer<'kept' | 'changed' | 'rename refused' | 'rename ignored'>;
  readonly pageTimes: Answer<'minute' | 'second' | 'millisecond'>;
  readonly rate: Answer<RateFound>;
  readonly webhooks: Answer<WebhooksFound>;
  readonly hostedFiles: Answer<'taken' | 'refused' | 'dropped'>;
  readonly statusOptions: Answer<'written' | 'ignored' | 'refused'>;
};

export type Evidence = {
  readonly format: 1;
  /** ISO 8601, when the probe ended. */
  readonly at: string;
  readonly apiVersion: string;
  /** Whose token it was: evidence of another connection, maybe of another workspace, counts for nothing. */
  readonly connection: string;
  readonly workspace: string | null;
  readonly plan: 'free' | 'paid' | null;
  readonly requests: number;
  readonly seconds: number;
  readonly answers: Answers;
};

type Check = (value: unknown) => boolean;

const isAmount: Check = (value) => typeof value === 'number' && Number.isFinite(value) && value >= 0;
const isNull: Check = (value) => value === null;
const isMissing: Check = (value) => value === undefined;
const isText: Check = (value) => typeof value === 'string';
const isFlag: Check = (value) => typeof value === 'boolean';
const either =
  (...checks: readonly Check[]): Check =>
  (value) =>
    checks.some((check) => check(value));
const oneOf =
  (...values: readonly unknown[]): Check =>
  (value) =>
    values.includes(value);

const shape =
  (members: Readonly<Record<string, Check>>): Check =>
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.entries(members).every(([name, check]) => check((value as Record<string, unknown>)[name]));

/** What each answer must be like: what is stored may be edited by hand, and decides how the sync goes on. */
const VALUES: { readonly [Name in keyof Answers]: Check } = {
  queryLag: shape({
    ...{ trials: isAmount, p50Ms: isAmount, p99Ms: isAmount, unseen: isAmount },
    p99AtLeastMs: either(isMissing, isAmount),
  }),
  schemaLag: shape({ ms: isAmount, incomplete: isAmount, isOver: isFlag }),
  dates: shape({ seconds: oneOf('kept', 'dropped'), offset: oneOf('kept', 'turned to UTC', 'changed') }),
  numberDigits: isAmount,
  trashedTargets: oneOf('listed', 'left out'),
  optionIds: oneOf('kept', 'changed', 'rename refused', 'rename ignored'),
  pageTimes: oneOf('minute', 'second', 'millisecond'),
  rate: shape({
    ...{ requests: isAmount, mostInAMinute: isAmount, refused: isAmount },
    longestRetryAfterMs: either(isNull, isAmount),
    met: either(isMissing, isNull, shape({ requests: isAmount, withinMs: isAmount })),
    besideDaemon: either(isMissing, isFlag),
  }),
  webhooks: either(
    shape({ ownEdits: oneOf('delivered'), afterMs: isAmount }),
    shape({ ownEdits: oneOf('not delivered'), watchedMs: isAmount }),
  ),
  hostedFiles: oneOf('taken', 'refused', 'dropped'),
  statusOptions: oneOf('written', 'ignored', 'refused'),
};

const answered = (value: Check): Check =>
  either(shape({ kind: oneOf('found'), value }), shape({ kind: oneOf('unknown'), why: isText }));

const isEvidence = shape({
  format: oneOf(1),
  at: (value) => typeof value === 'string' && !Number.isNaN(Date.parse(value)),
  apiVersion: isText,
  connection: isText,
  workspace: either(isNull, isText),
  plan: oneOf('free', 'paid', null),
  requests: isAmount,
  seconds: isAmount,
  answers: shape(Object.fromEntries(Object.entries(VALUES).map(([name, value]) => [name, answered(value)]))),
});

/** What was stored, if this version of pgnotion can read it. */
export const readEvidence = (stored: unknown): Evidence | null =>
  isEvidence(stored) ? (stored as Evidence) : null;
