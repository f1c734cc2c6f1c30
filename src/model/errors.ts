import type { DriftKind } from './drift.ts';
import { serverErrorOf } from './server-error.ts';

/**
 * Every error that an operator may meet: a code to search for, a message that says what happened, a
 * remedy that says what to do next, and whether trying again can help.
 */
export class PgnotionError extends Error {
  readonly code: string;
  readonly remedy: string;
  readonly retryable: boolean;
  /** One by one what the message tells, where it tells several things. */
  readonly faults: readonly Fault[];
  /** A line of the log has told it already; who meets it again and again does not repeat it. */
  readonly logged: boolean;

  constructor(options: {
    readonly code: string;
    readonly message: string;
    readonly remedy: string;
    readonly retryable?: boolean;
    readonly cause?: unknown;
    readonly faults?: readonly Fault[];
    readonly logged?: boolean;
  }) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'PgnotionError';
    this.code = options.code;
    this.remedy = options.remedy;
    this.retryable = options.retryable ?? false;
    this.faults = options.faults ?? [];
    this.logged = options.logged ?? false;
  }
}

/** Whether a line of the log has told it already. */
export const isLogged = (error: unknown): boolean => error instanceof PgnotionError && error.logged;

/** One thing that is wrong with a value or a setting, and how to mend it. */
export type Fault = {
  /** Where: a configuration path such as `tables.suppliers.fields.Rating`, or a field's name. */
  readonly path: string;
  readonly message: string;
  readonly remedy: string;
  readonly told?: Told;
  /** Which kind of drift it is, where the path does not tell. */
  readonly drift?: DriftKind;
};

/** What is wrong with a property, in words for the person who edits it in Notion. */
export type Told = {
  /** Null: with the page as a whole. */
  readonly property: string | null;
  /** Such as `must be at least 0`. */
  readonly wrong: string;
  /** What the row holds instead; left out where that is no help. */
  readonly kept?: string;
};

/** The text of anything that was thrown, fit to be stored, logged and shown: see `serverErrorOf`. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ');
  const answer = serverErrorOf(error);
  if (answer !== null) return answer.text;
  return error instanceof Error ? error.message : String(error);
}

/** Where an error was thrown, without its text. */
export const framesOf = ({ stack = '' }: Error): string => /^ {4}at .*$/ms.exec(stack)?.[0] ?? '';
