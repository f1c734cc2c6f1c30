import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createNotionClock } from '../../src/model/clock.ts';

test('nothing is known before the first answer', () => {
  expect(createNotionClock(() => 5).atLeast()).toBe(null);
});

test('after an answer, time goes on from what it showed', () => {
  let steady = 1_000;
  const clock = createNotionClock(() => steady);
  clock.observe(new Date(60_000));
  expect(clock.atLeast()).toEqual(new Date(60_000));
  steady += 2_500;
  expect(clock.atLeast()).toEqual(new Date(62_500));
});

test('an older time than what is known already changes nothing, a newer one moves the clock on', () => {
  let steady = 0;
  const clock = createNotionClock(() => steady);
  clock.observe(new Date(60_000));
  steady += 10_000;
  clock.observe(new Date(60_000));
  expect(clock.atLeast()).toEqual(new Date(70_000));
  clock.observe(new Date(120_000));
  expect(clock.atLeast()).toEqual(new Date(120_000));
});

test('invariant 4: it never runs ahead of Notion’s clock, and never back, however answers come', () => {
  const step = fc.record({
    waitMs: fc.integer({ min: 0, max: 200_000 }),
    lagMs: fc.integer({ min: 0, max: 90_000 }),
  });
  fc.assert(
    fc.property(fc.integer({ min: -1e9, max: 1e9 }), fc.array(step), (skew, steps) => {
      let steady = 0;
      const clock = createNotionClock(() => steady);
      let before = Number.NEGATIVE_INFINITY;
      for (const { waitMs, lagMs } of steps) {
        steady += waitMs;
        // Notion gives a time that is past, floored to the minute.
        clock.observe(new Date(Math.floor((steady + skew - lagMs) / 60_000) * 60_000));
        const shown = clock.atLeast()?.getTime() ?? Number.NaN;
        expect(shown).toBeLessThanOrEqual(steady + skew);
        expect(shown).toBeGreaterThanOrEqual(before);
        before = shown;
      }
    }),
  );
});
