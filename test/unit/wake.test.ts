import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createWake } from '../../src/runtime/wake.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const never = new AbortController().signal;

/** Waits on the bell and tells how long it took. */
function waiting(wake: ReturnType<typeof createWake>, ms: number, signal = never): Promise<number> {
  const from = Date.now();
  return wake.wait(ms, signal).then(() => Date.now() - from);
}

test('a ring ends the wait at once', async () => {
  const wake = createWake();
  const waited = waiting(wake, 1000);
  await vi.advanceTimersByTimeAsync(300);
  wake.ring();
  expect(await waited).toBe(300);
  expect(vi.getTimerCount()).toBe(0);
});

test('without a ring the wait ends by itself', async () => {
  const waited = waiting(createWake(), 1000);
  await vi.advanceTimersByTimeAsync(1000);
  expect(await waited).toBe(1000);
});

test('rings while nobody waits are remembered, once however many there were', async () => {
  const wake = createWake();
  wake.ring();
  wake.ring();
  expect(await waiting(wake, 1000)).toBe(0);
  const second = waiting(wake, 1000);
  await vi.advanceTimersByTimeAsync(1000);
  expect(await second).toBe(1000);
});

test('several rings that end one wait do not end the next', async () => {
  const wake = createWake();
  const first = waiting(wake, 1000);
  wake.ring();
  wake.ring();
  await first;
  const second = waiting(wake, 1000);
  await vi.advanceTimersByTimeAsync(1000);
  expect(await second).toBe(1000);
});

test('the signal ends the wait, also one that begins after it', async () => {
  const wake = createWake();
  const stop = new AbortController();
  const waited = waiting(wake, 1000, stop.signal);
  await vi.advanceTimersByTimeAsync(10);
  stop.abort();
  expect(await waited).toBe(10);
  expect(await waiting(wake, 1000, stop.signal)).toBe(0);
});

test('a wait that the clock ended hears the rings that come later', async () => {
  const wake = createWake();
  const first = waiting(wake, 100);
  await vi.advanceTimersByTimeAsync(100);
  await first;
  wake.ring();
  expect(await waiting(wake, 1000)).toBe(0);
});
