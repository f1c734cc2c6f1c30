import { expect, test } from 'vitest';
import { createIdlePosition } from '../../src/capture/idle-position.ts';
import { lsn } from '../../src/model/ids.ts';

function scene(record: (position: bigint) => Promise<void> = async () => undefined) {
  let now = 0;
  const done: string[] = [];
  const idle = createIdlePosition({
    record: async (position) => {
      await record(position);
      done.push(`stored ${position}`);
    },
    acknowledge: (position) => done.push(`acknowledged ${position}`),
    now: () => now,
  });
  return {
    done,
    at: async (position: bigint, ms: number): Promise<void> => {
      now = ms;
      await idle.at(lsn(position));
    },
  };
}

test('invariant 2: a position between transactions is acknowledged only once it is stored that it may be', async () => {
  const { done, at } = scene();
  await at(100n, 0);
  expect(done).toEqual(['stored 100', 'acknowledged 100']);
  await at(200n, 4_000);
  expect(done).toHaveLength(2);
  await at(300n, 5_000);
  expect(done.slice(2)).toEqual(['stored 300', 'acknowledged 300']);
  await at(250n, 5_001);
  expect(done.slice(4)).toEqual(['acknowledged 250']);
});

test('invariant 2: what cannot be stored is not acknowledged', async () => {
  const { done, at } = scene(() => Promise.reject(new Error('the store rejects')));
  await expect(at(100n, 0)).rejects.toThrow('the store rejects');
  expect(done).toEqual([]);
});

test('invariant 13: much WAL of others is let go sooner', async () => {
  const { done, at } = scene();
  await at(100n, 0);
  await at(100n + 2n ** 21n, 100);
  expect(done).toHaveLength(2);
  await at(100n + 2n ** 21n, 300);
  expect(done).toHaveLength(4);
});
