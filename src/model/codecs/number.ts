import type { PageValue, SqlText } from '../change.ts';
import type { Fault } from '../errors.ts';
import type { Codec, CodecOptions, ColumnShape, Decoded, Encoded } from './codec.ts';
import { isFloat, looksDecimal, numberObjection, plainDecimal } from './decimal.ts';
import {
  emptyRow,
  keepsCurrent,
  misfit,
  pageOutcome,
  reader,
  refuse,
  refuseShape,
  rowOutcome,
  singleItem,
  typeName,
  UNKNOWN,
} from './support.ts';

/** Every decimal of so many digits survives the way through a double and back. */
const DOUBLE_DIGITS = 15;

function check(column: ColumnShape, options: CodecOptions): readonly Fault[] {
  if (column.array || column.category !== 'number')
    return [
      misfit(options, column, 'number', 'use rich_text for it, or cast it to a number in an expression'),
    ];
  const bounded = column.type === 'int2' || column.type === 'int4' || isFloat(column);
  if (bounded || options.lossy || (column.precision !== null && column.precision <= DOUBLE_DIGITS)) return [];
  return [
    {
      path: options.property,
      message: `property "${options.property}": Notion’s numbers are doubles, and ${typeName(column)} can hold more digits than those keep`,
      remedy:
        'map it to rich_text, or set `lossy: true`, or narrow the column to integer or to numeric of at most 15 digits',
    },
  ];
}

function encode(text: SqlText, _column: ColumnShape, options: CodecOptions): Encoded {
  if (text === null) return pageOutcome(null);
  const value = looksDecimal(text.trim()) ? Number(text) : Number.NaN;
  if (Number.isFinite(value)) return pageOutcome(Object.is(value, -0) ? 0 : value);
  return refuse(options, text, {
    message:
      'is not a number that Notion can hold: it has neither NaN nor infinity nor numbers beyond a double',
    remedy: 'correct the row, or map the column to rich_text',
  });
}

function decode(value: PageValue, column: ColumnShape, options: CodecOptions): Decoded {
  if (value === null) return emptyRow(column, options);
  if (typeof value !== 'number' || !Number.isFinite(value)) return refuseShape(options, value, 'number');
  const text = isFloat(column) ? String(value) : plainDecimal(value);
  const objection = numberObjection(text, column) ?? inexact(value, column);
  return objection === undefined ? rowOutcome(text) : refuse(options, text, objection);
}

function inexact(value: number, column: ColumnShape) {
  if (column.type === 'float4' && !Number.isFinite(Math.fround(value)))
    return {
      message: 'is too large for the float4 column',
      remedy: 'enter a smaller number, or widen the column',
    };
  if (isFloat(column) || Math.abs(value) <= Number.MAX_SAFE_INTEGER) return undefined;
  return {
    message: `is beyond ${Number.MAX_SAFE_INTEGER}, where Notion rounds whole numbers`,
    remedy: 'map the column to rich_text to enter such numbers in Notion',
  };
}

/**
 * Number, for number columns. NaN and the infinities are refused: Notion has none of them. Integer columns take no
 * fractions and `numeric(p,s)` no digits that it would round away; above 2^53 nothing is taken from Notion.
 */
export const number: Codec = keepsCurrent({
  type: 'number',
  writable: true,
  check,
  encode,
  decode,
  read: reader('number', readNumber),
  readItems: singleItem('number', reader('number', readNumber), null),
  write: (value) => ({ number: typeof value === 'number' ? value : null }),
  same: (sent, page) => sent === page,
  schema: (_column, options) => ({ number: { format: options.format ?? 'number' } }),
});

/** The canonical number of a property's content. */
export function readNumber(content: unknown): PageValue | typeof UNKNOWN {
  if (content === null) return null;
  if (typeof content !== 'number' || !Number.isFinite(content)) return UNKNOWN;
  return Object.is(content, -0) ? 0 : content;
}
