import type { PageImage, PageValue } from '../model/change.ts';
import { fold } from '../model/codecs/values.ts';
import type { TableName } from '../model/ids.ts';
import { goesToPostgres, type ResolvedField } from '../model/mapping.ts';
import { changedOnPage } from '../model/merge.ts';
import { readPage } from '../model/page.ts';
import { type KnownSchema, ownEntry } from '../model/schema/known.ts';
import { canonicalName, hasOptions } from '../model/schema/options.ts';
import { unseenMove } from '../model/unseen-move.ts';
import { lookSoon } from '../state/edits.ts';
import type { SyncRecord } from '../state/records.ts';
import { voidRecord } from '../state/void-base.ts';
import type { SyncContext } from '../sync/context.ts';
import type { Sighting } from './context.ts';

type Linked = SyncRecord & { readonly page: NonNullable<SyncRecord['page']> };

/**
 * The record without the base of each field that the page shows emptied because its option was deleted: that is no person's edit
 * of this page, and the row's value is written again. Whether an option, or a relation's target, is still there is asked of
 * Notion only for an edit that takes something away. Null if the page is to be looked at again first, because the schema
 * was found to be another one.
 */
export async function withoutSchemaLosses(
  context: SyncContext,
  { table, page, image }: Sighting,
  record: Linked,
): Promise<Linked | null> {
  const losing = changedOnPage(table.fields, record.basePage, image).filter(
    (field) => goesToPostgres(field) && lostIn(field, record.basePage, image).length > 0,
  );
  if (losing.length === 0) return record;
  const confirmed = await context.schema.confirm(table.name, page.askedAt);
  const live = new Set(context.tables.get(table.name)?.fields.map(({ property }) => property));
  if (!confirmed || losing.some(({ property }) => !live.has(property))) {
    await context.store.transaction((sql) => lookSoon(sql, record));
    return null;
  }
  const known = context.schema.known(table.name);
  const dead = losing
    .filter((field) => isLeftByDeletion(field, known, record.basePage, image))
    .map(({ property }) => property);
  if (dead.length === 0) return record;
  await context.store.transaction((sql) => voidRecord(sql, record, table.fields, dead));
  return { ...record, basePage: without(record.basePage, dead) };
}

/** What is known of the data sources of all tables. */
export const schemasOf = ({ tables, schema }: SyncContext): ReadonlyMap<TableName, KnownSchema> =>
  new Map([...tables.keys()].map((name) => [name, schema.known(name)]));

/**
 * The record without the base of what its page lost together with its record id, on its way through a database that nobody
 * saw it in: that is no person's edit, and the row's values are written again. What is not empty counts as before.
 */
export async function withoutMoveLosses(
  context: SyncContext,
  { table, source, page, image }: Sighting,
  record: Linked,
): Promise<Linked> {
  const shown = readPage(table, source.properties, page.properties).image;
  const move = unseenMove(table, record.basePage, { image, shown }, schemasOf(context));
  if (move.kind !== 'certain') return record;
  context.log.info(
    { table: table.name, key: record.key, page: page.id, fields: move.lost },
    'a page lost its record id with other values, as by a move to another database and back',
  );
  await context.store.transaction((sql) => voidRecord(sql, record, table.fields, move.lost));
  return { ...record, basePage: without(record.basePage, move.lost) };
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

/** The image without these fields. */
export const without = (image: PageImage, fields: readonly string[]): PageImage =>
  Object.fromEntries(Object.entries(image).filter(([property]) => !fields.includes(property)));

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
