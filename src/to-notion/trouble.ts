import { type Fault, messageOf, PgnotionError } from '../model/errors.ts';
import type { RowKey, TableName } from '../model/ids.ts';
import type { Priority } from '../notion/lobby.ts';
import { NotionFailure } from '../notion/outcome.ts';
import { sqlState } from '../postgres/write.ts';
import type { OutboxLine, Trouble } from '../state/outbox.ts';
import type { Delivered } from './context.ts';

export const urgencyOf = (line: Pick<OutboxLine, 'urgency'>): Priority =>
  line.urgency === 0 ? 'live' : 'backfill';

/** What a failure means for the record's line: later if it may pass, aside if it cannot. */
export function troubleOf(error: unknown): Delivered {
  // A refused token or a blocked connection is nothing that one record could wait for: the daemon must say so.
  if (error instanceof NotionFailure && error.verdict.retry === 'stop') throw error;
  // It was given up while it waited for its turn, because the daemon stops: nothing failed.
  if (
    error instanceof NotionFailure &&
    error.verdict.code === 'notion_aborted' &&
    error.verdict.effect === 'none'
  )
    return { kind: 'postponed', ms: 0 };
  const known = error instanceof PgnotionError;
  const state = sqlState(error);
  const trouble = {
    code: known ? error.code : state === null ? 'unexpected' : `sql_${state}`,
    reason: messageOf(error),
    remedy: known
      ? error.remedy
      : state === null
        ? 'it is tried again by itself; if it stays, report it with the log of this minute'
        : "it is tried again by itself; correct the row, or the table's query or expression that the message is about",
  };
  if (error instanceof NotionFailure) {
    const { retry, afterMs, effect } = error.verdict;
    // What was saved is not sent again: the next try looks at what Notion holds, and settles.
    return retry === 'never' && effect !== 'saved'
      ? { kind: 'parked', trouble }
      : { kind: 'retry', ms: afterMs, trouble };
  }
  return known && !error.retryable ? { kind: 'parked', trouble } : { kind: 'retry', ms: null, trouble };
}

/** A value that the property cannot hold: nothing but another value, or another mapping, mends it. */
export const parkedBy = (faults: readonly Fault[]): Delivered => ({
  kind: 'parked',
  trouble: {
    code: 'value_refused',
    reason: faults.map((fault) => fault.message).join('; '),
    remedy: faults.map((fault) => fault.remedy).join('; '),
  },
});

/** A row that changed and that the table's query does not return. */
export const rowMissing = (table: TableName, key: RowKey): Trouble => ({
  code: 'row_missing',
  reason: `the row ${key} of ${table} changed, and cannot be read`,
  remedy: "check the table's query in the configuration: it may leave the row out",
});
