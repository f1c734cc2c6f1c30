import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { email, phoneNumber, url } from '../../../src/model/codecs/contact.ts';
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

const text = column('text');

describe.each([
  { codec: url, limit: 2000 },
  { codec: email, limit: 100 },
  { codec: phoneNumber, limit: 100 },
])('$codec.type', ({ codec, limit }) => {
  test('empties are null to Notion', () => {
    expect(valueIn(encode(codec, '', text))).toBeNull();
    expect(valueIn(encode(codec, null, text))).toBeNull();
    expect(codec.write('')).toEqual({ [codec.type]: null });
    expect(textIn(decode(codec, null, text, named(), 'a'))).toBeNull();
    expect(textIn(decode(codec, null, text, named(), ''))).toBe('');
    expect(textIn(decode(codec, null, notNull(text)))).toBe('');
  });

  test('the limit', () => {
    expect(valueIn(encode(codec, 'a'.repeat(limit), text))).toHaveLength(limit);
    expect(refusal(encode(codec, 'a'.repeat(limit + 1), text))).toMatch(/too long.*rich_text/);
  });

  test('refusals and faults', () => {
    expect(refusal(decode(codec, 'abc', column('varchar', { maxLength: 2 })))).toMatch(/longer/);
    expect(refusal(decode(codec, 3, text))).toMatch(/not a value/);
    expect(codec.check(arrayOf(text), named())).toHaveLength(1);
    expect(codec.check(text, named())).toEqual([]);
  });

  test('reading', () => {
    expect(codec.read(prop(codec.type, 'a'))).toEqual({ kind: 'value', value: 'a' });
    expect(codec.read(prop(codec.type, ''))).toEqual({ kind: 'value', value: null });
    expect(codec.read(prop(codec.type, 3))).toMatchObject({ kind: 'mismatch' });
    expect(codec.readItems([{ type: codec.type, [codec.type]: 'a' }])).toBe('a');
    expect(codec.readItems([])).toBeNull();
    expect(codec.same('a ', 'a')).toBe(true);
    expect(codec.schema(text, named())).toEqual({ [codec.type]: {} });
  });

  test('every text within the limit comes back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 100 }), (value) => {
        const stored = value.replaceAll('\u0000', '');
        expect(round(codec, stored, notNull(text))).toBe(stored);
      }),
    );
  });
});
