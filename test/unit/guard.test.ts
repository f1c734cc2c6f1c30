import { describe, expect, test } from 'vitest';
import { type GuardLoad, isMassChange } from '../../src/model/mass-change.ts';

const guard = { number: 20, share: 0.05, windowMinutes: 10 };
const load = (more: Partial<GuardLoad>): GuardLoad => ({
  crossed: 0,
  waiting: 0,
  coming: 0,
  records: 100,
  ...more,
});

describe('invariant 10: a mass of changes', () => {
  test.each<[string, Partial<GuardLoad>, boolean]>([
    ['one by one', { coming: 1 }, false],
    ['exactly the number', { coming: 20 }, false],
    ['one above the number', { coming: 21 }, true],
    ['above the number, exactly the share', { coming: 50, records: 1_000 }, false],
    ['above the number and the share', { coming: 51, records: 1_000 }, true],
    ['above the share, not the number', { coming: 20, records: 20 }, false],
    ['a whole small table, which the number lets pass', { coming: 5, records: 5 }, false],
    ['portions: what crossed counts', { crossed: 20, coming: 1 }, true],
    ['portions: what waits counts', { waiting: 20, coming: 1 }, true],
    ['portions: both count', { crossed: 10, waiting: 10, coming: 1 }, true],
    ['portions that stay below together', { crossed: 10, waiting: 5, coming: 5 }, false],
    ['a table without records', { coming: 21, records: 0 }, true],
  ])('%s', (_, some, expected) => {
    expect(isMassChange(load(some), guard)).toBe(expected);
  });

  test('a number of 0 and a share of 0 let nothing pass', () => {
    expect(isMassChange(load({ coming: 1 }), { ...guard, number: 0, share: 0 })).toBe(true);
    expect(isMassChange(load({ coming: 0 }), { ...guard, number: 0, share: 0 })).toBe(false);
  });

  test('a share of 1 lets everything pass', () => {
    expect(isMassChange(load({ coming: 100 }), { ...guard, share: 1 })).toBe(false);
  });

  test.each([
    // [records, the most deletions that cross]: the number, or the share where that is more.
    [0, 20],
    [1, 20],
    [19, 20],
    [20, 20],
    [21, 20],
    [400, 20],
    [401, 20],
    [419, 20],
    [420, 21],
    [1_000, 50],
    [1_019, 50],
    [1_020, 51],
    [100_000, 5_000],
  ])('a table of %i records: %i changes cross, however they are seen, and no more', (records, most) => {
    for (const crossed of [0, 1, most - 1, most])
      for (const waiting of [0, most - crossed]) {
        const coming = most - crossed - waiting;
        expect(isMassChange({ records, crossed, waiting, coming }, guard)).toBe(false);
        expect(isMassChange({ records, crossed, waiting, coming: coming + 1 }, guard)).toBe(true);
        expect(isMassChange({ records, crossed, waiting: waiting + 1, coming }, guard)).toBe(true);
        expect(isMassChange({ records, crossed: crossed + 1, waiting, coming }, guard)).toBe(true);
      }
  });

  test('a fifth of a thousand records does not cross', () => {
    expect(isMassChange(load({ coming: 200, records: 1_000 }), guard)).toBe(true);
  });
});
