import type { Json, PageValue, SqlText } from '../change.ts';
import type { Fault } from '../errors.ts';
import { pageId } from '../ids.ts';
import { sameJson } from '../json.ts';
import { cutText, TEXT_LIMITS } from '../texts.ts';
import type {
  Codec,
  CodecOptions,
  ColumnShape,
  Decoded,
  Encoded,
  NotionProperty,
  PropertyRead,
  PropertyType,
} from './codec.ts';

/** A complaint that is not tied to a field yet. */
export type Objection = {
  readonly message: string;
  readonly remedy: string;
  /** The same for the person who edits in Notion, where the message names types or ids. */
  readonly words?: string;
};

type Refused = Extract<Encoded, { readonly kind: 'refused' }>;

/** Text as jsonb can store it and Notion can take it: no lone surrogates, no U+0000. */
export function clean(text: string): string {
  return text.toWellFormed().replaceAll('\u0000', '');
}

/** A value as a message shows it: quoted, on one line. */
export function quote(value: Json): string {
  if (value === null) return 'an empty value';
  const text = clean(typeof value === 'string' ? value : JSON.stringify(value));
  return JSON.stringify(cutText(text, TEXT_LIMITS.shownValue));
}

/** Refuses a value, naming the property, the value, what is wrong with it and the way out. */
export function refuse(options: CodecOptions, value: Json, objection: Objection): Refused {
  const message = `property "${options.property}": ${quote(value)} ${objection.message}`;
  const { remedy, words } = objection;
  const told = words === undefined ? {} : { told: { property: options.property, wrong: words } };
  return { kind: 'refused', fault: { path: options.property, message, remedy, ...told } };
}

export const pageOutcome = (value: PageValue): Encoded => ({ kind: 'value', value });
export const rowOutcome = (text: SqlText): Decoded => ({ kind: 'value', text });

/** What an empty property means for a column that has no spelling for emptiness but NULL. */
export function emptyRow(column: ColumnShape, options: CodecOptions): Decoded {
  if (column.nullable) return rowOutcome(null);
  return refuse(options, null, {
    message: `cannot be stored: the column (${typeName(column)}) is NOT NULL`,
    remedy: 'fill the property in Notion, or drop the column’s NOT NULL constraint',
    words: 'must not be empty',
  });
}

/** What an empty text property means: NULL where that is allowed, else the empty text. */
export function emptyText(column: ColumnShape, options: CodecOptions): Decoded {
  const hasEmptyText = !column.array && (column.category === 'text' || column.category === 'other');
  return !column.nullable && hasEmptyText ? rowOutcome('') : emptyRow(column, options);
}

/** The refusal of a canonical value that this codec never makes, such as one stored under an older mapping. */
export function refuseShape(options: CodecOptions, value: PageValue, type: PropertyType): Refused {
  return refuse(options, value, {
    message: `is not a value of a ${type} property`,
    remedy: 'run `pgnotion resync TABLE`, which reads its pages again',
    words: 'cannot be read',
  });
}

/** A fault of the mapping itself, for `check`. */
export function misfit(
  options: CodecOptions,
  column: ColumnShape,
  type: PropertyType,
  remedy: string,
): Fault {
  const message = `property "${options.property}": a ${type} property cannot hold a ${typeName(column)} column`;
  return { path: options.property, message, remedy };
}

/** The column's type as a person would write it. */
export function typeName(column: ColumnShape): string {
  const { precision, scale, maxLength } = column;
  const modifier =
    precision !== null ? `(${precision},${scale ?? 0})` : maxLength !== null ? `(${maxLength})` : '';
  return `${column.type}${modifier}${column.array ? '[]' : ''}`;
}

/** The shape of an array column's elements, which are never judged as NULL. */
export const elementOf = (column: ColumnShape): ColumnShape => ({ ...column, array: false });

/** A JSON object's members, or undefined for anything else. */
export function members(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined;
}

/** A list, or undefined for anything else: `Array.isArray` alone would let `any` in. */
export const list = (value: unknown): readonly unknown[] | undefined =>
  Array.isArray(value) ? (value as readonly unknown[]) : undefined;

/** A canonical list of strings, or undefined for anything else. */
export function strings(value: PageValue): readonly string[] | undefined {
  return list(value)?.every((item) => typeof item === 'string') ? (value as readonly string[]) : undefined;
}

/** Sorted and without duplicates: the canonical form of a set. */
export const asSet = (items: Iterable<string>): readonly string[] => [...new Set(items)].sort();

/** Whether two canonical lists hold the same members. */
export function sameSet(sent: PageValue, page: PageValue): boolean {
  const [left, right] = [strings(sent), strings(page)];
  return left !== undefined && right !== undefined && sameJson(asSet(left), asSet(right));
}

/** A Notion id in its one spelling, or undefined for what is none. */
export function notionId(value: unknown): string | undefined {
  return typeof value === 'string' &&
    /^[0-9a-f-]{32,36}$/i.test(value) &&
    value.replaceAll('-', '').length === 32
    ? pageId(value)
    : undefined;
}

/** What `extract` says when a property's content is not what the documentation promises. */
export const UNKNOWN = Symbol('unknown content');

/** A `read` that checks the type and turns content of an unknown shape into a mismatch. */
export function reader(
  type: PropertyType,
  extract: (content: unknown, column?: ColumnShape) => PageValue | typeof UNKNOWN,
): Codec['read'] {
  return (property, column) => {
    if (property.type !== type) return otherType(property);
    const value = extract(property[type], column);
    return value === UNKNOWN ? unknownContent(type, property[type]) : { kind: 'value', value };
  };
}

/** The answer to a property of another type than the mapping's. */
export function otherType(property: NotionProperty): PropertyRead {
  const found: unknown = property.type;
  return { kind: 'mismatch', found: typeof found === 'string' ? clean(found) : 'a property without a type' };
}

/** The answer to a property of the right type with content that nobody documents. */
export function unknownContent(type: PropertyType, content: unknown): PropertyRead {
  const shape =
    content === null ? 'null' : Array.isArray(content) ? 'a list' : `a value of type ${typeof content}`;
  return { kind: 'mismatch', found: `${type} with ${shape} that pgnotion does not know` };
}

/** A `readItems` for the types whose property endpoint answers with one item. */
export function singleItem(type: PropertyType, read: Codec['read'], empty: PageValue): Codec['readItems'] {
  return (items, column) => {
    const item = items.map(members).find((candidate) => candidate?.type === type);
    const outcome = item === undefined ? undefined : read(item as NotionProperty, column);
    return outcome?.kind === 'value' ? outcome.value : empty;
  };
}

/** The contents of the items of a list answer: `{ type: 'relation', relation: … }` gives what follows the last colon. */
export function itemContents(type: PropertyType, items: readonly Json[]): readonly unknown[] {
  return items.flatMap((item) => {
    const content = members(item)?.[type];
    return content === undefined || content === null ? [] : (list(content) ?? [content]);
  });
}

/**
 * Gives the row's present text back when it already stands for the page's value. Many texts share one page
 * value (`1.50` and `1.5`, NULL and `''`, microseconds): rewriting one as the other would be a change that nobody made.
 */
export function keepsCurrent(codec: Codec): Codec {
  return {
    ...codec,
    decode: (value, column, options, { lookups, current }) => {
      if (current !== null || column.nullable) {
        const present = codec.encode(current, column, options, lookups);
        if (present.kind === 'value' && sameJson(present.value, value)) return rowOutcome(current);
      }
      return codec.decode(value, column, options, { lookups, current });
    },
  };
}
