import { createHash } from 'node:crypto';
import type { Json, PageImage, PageValue, RowImage, SqlText } from './change.ts';
import type { Lookups } from './codecs/codec.ts';
import { fieldState } from './field-state.ts';
import { decodeField } from './fields.ts';
import type { PageId, RowKey } from './ids.ts';
import { canonicalJson } from './json.ts';
import { goesToNotion, goesToPostgres, type ResolvedField, type ResolvedTable } from './mapping.ts';
import { type FieldState, mergeField, pageChanged, rowChanged } from './merge.ts';

/** The kinds of difference that `verify` tells apart, each with what it is called. */
export const FINDING_KINDS = {
  cell: 'cells differ',
  key: 'record ids altered on pages',
  void_base: 'cells without a base',
  stale_base: 'cells whose base is out of date',
  missing_page: 'rows without a page',
  missing_row: 'pages without a row',
  filtered_row: 'pages of rows that are left out',
  marked_row: 'pages of rows that are marked as deleted',
  page_away: 'pages in the trash, archived or moved',
  page_back: 'pages that are back unnoticed',
  duplicate_page: 'second pages of a row',
  unlinked_page: 'pages that no row is linked to',
  lost_pair: 'records whose row and page are both gone',
} as const;

export type FindingKind = keyof typeof FINDING_KINDS;

export const findingKinds = Object.keys(FINDING_KINDS) as readonly FindingKind[];

/** What is on its way, or stands elsewhere for a person, and is no difference. */
export const IN_FLIGHT = {
  outbox: 'changes on their way to Notion',
  edits: 'edits on their way to PostgreSQL',
  conflicts: 'conflicts that wait for a person',
  guarded: 'changes that wait for review',
  failures: 'failures',
  away: 'pages known to be out of their place',
  references: 'relations whose target has no page yet',
  paused: 'records of paused tables',
  unsettled: 'records that kept changing while they were compared',
} as const;

export type InFlightKind = keyof typeof IN_FLIGHT;

export type Finding = {
  readonly kind: FindingKind;
  readonly key: RowKey | null;
  readonly page: PageId | null;
  readonly field: string | null;
  readonly row: SqlText;
  readonly value: PageValue;
  readonly note: string;
};

/** What is known to be under way of a record or page; `fields` are those concerned, null for all. */
export type Known = { readonly what: InFlightKind; readonly fields: readonly string[] | null };

/** What one cell comes to. */
export type CellVerdict =
  | { readonly kind: 'same' }
  /** It rests, and reads differently on both sides: only PostgreSQL's own types can tell whether that is so. */
  | { readonly kind: 'unlike'; readonly text: string | null }
  /** The row names a record that has no page yet, and the page shows all the others. */
  | { readonly kind: 'waits' }
  | {
      readonly kind: 'differs';
      readonly as: 'cell' | 'key' | 'void_base' | 'stale_base';
      readonly note: string;
    };

const SAME: CellVerdict = { kind: 'same' };

const differs = (as: Extract<CellVerdict, { kind: 'differs' }>['as'], note: string): CellVerdict => ({
  kind: 'differs',
  as,
  note,
});

/**
 * Judges one field by what the flows would do with it. A difference is what one of them would write, a base that it would
 * move, and what rests although the two sides do not mean the same.
 */
export function judgeCell(state: FieldState): CellVerdict {
  const { field } = state;
  if (state.basePage === undefined && state.baseRow === undefined) return withoutBase(state);
  if (field.source.kind === 'key' && pageChanged(state) && !means(state))
    return differs('key', 'the page shows another record id than its record has');
  const verdict = mergeField(state, () => 'hold');
  switch (verdict.kind) {
    case 'rest':
      return atRest(state);
    case 'agree':
      return state.basePage === undefined
        ? voided()
        : differs('stale_base', 'both sides hold the same, and the base something else');
    case 'to-page':
      if (waits(state)) return { kind: 'waits' };
      return differs('cell', noteOf(state, pageChanged(state) ? PAGE_NOTE : ROW_NOTE));
    case 'to-row':
      return differs('cell', noteOf(state, 'the row lacks the value of the page'));
    case 'merge':
    case 'held':
      return differs('cell', noteOf(state, 'both sides changed since they last agreed'));
    default:
      return verdict satisfies never;
  }
}

