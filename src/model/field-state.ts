import type { PageImage, RowImage } from './change.ts';
import type { Encoded, Lookups } from './codecs/codec.ts';
import { decodeField, encodeField } from './fields.ts';
import type { ResolvedField } from './mapping.ts';
import type { FieldState } from './merge.ts';

/** What both sides hold, and what they held when they last agreed. */
type Sides = {
  readonly base: { readonly row: RowImage; readonly page: PageImage };
  readonly row: RowImage;
  readonly page: PageImage;
  readonly lookups: Lookups;
};

/** One field of both sides, ready for the merge. */
export function fieldState(
  { base, row, page, lookups }: Sides,
  field: ResolvedField,
  how: Pick<FieldState, 'restore' | 'decided'>,
): FieldState {
  const name = field.property;
  const text = row[name] ?? null;
  const value = page[name] ?? null;
  const former = base.row[name];
  return {
    field,
    baseRow: former,
    basePage: base.page[name],
    row: text,
    page: value,
    encoded: encodeField(field, text, lookups),
    encodedBase: (): Encoded | null => (former === undefined ? null : encodeField(field, former, lookups)),
    meansRow: () => meansRow(field, page, row, lookups),
    ...how,
  };
}

/**
 * Whether a page's value, read into the column, is what the row holds: a person's own spelling of the same value, which
 * stays as it was typed.
 */
export function meansRow(field: ResolvedField, page: PageImage, row: RowImage, lookups: Lookups): boolean {
  const text = row[field.property] ?? null;
  const read = decodeField(field, page[field.property] ?? null, lookups, text);
  return read.kind === 'value' && read.text === text;
}
