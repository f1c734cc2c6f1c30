import type { PageImage, PageValue, RowImage, SqlText } from './change.ts';
import type { ElementRules, Encoded } from './codecs/codec.ts';
import { sameJson } from './json.ts';
import { goesToNotion, goesToPostgres, type ResolvedField } from './mapping.ts';
import { pick } from './pick.ts';
import { type SetChange, setChange, withChange, withoutChange } from './sets.ts';

/** What is to be done with one field. */
export type FieldVerdict =
  /** Neither side changed it since the base, or the change does not travel. */
  | { readonly kind: 'rest' }
  /** Both hold the same now: only the base moves. */
  | { readonly kind: 'agree' }
  /** The row's value goes to the page. */
  | { readonly kind: 'to-page'; readonly conflict: boolean }
  /** The page's value goes to the row. */
  | { readonly kind: 'to-row'; readonly conflict: boolean }
  /** Both sides changed a set: each gets the other's change. */
  | { readonly kind: 'merge'; readonly sets: MergedSets }
  /** Both sides changed it, and a person has to say who wins: it is written on neither. */
  | { readonly kind: 'held' };

/** Who wins a field that both sides changed. */
export type Winner = 'postgres' | 'notion';
export type Judgement = Winner | 'hold';

/** One field as both sides hold it, and as they held it when they last agreed (`undefined`: never). */
export type FieldState = {
  readonly field: ResolvedField;
  readonly baseRow: SqlText | undefined;
  readonly basePage: PageValue | undefined;
  readonly row: SqlText;
  readonly page: PageValue;
  /** What the row's value looks like as a page's. */
  readonly encoded: Encoded;
  /** The same of the row's base; null if there is none. */
  readonly encodedBase: () => Encoded | null;
  /** Whether the page's value, read into the column, is what the row holds. */
  readonly meansRow: () => boolean;
  /** Somebody asked for this field to be written to the page. */
  readonly restore: boolean;
  /** A person has decided who wins this field. */
  readonly decided: boolean;
};

export const rowChanged = (state: Pick<FieldState, 'row' | 'baseRow'>): boolean =>
  state.row !== state.baseRow;
export const pageChanged = (state: Pick<FieldState, 'page' | 'basePage'>): boolean =>
  state.basePage === undefined || !sameJson(state.page, state.basePage);

/**
 * The three-way, two-sided merge of one field. Neither comparison crosses sides, so a value that a codec cannot carry
 * whole is never worn down (invariant 6); only the question whether two *changed* sides agree looks across.
 */
export function mergeField(state: FieldState, judge: () => Judgement): FieldVerdict {
  const row = rowChanged(state) || state.restore;
  const page = pageChanged(state);
  if (!row && !page) return { kind: 'rest' };
  if (agrees(state)) return { kind: 'agree' };
  // Whose page it is, the way back judges: a key that a person typed is not written over in passing.
  if (state.field.source.kind === 'key' && !row) return { kind: 'rest' };
  if (!goesToPostgres(state.field))
    return goesToNotion(state.field) ? { kind: 'to-page', conflict: false } : { kind: 'rest' };
  if (!goesToNotion(state.field)) return fromNotionOnly(state);
  if (state.basePage === undefined) return withoutBase(state);
  if (!page) return { kind: 'to-page', conflict: false };
  if (!row) return { kind: 'to-row', conflict: false };
  const sets = mergedSets(state);
  if (sets !== null) return { kind: 'merge', sets };
  const judgement = judge();
  switch (judgement) {
    case 'postgres':
      return { kind: 'to-page', conflict: true };
    case 'notion':
      return { kind: 'to-row', conflict: true };
    case 'hold':
      return { kind: 'held' };
    default:
      return judgement satisfies never;
  }
}

/**
 * Whose value counts while the page has no base (void, or never there): PostgreSQL is the system of record, since nobody can tell
 * who changed what. Only where the base knows the row's side, so that the row never had what the page shows (a row made while
 * the field could not be read), the page has a say: a row that is still empty there (an empty list is no value) takes its
 * value, and of a set each side gets the other's elements.
 */
