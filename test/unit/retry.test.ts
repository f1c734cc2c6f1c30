import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { PgnotionError } from '../../src/model/errors.ts';
import { silentLog } from '../../src/runtime/log.ts';
import { backoff, keepTrying, mayPass, pause } from '../../src/runtime/retry.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const never = new AbortController().signal;
const ours = (retryable: boolean): PgnotionError =>
  new PgnotionError({ code: 'x', message: 'x', remedy: 'x', retryable });

/** Whether a promise has been settled by now. */
async function over(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  promise.then(
    () => {
      done = true;
    },
    () => {
      done = true;
    },
  );
  await vi.advanceTimersByTimeAsync(0);
  return done;
}

describe('pause', () => {
  test('lasts as long as it was asked to', async () => {
    const waiting = pause(1000, never);
    await vi.advanceTimersByTimeAsync(999);
    expect(await over(waiting)).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(await over(waiting)).toBe(true);
  });

  test('ends at once with the signal, and leaves no timer behind', async () => {
    const stop = new AbortController();
    const waiting = pause(1_000_000, stop.signal);
    stop.abort();
    expect(await over(waiting)).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
    await pause(1_000_000, stop.signal);
  });
});

describe('backoff', () => {
  test('is between half of the doubled wait and the whole of it, and never above the cap', () => {
    const random = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), random, (attempt, chance) => {
        const full = Math.min(15_000, 250 * 2 ** Math.min(attempt - 1, 30));
        const waitMs = backoff(attempt, { firstMs: 250, maxMs: 15_000 }, () => chance);
        expect(waitMs).toBeGreaterThanOrEqual(Math.round(full / 2));
        expect(waitMs).toBeLessThanOrEqual(full);
      }),
    );
  });

  test.each([
    [1, 250],
    [2, 500],
    [3, 1000],
    [7, 15_000],
    [1_000_000, 15_000],
  ])('try %i waits at most %i ms', (attempt, most) => {
    expect(backoff(attempt, { firstMs: 250, maxMs: 15_000 }, () => 1)).toBe(most);
  });
});

test.each([
  [new Error('socket hang up'), true],
  ['a text', true],
  [ours(true), true],
  [ours(false), false],
])('%s: may pass is %j', (error, passes) => {
  expect(mayPass(error)).toBe(passes);
});

describe('keepTrying', () => {
  beforeEach(() => void vi.spyOn(Math, 'random').mockReturnValue(1));
  afterEach(() => void vi.restoreAllMocks());

  const options = (more: object = {}) => ({ name: 'work', log: silentLog(), signal: never, ...more });

  /** Runs work that fails as long as `failures` lasts, and tells when each try began. */
  function trying(work: (attempt: number, healthy: () => void) => void, more: object = {}) {
    const began: number[] = [];
    const from = Date.now();
    const done = keepTrying(async (healthy) => {
      began.push(Date.now() - from);
      work(began.length, healthy);
    }, options(more));
    return { began, done };
  }

  const failing = (until: number) => (attempt: number) => {
    if (attempt < until) throw new Error('broken');
  };

  test('tries again after longer and longer waits, and ends with the first success', async () => {
    const { began, done } = trying(failing(5));
    await vi.advanceTimersByTimeAsync(60_000);
    await done;
    expect(began).toEqual([0, 250, 750, 1750, 3750]);
  });

  test('no wait is longer than the longest', async () => {
    const { began } = trying(failing(7), { maxMs: 400 });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(began).toEqual([0, 250, 650, 1050, 1450, 1850, 2250]);
  });

  test('work that was healthy in between starts again from the short wait', async () => {
    const { began, done } = trying((attempt, healthy) => {
      if (attempt === 4) healthy();
      if (attempt < 6) throw new Error('broken');
    });
    await vi.advanceTimersByTimeAsync(60_000);
    await done;
    expect(began).toEqual([0, 250, 750, 1750, 2000, 2500]);
  });

  test('what no retry can mend is thrown at once', async () => {
    const work = vi.fn(() => Promise.reject(ours(false)));
    await expect(keepTrying(work, options())).rejects.toMatchObject({ code: 'x' });
    expect(work).toHaveBeenCalledTimes(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('the caller may judge otherwise', async () => {
    const { began, done } = trying(
      (attempt) => {
        if (attempt === 1) throw ours(false);
      },
      { mayPass: () => true },
    );
    await vi.advanceTimersByTimeAsync(250);
    await done;
    expect(began).toEqual([0, 250]);
    const refused = keepTrying(() => Promise.reject(new Error('broken')), options({ mayPass: () => false }));
    await expect(refused).rejects.toThrow('broken');
  });

  test('the signal ends the wait at once, with no further try', async () => {
    const stop = new AbortController();
    const { began, done } = trying(failing(100), { signal: stop.signal });
    await vi.advanceTimersByTimeAsync(300);
    stop.abort();
    expect(await over(done)).toBe(true);
    await done;
    expect(began).toEqual([0, 250]);
  });

  test('a failure after the signal is the end, not an error, and work never begins after it', async () => {
    const stop = new AbortController();
    const broken = (): Promise<void> => {
      stop.abort();
      return Promise.reject(ours(false));
    };
    await keepTrying(broken, options({ signal: stop.signal }));
    const work = vi.fn(async () => undefined);
    await keepTrying(work, options({ signal: stop.signal }));
    expect(work).not.toHaveBeenCalled();
  });
});
