import { describe, expect, test } from 'vitest';
import type { PageValue } from '../../src/model/change.ts';
import {
  type ClearingSigns,
  isCleared,
  isEmptyValue,
  likelyCause,
  lostOptions,
  optionNames,
} from '../../src/model/clearing.ts';

describe('invariant 10: a value that is lost', () => {
  test.each<[PageValue, boolean]>([
    [null, true],
    ['', true],
    [[], true],
    [false, true],
    [0, false],
    ['0', false],
    [true, false],
    [['a'], false],
    [{ start: '2026-05-01' }, false],
  ])('%j is empty: %s', (value, expected) => {
    expect(isEmptyValue(value)).toBe(expected);
  });

  test.each<[Parameters<typeof isCleared>[0]['type'], PageValue | undefined, PageValue, boolean]>([
    ['rich_text', 'a', null, true],
    ['rich_text', 'a', 'b', false],
    ['rich_text', null, null, false],
    // Without a base nobody can tell what was lost.
    ['rich_text', undefined, null, false],
    ['number', 0, null, true],
    ['number', 5, 0, false],
    ['checkbox', true, false, true],
    ['checkbox', false, true, false],
    ['multi_select', ['a', 'b'], ['a'], true],
    ['multi_select', ['a', 'b'], [], true],
    ['multi_select', ['a', 'b'], ['c'], false],
    ['multi_select', ['a'], ['b', 'c'], false],
    ['multi_select', ['a'], ['a', 'b'], false],
    ['relation', ['1', '2'], ['1'], false],
    ['relation', ['1', '2'], [], true],
    ['people', ['1'], [], true],
    ['files', ['1'], [], true],
  ])('%s from %j to %j: %s', (type, before, after, expected) => {
    expect(isCleared({ type }, before, after)).toBe(expected);
  });

  test('a status that shows its default again has lost what it showed', () => {
    expect(isCleared({ type: 'status' }, 'Done', 'Open', 'Open')).toBe(true);
    expect(isCleared({ type: 'status' }, 'Open', 'Open', 'Open')).toBe(false);
    expect(isCleared({ type: 'status' }, 'Open', 'Done', 'Open')).toBe(false);
    expect(isCleared({ type: 'status' }, 'Open', 'Done')).toBe(false);
    // A select has no default.
    expect(isCleared({ type: 'select' }, 'Done', 'Open', 'Open')).toBe(false);
  });

  test.each<[PageValue | undefined, PageValue | undefined, string[]]>([
    ['Open', null, ['Open']],
    [['a', 'b', 'c'], ['b'], ['a', 'c']],
    [undefined, null, []],
    [null, 'Open', []],
  ])('from %j to %j the options %j are lost', (before, after, expected) => {
    expect(lostOptions(before, after)).toEqual(expected);
  });
});

test('the options of a property are found by its id, escaped or not', () => {
  const schema = [{ id: '%7CCly', type: 'select', select: { options: [{ name: 'Open' }, { id: 'x' }] } }];
  expect(optionNames(schema, '|Cly')).toEqual(['Open']);
  expect(optionNames(schema, '%7CCly')).toEqual(['Open']);
  expect(optionNames(schema, 'other')).toBeNull();
  const renamed = [
    { id: 'a', type: 'select', select: { options: [{ id: 'o', name: 'To do' }, { name: 'x' }] } },
  ];
  expect(optionNames(renamed, 'a', (id) => (id === 'o' ? 'Open' : undefined))).toEqual(['Open', 'x']);
  expect(optionNames([{ id: 'a', type: 'number', number: {} }], 'a')).toBeNull();
});

describe('the likely cause', () => {
  const signs: ClearingSigns = {
    property: 'Stage',
    kind: 'choice',
    deletedOptions: [],
    edited: false,
    editors: [],
  };
  test.each<[Partial<ClearingSigns>, RegExp, boolean]>([
    [{ deletedOptions: ['Open'] }, /^the option "Open" of "Stage" was deleted$/, true],
    [
      { deletedOptions: ['a', 'b', 'c', 'd'] },
      /^the options "a", "b", "c" and 1 more of "Stage" were deleted$/,
      true,
    ],
    [
      {},
      /^"Stage" was deleted and created again, its type was changed, or options of it were deleted$/,
      true,
    ],
    [
      { kind: 'other', deletedOptions: null },
      /^"Stage" was deleted and created again, or its type was changed$/,
      true,
    ],
    [{ edited: true, editors: ['Ada'] }, /^a bulk edit by Ada$/, false],
    [{ edited: true }, /^an automation or an integration emptied "Stage"$/, false],
    [
      { editors: ['Ada', 'Grace'] },
      /^a bulk edit by Ada, Grace; or, since no page shows a later edit, "Stage" was/,
      false,
    ],
    [
      { kind: 'computed', edited: true, editors: ['Ada'] },
      /^what computes "Stage" gives nothing any more$/,
      true,
    ],
  ])('%j', (some, expected, byNobody) => {
    const cause = likelyCause({ ...signs, ...some });
    expect(cause.text).toMatch(expected);
    expect(cause.byNobody).toBe(byNobody);
  });
});
