import { describe, expect, test } from 'vitest';
import type { PageValue } from '../../../src/model/change.ts';
import type { Codec } from '../../../src/model/codecs/codec.ts';
import {
  createdBy,
  createdTime,
  formula,
  lastEditedBy,
  lastEditedTime,
  rollup,
  uniqueId,
} from '../../../src/model/codecs/computed.ts';
import { arrayOf, column, decode, encode, named, notNull, prop, refusal, textIn, user } from './support.ts';

const text = column('text');

const read = (codec: Codec, content: unknown): PageValue | string => {
  const outcome = codec.read(prop(codec.type, content));
  return outcome.kind === 'value' ? outcome.value : outcome.kind;
};

const readings: readonly (readonly [Codec, unknown, PageValue])[] = [
  [createdTime, '2026-01-02T03:04:00.000Z', '2026-01-02T03:04:00.000Z'],
  [lastEditedTime, '2026-01-02T03:04:00+01:00', '2026-01-02T02:04:00.000Z'],
  [lastEditedTime, 'soon', 'mismatch'],
  [createdBy, { object: 'user', id: user(3).replaceAll('-', '') }, user(3)],
  [lastEditedBy, {}, 'mismatch'],
  [uniqueId, { prefix: 'TASK', number: 3 }, 'TASK-3'],
  [uniqueId, { prefix: null, number: 3 }, '3'],
  [uniqueId, { prefix: null, number: null }, null],
  [uniqueId, 3, 'mismatch'],
  [formula, { type: 'string', string: 'a' }, 'a'],
  [formula, { type: 'string', string: '' }, null],
  [formula, { type: 'number', number: 1.5 }, 1.5],
  [formula, { type: 'boolean', boolean: false }, false],
  [formula, { type: 'date', date: { start: '2026-01-02', end: null } }, { start: '2026-01-02', end: null }],
  [formula, { type: 'unsupported', unsupported: {} }, null],
  [formula, { type: 'quaternion', quaternion: {} }, 'mismatch'],
  [rollup, { type: 'number', number: 3, function: 'sum' }, 3],
  [rollup, { type: 'date', date: null }, null],
  [rollup, { type: 'unsupported' }, null],
  [rollup, { type: 'incomplete', incomplete: {} }, 'truncated'],
  [
    rollup,
    { type: 'array', array: Array.from({ length: 25 }, () => ({ type: 'number', number: 1 })) },
    'truncated',
  ],
  [
    rollup,
    {
      type: 'array',
      array: [
        { type: 'title', title: [{ plain_text: 'a' }] },
        { type: 'number', number: 1 },
        { type: 'select', select: { name: 'x' } },
        { type: 'relation', relation: [{ id: user(1) }] },
        { type: 'checkbox', checkbox: true },
        { type: 'formula', formula: { type: 'number', number: 2 } },
        { type: 'button', button: {} },
      ],
    },
    ['a', 1, 'x', [user(1)], true, 2, null],
  ],
];

test.each(readings.map(([codec, content, value]) => ({ codec, content, value })))(
  '$codec.type reads $content',
  ({ codec, content, value }) => {
    expect(read(codec, content)).toEqual(value);
  },
);

test('the property endpoint has the whole of a rollup', () => {
  const number = (value: number) => ({ object: 'property_item', type: 'number', number: value });
  const result = (content: object) => ({ type: 'rollup', rollup: { function: 'sum', ...content } });
  expect(rollup.readItems([result({ type: 'number', number: 3 })])).toBe(3);
  expect(rollup.readItems([number(1), number(2), result({ type: 'array', array: [] })])).toEqual([1, 2]);
  expect(rollup.readItems([{ type: 'title', title: { plain_text: 'a' } }])).toEqual(['a']);
  expect(rollup.readItems([number(1), result({ type: 'number', number: 1 })])).toBe(1);
  expect(formula.readItems([{ type: 'formula', formula: { type: 'number', number: 1 } }])).toBe(1);
});