const ROW_NOTE = 'the page lacks the value of the row';
const PAGE_NOTE = 'the page was changed, and what is typed there does not go to the row';
const VOID_NOTE = 'the sides differ, and what they last agreed on is void';

const voided = (): CellVerdict =>
  differs('void_base', 'nothing is remembered of what both sides last agreed on');

const noteOf = (state: FieldState, otherwise: string): string =>
  state.basePage === undefined ? VOID_NOTE : otherwise;

function withoutBase(state: FieldState): CellVerdict {
  if (waits(state)) return { kind: 'waits' };
  return means(state) ? voided() : differs('cell', noteOf(state, ''));
}

/** Of a relation: a part of its value has no page, and the rest is there. */
const waits = ({ encoded, page }: FieldState): boolean =>
  encoded.kind === 'unresolved' && canonicalJson(encoded.value) === canonicalJson(page);

/** Whether the page shows what the row holds, or what a person may write for it. */
const means = (state: FieldState): boolean =>
  (state.encoded.kind === 'value' && state.field.codec.same(state.encoded.value, state.page)) ||
  (goesToPostgres(state.field) && state.meansRow());

/** Nothing would be written. What only comes from Notion may rest unlike (`fromNotionOnly` of the merge) until its row changes. */
function atRest(state: FieldState): CellVerdict {
  const { field, encoded } = state;
  if (pageChanged(state) || means(state)) return SAME;
  if (!goesToNotion(field)) return rowChanged(state) ? { kind: 'unlike', text: null } : SAME;
  return encoded.kind === 'value' ? { kind: 'unlike', text: null } : SAME;
}

/** A record as both sides hold it. */
export type RecordSides = {
  readonly base: { readonly row: RowImage; readonly page: PageImage };
  readonly row: RowImage;
  readonly page: PageImage;
  readonly lookups: Lookups;
};

export type JudgedCell = {
  readonly field: ResolvedField;
  readonly verdict: Exclude<CellVerdict, { kind: 'same' }>;
};

/** All cells of a record that are not simply the same. Fields that the page did not show say nothing. */
export function judgeCells(table: ResolvedTable, sides: RecordSides): readonly JudgedCell[] {
  return table.fields.flatMap((field): readonly JudgedCell[] => {
    if (!(field.property in sides.page) || !(field.property in sides.row)) return [];
    const verdict = judgeCell(fieldState(sides, field, { restore: false, decided: false }));
    if (verdict.kind === 'same') return [];
    if (verdict.kind === 'unlike') return [{ field, verdict: { ...verdict, text: asText(field, sides) } }];
    return [{ field, verdict }];
  });
}

/** What the row would be given of the page; null if that is no value of the column. */
function asText(field: ResolvedField, { row, page, lookups }: RecordSides): string | null {
  if (!goesToPostgres(field)) return null;
  const text = row[field.property] ?? null;
  const read = decodeField(field, page[field.property] ?? null, lookups, text);
  return read.kind === 'value' ? read.text : null;
}

export const UNLIKE_NOTE = 'the sides differ, although neither has changed since they last agreed';

/** Tells what was seen at one look from what is seen at the next. */
export const signatureOf = (findings: readonly Finding[], state: Json): string =>
  createHash('sha256')
    .update(canonicalJson([state, ...findings.map((one) => ({ ...one }) as unknown as Json)]))
    .digest('hex')
    .slice(0, 32);

/** What is left of findings beside what is known to be under way. */
export const beside = (findings: readonly Finding[], known: readonly Known[]): readonly Finding[] =>
  findings.filter(
    ({ field }) => !known.some(({ fields }) => fields === null || (field !== null && fields.includes(field))),
  );

/** Of what is under way: it passes by itself, so that a later look shows the record as it settles. */
export const passes = ({ what }: Known): boolean => what === 'outbox' || what === 'edits';
