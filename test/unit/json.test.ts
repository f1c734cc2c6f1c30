import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Json } from '../../src/model/change.ts';
import { canonicalJson, sameJson } from '../../src/model/json.ts';

const anyJson = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as Json);

function shuffled(value: Json): Json {
  if (Array.isArray(value)) return value.map(shuffled);
  if (value === null || typeof value !== 'object') return value;
  const members = Object.entries(value as Readonly<Record<string, Json>>).toReversed();
  return Object.fromEntries(members.map(([name, member]) => [name, shuffled(member)]));
}

test('the order of members makes no difference, at any depth', () => {
  fc.assert(
    fc.property(anyJson, (value) => {
      expect(canonicalJson(shuffled(value))).toBe(canonicalJson(value));
      expect(sameJson(value, shuffled(value))).toBe(true);
    }),
  );
});

test('the canonical text holds the same value', () => {
  fc.assert(
    fc.property(anyJson, (value) => {
      expect(JSON.parse(canonicalJson(value))).toEqual(value);
    }),
  );
});

test('equal texts mean equal values', () => {
  fc.assert(
    fc.property(anyJson, anyJson, (one, other) => {
      if (sameJson(one, other)) expect(one).toEqual(other);
    }),
  );
});

test.each<[Json | undefined, Json | undefined, boolean]>([
  [undefined, undefined, true],
  [undefined, null, true],
  [null, '', false],
  [0, false, false],
  ['1', 1, false],
  [[], {}, false],
  [[1, 2], [2, 1], false],
  [[[1], 2], [1, [2]], false],
  [{ a: 1 }, { a: 1, b: null }, false],
  [{ 'a":1,"b': 2 }, { a: 1, b: 2 }, false],
])('%j and %j: same is %j', (one, other, same) => {
  expect(sameJson(one, other)).toBe(same);
});
