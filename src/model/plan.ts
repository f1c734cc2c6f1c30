import type { PageImage, PageValue, RowImage } from './change.ts';
import type { Encoded, Lookups } from './codecs/codec.ts';
import { MOST_REFERENCES } from './codecs/references.ts';
import { refuse } from './codecs/support.ts';
import type { Fault } from './errors.ts';
import { fieldState } from './field-state.ts';
import { encodeField } from './fields.ts';
import { sameJson } from './json.ts';
import { goesToNotion, type ResolvedField, type ResolvedTable } from './mapping.ts';
import {
  type FieldState,
  type FieldVerdict,
  type Judgement,
  type MergedSets,
  mergeField,
  pageChanged,
  rowChanged,
} from './merge.ts';
import type { Target } from './references.ts';

/** What a delivery has to do with a record's page. */
export type PagePlan = {
  /** Properties to write. */
  readonly writes: Readonly<Record<string, PageValue>>;
  /** Fields whose value is not whole yet: their base stays where it is, on the row's side. */
  readonly partial: ReadonlySet<string>;
  /** Fields that hold the same on both sides: only their base moves. */
  readonly agreed: readonly string[];
  /** Sets that both sides changed, among the writes or agreed: the page's own change is still news for the row. */
  readonly merged: ReadonlyMap<string, MergedSets>;
  /** Fields that a person changed later than the row: the way back applies them. */
  readonly handedOver: readonly string[];
  /** Fields that both sides changed. */
  readonly conflicts: readonly string[];
  /** Fields that both sides changed and nobody has decided yet: they stay as they are. */
  readonly held: readonly string[];
  /** Records that a relation points to and that have no page yet. */
  readonly missing: readonly Target[];
  /** Values that the property cannot hold. */
  readonly faults: readonly Fault[];
};

export type PageState = {
  readonly table: ResolvedTable;
  readonly base: { readonly row: RowImage; readonly page: PageImage };
  readonly row: RowImage;
  /** The page as it is now; null for one that is to be made. */
  readonly page: PageImage | null;
  /** Whether `page` was seen, or is taken from the base. A field that was not shown is neither read nor written. */
  readonly seen: boolean;
  readonly restore: readonly string[];
  readonly lookups: Lookups;
  /** Fields of which a person has decided who wins. */
  readonly decided: ReadonlySet<string>;
  /** Fields that wait for a person's decision, whatever the rules say. */
  readonly withheld: ReadonlySet<string>;
  /** Asked for a field that both sides changed, or that is to be restored over an edit. */
  readonly judge: (field: ResolvedField, rowChanged: boolean) => Judgement;
};

/** Decides what to write to a page. Only fields that travel to Notion are looked at. */
export function planPage(state: PageState): PagePlan {
  const writes: Record<string, PageValue> = {};
  const partial = new Set<string>();
  const agreed: string[] = [];
  const merged = new Map<string, MergedSets>();
  const handedOver: string[] = [];
  const conflicts: string[] = [];
  const held: string[] = [];
  const missing: Target[] = [];
  const faults: Fault[] = [];
  for (const field of state.table.fields.filter(goesToNotion)) {
    const name = field.property;
    const one = fieldState({ ...state, page: state.page ?? {} }, field, {
      restore: state.restore.includes(name),
      decided: state.decided.has(name),
    });
    const verdict = verdictOf(state, one);
    if ('conflict' in verdict && verdict.conflict) conflicts.push(name);
    if (verdict.kind === 'agree') agreed.push(name);
    if (verdict.kind === 'held') held.push(name);
    if (verdict.kind === 'to-row') handedOver.push(name);
    if (verdict.kind !== 'to-page' && verdict.kind !== 'merge') continue;
    const value = verdict.kind === 'merge' ? mergedValue(field, verdict.sets) : one.encoded;
    if (verdict.kind === 'merge') merged.set(name, verdict.sets);
    if (value.kind === 'refused') {
      faults.push(value.fault);
      continue;
    }
    if (one.encoded.kind === 'unresolved') {
      missing.push(...one.encoded.missing);
      partial.add(name);
      if (sameJson(value.value, one.page)) {
        // Until the target has a page, the page shows what it can: without a base, or as an edit that the row has overruled,
        // that would be looked at, and the field asked for, again with every poll.
        if (verdict.kind === 'to-page' && pageChanged(one)) agreed.push(name);
        continue;
      }
    } else if (verdict.kind === 'merge' && sameJson(value.value, one.page)) {
      agreed.push(name);
      continue;
    }
    writes[name] = value.value;
  }
  return { writes, partial, agreed, merged, handedOver, conflicts, held, missing, faults };
}

/** What the page gets of a merged set, unless it has become too large for one request. */
function mergedValue(field: ResolvedField, { toPage }: MergedSets): Exclude<Encoded, { kind: 'unresolved' }> {
  const size = Array.isArray(toPage) ? toPage.length : 0;
  if (size <= MOST_REFERENCES) return { kind: 'value', value: toPage };
  return refuse(field, toPage, {
    message: `has ${size} elements with those that were added in Notion, and Notion takes ${MOST_REFERENCES} at once`,
    remedy: 'take elements out of the row or out of the property in Notion',
  });
}

function verdictOf(state: PageState, one: FieldState): FieldVerdict {
  // A page that does not exist yet takes everything.
  if (state.page === null) return { kind: 'to-page', conflict: false };
  // A page that nobody looked at is as its base says. What the base does not tell cannot have been changed by a person.
  if (!(one.field.property in state.page)) {
    const news = !state.seen && (rowChanged(one) || one.restore);
    return news ? { kind: 'to-page', conflict: false } : { kind: 'rest' };
  }
  if (state.withheld.has(one.field.property) && (rowChanged(one) || one.restore)) return { kind: 'held' };
  return mergeField(one, () => state.judge(one.field, rowChanged(one)));
}

/** The records that a row's relations point to, whether they have pages or not. */
export function targetsOf(table: ResolvedTable, row: RowImage, nothing: Lookups): Target[] {
  return table.fields.filter(goesToNotion).flatMap((field) => {
    if (field.relatedTable === undefined) return [];
    const encoded = encodeField(field, row[field.property] ?? null, nothing);
    const column = field.source.kind === 'column' ? table.columnTypes[field.source.column] : undefined;
    const type = column?.replace(/\[\]$/, '');
    return encoded.kind === 'unresolved'
      ? encoded.missing.map((one) => ({ ...one, ...(type && { type }) }))
      : [];
  });
}
