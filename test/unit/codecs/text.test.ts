import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { richText, title } from '../../../src/model/codecs/text.ts';
import { splitText } from '../../../src/model/texts.ts';
import {
  arrayOf,
  column,
  decode,
  delivered,
  encode,
  enumOf,
  named,
  notNull,
  prop,
  refusal,
  round,
  textIn,
  valueIn,
} from './support.ts';

const text = column('text');

describe('splitting', () => {
  const units = fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 40 });

  test('rejoins whole, within the limit, and never inside a surrogate pair', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 9 }),
        fc.integer({ min: 1, max: 900 }),
        (part, times) => {
          const whole = part.repeat(times);
          const runs = splitText(whole);
          expect(runs.join('')).toBe(whole);
          expect(runs.every((run) => run.length > 0 && run.length <= 2000 && run.isWellFormed())).toBe(true);
        },
      ),
    );
  });

  test('keeps ill-formed text whole too', () => {
    fc.assert(
      fc.property(units, (codes) => {
        const whole = String.fromCharCode(...codes).repeat(200);
        expect(splitText(whole).join('')).toBe(whole);
      }),
    );
  });

  test('makes no empty run', () => {
    expect(splitText('')).toEqual([]);
    expect(splitText('a'.repeat(2000))).toHaveLength(1);
    expect(splitText('a'.repeat(2001))).toHaveLength(2);
    expect(splitText(`${'a'.repeat(1999)}😀`).map((run) => run.length)).toEqual([1999, 2]);
  });
});

describe('to Notion', () => {
  test('empties are the same, and written as no runs', () => {
    expect(valueIn(encode(richText, null, text))).toBeNull();
    expect(valueIn(encode(richText, '', text))).toBeNull();
    expect(richText.write(null)).toEqual({ rich_text: [] });
    expect(richText.write('')).toEqual({ rich_text: [] });
    expect(title.write('A')).toEqual({ title: [{ type: 'text', text: { content: 'A' } }] });
  });

  test('what jsonb cannot store is replaced', () => {
    expect(valueIn(encode(richText, 'a\ud800b\u0000', text))).toBe('a\ufffdb');
  });

  test('what needs more than 100 runs is refused, not cut', () => {
    expect(delivered(richText, 'a'.repeat(200_000), text)).toHaveLength(200_000);
    expect(refusal(encode(richText, 'a'.repeat(200_001), text))).toMatch(/200001 characters.*expression/);
    expect(refusal(encode(richText, `a${'😀'.repeat(99_999)}a`, text))).toMatch(/200000 characters/);
  });

  test('a value map shows labels by name', () => {
    const options = named({ values: { gold: 'Gold, best' } });
    expect(valueIn(encode(richText, 'gold', text, options))).toBe('Gold, best');
    expect(textIn(decode(richText, 'Gold, best', text, options))).toBe('gold');
    expect(textIn(decode(richText, 'gold, best', text, options))).toBe('gold, best');
    expect(valueIn(encode(richText, 'constructor', text, options))).toBe('constructor');
  });
});

