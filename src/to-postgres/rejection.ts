import type { RowImage } from '../model/change.ts';
import { type EditMark, isMarked } from '../model/edit-command.ts';
import type { Fault, Told } from '../model/errors.ts';
import type { ResolvedField } from '../model/mapping.ts';
import { listed } from '../model/sentences.ts';
import { type ServerError, serverErrorOf } from '../model/server-error.ts';
import { keptIn } from '../model/validate.ts';
import { RowKeptError, RowStatementError } from '../postgres/row-statement-error.ts';
import { backoff } from '../runtime/retry.ts';
import { ROW_BLOCKED, type WaitingEdit } from '../state/edits.ts';
import type { Failure } from '../state/outbox.ts';
import type { SyncRecord } from '../state/records.ts';
import { type Rejection, rejectionText, sentFor } from './rejection-text.ts';

/** What becomes of an edit that PostgreSQL did not carry out: it is set aside, or tried again by itself. */
export type EditFailure = { readonly kind: 'wait' | 'park'; readonly cause: Failure };

/**
 * PostgreSQL is the judge of what a row may hold: its answer to our statement on a user's table is an answer to the person
 * who edited. Null for anything else, which is our own failure.
 */
export function editFailureOf(error: unknown, about: Rejection | null = null): EditFailure | null {
  if (error instanceof RowKeptError) return { kind: 'park', cause: rowKept(error, about) };
  if (!(error instanceof RowStatementError)) return null;
  const sent = Object.values(about?.sent ?? {}).flatMap((value) => value ?? []);
  const answer = serverErrorOf(error.cause, sent);
  if (answer === null) return null;
  switch (error.failure) {
    case 'refused':
      return { kind: 'park', cause: refusal(answer, about) };
    case 'blocked':
      return { kind: 'wait', cause: blocked(answer) };
    default:
      return error.failure satisfies never;
  }
}

function refusal(answer: ServerError, about: Rejection | null): Failure {
  const value = about === null ? null : sentFor(answer, about);
  return {
    code: `sql_${answer.code}`,
    reason: value === null ? answer.text : `${answer.text} (${value})`,
    remedy: answer.hint ?? REMEDIES[answer.code] ?? 'change the value in Notion to one that PostgreSQL takes',
    ...(about === null ? {} : { told: [rejectionText(answer, about)] }),
  };
}

const blocked = ({ code, text }: ServerError): Failure => ({
  code: ROW_BLOCKED,
  reason: `PostgreSQL could not do it in time: ${text} (SQLSTATE ${code})`,
  remedy:
    "nothing to do if it passes: it is tried again by itself; else see who holds what it needs: select pid, state, xact_start, query from pg_stat_activity where state like 'idle in transaction%' or wait_event_type = 'Lock' order by xact_start",
});

/** When to try again: the lock may go at any moment, and what is free again is noticed besides. */
const blockedWaitMs = (attempts: number): number => backoff(attempts + 1, { firstMs: 1_000, maxMs: 30_000 });

const rowKept = ({ message }: RowKeptError, about: Rejection | null): Failure => ({
  code: 'row_kept',
  reason: message,
  remedy: KEPT_REMEDY,
  told: toldKept(about?.fields ?? [], about?.present ?? null),
});

/** To whoever edited these fields of a row that holds this. */
export function toldKept(fields: readonly ResolvedField[], present: RowImage | null): readonly Told[] {
  const wrong = 'PostgreSQL did not take this change, and gave no reason';
  const [only, ...others] = fields;
  if (only === undefined || others.length > 0) return [{ property: null, wrong }];
  const kept = present === null ? {} : keptIn(only, present[only.property] ?? null);
  return [{ property: only.property, wrong, ...kept }];
}

const KEPT_REMEDY =
  'look for a trigger that returns NULL, a rule with INSTEAD, or a row-level security policy of the table, and change it if it is not meant';

const REMEDIES: Readonly<Record<string, string>> = {
  '23502': 'fill in the property that the message names',
  '23503': 'choose a related record that exists, or remove what still refers to this one',
  '23001': 'remove what still refers to this record first',
  '23505': 'choose another value: this one is taken by another record',
  '42501': "give pgnotion's role the right that the message names",
};

/** A value that could not be judged to fit: all of them are told at once. */
export const refusedValues = (faults: readonly Fault[]): Failure => ({
  told: faults.flatMap((fault) => fault.told ?? []),
  code: 'value_refused',
  reason: listed(faults.map((fault) => fault.message)),
  remedy: listed(faults.map((fault) => fault.remedy)),
});

const RELATED_WAIT = { firstMs: 2_000, maxMs: 300_000 };

/** Whether what a table is like, or was when it was last looked at, may be the reason. */
export const isOfShape = ({ kind, cause: { code } }: EditFailure): boolean =>
  kind === 'park' && (/^sql_/.test(code) || ['value_refused', 'page_incomplete', 'row_kept'].includes(code));

/** When to look for the related record again: it may never come, so ever more seldom; once it is there, at once. */
const relatedWaitMs = (waiting: WaitingEdit | undefined, mark: EditMark): number =>
  backoff(triesOf(waiting, mark) + 1, RELATED_WAIT);

/** How often an edit was tried by the same mark. */
const triesOf = (waiting: WaitingEdit | undefined, mark: EditMark): number =>
  waiting !== undefined && isMarked(waiting, mark) ? waiting.attempts : 0;

/** When to try an edit again that waits for something. */
export const editWaitMs = ({ code }: Failure, waiting: WaitingEdit | undefined, mark: EditMark): number =>
  code === ROW_BLOCKED ? blockedWaitMs(triesOf(waiting, mark)) : relatedWaitMs(waiting, mark);

export const relatedMissing = (fields: readonly string[]): Failure => ({
  code: 'related_page_unknown',
  told: fields.map((property) => ({
    property,
    wrong: 'a page chosen there is not a record in PostgreSQL yet',
  })),
  reason: `${fields.join(', ')}: a related page is not a record yet`,
  remedy: 'fill in what the related page lacks; this edit follows by itself',
});

/** The row is deleted, and the page was edited: the deletion is on its way to the page. */
export const rowGone = ({ table, key }: Pick<SyncRecord, 'table' | 'key'>): Failure => ({
  code: 'row_gone',
  reason: `the row ${key} of ${table} no longer exists`,
  remedy: 'nothing to do if it was deleted on purpose: its page follows; or insert the row again',
});
