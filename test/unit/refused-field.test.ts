import { describe, expect, test } from 'vitest';
import type { Json } from '../../src/model/change.ts';
import { leaveOut, refusedIn, type SentField, valueDigest } from '../../src/model/refused-field.ts';
import { fitted } from '../../src/model/request-size.ts';
import { createRefusedFieldSearch } from '../../src/to-notion/refused-field-search.ts';

const field = (name: string, key: string, value: Json): SentField => ({
  name,
  key,
  value,
  digest: valueDigest(value),
  own: false,
});
const PAGE = '0123abcd-0123-4567-89ab-0123456789ab';
const sent = [
  field('Name', 'title', { title: [{ text: { content: 'Ore' } }] }),
  field('Stage', 'a:b', { status: { name: 'Later' } }),
  field('Tags', '|Cly', { multi_select: [{ name: 'x' }, { name: 'y' }] }),
  field('Supplier', 'rel1', { relation: [{ id: PAGE }] }),
  field('Status', 'st', { rich_text: [] }),
];

describe('invariant 16: the field that a refusal is about is found in its message', () => {
  test.each([
    ['a:b is not a property that exists.', ['Stage']],
    ['Stage is not a property that exists.', ['Stage']],
    ['updatePage: Notion answered 400 (validation_error): Stage is expected to be status.', ['Stage']],
    [
      'body failed validation: body.properties.|Cly.multi_select.length should be ≤ `100`, instead was `101`.',
      ['Tags'],
    ],
    ['body failed validation: body.properties["a:b"].status should be defined', ['Stage']],
    ['Invalid status option. Status option "Later" does not exist.', ['Stage']],
    [`Could not find page with ID: ${PAGE.replaceAll('-', '')}.`, ['Supplier']],
    ['Unsaved transactions: runQuery', null],
    ['body failed validation', null],
    // An unknown page is none of ours, and a name within a sentence says nothing.
    ['Could not find page with ID: 99999999-0123-4567-89ab-0123456789ab.', null],
    ['The Status of this request is unclear', null],
  ])('%s', (message, fields) => {
    expect(refusedIn(message, sent)).toEqual(fields);
  });
});

test('invariant 16: what was refused is left out as long as it is the same value', () => {
  const plan = {
    writes: { Stage: 'Later', Tags: ['x'] },
    partial: new Set<string>(),
    agreed: [],
    handedOver: [],
    conflicts: [],
    held: [],
    merged: new Map(),
    missing: [],
    faults: [],
  };
  const refusal = { field: 'Stage', own: false, reason: 'Notion refuses "Stage"', remedy: 'add the option' };
  const left = leaveOut(plan, [{ ...refusal, value: valueDigest('Later') }]);
  expect(left.writes).toEqual({ Tags: ['x'] });
  expect(left.faults).toEqual([{ path: 'Stage', message: refusal.reason, remedy: refusal.remedy }]);
  expect(leaveOut(plan, [{ ...refusal, value: valueDigest('Now') }])).toEqual(plan);
  expect(leaveOut(plan, [{ ...refusal, value: null }]).writes).toEqual({ Tags: ['x'] });
});

test('what does not fit into one request follows in others, and what fits into none is a fault of its own', () => {
  const of = (name: string, length: number) => field(name, name, 'x'.repeat(length));
  const { now, later, faults } = fitted([of('a', 400), of('b', 2_000), of('c', 400), of('d', 100)], 1_000);
  expect(now.map(({ name }) => name)).toEqual(['a', 'c', 'd']);
  expect(later).toEqual([]);
  expect(faults).toMatchObject([{ path: 'b' }]);
  const two = fitted([of('a', 600), of('b', 600), of('c', 300)], 1_000);
  expect([two.now, two.later].map((part) => part.map(({ name }) => name))).toEqual([['a', 'c'], ['b']]);
  // Bytes count, not characters.
  expect(fitted([field('k', 'k', '字'.repeat(400))], 1_000).faults).toHaveLength(1);
});

test('a search halves what was refused, and ends within a bounded number of requests', () => {
  const refusedFields = createRefusedFieldSearch();
  const names = Array.from({ length: 40 }, (_, at) => `f${at}`);
  const bad = 'f23';
  let requests = 1;
  let group: readonly string[] = names;
  const refused: string[] = [];
  for (;;) {
    if (!group.includes(bad)) refusedFields.decide('t/1', true);
    else if (group.length > 1) expect(refusedFields.split('t/1', group)).toBe(true);
    else {
      refused.push(...group);
      refusedFields.decide('t/1', false);
    }
    const next = refusedFields.of('t/1')?.groups[0];
    if (next === undefined) break;
    group = next;
    requests += 1;
  }
  expect(refused).toEqual([bad]);
  expect(requests).toBeLessThanOrEqual(14);
  expect(refusedFields.of('t/1')).toBe(undefined);
  let splits = 0;
  while (refusedFields.split('t/2', names)) splits += 1;
  expect(splits).toBeLessThan(30);
});
