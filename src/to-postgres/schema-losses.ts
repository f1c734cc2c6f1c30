import type { PageImage, PageValue } from '../model/change.ts';
import { fold } from '../model/codecs/values.ts';
import { goesToPostgres, type ResolvedField } from '../model/mapping.ts';
import { changedOnPage } from '../model/merge.ts';
import { without } from '../model/pick.ts';
import { type KnownSchema, ownEntry } from '../model/schema/known.ts';
import { canonicalName, hasOptions } from '../model/schema/options.ts';
import { lookSoon } from '../state/edits.ts';
import type { SyncRecord } from '../state/records.ts';
import { voidRecord } from '../state/void-base.ts';
import { emptiedByNobody } from '../sync/unseen-losses.ts';
import type { InboundContext, Sighting } from './context.ts';

type Linked = SyncRecord & { readonly page: NonNullable<SyncRecord['page']> };

/**
 * The record without the base of each field that the page shows emptied because its option was deleted, or whatever else was done
 * to its property: that is no person's edit of this page, and the row's value is written again. What the schema is now is asked
 * of Notion only for an edit that takes something away. Null if the page is to be looked at again first, because the schema
 * was found to be another one.
 */
export async function withoutSchemaLosses(
  context: InboundContext,
  sighting: Sighting,
  record: Linked,
): Promise<Linked | null> {
  const { table, page, image } = sighting;
  const losing = changedOnPage(table.fields, record.basePage, image).filter(
    (field) => goesToPostgres(field) && lostIn(field, record.basePage, image).length > 0,
  );
  const suspects = [...losing, ...(await emptiedByNobody(context, sighting, record))];
  if (suspects.length === 0) return record;
  const confirmed = await context.schema.confirm(table.name, page.askedAt);
  const live = new Set(context.tables.get(table.name)?.fields.map(({ property }) => property));
  if (!confirmed || suspects.some(({ property }) => !live.has(property))) {
    await context.store.transaction((sql) => lookSoon(sql, record));
    return null;
  }
  const known = context.schema.known(table.name);
  // What a status shows where it was emptied is known for certain only now.
  const emptied = await emptiedByNobody(context, sighting, record);
  const deleted = losing.filter((field) => isLeftByDeletion(field, known, record.basePage, image));
  const dead = [...new Set([...deleted, ...emptied].map(({ property }) => property))];
  if (dead.length === 0) return record;
  await context.store.transaction((sql) => voidRecord(sql, record, table.fields, dead));
  return { ...record, basePage: without(record.basePage, dead) };
}

/**
 * The fields that a page lost on its way through another database: Notion drops what has no property there, which is no
 * person's edit. What the page still shows there counts as before.
 */
export const lostByMove = (
  fields: readonly ResolvedField[],
  base: PageImage,
  image: PageImage,
): readonly string[] =>
  changedOnPage(fields, base, image)
    .filter((field) => isEmpty(image[field.property] ?? null) || lostIn(field, base, image).length > 0)
    .map(({ property }) => property);

const isEmpty = (value: PageValue): boolean =>
  value === null || value === '' || (Array.isArray(value) && value.length === 0);

/** The options or related pages that the base shows and the page does not. */
function lostIn({ property, type }: ResolvedField, base: PageImage, image: PageImage): readonly PageValue[] {
  const [before, now] = [base[property] ?? null, image[property] ?? null];
  if (type === 'relation' || type === 'multi_select') {
    const shown = Array.isArray(now) ? now : [];
    return Array.isArray(before) ? before.filter((each) => !shown.includes(each)) : [];
  }
  if (type === 'select') return before !== null && now === null ? [before] : [];
  return type === 'status' && before !== null && now !== before ? [before] : [];
}

/** Whether Notion took the value away with its option. A status then shows its default; another choice is a person's. */
function isLeftByDeletion(
  field: ResolvedField,
  known: KnownSchema,
  base: PageImage,
  image: PageImage,
): boolean {
  const property = ownEntry(known, field.property);
  if (property === undefined || !hasOptions(field.type)) return false;
  const names = Object.values(property.options).map((option) => fold(canonicalName(field, option)));
  const gone = lostIn(field, base, image).some(
    (name) => typeof name === 'string' && !names.includes(fold(name)),
  );
  if (!gone || field.type !== 'status') return gone;
  const now = image[field.property] ?? null;
  const start = property.defaultOption === null ? undefined : property.options[property.defaultOption];
  return now === null || start === undefined || canonicalName(field, start) === now;
}