test.each([
  ['a text', formula, 'a', text, 'a'],
  ['a number as text', formula, 1e21, text, '1000000000000000000000'],
  ['a number', formula, 1.5, column('numeric', { precision: 5, scale: 2 }), '1.5'],
  ['a boolean', formula, true, column('bool'), 't'],
  ['a boolean as text', formula, true, text, 'true'],
  ['a date', formula, { start: '2026-01-02', end: null }, column('timestamptz'), '2026-01-02T00:00:00.000Z'],
  [
    'a period',
    formula,
    { start: '2026-01-02', end: '2026-01-03' },
    column('daterange'),
    '[2026-01-02,2026-01-04)',
  ],
  ['a period as text', formula, { start: '2026-01-02', end: '2026-01-03' }, text, '2026-01-02/2026-01-03'],
  ['a date in a text', formula, '2026-01-02', column('date'), '2026-01-02'],
  ['nothing', formula, null, text, null],
  ['nothing in a text', formula, null, notNull(text), ''],
  ['a list as text', rollup, ['a', 1, null, [{ name: 'f', url: 'u' }]], text, 'a, 1, , u'],
  ['a list as an array', rollup, ['a,b', 1, null], arrayOf(text), '{"a,b","1",NULL}'],
  ['a list of numbers', rollup, [1, 2.5], arrayOf(column('numeric')), '{"1","2.5"}'],
  ['a list of booleans', rollup, [true, false], arrayOf(column('bool')), '{"t","f"}'],
  ['an empty list', rollup, [], arrayOf(text), '{}'],
  ['no list', rollup, null, arrayOf(text), null],
  ['a list as JSON', rollup, ['a', 1, null], column('jsonb'), '["a",1,null]'],
  ['an id', uniqueId, 'TASK-3', text, 'TASK-3'],
  ['the number of an id', uniqueId, 'TASK-3', column('int4'), '3'],
  ['a time', createdTime, '2026-01-02T03:04:00.000Z', column('timestamptz'), '2026-01-02T03:04:00.000Z'],
  ['the day of a time', lastEditedTime, '2026-01-02T03:04:00.000Z', column('date'), '2026-01-02'],
  ['who', createdBy, user(3), text, 'u3@example.com'],
  ['who, without an address', lastEditedBy, user(999), text, user(999)],
  ['who, by id', lastEditedBy, user(3), column('uuid'), user(3)],
] as const)('%s', (_name, codec, value, shape, expected) => {
  expect(textIn(decode(codec, value, shape))).toBe(expected);
});

test.each([
  ['a word for a number', formula, 'many', column('int4'), /not a whole number/],
  ['a fraction', formula, 1.5, column('int4'), /whole number/],
  ['a number for a date', formula, 3, column('date'), /not a date/],
  ['nothing', formula, null, notNull(column('int4')), /NOT NULL/],
  ['an element', rollup, [1, 'a'], arrayOf(column('int4')), /"a" is not a whole number/],
  ['too long a list', rollup, ['abc', 'def'], column('varchar', { maxLength: 5 }), /longer/],
] as const)('%s is refused', (_name, codec, value, shape, message) => {
  expect(refusal(decode(codec, value, shape))).toMatch(message);
});

describe.each([createdTime, lastEditedTime, createdBy, lastEditedBy, uniqueId, formula, rollup])(
  '%o',
  (codec) => {
    test('is never written', () => {
      expect(codec.writable).toBe(false);
      expect(refusal(encode(codec, 'a', text))).toMatch(/computes.*to-postgres/);
      expect(codec.write('a')).toEqual({});
      expect(codec.check(text, named())).toEqual([]);
      expect(codec.same({ start: 'a', end: null }, { end: null, start: 'a' })).toBe(true);
    });
  },
);

test('schemas and faults', () => {
  expect(createdTime.schema(text, named())).toEqual({ created_time: {} });
  expect(lastEditedBy.schema(text, named())).toEqual({ last_edited_by: {} });
  expect(uniqueId.schema(text, named())).toEqual({ unique_id: { prefix: null } });
  expect(formula.schema(text, named())).toBeNull();
  expect(rollup.schema(text, named())).toBeNull();
  expect(createdTime.check(column('int4'), named())).toHaveLength(1);
  expect(createdBy.check(column('int4'), named())).toHaveLength(1);
  expect(uniqueId.check(column('bool'), named())).toHaveLength(1);
});
