import { expect, test } from 'vitest';
import { pageId, type RowKey, rowKey, tableName } from '../../src/model/ids.ts';
import { digestOf, lookupsOver, readPage } from '../../src/model/page.ts';
import { resolvedField, resolvedTable } from '../support/fields.ts';
import { page, prop, suppliers } from './codecs/support.ts';

const fields = [
  resolvedField('Name', 'title'),
  resolvedField('Rating', 'number'),
  resolvedField('Supplier', 'relation', { relatedTable: suppliers }),
];
const table = resolvedTable('products', fields);
const ids = { Name: 'title', Rating: 'a%3Ab', Supplier: 'rel' };
const whole = {
  title: prop('title', [{ type: 'text', plain_text: 'Ore' }]),
  'a%3Ab': prop('number', 4),
  rel: prop('relation', [{ id: page(1) }], { has_more: false }),
};

test('properties are found by their ids, so a rename in Notion changes nothing', () => {
  expect(readPage(table, ids, { ...whole, other: prop('url', 'x') })).toEqual({
    image: { Name: 'Ore', Rating: 4, Supplier: [page(1)] },
    extras: {},
    truncated: [],
    faults: [],
  });
});

test('invariant 12: what an answer cut short is named, and has no value', () => {
  const reading = readPage(table, ids, {
    ...whole,
    rel: prop('relation', [{ id: page(1) }], { has_more: true }),
  });
  expect(reading).toEqual({
    image: { Name: 'Ore', Rating: 4 },
    extras: {},
    truncated: [fields[2]],
    faults: [],
  });
});

test('a property that is gone and one of another type have faults, no values', () => {
  const { rel: _gone, ...rest } = whole;
  const reading = readPage(table, ids, { ...rest, 'a%3Ab': prop('select', null) });
  expect(reading.image).toEqual({ Name: 'Ore' });
  expect(reading.faults).toMatchObject([
    {
      path: 'tables.products.fields.Rating',
      message: expect.stringMatching(/a select in Notion, and a number/),
    },
    { path: 'tables.products.fields.Supplier', message: expect.stringContaining('no property "Supplier"') },
  ]);
});

test('a field that has no property id yet is missing, not read from somewhere else', () => {
  const { Name: _name, ...others } = ids;
  const reading = readPage(table, others, { ...whole, Name: prop('title', []) });
  expect(reading.image).not.toHaveProperty('Name');
  expect(reading.faults).toHaveLength(1);
});

test('digests tell values apart, and nothing but values', () => {
  expect(digestOf({ A: 1, B: { x: 1, y: 2 } })).toBe(digestOf({ B: { y: 2, x: 1 }, A: 1 }));
  const different = [{}, { A: null }, { A: 1 }, { A: '1' }, { A: [1] }, { B: 1 }];
  expect(new Set(different.map(digestOf)).size).toBe(different.length);
  expect(digestOf({})).toMatch(/^[0-9a-f]{32}$/);
});

test('look-ups find what was fetched, table by table, and nothing else', () => {
  const products = tableName('products');
  const key = '["a","b"]' as RowKey;
  const known = lookupsOver({
    pairs: [
      { table: suppliers, key, page: page(1) },
      { table: products, key, page: page(2) },
    ],
    users: new Map([['ann@example.com', 'user-1']]),
  });
  expect([known.pageOf(suppliers, key), known.pageOf(products, key)]).toEqual([page(1), page(2)]);
  expect([known.keyOf(suppliers, page(1)), known.keyOf(suppliers, page(2))]).toEqual([key, undefined]);
  expect(known.pageOf(suppliers, rowKey(['a']))).toBe(undefined);
  expect(known.keyOf(suppliers, pageId('f'.repeat(32)))).toBe(undefined);
  expect([known.userOf('Ann@Example.com'), known.userOf('bob@example.com')]).toEqual(['user-1', undefined]);
  expect([known.emailOf('user-1'), known.emailOf('user-2')]).toEqual(['ann@example.com', undefined]);
});