function withoutBase(state: FieldState): FieldVerdict {
  const { row, encoded, baseRow, page, restore } = state;
  if (baseRow === undefined || restore || isEmptyValue(page)) return { kind: 'to-page', conflict: false };
  const isEmpty = row === null || (encoded.kind === 'value' && isEmptyValue(encoded.value));
  if (baseRow === null && isEmpty) return { kind: 'to-row', conflict: false };
  const sets = mergedSets(state);
  return sets === null ? { kind: 'to-page', conflict: false } : { kind: 'merge', sets };
}

/**
 * A field that only comes from Notion. With a void base (see `voidBase`), what the page shows or lacks is nobody's edit: the
 * row keeps its value and the base becomes the page's. A property that Notion computes has no edits: what it shows counts.
 */
function fromNotionOnly(state: FieldState): FieldVerdict {
  if (!pageChanged(state)) return { kind: 'rest' };
  const isVoid = state.basePage === undefined && state.baseRow !== undefined;
  const counts = state.field.codec.writable ? !isVoid : !isVoid || !isEmptyValue(state.page);
  return counts ? { kind: 'to-row', conflict: false } : { kind: 'agree' };
}

export const isEmptyValue = (value: PageValue): boolean =>
  value === null || value === '' || (Array.isArray(value) && value.length === 0);

/** Whether the page may hold what Notion would make of the row's value: our own write seen again after a crash, or luck. */
export function agrees(state: FieldState): boolean {
  if (state.encoded.kind !== 'value') return false;
  // What a person may write stays as they spelled it, if it stands for what the row holds.
  return (
    state.field.codec.same(state.encoded.value, state.page) ||
    (goesToPostgres(state.field) && state.meansRow())
  );
}

/** What becomes of a set that both sides changed, and of the base that says so. All values are a page's. */
export type MergedSets = {
  readonly toPage: PageValue;
  readonly toRow: PageValue;
  /** The row's base once it has the page's change, and nothing else. */
  readonly baseOfRow: PageValue;
  readonly pageChange: SetChange;
  readonly rules: ElementRules;
};

/**
 * Both changes of a set are carried out: what one side added or took away, the other one does too. That is no conflict, so
 * no strategy is asked; only a field whose own rule names a side, or a person's decision, goes first. Null if this is not
 * such a case.
 */
function mergedSets(state: FieldState): MergedSets | null {
  const { field, encoded, decided } = state;
  const rules = field.shape.array ? field.codec.elements : undefined;
  const named = field.conflict === 'postgres' || field.conflict === 'notion';
  if (rules === undefined || named || decided || encoded.kind === 'refused') return null;
  const base = setBases(state);
  if (base === null) return null;
  const pageChange = setChange(base.page, state.page, rules);
  return {
    toPage: withChange(state.page, setChange(base.row, encoded.value, rules), rules),
    toRow: withChange(encoded.value, pageChange, rules),
    baseOfRow: withChange(base.row, pageChange, rules),
    pageChange,
    rules,
  };
}

/**
 * What the changes of both sides of a set are counted from, as a page's values; null if nobody can tell. Without a base of the
 * page, neither side ever had the other's elements: both begin empty. Without one of the row, the page's base is what was
 * made of the row as it was then. A first meeting that waits for a person has a page's base that is no list.
 */
function setBases(state: FieldState): { readonly row: PageValue; readonly page: PageValue } | null {
  const { basePage, baseRow } = state;
  if (basePage === undefined) return { row: [], page: [] };
  if (baseRow === undefined) return Array.isArray(basePage) ? { row: basePage, page: basePage } : null;
  const base = state.encodedBase();
  if (base === null || base.kind === 'refused' || !rowChanged(state)) return null;
  return { row: base.value, page: basePage };
}

/** A write of ours whose answer never came: what it sent, what the page held before it, and the row that it was made from. */
export type LostWrite = { readonly sent: PageImage; readonly before: PageImage; readonly row: RowImage };

