import type { RowImage } from '../model/change.ts';
import type { Fault, Told } from '../model/errors.ts';
import type { ResolvedField } from '../model/mapping.ts';
import { listed } from '../model/sentences.ts';
import { ROW_BLOCKED } from '../state/edits.ts';
import type { Failure } from '../state/outbox.ts';
import type { Refusal } from './conflict.ts';
import type { DecodedField } from './context.ts';
import { type EditFailure, isOfShape, refusedValues, relatedMissing } from './rejection.ts';

export const isBlocked = ({ cause }: EditFailure): boolean => cause.code === ROW_BLOCKED;

export const parked = (cause: Failure): EditFailure => ({ kind: 'park', cause });

/** How one attempt to apply fields together ended. What is held stands in the conflicts, and the rest is applied. */
export type Tried = {
  readonly failure: EditFailure | null;
  readonly held: readonly string[];
  /** Fields that the row wins: they are on their way to the page. */
  readonly kept?: readonly string[];
  /** What the person is told though nothing waits: PostgreSQL kept the row as it was, and the page gets its values back. */
  readonly told?: readonly Told[];
  /** The failure, if it is PostgreSQL's or the codec's answer to a single field. */
  readonly refusal?: Refusal;
};

/** A page has one line for all that is wrong with it, which is looked at again as long as any of it waits. */
export function joined(tried: readonly Tried[]): EditFailure | null {
  const failures = tried.flatMap(({ failure }) => failure ?? []);
  const first = failures.find(isBlocked) ?? failures.find(({ kind }) => kind === 'wait') ?? failures[0];
  if (first === undefined) return null;
  const all = (part: 'reason' | 'remedy'): string => listed(failures.map(({ cause }) => cause[part]));
  const { code } = first.cause;
  const told = [
    ...failures.flatMap(({ cause }) => cause.told ?? []),
    ...tried.flatMap((each) => each.told ?? []),
  ];
  return { kind: first.kind, cause: { code, reason: all('reason'), remedy: all('remedy'), told } };
}

export function problemOf(problems: readonly DecodedField[]): EditFailure | null {
  const faults: Fault[] = problems.flatMap(({ decoded: one }) => (one.kind === 'refused' ? [one.fault] : []));
  if (faults.length > 0) return parked(refusedValues(faults));
  const waiting = problems.map(({ field }) => field.property);
  return waiting.length > 0 ? { kind: 'wait', cause: relatedMissing(waiting) } : null;
}

/** Whether the refusal may be one of what the table was before. */
export const mayBeOutdated = ({ failure }: Tried): boolean => failure !== null && isOfShape(failure);

/** What was refused is put down to a field only if it was alone. */
export function refusedTogether(
  fields: readonly ResolvedField[],
  row: RowImage,
  failure: EditFailure,
): Tried {
  const [only, ...others] = fields;
  const single = failure.kind === 'park' && only !== undefined && others.length === 0;
  const refusal = { field: only?.property ?? '', failure: failure.cause, row };
  return { failure, held: [], ...(single ? { refusal } : {}) };
}
