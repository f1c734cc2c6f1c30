import type { PageImage, RowImage } from '../model/change.ts';
import type { Lookups } from '../model/codecs/codec.ts';
import { meansRow } from '../model/field-state.ts';
import { encodeField } from '../model/fields.ts';
import type { RowKey } from '../model/ids.ts';
import { goesToNotion, type ResolvedField, type ResolvedTable } from '../model/mapping.ts';
import { readRows } from '../postgres/read-rows.ts';
import {
  type ColumnValues,
  settleConstraints,
  storedAsSent,
  type UserTransaction,
  updateRow,
} from '../postgres/write.ts';
import type { Sighting } from './context.ts';
import type { MergeInput, MergeResult } from './merge-edit.ts';

/** What was written to a row for a page, and the row as it is now. */
type Written = {
  readonly table: ResolvedTable;
  readonly key: RowKey;
  readonly fields: readonly ResolvedField[];
  /** What was sent, by column. */
  readonly values: ColumnValues;
  /** Fields whose value did not come from the page. */
  readonly replaced: ReadonlySet<string>;
  readonly image: PageImage;
  readonly after: RowImage;
  readonly lookups: Lookups;
};

/**
 * The fields of which the row holds something else than the page says: a trigger made it, or a person chose it, and the
 * page has to show it. What PostgreSQL stored as its type reads it is no such thing, even if it is spelled in another way,
 * rounded or cut to fit: a page is left as the person typed it (invariant 6).
 */
export async function alteredFields(transaction: UserTransaction, written: Written): Promise<string[]> {
  const { table, key, fields, values, replaced, image, after, lookups } = written;
  const unlike = fields.filter(
    (field) =>
      goesToNotion(field) && !holds(field, after, image, lookups) && !meansRow(field, image, after, lookups),
  );
  const columns = unlike.flatMap(({ property, source }) =>
    source.kind === 'column' && source.column in values && !replaced.has(property) ? [source.column] : [],
  );
  const sent = Object.fromEntries(columns.map((column) => [column, values[column] ?? null]));
  const asSent = await storedAsSent(transaction, table, key, sent);
  return unlike
    .filter(({ source }) => !(source.kind === 'column' && asSent.has(source.column)))
    .map(({ property }) => property);
}

type WroteRow = {
  /** The row as it is now. */
  readonly after: RowImage;
  /** Fields of which the page has to show what the row holds. */
  readonly altered: readonly string[];
  /** PostgreSQL gave no error, and left the row as it was. */
  readonly isKept: boolean;
};

/** Writes what was chosen to a row, and tells what the row holds then and what of it the page has to show. */
export async function writeChosen(
  transaction: UserTransaction,
  { table, image, key }: Pick<Sighting, 'table' | 'image'> & { readonly key: RowKey },
  { taken, values, merged, replaced }: MergeResult,
  { row, lookups }: Pick<MergeInput, 'row' | 'lookups'>,
): Promise<WroteRow> {
  const made = Object.keys(values).length > 0 ? await updateRow(transaction, table, key, values) : key;
  const isKept = made === null;
  const now = made ?? key;
  await settleConstraints(transaction);
  const after = (await readRows(transaction, table, [now])).get(now) ?? row;
  const fields = taken.filter(
    ({ property, source }) => source.kind === 'column' && source.column in values && !merged.has(property),
  );
  const written = { table, key: now, fields, values, replaced, image, after, lookups };
  const altered = isKept
    ? fields.filter(goesToNotion).map(({ property }) => property)
    : await alteredFields(transaction, written);
  return { after, altered, isKept };
}

/** Whether the page may be what Notion makes of the row's value. */
function holds(field: ResolvedField, row: RowImage, page: PageImage, lookups: Lookups): boolean {
  const encoded = encodeField(field, row[field.property] ?? null, lookups);
  return encoded.kind === 'value' && field.codec.same(encoded.value, page[field.property] ?? null);
}
