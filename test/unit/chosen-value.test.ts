import { describe, expect, test } from 'vitest';
import { chosenText } from '../../src/model/chosen-value.ts';
import type { ColumnShape } from '../../src/model/codecs/codec.ts';
import { lookupsOver } from '../../src/model/page.ts';
import { resolvedField } from '../support/fields.ts';
import { column } from './codecs/support.ts';

const none = lookupsOver({ pairs: [], users: new Map() });
const choose = (json: string, shape: ColumnShape) =>
  chosenText(json, resolvedField('Value', shape.array ? 'multi_select' : 'rich_text', { shape }), none);
const array = { ...column('text'), array: true };

describe('a chosen value as the column’s text', () => {
  test.each([
    ['text', '"kg"', column('text'), 'kg'],
    ['an empty text', '""', column('text'), ''],
    ['a number', '1.5', column('numeric'), '1.5'],
    ['a boolean', 'true', column('bool'), 'true'],
    ['nothing', 'null', column('int4'), null],
    ['a list', '["a", "b \\"c\\" \\\\ d", null, ""]', array, '{"a","b \\"c\\" \\\\ d",NULL,""}'],
    ['an empty list', '[]', array, '{}'],
    ['JSON', '{"a":[1]}', column('jsonb'), '{"a":[1]}'],
    ['a number beyond a double', '9007199254740993', column('int8'), '9007199254740993'],
    ['a number of 24 digits', '123456789012345678901234', column('numeric'), '123456789012345678901234'],
    [
      'a JSON number of 24 digits',
      '{"n": 123456789012345678901234}',
      column('jsonb'),
      '{"n": 123456789012345678901234}',
    ],
    [
      'long numbers in a list',
      '[9007199254740993]',
      { ...column('int8'), array: true },
      '{"9007199254740993"}',
    ],
  ] as const)('invariant 7: %s keeps what was written', (_, json, shape, text) => {
    expect(choose(json, shape)).toEqual({ kind: 'value', text });
  });

  test.each([
    ['an object', '{"a":1}', column('text'), 'must be a text'],
    ['a list', '["a"]', column('text'), 'must be a text'],
    ['no list', '"a"', array, 'must be a list'],
    ['a list of lists', '[["a"]]', array, 'must be a list of plain values'],
    [
      'more digits than the column keeps',
      '3.123',
      column('numeric', { precision: 8, scale: 2 }),
      'at most 2 decimal places',
    ],
    ['NULL where a value is needed', 'null', column('int4', { nullable: false }), 'must not be empty'],
    ['a fraction', '1.5', column('int4'), 'must be a whole number'],
    ['what is no JSON', '2 weeks', column('text'), 'is not JSON'],
  ] as const)('%s is judged as an edit would be', (_, json, shape, why) => {
    const chosen = choose(json, shape);
    expect(chosen.kind).toBe('refused');
    expect(chosen.kind === 'refused' && chosen.fault.message).toContain(why);
  });
});
