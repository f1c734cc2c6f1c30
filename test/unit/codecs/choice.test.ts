import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { select, status } from '../../../src/model/codecs/choice.ts';
import { multiSelect } from '../../../src/model/codecs/multi.ts';
import {
  arrayOf,
  column,
  decode,
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
const tier = enumOf('gold', 'silver', 'bronze');
const shown = named({ values: { gold: 'Gold', silver: 'Silver' } });

describe('select', () => {
  test('the value map works both ways, and what it does not name passes', () => {
    expect(valueIn(encode(select, 'gold', tier, shown))).toBe('Gold');
    expect(valueIn(encode(select, 'bronze', tier, shown))).toBe('bronze');
    expect(textIn(decode(select, 'Gold', tier, shown))).toBe('gold');
    expect(textIn(decode(select, 'bronze', tier, shown))).toBe('bronze');
    expect(textIn(decode(select, 'platinum', text, shown))).toBe('platinum');
  });

  test('an option that differs by case only is the one that Notion had', () => {
    expect(textIn(decode(select, 'GOLD', tier, shown))).toBe('gold');
    expect(textIn(decode(select, 'Bronze', tier, shown))).toBe('bronze');
    expect(select.same('Gold', 'gold')).toBe(true);
    expect(refusal(decode(select, 'GOLD', enumOf('gold', 'Gold')))).toMatch(/not a label/);
  });

  test('a comma looks like one in Notion and is one in PostgreSQL', () => {
    expect(valueIn(encode(select, 'Oslo, Norway', text))).toBe('Oslo‚ Norway');
    expect(textIn(decode(select, 'Oslo‚ Norway', text))).toBe('Oslo, Norway');
    expect(textIn(decode(select, 'x‚ y', tier, named({ values: { gold: 'x, y' } })))).toBe('gold');
    expect(textIn(decode(select, 'a‚b', enumOf('a‚b')))).toBe('a‚b');
  });

  test('empties', () => {
    expect(valueIn(encode(select, '', text))).toBeNull();
    expect(select.write(null)).toEqual({ select: null });
    expect(textIn(decode(select, null, text, named(), ''))).toBe('');
    expect(textIn(decode(select, null, text, named(), 'a'))).toBeNull();
    expect(textIn(decode(select, null, notNull(text), named(), ''))).toBe('');
    expect(refusal(decode(select, null, notNull(text), named(), 'a'))).toMatch(/NOT NULL/);
    expect(refusal(decode(select, null, notNull(tier)))).toMatch(/NOT NULL/);
  });

  test('a scalar of any type', () => {
    const purity = column('numeric', { precision: 4, scale: 1 });
    expect(round(select, '99.5', purity)).toBe('99.5');
    expect(round(select, 't', column('bool'), named({ values: { t: 'Yes', f: 'No' } }))).toBe('t');
    expect(refusal(decode(select, 'very pure', purity))).toMatch(/not a number/);
  });

  test('refusals', () => {
    expect(refusal(decode(select, 'Iron', tier, shown))).toMatch(/"Iron".*"gold", "silver", "bronze"/);
    expect(refusal(encode(select, 'a'.repeat(101), text))).toMatch(/100 characters.*rich_text.*values/);
    expect(refusal(decode(select, 'abc', column('varchar', { maxLength: 2 })))).toMatch(/longer/);
    expect(refusal(decode(select, ['a'], text))).toMatch(/not a value of a select/);
  });

  test.each([
    ['two labels, one option', tier, { gold: 'Top', silver: 'Top' }, /cannot be told apart/],
    ['two names that differ by case', tier, { gold: 'Top', silver: 'TOP' }, /cannot be told apart/],
    ['a name that is another label', tier, { gold: 'Silver' }, /"gold" and "silver"|"silver" and "gold"/],
    ['labels that differ by case', enumOf('a', 'A'), {}, /"a" and "A"/],
    ['labels that the comma rule makes equal', enumOf('a,b', 'a‚b'), {}, /cannot be told apart/],
    ['a label that the enum lacks', tier, { iron: 'Iron' }, /"iron".*cannot hold/],
    ['a boolean spelled out', column('bool'), { true: 'Yes' }, /"true".*cannot hold/],
    ['a long name', tier, { gold: 'x'.repeat(101) }, /too long/],
    ['an array', arrayOf(text), {}, /cannot hold a text\[\]/],
  ])('the check finds %s', (_name, shape, values, message) => {
    const faults = select.check(shape, named({ values }));
    expect(faults).toHaveLength(1);
    expect(faults[0]?.message).toMatch(message);
  });

  test('the check is content otherwise', () => {
    expect(select.check(tier, shown)).toEqual([]);
    expect(select.check(text, named())).toEqual([]);
  });

  test('the schema has each option once', () => {
    const options = { ...shown, choices: ['GOLD', 'Iron, cast', 'iron‚ cast'] };
    const names = ['Gold', 'Silver', 'bronze', 'Iron‚ cast'].map((name) => ({ name }));
    expect(select.schema(tier, options)).toEqual({ select: { options: names } });
    expect(status.schema(tier, options)).toEqual({ status: { options: names } });
    expect(status.schema(text, named())).toEqual({ status: {} });
  });

  test('reading', () => {
    expect(select.read(prop('select', { id: 'x', name: 'A', color: 'red' }))).toEqual({
      kind: 'value',
      value: 'A',
    });
    expect(select.read(prop('select', null))).toEqual({ kind: 'value', value: null });
    expect(select.read(prop('select', 'A'))).toMatchObject({ kind: 'mismatch' });
    expect(select.read(prop('status', { name: 'A' }))).toEqual({ kind: 'mismatch', found: 'status' });
    expect(status.readItems([{ type: 'status', status: { name: 'A' } }])).toBe('A');
  });

  test('every text without U+201A comes back', () => {
    const texts = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
      .filter((value) => value.length <= 100 && !value.includes('‚') && !value.includes('\u0000'));
    fc.assert(
      fc.property(texts, (value) => {
        expect(round(select, value, notNull(text))).toBe(value);
      }),
    );
    fc.assert(
      fc.property(fc.constantFrom(...tier.labels), (label) => {
        expect(round(status, label, tier, shown)).toBe(label);
      }),
    );
  });
});

describe('multi_select', () => {
  const tags = arrayOf(text);

  test('order and repetition mean nothing', () => {
    expect(valueIn(encode(multiSelect, '{b,a,b,NULL,""}', tags))).toEqual(['a', 'b']);
    expect(valueIn(encode(multiSelect, '{Gold,gold}', tags))).toEqual(['Gold']);
    expect(multiSelect.same(['a', 'B'], ['b', 'a'])).toBe(true);
    expect(multiSelect.same(['a'], ['a', 'b'])).toBe(false);
  });

  test('the row keeps its order, repetitions and what Notion never showed', () => {
    const kept = (value: readonly string[], current: string) =>
      textIn(decode(multiSelect, value, tags, named(), current));
    expect(kept(['a', 'c'], '{b,a}')).toBe('{"a","c"}');
    expect(kept(['a', 'b', 'c'], '{b,a,b}')).toBe('{"b","a","b","c"}');
    expect(kept(['a'], '{a,NULL,b,""}')).toBe('{"a",NULL,""}');
    expect(kept(['a', 'b'], '{b,a}')).toBe('{b,a}');
    expect(kept(['A'], '{a,b}')).toBe('{"a"}');
  });

  test('empties', () => {
    expect(multiSelect.write([])).toEqual({ multi_select: [] });
    expect(valueIn(encode(multiSelect, null, tags))).toEqual([]);
    expect(valueIn(encode(multiSelect, '{}', tags))).toEqual([]);
    expect(textIn(decode(multiSelect, [], tags, named(), null))).toBeNull();
    expect(textIn(decode(multiSelect, [], tags, named(), '{}'))).toBe('{}');
    expect(textIn(decode(multiSelect, [], tags, named(), '{a}'))).toBe('{}');
    expect(textIn(decode(multiSelect, [], notNull(tags), named(), null))).toBe('{}');
  });

  test('labels and commas', () => {
    const tiers = arrayOf(tier);
    expect(round(multiSelect, '{silver,gold}', tiers, shown, '{silver,gold}')).toBe('{silver,gold}');
    expect(textIn(decode(multiSelect, ['SILVER'], tiers, shown))).toBe('{"silver"}');
    expect(textIn(decode(multiSelect, ['a‚b'], tags))).toBe('{"a,b"}');
  });

  test('refusals', () => {
    const many = `{${Array.from({ length: 101 }, (_, at) => `t${at}`).join(',')}}`;
    expect(refusal(encode(multiSelect, many, tags))).toMatch(/101 different/);
    expect(refusal(encode(multiSelect, '{{a},{b}}', tags))).toMatch(/one-dimensional/);
    expect(refusal(encode(multiSelect, `{${'x'.repeat(101)}}`, tags))).toMatch(/100 characters/);
    expect(refusal(decode(multiSelect, ['Iron'], arrayOf(tier)))).toMatch(/not a label/);
    expect(refusal(decode(multiSelect, ['x'], arrayOf(column('int4'))))).toMatch(/whole number/);
    expect(refusal(decode(multiSelect, 'a', tags))).toMatch(/not a value/);
    expect(multiSelect.check(text, named())[0]?.remedy).toMatch(/array/);
    expect(multiSelect.check(tags, named())).toEqual([]);
  });

  test('reading sorts', () => {
    expect(multiSelect.read(prop('multi_select', [{ name: 'b' }, { name: 'a' }]))).toEqual({
      kind: 'value',
      value: ['a', 'b'],
    });
    expect(multiSelect.read(prop('multi_select', [{}]))).toMatchObject({ kind: 'mismatch' });
    expect(multiSelect.schema(arrayOf(tier), named())).toEqual({
      multi_select: { options: [{ name: 'gold' }, { name: 'silver' }, { name: 'bronze' }] },
    });
  });

  test('every set comes back', () => {
    const item = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
      .filter((value) => value.length <= 100 && !value.includes('‚') && !value.includes('\u0000'));
    fc.assert(
      fc.property(fc.uniqueArray(item, { selector: (value) => value.toLowerCase() }), (items) => {
        const inOptionOrder = items
          .map((value) => value.replaceAll(',', '‚'))
          .sort()
          .map((value) => value.replaceAll('‚', ','));
        const quoted = (texts: readonly string[]) =>
          `{${texts.map((value) => `"${value.replaceAll(/["\\]/g, '\\$&')}"`).join(',')}}`;
        expect(round(multiSelect, quoted(items), notNull(tags))).toBe(quoted(inOptionOrder));
        expect(round(multiSelect, quoted(items), tags, named(), quoted(items))).toBe(quoted(items));
      }),
    );
  });
});
