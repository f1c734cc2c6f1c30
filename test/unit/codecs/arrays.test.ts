import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatArray, parseArray } from '../../../src/model/codecs/arrays.ts';

test.each([
  ['{}', []],
  ['{ }', []],
  ['{a,"b c",NULL}', ['a', 'b c', null]],
  ['{a,"NULL",null}', ['a', 'NULL', null]],
  ['{"a\\"b","c\\\\d",""}', ['a"b', 'c\\d', '']],
  ['{ a , "b" }', ['a', 'b']],
  ['{a\\ ,\\NULL}', ['a ', 'NULL']],
  ['[0:1]={a,b}', ['a', 'b']],
  ['{"a,b","{c}"}', ['a,b', '{c}']],
  ['{ü,𝄞}', ['ü', '𝄞']],
])('reads %s', (text, items) => {
  expect(parseArray(text)).toEqual(items);
});

test.each([
  '',
  'a',
  '{',
  '}',
  '{a',
  '{a,}',
  '{,a}',
  '{{a,b},{c,d}}',
  '{"a"b}',
  '{a}b',
  '{"a',
  '{a"b"}',
  '{a\\',
])('does not take %j for a flat array', (text) => {
  expect(parseArray(text)).toBeUndefined();
});

test('what is written is read again', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.string({ unit: 'binary' }))), (items) => {
      expect(parseArray(formatArray(items))).toEqual(items);
    }),
  );
});

test('no text makes it throw', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('{', '}', '"', '\\', ',', ' ', 'a', 'NULL')), (parts) => {
      const items = parseArray(parts.join(''));
      if (items !== undefined) expect(parseArray(formatArray(items))).toEqual(items);
    }),
    { numRuns: 1000 },
  );
});
