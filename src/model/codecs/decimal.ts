import type { ColumnShape } from './codec.ts';
import { type Objection, typeName } from './support.ts';

/** The least and the greatest value of PostgreSQL's integer types. */
const INTEGERS: Readonly<Record<string, readonly [bigint, bigint]>> = {
  int2: [-(2n ** 15n), 2n ** 15n - 1n],
  int4: [-(2n ** 31n), 2n ** 31n - 1n],
  int8: [-(2n ** 63n), 2n ** 63n - 1n],
};

const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,6}))?$/;
const INFINITY = /^[+-]?inf(inity)?$/i;

export const isFloat = (column: ColumnShape): boolean => column.type === 'float4' || column.type === 'float8';

/** Whether PostgreSQL reads the text as a finite number. */
export function looksDecimal(text: string): boolean {
  const match = DECIMAL.exec(text);
  return match !== null && `${match[2]}${match[3] ?? ''}` !== '';
}

/** Digits without an exponent: `1e21` is no integer to PostgreSQL. */
export function plainDecimal(value: number): string {
  const text = Object.is(value, -0) ? '0' : String(value);
  const match = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (!match) return text;
  const [, sign = '', first = '', rest = '', exponent = '0'] = match;
  const shift = Number(exponent);
  const digits = first + rest;
  return shift < 0
    ? `${sign}0.${'0'.repeat(-shift - 1)}${digits}`
    : `${sign}${digits.padEnd(shift + 1, '0')}${digits.length > shift + 1 ? `.${digits.slice(shift + 1)}` : ''}`;
}

/**
 * What speaks against a number's text in a number column. A cast to `numeric(p,s)` rounds without a word, so
 * digits that do not fit are refused here. Types that are neither integer, float nor numeric are PostgreSQL's to judge.
 */
export function numberObjection(text: string, column: ColumnShape): Objection | undefined {
  const range = INTEGERS[column.type];
  if (range !== undefined) return integerObjection(text, column, range);
  if (column.type !== 'numeric' && !isFloat(column)) return undefined;
  const special = /^nan$/i.test(text) || (INFINITY.test(text) && column.precision === null);
  if (special) return undefined;
  if (!looksDecimal(text))
    return {
      message: `is not a number, and the column is ${typeName(column)}`,
      remedy: 'enter digits with a point for fractions, without thousands separators or units',
    };
  return column.precision === null ? undefined : precisionObjection(text, column, column.precision);
}

function integerObjection(
  text: string,
  column: ColumnShape,
  [least, greatest]: readonly [bigint, bigint],
): Objection | undefined {
  if (!/^[+-]?\d+$/.test(text))
    return {
      message: `is not a whole number, and the column is ${typeName(column)}`,
      remedy: 'enter a whole number without separators, or make the column numeric',
    };
  const value = BigInt(text.replace(/^\+/, ''));
  if (value >= least && value <= greatest) return undefined;
  return {
    message: `is out of range for the ${typeName(column)} column`,
    remedy: `enter a number from ${least} to ${greatest}, or widen the column`,
  };
}

function precisionObjection(text: string, column: ColumnShape, precision: number): Objection | undefined {
  const [, , whole = '', fraction = '', exponent = '0'] = DECIMAL.exec(text) ?? [];
  const scale = column.scale ?? 0;
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  const leading = digits.search(/[1-9]/);
  if (leading === -1) return undefined;
  // Places right of the point that hold something; negative for trailing zeros left of it.
  const places = digits.replace(/0+$/, '').length - point;
  if (places > scale)
    return {
      message: `has more decimal places than the ${typeName(column)} column keeps`,
      remedy: `enter at most ${Math.max(scale, 0)} decimal places, or raise the column’s scale`,
    };
  if (point - leading <= precision - scale) return undefined;
  return {
    message: `is too large for the ${typeName(column)} column`,
    remedy: `enter at most ${Math.max(precision - scale, 0)} digits before the point, or raise the column’s precision`,
  };
}