describe('to PostgreSQL', () => {
  test.each([
    ['emptied, nullable', null, text, null],
    ['emptied, not nullable', null, notNull(text), ''],
    ['blanks of text stay', ' a ', text, ' a '],
    [
      'uuid',
      ' 6BA7B810-9dad-11d1-80b4-00c04fd430c8 ',
      column('uuid'),
      '6BA7B810-9dad-11d1-80b4-00c04fd430c8',
    ],
    ['many digits', '12345678901234567890.123456789', column('numeric'), '12345678901234567890.123456789'],
    ['NaN', 'NaN', column('numeric'), 'NaN'],
    ['infinity', '-Infinity', column('float8'), '-Infinity'],
    ['json', '{"a": 1}', column('jsonb'), '{"a": 1}'],
    ['array text', '{a,"b c"}', arrayOf(text), '{a,"b c"}'],
    ['nested array text', '{{a},{b}}', arrayOf(text), '{{a},{b}}'],
    ['enum whatever its case', 'gold ', enumOf('Gold', 'Silver'), 'Gold'],
    ['varchar counts characters', '😀😀', column('varchar', { maxLength: 2 }), '😀😀'],
    ['int8', '9223372036854775807', column('int8'), '9223372036854775807'],
    ['boolean', 'True', column('bool'), 'True'],
    ['date', '2026-02-01', column('date'), '2026-02-01'],
    ['timestamptz', '2026-02-01 10:00+02', column('timestamptz'), '2026-02-01 10:00+02'],
    ['infinity', 'infinity', column('timestamptz'), 'infinity'],
    ['interval is not judged', '2 days', column('interval', { category: 'date' }), '2 days'],
    ['an unknown type is not judged', '10.0.0.1/8', column('inet'), '10.0.0.1/8'],
  ])('%s', (_name, value, shape, expected) => {
    expect(textIn(decode(richText, value, shape))).toBe(expected);
  });

  test.each([
    ['emptied number', null, notNull(column('int4')), /NOT NULL/],
    ['varchar', 'abc', column('varchar', { maxLength: 2 }), /longer.*varchar\(2\)/],
    ['enum', 'Bronze', enumOf('Gold', 'Silver'), /"Bronze" is not a label.*"Gold", "Silver"/],
    ['enum that differs by case only', 'GOLD', enumOf('Gold', 'gold'), /not a label/],
    ['uuid', '1234', column('uuid'), /not a UUID/],
    ['word for a number', 'many', column('numeric'), /not a number/],
    ['infinity in numeric(p,s)', 'Infinity', column('numeric', { precision: 5, scale: 2 }), /not a number/],
    ['rounding', '1.005', column('numeric', { precision: 5, scale: 2 }), /decimal places/],
    ['too large', '1000', column('numeric', { precision: 5, scale: 2 }), /too large/],
    ['fraction', '1.5', column('int4'), /whole number/],
    ['int4 range', '2147483648', column('int4'), /out of range/],
    ['json', '{a}', column('jsonb'), /not JSON/],
    ['array', 'a,b', arrayOf(text), /not an array/],
    ['boolean', 'maybe', column('bool'), /neither true nor false/],
    ['a date that depends on the day', 'today', column('date'), /YYYY-MM-DD/],
    ['an ambiguous date', '01/02/2026', column('date'), /YYYY-MM-DD/],
    ['a moment', 'tomorrow', column('timestamptz'), /point in time/],
    ['another shape', 3, text, /not a value/],
  ])('%s is refused', (_name, value, shape, message) => {
    expect(refusal(decode(richText, value, shape))).toMatch(message);
  });

  test('a row that means the same keeps its spelling', () => {
    expect(textIn(decode(richText, null, text, named(), ''))).toBe('');
    expect(textIn(decode(richText, null, notNull(text), named(), null))).toBe('');
  });
});

test('every text comes back', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.integer({ min: 1, max: 30 }),
      (part, times) => {
        const whole = part.replaceAll('\u0000', '').repeat(times);
        expect(round(richText, whole, notNull(text))).toBe(whole);
      },
    ),
  );
});

describe('reading', () => {
  const run = (plain: string) => ({ type: 'text', plain_text: plain, annotations: { bold: true } });

  test('joins all runs, whatever their style', () => {
    expect(richText.read(prop('rich_text', [run('a'), run('b')]))).toEqual({ kind: 'value', value: 'ab' });
    expect(richText.read(prop('rich_text', []))).toEqual({ kind: 'value', value: null });
    expect(
      title.readItems([
        { type: 'title', title: run('a') },
        { type: 'title', title: run('b') },
      ]),
    ).toBe('ab');
    expect(title.readItems([])).toBeNull();
  });

  test('25 mentions may be cut', () => {
    const mentions = Array.from({ length: 25 }, () => ({ type: 'mention', plain_text: '@Ann' }));
    expect(richText.read(prop('rich_text', mentions))).toEqual({ kind: 'truncated' });
    expect(richText.read(prop('rich_text', mentions.slice(1)))).toMatchObject({ kind: 'value' });
  });

  test('another type or shape is a mismatch', () => {
    expect(richText.read(prop('number', 3))).toEqual({ kind: 'mismatch', found: 'number' });
    expect(richText.read(prop('rich_text', 'a'))).toMatchObject({ kind: 'mismatch' });
    expect(richText.read(prop('rich_text', [{}]))).toMatchObject({ kind: 'mismatch' });
  });
});

test('the check finds labels that could not be told apart', () => {
  const shape = enumOf('a', 'b', 'A');
  expect(richText.check(shape, named())).toEqual([]);
  expect(richText.check(shape, named({ values: { a: 'x', b: 'x' } }))[0]?.message).toMatch(/"a" and "b"/);
  expect(richText.check(shape, named({ values: { a: 'b' } }))).toHaveLength(1);
  expect(richText.check(shape, named({ values: { c: 'C' } }))[0]?.message).toMatch(/"c".*cannot hold/);
});

test('trimmed text and other line ends are our own write still', () => {
  expect(richText.same('a\r\nb ', 'a\nb')).toBe(true);
  expect(richText.same('', null)).toBe(true);
  expect(richText.same('a', 'A')).toBe(false);
  expect(richText.schema(text, named())).toEqual({ rich_text: {} });
});
