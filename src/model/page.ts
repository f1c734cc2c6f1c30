import { createHash } from 'node:crypto';
import type { Json, PageImage, PageValue } from './change.ts';
import type { Lookups, NotionProperty, PropertyRead } from './codecs/codec.ts';
import { itemContents } from './codecs/support.ts';
import { type Fault, messageOf } from './errors.ts';
import type { PageId, RowKey, TableName } from './ids.ts';
import { canonicalJson } from './json.ts';
import type { ResolvedField, ResolvedTable } from './mapping.ts';
import { nameOf, type Target } from './references.ts';

/** What the properties of a page hold beyond their values (see `Codec.extras`), by property. */
export type PageExtras = Readonly<Record<string, Json>>;

/** A page's properties as far as one answer shows them. */
type PageReading = {
  readonly image: PageImage;
  /** What the properties hold beyond these values. */
  readonly extras: PageExtras;
  /** Fields whose value the answer cut short. */
  readonly truncated: readonly ResolvedField[];
  /** Fields whose property is gone or has another type. */
  readonly faults: readonly Fault[];
};

/**
 * Reads the mapped properties of a page answer. `ids` says which property id a field has; an id survives a rename.
 */
export function readPage(
  table: ResolvedTable,
  ids: Readonly<Record<string, string>>,
  properties: Readonly<Record<string, NotionProperty>>,
): PageReading {
  const image: Record<string, PageValue> = {};
  const extras: Record<string, Json> = {};
  const truncated: ResolvedField[] = [];
  const faults: Fault[] = [];
  for (const field of table.fields) {
    const property = properties[ids[field.property] ?? ''];
    if (property === undefined) {
      faults.push(missing(table, field));
      continue;
    }
    const read = readProperty(field, property);
    if (read.kind === 'value') {
      image[field.property] = read.value;
      const more = field.codec.extras?.(property, field.shape);
      if (more !== undefined) extras[field.property] = more;
    } else if (read.kind === 'truncated') truncated.push(field);
    else faults.push(mismatch(table, field, read.found));
  }
  return { image, extras, truncated, faults };
}

/** A codec that fails over one answer says nothing of the page's other properties. */
function readProperty(field: ResolvedField, property: NotionProperty): PropertyRead {
  try {
    return field.codec.read(property, field.shape);
  } catch (error) {
    return { kind: 'mismatch', found: `${property.type} that pgnotion cannot read (${messageOf(error)})` };
  }
}

/** The same of a value that was read item by item. */
export const extrasOfItems = (field: ResolvedField, items: readonly Json[]): Json | undefined =>
  field.codec.extras?.(
    { id: '', type: field.type, [field.type]: itemContents(field.type, items) },
    field.shape,
  );

/** The fields of a page that hold more than their values say: a text that an answer cuts short is full of mentions. */
export function extraFields({
  extras,
  truncated,
}: Pick<PageReading, 'extras' | 'truncated'>): readonly string[] {
  const cut = truncated.filter(({ codec }) => codec.extras !== undefined).map(({ property }) => property);
  return [...new Set([...Object.keys(extras), ...cut])].sort();
}

const missing = (table: ResolvedTable, field: ResolvedField): Fault => ({
  path: `tables.${table.name}.fields.${field.property}`,
  message: `the page has no property ${JSON.stringify(field.property)}`,
  remedy: 'run `pgnotion apply` to make it again, or remove the field from the configuration',
});

const mismatch = (table: ResolvedTable, field: ResolvedField, found: string): Fault => ({
  path: `tables.${table.name}.fields.${field.property}`,
  message: `the property is a ${found} in Notion, and a ${field.type} in the configuration`,
  remedy: 'change its type back in Notion, or correct the type in the configuration',
});

/** Tells values apart, so that the same refused edit is not tried again by itself. */
export const digestOf = (image: PageImage): string =>
  createHash('sha256').update(canonicalJson(image)).digest('hex').slice(0, 32);

/** Tells one edit of a page from another: by the values that differ from the base. */
export const editDigest = (changed: readonly ResolvedField[], image: PageImage): string =>
  digestOf(Object.fromEntries(changed.map(({ property }) => [property, image[property] ?? null])));

/** Look-ups over what a caller has fetched. Nothing is found that was not fetched. */
export function lookupsOver(known: {
  readonly pairs: readonly { readonly table: TableName; readonly key: RowKey; readonly page: PageId }[];
  readonly users: ReadonlyMap<string, string>;
  readonly away?: ReadonlySet<PageId>;
  /** What references without a page stand for. */
  readonly targets?: ReadonlyMap<string, Target>;
}): Lookups {
  const pages = new Map(known.pairs.map((pair) => [nameOf(pair), pair.page]));
  const keys = new Map(known.pairs.map((pair) => [`${pair.table}/${pair.page}`, pair.key]));
  const emails = new Map([...known.users].map(([email, id]) => [id, email]));
  return {
    pageOf: (table, key) => pages.get(nameOf({ table, key })),
    keyOf: (table, page) => keys.get(`${table}/${page}`),
    ...(known.targets && { targetOf: (table, key) => known.targets?.get(nameOf({ table, key })) }),
    userOf: (email) => known.users.get(email.toLowerCase()),
    emailOf: (id) => emails.get(id),
    isAway: (page) => known.away?.has(page) === true,
  };
}

/** Look-ups that know these pairs too. */
export function lookupsJoined(
  lookups: Lookups,
  known: Pick<Parameters<typeof lookupsOver>[0], 'pairs' | 'targets'>,
): Lookups {
  const more = lookupsOver({ ...known, users: new Map() });
  return {
    ...lookups,
    targetOf: (table, key) => more.targetOf?.(table, key) ?? lookups.targetOf?.(table, key),
    pageOf: (table, key) => lookups.pageOf(table, key) ?? more.pageOf(table, key),
    keyOf: (table, page) => lookups.keyOf(table, page) ?? more.keyOf(table, page),
  };
}
