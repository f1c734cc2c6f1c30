import { expect, test } from 'vitest';
import type { SqlText } from '../../src/model/change.ts';
import { decodeField, encodeField } from '../../src/model/fields.ts';
import { resolvedField } from '../support/fields.ts';
import { column, lookups } from './codecs/support.ts';

const fail = (): never => {
  throw new Error('no such colour');
};
const half = (text: SqlText): SqlText => (text === null ? null : String(Number(text) / 2));
const twice = (text: SqlText): SqlText => (text === null ? null : String(Number(text) * 2));

test('a field without a transform goes through its codec alone', () => {
  const field = resolvedField('Rating', 'number');
  expect(encodeField(field, '4', lookups)).toEqual({ kind: 'value', value: 4 });
  expect(decodeField(field, 4, lookups, null)).toEqual({ kind: 'value', text: '4' });
});

test('a transform comes before the codec on the way out, and its reverse after it on the way back', () => {
  const field = resolvedField('Rating', 'number', { transform: half, reverseTransform: twice });
  expect(encodeField(field, '4', lookups)).toEqual({ kind: 'value', value: 2 });
  expect(decodeField(field, 2, lookups, null)).toEqual({ kind: 'value', text: '4' });
  expect(encodeField(field, null, lookups)).toEqual({ kind: 'value', value: null });
  expect(decodeField(field, null, lookups, '4')).toEqual({ kind: 'value', text: null });
});

test('a transform may make a value of NULL and NULL of a value', () => {
  const field = resolvedField('Rating', 'number', {
    transform: (text) => (text === null ? '0' : text === '9' ? null : text),
  });
  expect(encodeField(field, null, lookups)).toEqual({ kind: 'value', value: 0 });
  expect(encodeField(field, '9', lookups)).toEqual({ kind: 'value', value: null });
});

test('what a transform throws refuses the value, and names the field and the transform', () => {
  const field = resolvedField('Colour', 'rich_text', { transform: fail, reverseTransform: fail });
  expect(encodeField(field, 'red', lookups)).toMatchObject({
    kind: 'refused',
    fault: { path: 'Colour', message: 'the transform of Colour failed: no such colour' },
  });
  expect(decodeField(field, 'red', lookups, null)).toMatchObject({
    kind: 'refused',
    fault: { path: 'Colour', message: 'the reverseTransform of Colour failed: no such colour' },
  });
});

test('what the codec refuses never reaches the reverse transform', () => {
  const field = resolvedField('Rating', 'number', { reverseTransform: fail });
  expect(decodeField(field, 1.5, lookups, null)).toMatchObject({
    kind: 'refused',
    fault: { message: expect.stringContaining('1.5') },
  });
});

test('a transform that makes something else than the column’s type is refused by the codec', () => {
  const field = resolvedField('Rating', 'number', { transform: () => 'many' });
  expect(encodeField(field, '4', lookups)).toMatchObject({ kind: 'refused', fault: { path: 'Rating' } });
});

test.each(['title', 'rich_text', 'select', 'status', 'email', 'phone_number'] as const)(
  'a char(n) loses its padding as %s, and keeps its own spelling while a person writes the same',
  (type) => {
    const field = resolvedField('Code', type, { shape: column('bpchar', { maxLength: 10 }) });
    const padded = 'a@b.c     ';
    expect(encodeField(field, padded, lookups)).toEqual({ kind: 'value', value: 'a@b.c' });
    expect(decodeField(field, 'a@b.c', lookups, padded)).toEqual({ kind: 'value', text: padded });
    expect(decodeField(field, 'd@e.f', lookups, padded)).toEqual({ kind: 'value', text: 'd@e.f' });
  },
);

test('so do the elements of an array, and labels that `values` names', () => {
  const tags = resolvedField('Tags', 'multi_select', { shape: column('bpchar', { array: true }) });
  const row = '{"a    ","b    ",NULL}';
  expect(encodeField(tags, row, lookups)).toEqual({ kind: 'value', value: ['a', 'b'] });
  expect(decodeField(tags, ['b', 'a'], lookups, row)).toEqual({ kind: 'value', text: row });
  expect(decodeField(tags, ['b', 'c'], lookups, row)).toEqual({ kind: 'value', text: '{"b",NULL,"c"}' });
  const named = resolvedField('State', 'select', { shape: column('bpchar'), values: { o: 'Open' } });
  expect(encodeField(named, 'o   ', lookups)).toEqual({ kind: 'value', value: 'Open' });
  expect(decodeField(named, 'Open', lookups, 'x   ')).toEqual({ kind: 'value', text: 'o' });
});

test('what a type would cut without a word is refused', () => {
  const of = (type: string) => resolvedField('X', 'rich_text', { shape: column(type) });
  expect(decodeField(of('char'), 'ab', lookups, null)).toMatchObject({ kind: 'refused' });
  expect(decodeField(of('char'), 'a', lookups, null)).toEqual({ kind: 'value', text: 'a' });
  expect(decodeField(of('name'), 'ä'.repeat(32), lookups, null)).toMatchObject({ kind: 'refused' });
  expect(decodeField(of('name'), 'ä'.repeat(31), lookups, null)).toMatchObject({ kind: 'value' });
});
