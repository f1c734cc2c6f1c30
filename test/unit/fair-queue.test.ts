import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createFairQueue, PRIORITIES, type Priority } from '../../src/notion/fair-queue.ts';

const ALL = Object.keys(PRIORITIES) as Priority[];
const anyOne = (): boolean => true;

/** A queue that never runs dry of these priorities, and whom it takes in so many turns. */
function takenOf(priorities: readonly Priority[], turns: number): Priority[] {
  const queue = createFairQueue<Priority>();
  for (const priority of priorities) for (let n = 0; n < turns; n += 1) queue.add(priority, '', priority);
  return Array.from({ length: turns }, () => queue.take(anyOne)?.priority ?? 'live');
}

const shareOf = (priority: Priority, taken: readonly Priority[]): number =>
  taken.filter((each) => each === priority).length / taken.length;

test('the more urgent goes first, and within a priority the one that came first', () => {
  const queue = createFairQueue<string>();
  const come: [Priority, string][] = [
    ['sweep', 'e'],
    ['bulk', 'c'],
    ['live', 'a'],
    ['poll', 'b'],
    ['bulk', 'd'],
  ];
  for (const [priority, item] of come) queue.add(priority, '', item);
  const taken = come.map(() => queue.take(anyOne)?.item);
  expect(taken).toEqual(['a', 'b', 'c', 'd', 'e']);
  expect(queue.take(anyOne)).toBe(null);
});

test('invariant 16: lanes take turns, whatever waits in each', () => {
  const queue = createFairQueue<string>();
  for (let n = 0; n < 1_000; n += 1) queue.add('bulk', 'items', `items ${n}`);
  for (let n = 0; n < 2; n += 1) queue.add('bulk', 'lots', `lots ${n}`);
  queue.add('bulk', 'parts', 'parts 0');
  const taken = Array.from({ length: 6 }, () => queue.take(anyOne)?.item);
  expect(taken).toEqual(['items 0', 'lots 0', 'parts 0', 'items 1', 'lots 1', 'items 2']);
});

test.each(ALL)('none starves: %s has its share beside everything else', (priority) => {
  const taken = takenOf(ALL, 2_000);
  const { mostPassed } = PRIORITIES[priority];
  // Several may be overdue at once: then each waits for those before it.
  const least = mostPassed === Number.POSITIVE_INFINITY ? 0.25 : 1 / (mostPassed + 1 + ALL.length);
  expect(shareOf(priority, taken)).toBeGreaterThanOrEqual(least);
});

test('a mass gets a fifth of the requests beside live changes that never end, and all of them otherwise', () => {
  expect(shareOf('bulk', takenOf(['live', 'bulk'], 1_000))).toBeCloseTo(0.2, 1);
  expect(shareOf('bulk', takenOf(['bulk'], 100))).toBe(1);
});

test('what may not go now is passed over, and is none the less overdue for it', () => {
  const queue = createFairQueue<string>();
  queue.add('bulk', '', 'mass');
  for (let n = 0; n < 50; n += 1) queue.add('live', '', `live ${n}`);
  for (let n = 0; n < 50; n += 1)
    expect(queue.take((priority) => priority === 'live')?.item).toBe(`live ${n}`);
  expect(queue.take((priority) => priority === 'live')).toBe(null);
  expect(queue.take(anyOne)?.item).toBe('mass');
});

test('invariant 9: everything that was added is taken once, in the order of its lane', () => {
  const come = fc.array(
    fc.record({ priority: fc.constantFrom(...ALL), lane: fc.constantFrom('a', 'b', 'c') }),
  );
  fc.assert(
    fc.property(come, (all) => {
      const queue = createFairQueue<number>();
      for (const [at, { priority, lane }] of all.entries()) queue.add(priority, lane, at);
      const taken = all.map(() => queue.take(anyOne)?.item ?? -1);
      expect(taken.toSorted((a, b) => a - b)).toEqual(all.map((_, at) => at));
      const laneOf = (at: number): string => `${all[at]?.priority}/${all[at]?.lane}`;
      for (const of of Object.values(Object.groupBy(taken, laneOf)))
        expect(of).toEqual(of?.toSorted((a, b) => a - b));
    }),
  );
});
