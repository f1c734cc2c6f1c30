import type { Json, PageValue, SqlText } from '../change.ts';
import { sameJson } from '../json.ts';
import { formatArray } from './arrays.ts';
import type { Codec, CodecOptions, ColumnShape, DecodeContext, Decoded, PropertyType } from './codec.ts';
import { readElement, readFormula, readInstant, readRollup, readUniqueId, readUser } from './contents.ts';
import { date } from './date.ts';
import { plainDecimal } from './decimal.ts';
import { judged } from './judge.ts';
import { number } from './number.ts';
import {
  elementOf,
  emptyText,
  list,
  members,
  misfit,
  otherType,
  reader,
  refuse,
  rowOutcome,
  singleItem,
} from './support.ts';
import { asDate } from './time.ts';

/** From this many elements on, a page answer may show a part of a rollup only. */
const SHOWN_ELEMENTS = 25;

/** A value as a text column shows it: dates as ISO (with `/` before the end), lists with commas, files by address. */
function shown(value: PageValue): string {
  if (value === null) return '';
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return plainDecimal(value);
  if (typeof value === 'boolean') return String(value);
  const items = list(value) as readonly Json[] | undefined;
  if (items !== undefined) return items.map(shown).join(', ');
  const period = asDate(value);
  if (period !== undefined) return period.end === null ? period.start : `${period.start}/${period.end}`;
  const file = members(value);
  const text = file?.url ?? file?.name;
  return typeof text === 'string' ? text : JSON.stringify(value);
}

function decodeScalar(
  value: PageValue,
  column: ColumnShape,
  options: CodecOptions,
  { lookups, current }: DecodeContext,
): Decoded {
  if (column.category === 'number' && typeof value === 'number')
    return number.decode(value, column, options, { lookups, current });
  if (column.category === 'boolean' && typeof value === 'boolean') return rowOutcome(value ? 't' : 'f');
  if (
    (column.category === 'date' || column.category === 'range') &&
    date.check(column, options).length === 0
  ) {
    const period = asDate(typeof value === 'string' ? { start: value, end: null } : value);
    if (period !== undefined) return date.decode(period, column, options, { lookups, current });
  }
  const text = shown(value);
  return text === '' ? emptyText(column, options) : judged(text, column, options);
}

function decode(
  value: PageValue,
  column: ColumnShape,
  options: CodecOptions,
  { lookups, current }: DecodeContext,
): Decoded {
  if (column.array && value !== null) {
    const texts: SqlText[] = [];
    for (const item of (list(value) as readonly Json[] | undefined) ?? [value]) {
      const outcome = decodeScalar(item, { ...elementOf(column), nullable: true }, options, {
        lookups,
        current: null,
      });
      if (outcome.kind !== 'value') return outcome;
      texts.push(outcome.text);
    }
    return rowOutcome(formatArray(texts));
  }
  if (column.category === 'json' && value !== null) return rowOutcome(JSON.stringify(value));
  return decodeScalar(value, column, options, { lookups, current });
}

type Computed = {
  readonly type: PropertyType;
  readonly fits: (column: ColumnShape) => boolean;
  readonly remedy: string;
  readonly read: Codec['read'];
  readonly readItems?: Codec['readItems'];
  readonly decode?: Codec['decode'];
  readonly schema: Json | null;
};

/** A property that Notion fills by itself: it is read only, and a column may take its value. */
function computedCodec(computed: Computed): Codec {
  const { type } = computed;
  return {
    type,
    writable: false,
    check: (column, options) =>
      computed.fits(column) ? [] : [misfit(options, column, type, computed.remedy)],
    encode: (text, _column, options) =>
      refuse(options, text, {
        message: `cannot be written: Notion computes a ${type} property`,
        remedy: 'set direction to-postgres for the field, or map another property type',
      }),
    decode: computed.decode ?? decode,
    read: computed.read,
    readItems: computed.readItems ?? singleItem(type, computed.read, null),
    write: () => ({}),
    same: sameJson,
    schema: () => computed.schema,
  };
}

const isText = (column: ColumnShape): boolean => column.category === 'text' || column.category === 'other';
const scalar = (fits: (column: ColumnShape) => boolean) => (column: ColumnShape) =>
  !column.array && fits(column);

function timeCodec(type: 'created_time' | 'last_edited_time'): Codec {
  return computedCodec({
    type,
    fits: scalar((column) => isText(column) || ['date', 'timestamp', 'timestamptz'].includes(column.type)),
    remedy: 'map a timestamptz, timestamp, date or text column',
    read: reader(type, readInstant),
    schema: { [type]: {} },
  });
}

function userCodec(type: 'created_by' | 'last_edited_by'): Codec {
  return computedCodec({
    type,
    fits: scalar((column) => isText(column) || column.category === 'uuid'),
    remedy: 'map a text column for the e-mail address, or a uuid column for the user’s id',
    read: reader(type, readUser),
    // Bots and guests have no address that is known: their id is better than nothing.
    decode: (value, column, options, { lookups, current }) => {
      const email = typeof value === 'string' && isText(column) ? lookups.emailOf(value) : undefined;
      return decode(email ?? value, column, options, { lookups, current });
    },
    schema: { [type]: {} },
  });
}

/** Unique id: `TASK-3` for a text column, 3 for a number column. */
export const uniqueId: Codec = computedCodec({
  type: 'unique_id',
  fits: scalar((column) => isText(column) || column.category === 'number'),
  remedy: 'map a text column, or a number column for the number alone',
  read: reader('unique_id', readUniqueId),
  decode: (value, column, options, { lookups, current }) => {
    const digits =
      column.category === 'number' && typeof value === 'string' ? /\d+$/.exec(value)?.[0] : undefined;
    return decode(digits ?? value, column, options, { lookups, current });
  },
  schema: { unique_id: { prefix: null } },
});

/** Formula: a text, a number, a boolean or a date, whichever the formula gives. */
export const formula: Codec = computedCodec({
  type: 'formula',
  fits: () => true,
  remedy: '',
  read: reader('formula', readFormula),
  schema: null,
});

/** Rollup: a number, a date or a list. One that Notion has not finished computing is read from the property endpoint. */
export const rollup: Codec = computedCodec({
  type: 'rollup',
  fits: () => true,
  remedy: '',
  read: (property, column) => {
    if (property.type !== 'rollup') return otherType(property);
    const content = members(property.rollup);
    const elements = content?.type === 'array' ? (list(content.array)?.length ?? 0) : 0;
    if (content?.type === 'incomplete' || elements >= SHOWN_ELEMENTS) return { kind: 'truncated' };
    return reader('rollup', readRollup)(property, column);
  },
  readItems: readRollupItems,
  schema: null,
});

/** The endpoint's last `property_item` holds a rollup's result; for a list the results are its elements. */
function readRollupItems(items: readonly Json[], column?: ColumnShape): PageValue {
  const results = items.map(members).filter((item) => item?.type === 'rollup');
  const result = members(results.at(-1)?.rollup);
  if (result !== undefined && result.type !== 'array' && result.type !== 'incomplete') {
    const value = readRollup(result, column);
    return typeof value === 'symbol' ? null : value;
  }
  const inline = (list(result?.array) ?? []) as readonly Json[];
  const elements = items.filter((item) => members(item)?.type !== 'rollup');
  return [...inline, ...elements].map((item) => readElement(item, column));
}

export const createdTime = timeCodec('created_time');
export const lastEditedTime = timeCodec('last_edited_time');
export const createdBy = userCodec('created_by');
export const lastEditedBy = userCodec('last_edited_by');
