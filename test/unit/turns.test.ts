import { expect, test } from 'vitest';
import { type Claim, createTurns } from '../../src/runtime/turns.ts';

const LIMITS = { all: 4, perGroup: 2, slow: 2 };

/** Works that end when they are told to. */
function stage() {
  const turns = createTurns(LIMITS);
  const running = new Map<string, () => void>();
  const begin = (name: string, claim: Claim): Promise<string> =>
    turns.run(claim, async () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      running.set(name, resolve);
      await promise;
      running.delete(name);
      return name;
    });
  return { turns, running, begin, names: () => [...running.keys()] };
}

const soon = (): Promise<void> => new Promise((done) => setImmediate(done));
const of = (group: string, slow = false): Claim => ({ group, slow });

test('works of one group leave places for others, whatever waits before them', async () => {
  const { begin, names } = stage();
  for (const name of ['a1', 'a2', 'a3', 'a4']) void begin(name, of('a'));
  for (const name of ['b1', 'b2', 'b3']) void begin(name, of('b'));
  await soon();
  expect(names()).toEqual(['a1', 'a2', 'b1', 'b2']);
});

test('slow works never take all places, even of many groups', async () => {
  const { begin, names } = stage();
  for (const group of ['a', 'b', 'c', 'd']) void begin(`${group}, slow`, of(group, true));
  void begin('quick', of('e'));
  await soon();
  expect(names()).toEqual(['a, slow', 'b, slow', 'quick']);
});

test('the next in line starts when one ends, also by a failure; results and failures are the caller’s', async () => {
  const { begin, running, names, turns } = stage();
  const first = begin('first', of('a'));
  const failing = expect(turns.run(of('a'), () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  void begin('third', of('a'));
  await failing;
  await soon();
  expect(names()).toEqual(['first', 'third']);
  void begin('fourth', of('a'));
  running.get('first')?.();
  expect(await first).toBe('first');
  await soon();
  expect(names()).toEqual(['third', 'fourth']);
});
