import { expect, test } from 'vitest';
import {
  missingTargets,
  settleRelations,
  showsAgain,
  unshownAfterWrite,
  withUnshown,
} from '../../src/model/relation-targets.ts';
import { resolvedField } from '../support/fields.ts';
import { arrayOf, column, page } from './codecs/support.ts';

const list = resolvedField('List', 'relation', { shape: arrayOf(column('text')) });
const one = resolvedField('One', 'relation');
const fields = [list, one, resolvedField('Text')];
const [a, b, c] = [page(1), page(2), page(3)];
const awayIs =
  (...pages: readonly string[]) =>
  (id: string) =>
    pages.includes(id);

test('what the base has and the page does not show is looked at, whether it is known to be away or not', () => {
  const base = { List: [a, b], One: [a], Text: 'x' };
  expect(missingTargets(fields, base, { List: [b], One: [a], Text: 'y' }, {})).toEqual([
    { field: list, pages: [a] },
  ]);
  expect(missingTargets(fields, base, { List: [a, b], One: [a] }, { List: [c] })).toEqual([
    { field: list, pages: [c] },
  ]);
  // A field that the page image lacks says nothing.
  expect(missingTargets(fields, base, { Text: 'y' }, {})).toEqual([]);
});

test('invariant 15: what is away stays a part of the value; what is there and not shown was taken out', () => {
  const base = { List: [a, b], One: [] };
  const image = { List: [], One: [] };
  expect(settleRelations(fields, base, { image, known: {}, isAway: awayIs(a) })).toEqual({
    image: { List: [a], One: [] },
    unshown: { List: [a] },
    interrupted: {},
  });
  // Nobody can tell who took it out while it was away: it leaves the base, and the row's value is written again.
  expect(settleRelations(fields, base, { image, known: { List: [a] }, isAway: awayIs() })).toEqual({
    image,
    unshown: { List: [] },
    interrupted: { List: [b] },
  });
});

test('a column of one key keeps what is away only while nobody has chosen another page', () => {
  const base = { One: [a] };
  expect(settleRelations([one], base, { image: { One: [] }, known: {}, isAway: awayIs(a) })).toEqual({
    image: { One: [a] },
    unshown: { One: [a] },
    interrupted: {},
  });
  expect(
    settleRelations([one], base, { image: { One: [c] }, known: { One: [a] }, isAway: awayIs(a) }),
  ).toEqual({
    image: { One: [c] },
    unshown: { One: [] },
    interrupted: {},
  });
});

test('invariant 6: with what it cannot show, a page compares equal to its base, and once it shows it again too', () => {
  expect(withUnshown(fields, { List: [b], Text: 'x' }, { List: [a] })).toEqual({ List: [a, b], Text: 'x' });
  expect(withUnshown(fields, { List: [a, b] }, { List: [a] })).toEqual({ List: [a, b] });
  expect(showsAgain(fields, { List: [b] }, { List: [a] })).toBe(false);
  expect(showsAgain(fields, { List: [a, b] }, { List: [a] })).toBe(true);
});

test("what a write's own answer does not show is known from then on; what was read later tells nothing", () => {
  const sent = { List: [a, b], Text: 'x' };
  const image = { List: [b], One: [c], Text: 'x' };
  expect(unshownAfterWrite(fields, sent, image, new Set())).toEqual({ List: [a] });
  expect(unshownAfterWrite(fields, sent, image, new Set(['List']))).toEqual({});
});
