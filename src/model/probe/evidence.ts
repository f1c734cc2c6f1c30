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

const NAMES: readonly (keyof Answers)[] = [
  'queryLag',
  'schemaLag',
  'dates',
  'numberDigits',
  'trashedTargets',
  'optionIds',
  'pageTimes',
  'rate',
  'webhooks',
  'hostedFiles',
  'statusOptions',
];

/** What was stored, if this version of pgnotion can read it. */
export function readEvidence(stored: unknown): Evidence | null {
  if (typeof stored !== 'object' || stored === null || !('format' in stored) || stored.format !== 1)
    return null;
  const evidence = stored as Evidence;
  const whole = NAMES.every((name) => ['found', 'unknown'].includes(evidence.answers?.[name]?.kind));
  return whole && !Number.isNaN(Date.parse(evidence.at)) ? evidence : null;
}
