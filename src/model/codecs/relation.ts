import type { PageValue, SqlText } from '../change.ts';
import { type PageId, pageId, type RowKey } from '../ids.ts';
import { referencePlace, type Target } from '../references.ts';
import type { Codec, CodecOptions, ColumnShape, DecodeContext, Decoded, Encoded, Lookups } from './codec.ts';
import {
  idObjects,
  isRefusal,
  MOST_REFERENCES,
  placeReferences,
  readIds,
  readReferences,
  rowReferences,
  tooMany,
} from './references.ts';
import {
  asSet,
  itemContents,
  keepsCurrent,
  notionId,
  otherType,
  pageOutcome,
  refuse,
  refuseShape,
  sameSet,
  strings,
  UNKNOWN,
} from './support.ts';

const UNRELATED = {
  message: 'cannot be looked up: the relation names no table',
  remedy: 'set `relatedTable` of the relation to a synced table',
};

function encode(text: SqlText, column: ColumnShape, options: CodecOptions, lookups: Lookups): Encoded {
  const table = options.relatedTable;
  if (table === undefined) return refuse(options, text, UNRELATED);
  const keys = rowReferences(text, column, options);
  if (isRefusal(keys)) return keys;
  const by = options.relatedBy;
  const place = referencePlace(table, by);
  const targets = asSet(keys).map((key) => ({
    key: key as RowKey,
    page: lookups.pageOf(place, key as RowKey),
  }));
  const pages = asSet(targets.flatMap(({ page }) => page ?? []));
  const missing = targets
    .filter(({ page }) => page === undefined)
    .map(({ key }): Target => lookups.targetOf?.(place, key) ?? { table, key, ...(by && { by }) });
  if (pages.length + missing.length > MOST_REFERENCES) return tooMany(text, options);
  return missing.length === 0 ? pageOutcome(pages) : { kind: 'unresolved', value: pages, missing };
}

function decode(
  value: PageValue,
  column: ColumnShape,
  options: CodecOptions,
  { lookups, current }: DecodeContext,
): Decoded {
  const table = options.relatedTable;
  if (table === undefined) return refuse(options, value, UNRELATED);
  const pages = strings(value)?.map(notionId);
  if (pages === undefined || pages.includes(undefined)) return refuseShape(options, value, 'relation');
  const shown = [...new Set(pages.flatMap((id) => (id === undefined ? [] : pageId(id))))];
  const ids = column.array ? shown : onePage(shown, lookups);
  if (!column.array && ids.length > 1)
    return refuse(options, value, {
      message: `are ${ids.length} pages, and the column ${column.type} points to one record`,
      remedy: 'leave one page in the relation, or limit the property to one page in Notion',
      words: 'only one page can be chosen here',
    });
  const place = referencePlace(table, options.relatedBy);
  const keys = new Map<string, string>();
  const missing: PageId[] = [];
  for (const id of ids) {
    const key = lookups.keyOf(place, id);
    if (key === undefined) missing.push(id);
    else keys.set(id, key);
  }
  if (missing.length > 0) return { kind: 'unresolved', missing };
  return placeReferences(keys, column, {
    options,
    current,
    shown: (key) => lookups.pageOf(place, key as RowKey),
  });
}

/** The page that a person chose for a column of one key: a former one that is in the trash may still be listed beside it. */
function onePage(shown: readonly PageId[], { isAway }: Lookups): readonly PageId[] {
  const [first, ...others] = shown.filter((page) => !isAway(page));
  return first !== undefined && others.length === 0 ? [first] : shown;
}

/**
 * Relation, for a column of keys of any type or an array of them. A composite key is the JSON array that `rowKey` makes. A
 * key without a page and a page without a record are unresolved. An array keeps its order, and the keys that have no page.
 */
export const relation: Codec = keepsCurrent({
  type: 'relation',
  writable: true,
  check: (_column, options) =>
    options.relatedTable === undefined
      ? [
          {
            path: options.property,
            message: `property "${options.property}": the relation does not say which table it points to`,
            remedy: UNRELATED.remedy,
          },
        ]
      : [],
  encode,
  decode,
  read: (property) =>
    property.type === 'relation'
      ? readReferences('relation', property.relation, property.has_more, property.has_more === false)
      : otherType(property),
  readItems: (items) => {
    const ids = itemContents('relation', items).map((item) => readIds([item]));
    return asSet(ids.flatMap((id) => (id === UNKNOWN ? [] : id)));
  },
  write: (value) => ({ relation: idObjects(value) }),
  same: sameSet,
  elements: { keyOf: String, ordered: false },
  schema: (_column, options) =>
    options.relatedDataSource === undefined
      ? null
      : {
          relation: {
            data_source_id: options.relatedDataSource,
            type: 'single_property',
            single_property: {},
          },
        },
});
