import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkbox } from '../../../src/model/codecs/checkbox.ts';
import { plainDecimal } from '../../../src/model/codecs/decimal.ts';
import { number } from '../../../src/model/codecs/number.ts';
import {
  arrayOf,
  column,
  decode,
  encode,
  named,
  notNull,
  prop,
  refusal,
  round,
  textIn,
  valueIn,
} from './support.ts';

const money = column('numeric', { precision: 12, scale: 2 });

describe('check', () => {
  test.each([
    column('int2'),
    column('int4'),
    column('float4'),
    column('float8'),
    money,
    column('numeric', { precision: 15, scale: 0 }),
  ])('$type of $precision digits fits', (shape) => {
    expect(number.check(shape, named())).toEqual([]);
  });

  test.each([column('int8'), column('numeric'), column('numeric', { precision: 16, scale: 2 })])(
    '$type of $precision digits does not, unless it may be lossy',
    (shape) => {
      expect(number.check(shape, named())[0]?.remedy).toMatch(/rich_text.*lossy: true.*narrow/);
      expect(number.check(shape, named({ lossy: true }))).toEqual([]);
    },
  );

  test.each([column('text'), arrayOf(column('int4')), column('bool')])('$type is no number', (shape) => {
    expect(number.check(shape, named({ lossy: true }))).toHaveLength(1);
  });
});

describe('to Notion', () => {
  test.each([
    ['1.50', 1.5],
    ['-3', -3],
    ['-0', 0],
    ['1e-05', 0.00001],
    ['12345678901234567890', 12345678901234567000],
    [null, null],
  ])('%s is %s', (text, value) => {
    expect(valueIn(encode(number, text, column('numeric')))).toBe(value);
  });

  test.each(['NaN', 'Infinity', '-Infinity', '$1.00', '', '1e400'])('%j is refused', (text) => {
    expect(refusal(encode(number, text, column('numeric')))).toMatch(
      /neither NaN nor infinity.*correct the row/,
    );
  });
});

describe('to PostgreSQL', () => {
  test.each([
    [3, column('int4'), '3'],
    [1e21, column('float8'), '1e+21'],
    [1e-7, column('numeric'), '0.0000001'],
    [-0, column('int4'), '0'],
    [0.1, money, '0.1'],
    [9999999999.99, money, '9999999999.99'],
    [1200, column('numeric', { precision: 3, scale: -2 }), '1200'],
    [0.00012, column('numeric', { precision: 2, scale: 5 }), '0.00012'],
    [null, column('int4'), null],
    [9007199254740991, column('int8'), '9007199254740991'],
  ])('%s under a column like %o is %s', (value, shape, text) => {
    expect(textIn(decode(number, value, shape))).toBe(text);
  });

  test.each([
    [1.5, column('int4'), /whole number/],
    [32768, column('int2'), /-32768 to 32767/],
    [2 ** 31, column('int4'), /out of range/],
    [2 ** 53, column('int8'), /rounds whole numbers/],
    [1e21, column('int8'), /"1000000000000000000000" is out of range/],
    [1e17, column('numeric'), /rounds whole numbers/],
    [1.005, money, /decimal places/],
    [1e10, money, /too large/],
    [1250, column('numeric', { precision: 3, scale: -2 }), /decimal places/],
    [0.12, column('numeric', { precision: 2, scale: 5 }), /too large/],
    [1e39, column('float4'), /too large/],
    [null, notNull(column('int4')), /NOT NULL/],
    ['3', column('int4'), /not a value of a number/],
  ])('%s under a column like %o is refused', (value, shape, message) => {
    expect(refusal(decode(number, value, shape))).toMatch(message);
  });

  test('a row that means the same keeps its spelling, also where a double is too small for it', () => {
    expect(textIn(decode(number, 1.5, money, named(), '1.50'))).toBe('1.50');
    expect(textIn(decode(number, 2 ** 60, column('int8'), named(), '1152921504606846977'))).toBe(
      '1152921504606846977',
    );
  });
});

describe('exact round trips', () => {
  const back = (text: string, shape: ReturnType<typeof column>) =>
    expect(round(number, text, shape)).toBe(text);

  test('int2 and int4', () => {
    fc.assert(
      fc.property(fc.integer({ min: -32768, max: 32767 }), (value) => {
        back(String(value), column('int2'));
      }),
    );
    fc.assert(
      fc.property(fc.integer(), (value) => {
        back(String(value), column('int4'));
      }),
    );
  });

  test('numeric of 15 digits, but for trailing zeros', () => {
    const digits = fc.bigInt({ min: -(10n ** 15n) + 1n, max: 10n ** 15n - 1n });
    fc.assert(
      fc.property(digits, fc.integer({ min: 0, max: 15 }), (unscaled, scale) => {
        const sign = unscaled < 0n ? '-' : '';
        const all = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0');
        const [whole, fraction] = [all.slice(0, all.length - scale), all.slice(all.length - scale)];
        const short = fraction.replace(/0+$/, '');
        back(`${sign}${whole}${short && `.${short}`}`, column('numeric', { precision: 15, scale }));
      }),
    );
  });

  test('float8', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const text = round(number, String(value), column('float8'));
        expect(Number(text) === value).toBe(true);
      }),
    );
  });

  test('plain digits say the same number', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const text = plainDecimal(value);
        expect(text).not.toMatch(/e/);
        expect(Number(text) === value).toBe(true);
      }),
    );
  });
});

test('reading', () => {
  expect(number.read(prop('number', null))).toEqual({ kind: 'value', value: null });
  expect(number.read(prop('number', '3'))).toMatchObject({ kind: 'mismatch' });
  expect(number.read({ id: 'x', type: 'number' })).toMatchObject({ kind: 'mismatch' });
  expect(number.readItems([{ object: 'property_item', type: 'number', number: 3 }])).toBe(3);
  expect(number.write(3)).toEqual({ number: 3 });
  expect(number.schema(money, { ...named(), format: 'dollar' })).toEqual({ number: { format: 'dollar' } });
  expect(number.schema(money, named())).toEqual({ number: { format: 'number' } });
});

describe('checkbox', () => {
  const bool = column('bool');

  test('both ways', () => {
    expect(round(checkbox, 't', bool)).toBe('t');
    expect(round(checkbox, 'f', bool, named(), 'f')).toBe('f');
    expect(round(checkbox, 'f', notNull(bool))).toBe('f');
    expect(valueIn(encode(checkbox, null, bool))).toBe(false);
  });

  test('NULL stays until it is ticked', () => {
    expect(textIn(decode(checkbox, false, bool, named(), null))).toBeNull();
    expect(textIn(decode(checkbox, true, bool, named(), null))).toBe('t');
    expect(textIn(decode(checkbox, false, bool, named(), 't'))).toBe('f');
  });

  test('refusals and faults', () => {
    expect(refusal(encode(checkbox, 'perhaps', bool))).toMatch(/not a boolean/);
    expect(refusal(decode(checkbox, null, bool))).toMatch(/checkbox/);
    expect(checkbox.check(column('text'), named())).toHaveLength(1);
    expect(checkbox.check(bool, named())).toEqual([]);
    expect(checkbox.read(prop('checkbox', null))).toMatchObject({ kind: 'mismatch' });
    expect(checkbox.schema(bool, named())).toEqual({ checkbox: {} });
  });
});
