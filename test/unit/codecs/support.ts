import { expect } from 'vitest';
import type { Json, PageValue, SqlText } from '../../../src/model/change.ts';
import type {
  Codec,
  CodecOptions,
  ColumnShape,
  Decoded,
  Encoded,
  Lookups,
  NotionProperty,
} from '../../../src/model/codecs/codec.ts';
import { type PageId, pageId, type RowKey, tableName } from '../../../src/model/ids.ts';

const CATEGORIES: Readonly<Record<string, ColumnShape['category']>> = {
  text: 'text',
  varchar: 'text',
  bpchar: 'text',
  uuid: 'uuid',
  bool: 'boolean',
  jsonb: 'json',
  int2: 'number',
  int4: 'number',
  int8: 'number',
  numeric: 'number',
  float4: 'number',
  float8: 'number',
  date: 'date',
  timestamp: 'date',
  timestamptz: 'date',
  daterange: 'range',
  tsrange: 'range',
  tstzrange: 'range',
};

/** A column as the catalog would describe it. */
export function column(type: string, shape: Partial<ColumnShape> = {}): ColumnShape {
  const category = CATEGORIES[type] ?? 'other';
  return {
    type,
    category,
    array: false,
    nullable: true,
    labels: [],
    maxLength: null,
    precision: null,
    scale: null,
    ...shape,
  };
}

export const enumOf = (...labels: readonly string[]): ColumnShape =>
  column('tier', { category: 'enum', labels });
export const notNull = (shape: ColumnShape): ColumnShape => ({ ...shape, nullable: false });
export const arrayOf = (shape: ColumnShape): ColumnShape => ({ ...shape, array: true });

export const named = (options: Partial<CodecOptions> = {}): CodecOptions => ({
  property: 'Field',
  ...options,
});

const hex = (number: number): string => number.toString(16).padStart(12, '0');
export const page = (number: number): PageId => pageId(`00000000-0000-4000-8000-${hex(number)}`);
export const user = (number: number): string => `00000000-0000-4000-9000-${hex(number)}`;

/** Key `k1` is page 1 and so on up to 200; `u1@example.com` is user 1. */
export const lookups: Lookups = {
  pageOf: (_table, key) => {
    const number = Number(/^k(\d+)$/.exec(key)?.[1] ?? 0);
    return number >= 1 && number <= 200 ? page(number) : undefined;
  },
  keyOf: (_table, id) => {
    const number = Number.parseInt(id.slice(-12), 16);
    return number <= 200 ? (`k${number}` as RowKey) : undefined;
  },
  userOf: (email) => {
    const number = Number(/^u(\d+)@example\.com$/i.exec(email)?.[1] ?? 0);
    return number >= 1 && number <= 200 ? user(number) : undefined;
  },
  emailOf: (id) => {
    const number = Number.parseInt(id.slice(-12), 16);
    return number <= 200 ? `u${number}@example.com` : undefined;
  },
  isAway: () => false,
};

export const suppliers = tableName('suppliers');

/** What Notion answers after a write: runs merged, sets in another order, defaults and members nobody sent. */
export function answer(codec: Codec, written: Json): NotionProperty {
  const content = (written as Readonly<Record<string, Json>>)[codec.type] ?? null;
  const items = (Array.isArray(content) ? content : []) as readonly Readonly<Record<string, Json>>[];
  const property = (value: Json, more: Readonly<Record<string, Json>> = {}): NotionProperty => ({
    id: 'a%3Ab',
    type: codec.type,
    unheard_of: { of: true },
    [codec.type]: value,
    ...more,
  });
  switch (codec.type) {
    case 'title':
    case 'rich_text': {
      const text = items.map((item) => (item.text as { readonly content: string }).content).join('');
      const run = { type: 'text', text: { content: text, link: null }, plain_text: text, href: null };
      return property(text === '' ? [] : [run]);
    }
    case 'select':
    case 'status':
      return property(content === null ? null : { id: 'x', color: 'red', ...(content as object) });
    case 'multi_select':
      return property(items.toReversed().map((item) => ({ id: 'x', color: 'red', ...item })));
    case 'date':
      return property(content === null ? null : { end: null, ...(content as object), time_zone: null });
    case 'relation':
      return property(items.toReversed(), { has_more: false });
    case 'people':
      return property(items.toReversed().map((item) => ({ object: 'user', name: 'Ann', ...item })));
    default:
      return property(content);
  }
}

export function valueIn(outcome: Encoded): PageValue {
  if (outcome.kind !== 'value') expect.fail(JSON.stringify(outcome));
  return outcome.value;
}

export function textIn(outcome: Decoded): SqlText {
  if (outcome.kind !== 'value') expect.fail(JSON.stringify(outcome));
  return outcome.text;
}

/** The page value that stands after a row's text was written and Notion answered. */
export function delivered(codec: Codec, text: SqlText, shape: ColumnShape, options = named()): PageValue {
  const sent = valueIn(codec.encode(text, shape, options, lookups));
  const read = codec.read(answer(codec, codec.write(sent)));
  if (read.kind !== 'value') expect.fail(JSON.stringify(read));
  expect(codec.same(sent, read.value)).toBe(true);
  return read.value;
}

/** The row's text after a whole round; `current` null shows what a new row would get. */
export function round(
  codec: Codec,
  text: SqlText,
  shape: ColumnShape,
  options = named(),
  current: SqlText = null,
): SqlText {
  const value = delivered(codec, text, shape, options);
  return textIn(codec.decode(value, shape, options, { lookups, current }));
}

/** Message and remedy of a refusal, which must name the property and say what to do. */
export function refusal(outcome: Encoded | Decoded): string {
  if (outcome.kind !== 'refused') expect.fail(JSON.stringify(outcome));
  expect(outcome.fault.path).toBe('Field');
  expect(outcome.fault.message).toContain('"Field"');
  expect(outcome.fault.message.length).toBeLessThan(400);
  expect(outcome.fault.remedy).toMatch(/^[a-z].*[^.]$/s);
  return `${outcome.fault.message} ${outcome.fault.remedy}`;
}

export const encode = (codec: Codec, text: SqlText, shape: ColumnShape, options = named()): Encoded =>
  codec.encode(text, shape, options, lookups);
export const decode = (
  codec: Codec,
  value: PageValue,
  shape: ColumnShape,
  options = named(),
  current: SqlText = null,
): Decoded => codec.decode(value, shape, options, { lookups, current });

/** A property as the API answers it. */
export const prop = (
  type: string,
  content: unknown,
  more: Readonly<Record<string, unknown>> = {},
): NotionProperty => ({
  id: 'x',
  type,
  [type]: content,
  ...more,
});
