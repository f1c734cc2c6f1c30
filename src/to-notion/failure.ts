import { commandOf } from '../model/command-line.ts';
import { type Fault, messageOf, PgnotionError } from '../model/errors.ts';
import type { RowKey, TableName } from '../model/ids.ts';
import { listed } from '../model/sentences.ts';
import { BACKFILL, BULK, LIVE, type Urgency } from '../model/urgency.ts';
import { NotionFailure } from '../notion/error-classification.ts';
import type { Priority } from '../notion/fair-queue.ts';
import { sqlState } from '../postgres/write.ts';
import type { Failure, OutboxEntry } from '../state/outbox.ts';
import type { Delivered } from './context.ts';

const PRIORITY: Readonly<Record<Urgency, Priority>> = {
  [LIVE]: 'live',
  [BULK]: 'bulk',
  [BACKFILL]: 'backfill',
};

export const urgencyOf = (entry: Pick<OutboxEntry, 'urgency'>): Priority => PRIORITY[entry.urgency];

const LACKING: readonly string[] = ['restricted_resource', 'notion_block_limit', 'row_limit_exceeded'];

/** A refusal that names nothing of ours may be a fault of Notion's in disguise: it is set aside after so many tries. */
const ODD_TRIES = 6;
const ODD_FIRST_MS = 2_000;

/** Whether a request that Notion refused with 400, without a word of what is wrong with it, may still pass by itself. */
export const isOdd = (error: unknown, entry: Pick<OutboxEntry, 'attempts'>): boolean =>
  isUnexplained(error) && entry.attempts + 1 < ODD_TRIES;

const isUnexplained = (error: unknown): error is NotionFailure =>
  error instanceof NotionFailure && error.errorClass.status === 400 && error.errorClass.retry === 'later';

/** What a failure means for the record's entry: later if it may pass, aside if it cannot. */
export function failureOf(error: unknown, entry: Pick<OutboxEntry, 'attempts'>): Delivered {
  // A refused token or a blocked connection is nothing that one record could wait for: the daemon must say so.
  if (error instanceof NotionFailure && error.errorClass.retry === 'stop') throw error;
  // It was given up while it waited for its turn, because the daemon stops: nothing failed.
  if (
    error instanceof NotionFailure &&
    error.errorClass.code === 'notion_aborted' &&
    error.errorClass.effect === 'none'
  )
    return { kind: 'postponed', ms: 0 };
  const known = error instanceof PgnotionError;
  const state = sqlState(error);
  const failure = {
    code: known ? error.code : state === null ? 'unexpected' : `sql_${state}`,
    reason: messageOf(error),
    remedy: known
      ? error.remedy
      : state === null
        ? 'it is tried again by itself; if it stays, report it with the log of this minute'
        : "it is tried again by itself; correct the row, or the table's query or expression that the message is about",
  };
  if (isUnexplained(error)) return afterUnexplained(failure, entry);
  if (error instanceof NotionFailure) {
    const { retry, afterMs, effect } = error.errorClass;
    // A right or a place that is missing comes back without the record's doing.
    if (LACKING.includes(error.errorClass.code)) return { kind: 'retry', ms: null, failure };
    // What was saved is not sent again: the next try looks at what Notion holds, and settles.
    return retry === 'never' && effect !== 'saved'
      ? { kind: 'parked', failure }
      : { kind: 'retry', ms: afterMs, failure };
  }
  return known && !error.retryable ? { kind: 'parked', failure } : { kind: 'retry', ms: null, failure };
}

function afterUnexplained(failure: Failure, { attempts }: Pick<OutboxEntry, 'attempts'>): Delivered {
  const tries = attempts + 1;
  if (tries < ODD_TRIES) return { kind: 'retry', ms: ODD_FIRST_MS * 2 ** attempts, failure };
  const reason = `${failure.reason}; it was refused ${tries} times, with growing waits between the tries`;
  return { kind: 'parked', failure: { ...failure, reason } };
}

/** A value that the property cannot hold: nothing but another value, or another mapping, mends it. */
export const parkedBy = (faults: readonly Fault[], code = 'value_refused'): Delivered => ({
  kind: 'parked',
  failure: {
    code,
    reason: listed(faults.map((fault) => fault.message)),
    remedy: listed(faults.map((fault) => fault.remedy)),
  },
});

/** A row that changed and that the table's query does not return. */
export const rowMissing = (table: TableName, key: RowKey): Failure => ({
  code: 'row_missing',
  reason: `the row ${key} of ${table} changed, and cannot be read`,
  remedy:
    `check that pgnotion's role may see the row (row-level security), then run ${commandOf('failures retry', table, key)}; ` +
    `if the row was deleted while nobody read the log, run ${commandOf('resync', table)}`,
});

/** A lock on the table, or a statement that takes too long. */
export const readBlocked = (error: unknown): Failure => ({
  code: 'row_blocked',
  reason: `PostgreSQL could not read the row in time: ${messageOf(error)}`,
  remedy:
    'nothing to do if it passes: it is tried again by itself; else end the transaction that holds a lock on the table (SELECT pid, mode FROM pg_locks WHERE granted)',
});