/** Bases of both sides, of some fields. */
export type Bases = { readonly page: PageImage; readonly row: RowImage };

/**
 * The bases of the fields that hold what one of our own lost writes sent: it may be on the page, and must not pass for a
 * person's edit. The row's value belongs there. Of a set, what a person had changed before the write, which carried it on, is
 * still news for the row.
 */
export function ownWrites(
  fields: readonly ResolvedField[],
  base: PageImage,
  page: PageImage,
  writes: readonly LostWrite[],
): Bases {
  const own: { page: Record<string, PageValue>; row: Record<string, SqlText> } = { page: {}, row: {} };
  for (const { property, codec, shape } of changedOnPage(fields, base, page)) {
    const value = page[property];
    const write = writes.find(
      ({ sent }) => value !== undefined && property in sent && codec.same(sent[property] ?? null, value),
    );
    if (write === undefined || value === undefined) continue;
    own.page[property] = value;
    const [was, before] = [base[property], write.before[property]];
    if (!shape.array || codec.elements === undefined || was === undefined || before === undefined) continue;
    const change = setChange(was, before, codec.elements);
    if (change.added.length + change.removed.length === 0 || !(property in write.row)) continue;
    own.page[property] = withoutChange(value, change, codec.elements);
    own.row[property] = write.row[property] ?? null;
  }
  return own;
}

/**
 * The page's base after a write. What Notion made of the values stands in the write's own answer. `late` names what was
 * read some time after it: a person may have typed there meanwhile, so what Notion cannot have made of `sent` stays out
 * of the base, and is found as the edit that it is (invariant 4).
 */
export function baseAfterWrite(
  fields: readonly ResolvedField[],
  sent: PageImage,
  image: PageImage,
  late: ReadonlySet<string>,
): PageImage {
  const foreign = fields.filter(
    ({ property, codec }) =>
      late.has(property) && property in sent && !codec.same(sent[property] ?? null, image[property] ?? null),
  );
  return {
    ...image,
    ...Object.fromEntries(foreign.map(({ property }) => [property, sent[property] ?? null])),
  };
}

/**
 * The base of a page that was just made. What Notion computes for it is news for the row, whose value the request did not hold:
 * it stays out of the base, so that the next reading of the page takes it over.
 */
export const baseOfMade = (fields: readonly ResolvedField[], base: PageImage): PageImage =>
  pick(
    base,
    Object.keys(base).filter((name) => {
      const field = fields.find(({ property }) => property === name);
      return field === undefined || field.codec.writable || isEmptyValue(base[name] ?? null);
    }),
  );

/** The fields whose page value is not the base's. What the image lacks was not shown, and says nothing. */
export function changedOnPage(
  fields: readonly ResolvedField[],
  base: PageImage,
  page: PageImage,
): ResolvedField[] {
  return fields.filter(
    ({ property }) =>
      property in page && pageChanged({ page: page[property] ?? null, basePage: base[property] }),
  );
}

/** The fields that PostgreSQL has news of for the page. */
export function changedInRow(
  fields: readonly ResolvedField[],
  base: RowImage,
  row: RowImage,
  restore: readonly string[] = [],
): ResolvedField[] {
  return fields.filter(
    (field) =>
      goesToNotion(field) &&
      (restore.includes(field.property) ||
        rowChanged({ row: row[field.property] ?? null, baseRow: base[field.property] })),
  );
}

/** Those of a row's fields that differ from the base, as they were and as they are; null if none does. */
export function rowChangeOf(
  base: RowImage,
  row: RowImage,
  properties: readonly string[],
): { readonly before: RowImage; readonly after: RowImage } | null {
  const changed = properties.filter((name) => name in base && base[name] !== (row[name] ?? null));
  if (changed.length === 0) return null;
  const of = (image: RowImage): RowImage =>
    Object.fromEntries(changed.map((name) => [name, image[name] ?? null]));
  return { before: of(base), after: of(row) };
}
