import type { Fault } from '../model/errors.ts';
import { listed } from '../model/sentences.ts';
import { serverErrorOf } from '../model/server-error.ts';
import { backoff } from '../runtime/retry.ts';
import type { WaitingEdit } from '../state/edits.ts';
import type { Trouble } from '../state/outbox.ts';
import type { SyncRecord } from '../state/records.ts';
import { type Refused, sentFor, toldOf } from './words.ts';

/**
 * PostgreSQL is the judge of what a row may hold. Its refusal (data 22, integrity 23, a trigger's own words P0, a check
 * option 44, a missing right 42501) is an answer to the person who edited; anything else is our own trouble and is
 * tried again.
 */
export function refusalOf(error: unknown, about: Refused | null = null): Trouble | null {
  const sent = Object.values(about?.sent ?? {}).flatMap((value) => value ?? []);
  const answer = serverErrorOf(error, sent);
  if (answer === null) return null;
  const { code: state } = answer;
  const value = about === null ? null : sentFor(answer, about);
  if (!(/^(22|23|44|P0)/.test(state) || state === '42501' || state === '428C9')) return null;
  return {
    code: `sql_${state}`,
    reason: value === null ? answer.text : `${answer.text} (${value})`,
    remedy: answer.hint ?? REMEDIES[state] ?? 'change the value in Notion to one that PostgreSQL takes',
    ...(about === null ? {} : { told: [toldOf(answer, about)] }),
  };
}

const REMEDIES: Readonly<Record<string, string>> = {
  '23502': 'fill in the property that the message names',
  '23503': 'choose a related record that exists, or remove what still refers to this one',
  '23001': 'remove what still refers to this record first',
  '23505': 'choose another value: this one is taken by another record',
  '42501': "give pgnotion's role the right that the message names",
};

/** A value that could not be judged to fit: all of them are told at once. */
export const refusedValues = (faults: readonly Fault[]): Trouble => ({
  told: faults.flatMap((fault) => fault.told ?? []),
  code: 'value_refused',
  reason: listed(faults.map((fault) => fault.message)),
  remedy: listed(faults.map((fault) => fault.remedy)),
});

const RELATED_WAIT = { firstMs: 2_000, maxMs: 300_000 };

/** When to look for the related record again: it may never come, so ever more seldom; once it is there, at once. */
export const relatedWaitMs = (waiting: WaitingEdit | undefined, digest: string): number =>
  backoff(waiting?.digest === digest ? waiting.attempts + 1 : 1, RELATED_WAIT);

export const relatedMissing = (fields: readonly string[]): Trouble => ({
  code: 'related_page_unknown',
  told: fields.map((property) => ({ property, wrong: 'a page chosen there is no record in PostgreSQL yet' })),
  reason: `${fields.join(', ')}: a related page is no record yet`,
  remedy: 'fill in what the related page lacks; this edit follows by itself',
});

/** The row is deleted, and the page was edited: the deletion is on its way to the page. */
export const rowGone = ({ table, key }: Pick<SyncRecord, 'table' | 'key'>): Trouble => ({
  code: 'row_gone',
  reason: `the row ${key} of ${table} no longer exists`,
  remedy: 'nothing to do if it was deleted on purpose: its page follows; or insert the row again',
});
