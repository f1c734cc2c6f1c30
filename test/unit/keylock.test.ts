import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createKeyLock } from '../../src/runtime/keylock.ts';

test('work under one name runs one after the other, in the order of its coming', async () => {
  const lock = createKeyLock();
  const gate = Promise.withResolvers<void>();
  const seen: string[] = [];
  const first = lock.run('a', async () => {
    seen.push('first begins');
    await gate.promise;
    seen.push('first ends');
    return 1;
  });
  const others = ['second', 'third'].map((name) => lock.run('a', async () => void seen.push(name)));
  expect(await lock.run('b', async () => 'another name waits for nobody')).toMatch(/nobody/);
  expect(seen).toEqual(['first begins']);
  gate.resolve();
  expect(await first).toBe(1);
  await Promise.all(others);
  expect(seen).toEqual(['first begins', 'first ends', 'second', 'third']);
});

test('a failure is its own caller’s alone, however it is thrown', async () => {
  const lock = createKeyLock();
  const failed = lock.run('a', () => Promise.reject(new Error('broken')));
  const thrown = lock.run('a', () => {
    throw new Error('at once');
  });
  const next = lock.run('a', async () => 'fine');
  await expect(failed).rejects.toThrow('broken');
  await expect(thrown).rejects.toThrow('at once');
  await expect(next).resolves.toBe('fine');
  await expect(lock.run('a', async () => 'still fine')).resolves.toBe('still fine');
});

test('one record, one hand: whatever comes, no two of one name overlap, and each name keeps its order', async () => {
  const job = fc.record({ name: fc.constantFrom('a', 'b', 'c'), turns: fc.nat(4), fails: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(job, { maxLength: 30 }), async (jobs) => {
      const lock = createKeyLock();
      const busy = new Set<string>();
      const done = new Map<string, number[]>();
      const runs = jobs.map(({ name, turns, fails }, at) =>
        lock.run(name, async () => {
          expect(busy.has(name)).toBe(false);
          busy.add(name);
          for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
          busy.delete(name);
          done.set(name, [...(done.get(name) ?? []), at]);
          if (fails) throw new Error('broken');
        }),
      );
      const outcomes = await Promise.allSettled(runs);
      expect(outcomes.map(({ status }) => status === 'rejected')).toEqual(jobs.map(({ fails }) => fails));
      for (const order of done.values()) expect(order).toEqual(order.toSorted((a, b) => a - b));
    }),
  );
});
