import type { PageValue, SqlText } from '../change.ts';
import { arrayItems, formatArray, parseArray } from './arrays.ts';
import type { CodecOptions, ColumnShape, Decoded, PropertyRead, PropertyType } from './codec.ts';
import {
  asSet,
  emptyRow,
  list,
  members,
  notionId,
  refuse,
  rowOutcome,
  UNKNOWN,
  unknownContent,
} from './support.ts';

/** How many references a page answer shows, and how many a request may set. */
const SHOWN = 25;
export const MOST_REFERENCES = 100;

/** The references that a row's text holds, NULL elements left out; a refusal for several dimensions. */
export function rowReferences(text: SqlText, column: ColumnShape, options: CodecOptions) {
  if (text === null) return [];
  if (!column.array) return text === '' ? [] : [text];
  const items = arrayItems(text, options);
  return 'kind' in items ? items : items.filter((item) => item !== null);
}

/** The refusal of more references than one request may set. */
export function tooMany(text: SqlText, options: CodecOptions) {
  return refuse(options, text, {
    message: `has more than ${MOST_REFERENCES} elements, the most that Notion takes at once`,
    remedy: 'map the column to rich_text, or shorten the array',
  });
}

/** The references of a property's content, sorted; Notion answers with objects that have an id. */
export function readIds(content: unknown): readonly string[] | typeof UNKNOWN {
  const ids = list(content)?.map((item) => notionId(members(item)?.id));
  if (ids === undefined || ids.some((id) => id === undefined)) return UNKNOWN;
  return asSet(ids.filter((id) => id !== undefined));
}

/** Reads references unless Notion cut them; `full` says that Notion vouched for having shown all. */
export function readReferences(
  type: PropertyType,
  content: unknown,
  hasMore: unknown,
  full: boolean,
): PropertyRead {
  const value = readIds(content);
  if (value === UNKNOWN) return unknownContent(type, content);
  const cut = hasMore === true || (!full && (list(content)?.length ?? 0) >= SHOWN);
  return cut ? { kind: 'truncated' } : { kind: 'value', value };
}

/**
 * Puts a page's references into the row's text. An array keeps the order of the elements that stay, and those that Notion
 * could not show (`shown` gives nothing for them): nobody can have taken them away. New ones are appended.
 */
export function placeReferences(
  wanted: ReadonlyMap<string, string>,
  column: ColumnShape,
  {
    options,
    current,
    shown,
  }: {
    readonly options: CodecOptions;
    readonly current: SqlText;
    readonly shown: (item: string) => string | undefined;
  },
): Decoded {
  if (!column.array) {
    const [only] = wanted.values();
    if (only === undefined) return emptyRow(column, options);
    if (wanted.size === 1) return rowOutcome(only);
    return refuse(options, [...wanted.values()], {
      message: `are ${wanted.size} references, and the column ${column.type} holds one`,
      remedy: 'leave one in Notion, or map an array column',
      words: 'only one can be chosen here',
    });
  }
  const present = current === null ? [] : (parseArray(current) ?? []);
  const ids = present.map((item) => (item === null ? undefined : shown(item)));
  const kept = present.filter((_item, at) => {
    const id = ids[at];
    return id === undefined || wanted.has(id);
  });
  const added = [...wanted].filter(([id]) => !ids.includes(id)).map(([, text]) => text);
  return rowOutcome(formatArray([...kept, ...added]));
}

/** Whether a value is a refusal rather than what was asked for. */
export const isRefusal = <T extends object>(
  value: T | ReturnType<typeof refuse>,
): value is ReturnType<typeof refuse> => 'kind' in value && value.kind === 'refused';

/** A list of ids as a request's list of objects. */
export const idObjects = (value: PageValue): readonly { readonly id: string }[] =>
  (list(value) ?? []).filter((id) => typeof id === 'string').map((id) => ({ id }));
