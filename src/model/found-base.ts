import type { PageImage, RowImage } from './change.ts';
import type { Lookups } from './codecs/codec.ts';
import { encodeField } from './fields.ts';
import { goesBothWays, type ResolvedField } from './mapping.ts';
import { baseAfterWrite, changedOnPage } from './merge.ts';
import { pick } from './pick.ts';

/** A page that a request has made whose answer was lost, once it is found. */
type Found = {
  /** What the request held. */
  readonly sent: PageImage;
  readonly shown: PageImage;
  /** The row as it is now; null if there is none. */
  readonly row: RowImage | null;
  readonly lookups: Lookups;
};

/**
 * What both sides of such a page agreed on: what was sent. What the page shows instead by now is a person's edit, and what
 * the row holds instead has changed since (invariant 4). What was not sent, because the field stood still or Notion refused
 * it, the page never had from its row, and the row never from its page. `isEdited`: the page shows something else in a field.
 */
export function foundBase(
  fields: readonly ResolvedField[],
  { sent, shown, row, lookups }: Found,
): { readonly baseRow: RowImage; readonly basePage: PageImage; readonly isEdited: boolean } {
  const wrote = fields.filter(({ property }) => property in sent && property in shown);
  const names = wrote.map(({ property }) => property);
  const basePage = pick(baseAfterWrite(wrote, sent, shown, new Set(names)), names);
  const still = wrote.filter((field) => {
    const encoded = encodeField(field, row?.[field.property] ?? null, lookups);
    return encoded.kind === 'value' && field.codec.same(encoded.value, sent[field.property] ?? null);
  });
  const unsent = fields.filter((field) => goesBothWays(field) && !(field.property in sent));
  const baseRow =
    row === null
      ? {}
      : {
          ...Object.fromEntries(unsent.map(({ property }) => [property, null])),
          ...pick(
            row,
            still.map(({ property }) => property),
          ),
        };
  return { baseRow, basePage, isEdited: changedOnPage(wrote, basePage, shown).length > 0 };
}

/** Whether a page shows what was sent, as far as it shows it: nobody has written in it since. */
export const isAsSent = (fields: readonly ResolvedField[], sent: PageImage, shown: PageImage): boolean =>
  fields.every(
    ({ property, codec }) =>
      !(property in sent && property in shown) || codec.same(sent[property] ?? null, shown[property] ?? null),
  );
