import type { RowImage, SqlText } from '../model/change.ts';
import { chosenText } from '../model/chosen-value.ts';
import type { Decoded, Lookups } from '../model/codecs/codec.ts';
import { type TimedRuling, timedRuling } from '../model/conflict.ts';
import { isInReview, type LiveConflict } from '../model/conflict-lifecycle.ts';
import { fieldState } from '../model/field-state.ts';
import { decodeField } from '../model/fields.ts';
import type { ResolvedField } from '../model/mapping.ts';
import { type FieldVerdict, type MergedSets, mergeField, rowChanged } from '../model/merge.ts';
import { withheldFields } from '../model/uploads.ts';
import type { ColumnValues } from '../postgres/write.ts';
import type { EditTimes } from '../state/edit-times.ts';
import type { SyncRecord } from '../state/records.ts';
import { type DecodedField, decodeAll, type Sighting } from './context.ts';

/** What the merge makes of the edited fields. */
export type MergeResult = {
  readonly values: ColumnValues;
  /** Fields whose page value has been taken over, or was the row's already. */
  readonly taken: readonly ResolvedField[];
  /** Fields that the row wins: they are written back to the page. */
  readonly kept: readonly ResolvedField[];
  /** Fields that a person has to decide: they stay as they are on both sides. */
  readonly held: readonly ResolvedField[];
  /** Sets among those taken over that both sides changed, each with the row's base once it has the page's change alone. */
  readonly merged: ReadonlyMap<string, SqlText>;
  /** Of those taken over, which got a value that a person chose instead of both. */
  readonly replaced: ReadonlySet<string>;
  /** Of those taken over, which overruled the row, and why. */
  readonly overruled: ReadonlyMap<string, TimedRuling>;
  /** Of those to be taken over, what cannot become a row's value, or not yet. */
  readonly problems: readonly DecodedField[];
};

export type MergeInput = {
  readonly sighting: Sighting;
  readonly record: SyncRecord;
  readonly row: RowImage;
  readonly times: Pick<EditTimes, 'row' | 'page'>;
  readonly lookups: Lookups;
  readonly conflicts: readonly LiveConflict[];
};

/** Decides each edited field. Pure. */
export function mergeEdit(input: MergeInput, decoded: readonly DecodedField[]): MergeResult {
  const values: Record<string, string | null> = {};
  const taken: ResolvedField[] = [];
  const kept: ResolvedField[] = [];
  const held: ResolvedField[] = [];
  const merged = new Map<string, SqlText>();
  const replaced = new Set<string>();
  const overruled = new Map<string, TimedRuling>();
  const problems: DecodedField[] = [];
  for (const { field, decoded: one } of decoded) {
    if (field.source.kind !== 'column') continue;
    const decided = input.conflicts.find(
      (conflict) => conflict.field === field.property && conflict.by !== null,
    );
    const { verdict, why } = verdictOf(input, field, decided);
    // A chosen value stands in for the page's, and so does a set that has both sides' changes.
    const isChosen = decided?.choice === 'value';
    const value = isChosen
      ? chosenText(decided.value ?? 'null', field, input.lookups)
      : verdict.kind === 'merge'
        ? mergedValue(input, field, verdict.sets)
        : one;
    const goes = verdict.kind === 'to-row' || verdict.kind === 'merge' || isChosen;
    if (goes && value.kind !== 'value') problems.push({ field, decoded: value });
    else if (goes && value.kind === 'value') {
      taken.push(field);
      values[field.source.column] = value.text;
      if (isChosen) replaced.add(field.property);
      else if (verdict.kind === 'merge') merged.set(field.property, mergedBase(input, field, verdict.sets));
      if (why !== null && decided === undefined) overruled.set(field.property, why);
    } else if (verdict.kind === 'agree') taken.push(field);
    else if (verdict.kind === 'to-page') kept.push(field);
    else if (verdict.kind === 'held') held.push(field);
  }
  return { values, taken, kept, held, merged, replaced, overruled, problems };
}

function verdictOf(
  { sighting, record, row, times, lookups, conflicts }: MergeInput,
  field: ResolvedField,
  decided: LiveConflict | undefined,
): { readonly verdict: FieldVerdict; readonly why: TimedRuling | null } {
  const base = { row: record.baseRow, page: record.basePage };
  const both = { base, row, page: sighting.image, lookups };
  const name = field.property;
  const state = fieldState(both, field, { restore: false, decided: decided !== undefined });
  if (decided === undefined && withheldFields([field], sighting.image, conflicts).has(field.property))
    return { verdict: { kind: rowChanged(state) ? 'held' : 'to-row', conflict: false }, why: null };
  let why: TimedRuling | null = null;
  const verdict = mergeField(state, () => {
    const changed = rowChanged(state);
    why = timedRuling(isInReview(conflicts, name) ? 'manual' : field.conflict, {
      choice: decided?.choice ?? null,
      rowChanged: changed,
      row: times.row(name, changed),
      edit: times.page(name, state.page),
    });
    return why.winner;
  });
  return { verdict, why };
}

/** The row's set with what the page added and took away. */
function mergedValue(
  { sighting, lookups, row }: MergeInput,
  field: ResolvedField,
  sets: MergedSets,
): Decoded {
  const image = { ...sighting.image, [field.property]: sets.toRow };
  const [one] = decodeAll([field], image, lookups, row);
  return one?.decoded ?? { kind: 'unresolved', missing: [] };
}

/** The row's base once it has the page's change: what the row alone changed is still news for the page. */
function mergedBase({ record, lookups }: MergeInput, field: ResolvedField, sets: MergedSets): SqlText {
  const former = record.baseRow[field.property] ?? null;
  const decoded = decodeField(field, sets.baseOfRow, lookups, former);
  return decoded.kind === 'value' ? decoded.text : former;
}
