import type { Fault, Told } from '../model/errors.ts';
import { listed } from '../model/sentences.ts';
import { ROW_BLOCKED } from '../state/edits.ts';
import type { Trouble } from '../state/outbox.ts';
import type { Refusal } from './conflict.ts';
import type { DecodedField } from './context.ts';
import { type EditTrouble, isOfShape, refusedValues, relatedMissing } from './rejection.ts';

export const isBlocked = ({ trouble }: EditTrouble): boolean => trouble.code === ROW_BLOCKED;

export const parked = (trouble: Trouble): EditTrouble => ({ kind: 'park', trouble });

/** How one attempt to apply fields together ended. What is held stands in the conflicts, and the rest is applied. */
export type Tried = {
  readonly trouble: EditTrouble | null;
  readonly held: readonly string[];
  /** Fields that the row wins: they are on their way to the page. */
  readonly kept?: readonly string[];
  /** What the person is told though nothing waits: PostgreSQL kept the row as it was, and the page gets its values back. */
  readonly told?: readonly Told[];
  /** The trouble, if it is PostgreSQL's or the codec's answer to a single field. */
  readonly refusal?: Refusal;
};

/** A page has one line for all that is wrong with it, which is looked at again as long as any of it waits. */
export function joined(tried: readonly Tried[]): EditTrouble | null {
  const troubles = tried.flatMap(({ trouble }) => trouble ?? []);
  const first = troubles.find(isBlocked) ?? troubles.find(({ kind }) => kind === 'wait') ?? troubles[0];
  if (first === undefined) return null;
  const all = (part: 'reason' | 'remedy'): string => listed(troubles.map(({ trouble }) => trouble[part]));
  const { code } = first.trouble;
  const told = [
    ...troubles.flatMap(({ trouble }) => trouble.told ?? []),
    ...tried.flatMap((each) => each.told ?? []),
  ];
  return { kind: first.kind, trouble: { code, reason: all('reason'), remedy: all('remedy'), told } };
}

export function problemOf(problems: readonly DecodedField[]): EditTrouble | null {
  const faults: Fault[] = problems.flatMap(({ decoded: one }) => (one.kind === 'refused' ? [one.fault] : []));
  if (faults.length > 0) return parked(refusedValues(faults));
  const waiting = problems.map(({ field }) => field.property);
  return waiting.length > 0 ? { kind: 'wait', trouble: relatedMissing(waiting) } : null;
}

/** Whether the refusal may be one of what the table was before. */
export const mayBeOutdated = ({ trouble }: Tried): boolean => trouble !== null && isOfShape(trouble);
