import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  createThrottle,
  type Ledger,
  NeverLeft,
  type Priority,
  parseRateLimit,
  type Throttle,
} from '../../src/notion/throttle.ts';
import { startTimer } from '../../src/notion/timer.ts';
import { silentLog } from '../../src/runtime/log.ts';

// The clock and all timers, Bottleneck's included, are the tests': what a loaded machine does to a real clock would hide
// a window that is a little too short, or show one where there is none.
beforeEach(() => {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'],
  });
});
afterEach(() => {
  vi.useRealTimers();
});

const log = silentLog();
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** No test lets more time pass: what has not come by then does not come. */
const LONGEST_MS = 100_000;

/** Lets time pass, a millisecond and all that follows from it after the other, until the condition holds. */
async function passUntil(holds: () => boolean): Promise<void> {
  const began = performance.now();
  for (await turn(); !holds(); await turn()) {
    if (performance.now() - began > LONGEST_MS) throw new Error(`still not so: ${holds}`);
    vi.advanceTimersByTime(1);
  }
}

const passFor = (ms: number): Promise<void> => {
  const end = performance.now() + ms;
  return passUntil(() => performance.now() >= end);
};

/** Lets time pass until the work is over. */
async function passing<T>(work: Promise<T>): Promise<T> {
  let over = false;
  const finish = (): void => {
    over = true;
  };
  work.then(finish, finish);
  await passUntil(() => over);
  return work;
}

/** The most starts that any window of this length holds. */
function densest(starts: readonly number[], windowMs: number): number {
  return Math.max(
    0,
    ...starts.map((from) => starts.filter((at) => at >= from && at < from + windowMs).length),
  );
}

/** Schedules a job that notes when it left, and ends when it is told to. */
const send = (
  throttle: Throttle,
  starts: number[],
  priority: Priority = 'live',
  end: Promise<void> = Promise.resolve(),
): Promise<void> =>
  throttle.schedule(priority, undefined, () => {
    starts.push(performance.now());
    return end;
  });

/** Something that takes as long as the test wants, so that no order of events depends on how fast the machine is. */
function held(): {
  readonly work: () => Promise<void>;
  readonly begun: Promise<void>;
  readonly end: () => void;
} {
  const begun = Promise.withResolvers<void>();
  const end = Promise.withResolvers<void>();
  const work = (): Promise<void> => {
    begun.resolve();
    return end.promise;
  };
  return { work, begun: begun.promise, end: end.resolve };
}

describe('parseRateLimit', () => {
  test.each([
    ['180/60s', { requests: 180, windowMs: 60_000 }],
    [' 600 / 60 s ', { requests: 600, windowMs: 60_000 }],
    ['5/0.5s', { requests: 5, windowMs: 500 }],
  ])('%j', (text, limit) => expect(parseRateLimit(text)).toEqual(limit));

  test.each(['', '180', '180/60', '0/60s', '5/0s', '-1/60s', '3/s', '1.5/60s'])('%j is refused', (text) => {
    expect(() => parseRateLimit(text)).toThrow(
      expect.objectContaining({ code: 'rate_limit_invalid', remedy: expect.stringContaining('180/60s') }),
    );
  });
});

describe('the window', () => {
  test('invariant 8: no window holds more requests than the limit, where they leave or where they arrive', async () => {
    const request = fc.record({
      gap: fc.integer({ min: 0, max: 25 }),
      way: fc.integer({ min: 0, max: 25 }),
      back: fc.integer({ min: 0, max: 25 }),
    });
    const scenario = fc.record({
      requests: fc.integer({ min: 1, max: 6 }),
      windowMs: fc.integer({ min: 20, max: 90 }),
      concurrency: fc.integer({ min: 1, max: 5 }),
      jobs: fc.array(request, { minLength: 1, maxLength: 16 }),
    });
    await fc.assert(
      fc.asyncProperty(scenario, async ({ requests, windowMs, concurrency, jobs }) => {
        const throttle = createThrottle({ limit: { requests, windowMs }, concurrency, log });
        const starts: number[] = [];
        const arrivals: number[] = [];
        const job = async (way: number, back: number): Promise<void> => {
          starts.push(performance.now());
          await sleep(way);
          arrivals.push(performance.now());
          await sleep(back);
        };
        const sendAll = async (): Promise<void> => {
          const running: Promise<void>[] = [];
          for (const { gap, way, back } of jobs) {
            if (gap > 0) await sleep(gap);
            running.push(throttle.schedule('live', undefined, () => job(way, back)));
          }
          await Promise.all(running);
        };
        await passing(sendAll());
        expect(starts).toHaveLength(jobs.length);
        expect(densest(starts, windowMs)).toBeLessThanOrEqual(requests);
        expect(densest(arrivals, windowMs)).toBeLessThanOrEqual(requests);
      }),
      { numRuns: 100 },
    );
  });

  test('invariant 8: a unit comes back a whole window after the answer, and not much later', async () => {
    const throttle = createThrottle({ limit: { requests: 1, windowMs: 1_000 }, log });
    const starts: number[] = [];
    await passing(send(throttle, starts, 'live', sleep(300)));
    const answered = performance.now();
    await passing(send(throttle, starts));
    expect((starts[1] ?? 0) - answered).toBeGreaterThanOrEqual(1_000);
    expect((starts[1] ?? 0) - answered).toBeLessThan(1_010);
  });

  test('a timer that fires early is set again', () => {
    const due = performance.now() + 50;
    const { setTimeout: set } = globalThis;
    const early = vi.spyOn(globalThis, 'setTimeout');
    early.mockImplementationOnce(((ring: () => void, ms: number) => set(ring, ms - 1)) as typeof setTimeout);
    const rung: number[] = [];
    startTimer(
      () => due,
      () => rung.push(performance.now()),
    );
    vi.advanceTimersByTime(49);
    expect(early).toHaveBeenCalledTimes(2);
    expect(rung).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(rung).toEqual([due]);
    early.mockRestore();
  });

  test('invariant 8: the window goes on over a restart, by the ledger', async () => {
    const windowMs = 400;
    const lines: number[] = [];
    const ledgerOf = (): Ledger => {
      const born = performance.now();
      return {
        open: async () => lines.filter((at) => at <= born && born - at < windowMs).map((at) => born - at),
        record: async () => {
          lines.push(performance.now());
          await sleep(3);
        },
      };
    };
    const starts: number[] = [];
    for (let life = 0; life < 3; life += 1) {
      const throttle = createThrottle({ limit: { requests: 4, windowMs }, ledger: ledgerOf(), log });
      await passing(Promise.all([1, 2, 3].map(() => send(throttle, starts))));
    }
    expect(starts).toHaveLength(9);
    expect(lines).toHaveLength(9);
    expect(densest(starts, windowMs)).toBeLessThanOrEqual(4);
    expect(starts.every((at, index) => at >= (lines[index] ?? Number.POSITIVE_INFINITY))).toBe(true);
  });

  test('a burst may use the whole limit at once', async () => {
    // Spread over the window, each would wait for twelve seconds.
    const throttle = createThrottle({ limit: { requests: 5, windowMs: 60_000 }, concurrency: 5, log });
    const starts: number[] = [];
    const begun = performance.now();
    await passing(Promise.all([1, 2, 3, 4, 5].map(() => send(throttle, starts))));
    expect(performance.now() - begun).toBeLessThan(12_000);
  });

  test('a line that cannot be written holds its request back, and costs nothing', async () => {
    const record = vi.fn<Ledger['record']>().mockRejectedValueOnce(new Error('no database'));
    const ledger: Ledger = { open: async () => [], record: record.mockResolvedValue(undefined) };
    const throttle = createThrottle({ limit: { requests: 1, windowMs: 60_000 }, ledger, log });
    const starts: number[] = [];
    await passing(expect(send(throttle, starts)).rejects.toThrow('no database'));
    expect(starts).toHaveLength(0);
    await passing(send(throttle, starts));
    expect(starts).toHaveLength(1);
    expect(record).toHaveBeenLastCalledWith('live');
  });

  test('a ledger that does not open is asked again by the next request', async () => {
    const open = vi.fn<Ledger['open']>().mockRejectedValueOnce(new Error('no database'));
    const ledger: Ledger = { open: open.mockResolvedValue([]), record: async () => undefined };
    const throttle = createThrottle({ limit: { requests: 5, windowMs: 1_000 }, ledger, log });
    const starts: number[] = [];
    await passing(expect(send(throttle, starts)).rejects.toThrow('no database'));
    await passing(send(throttle, starts));
    expect(starts).toHaveLength(1);
  });
});

describe('order', () => {
  test('live goes before poll, poll before backfill, backfill before bookkeeping', async () => {
    const throttle = createThrottle({ limit: { requests: 100, windowMs: 1_000 }, concurrency: 1, log });
    const order: Priority[] = [];
    const hold = held();
    const first = throttle.schedule('live', undefined, hold.work);
    await passing(hold.begun);
    const wanted: Priority[] = ['bookkeeping', 'backfill', 'live', 'poll', 'backfill', 'live'];
    const rest = wanted.map((priority) =>
      throttle.schedule(priority, undefined, async () => void order.push(priority)),
    );
    // The queue takes several turns to have everybody in it.
    await passFor(50);
    hold.end();
    await passing(Promise.all([first, ...rest]));
    expect(order).toEqual(['live', 'live', 'poll', 'backfill', 'backfill', 'bookkeeping']);
  });

  test('one that waits behind a spent share goes at once when it is hastened, and all others as if it had waited', async () => {
    const windowMs = 1_000;
    const throttle = createThrottle({ limit: { requests: 10, windowMs }, concurrency: 10, log });
    const starts: number[] = [];
    const hastening = new AbortController();
    const work = async (): Promise<void> => void starts.push(performance.now());
    const spent = Array.from({ length: 8 }, () => throttle.schedule('backfill', undefined, work));
    await passUntil(() => starts.length === 8);
    const others = Array.from({ length: 20 }, () => throttle.schedule('backfill', undefined, work));
    let hastened = 0;
    const place = { lane: 'items', hastened: hastening.signal };
    const mine = throttle.schedule('backfill', undefined, work, undefined, place).then(() => {
      hastened = performance.now();
    });
    await passFor(50);
    expect([starts.length, hastened]).toEqual([8, 0]);
    const asked = performance.now();
    hastening.abort();
    await passing(mine);
    expect(hastened - asked).toBeLessThan(50);
    expect(starts).toHaveLength(9);
    await passing(Promise.all([...spent, ...others]));
    expect(starts).toHaveLength(29);
    expect(densest(starts, windowMs)).toBeLessThanOrEqual(10);
    // No unit was lost or made: the next windows hold what the first one did.
    await passFor(2 * windowMs);
    const from = starts.length;
    const began = performance.now();
    await passing(Promise.all(Array.from({ length: 10 }, () => throttle.schedule('live', undefined, work))));
    expect([starts.length - from, performance.now() - began < 100]).toEqual([10, true]);
    await passFor(2 * windowMs);
    const more = Array.from({ length: 9 }, () => throttle.schedule('backfill', undefined, work));
    await passFor(500);
    expect(starts).toHaveLength(from + 10 + 8);
    await passing(Promise.all(more));
    expect(densest(starts, windowMs)).toBeLessThanOrEqual(10);
    await passing(throttle.stop());
  });

  test('a signal that came before the request did hastens it, and one that comes late changes nothing', async () => {
    const throttle = createThrottle({ limit: { requests: 10, windowMs: 1_000 }, concurrency: 10, log });
    const starts: number[] = [];
    const work = async (): Promise<void> => void starts.push(performance.now());
    const early = { hastened: AbortSignal.abort() };
    const late = new AbortController();
    await passing(
      Promise.all(
        Array.from({ length: 8 }, () =>
          throttle.schedule('backfill', undefined, work, undefined, { hastened: late.signal }),
        ),
      ),
    );
    late.abort();
    await passFor(50);
    await passing(throttle.schedule('backfill', undefined, work, undefined, early));
    expect(starts).toHaveLength(9);
    expect((starts.at(-1) ?? 0) - (starts[0] ?? 0)).toBeLessThan(500);
    await passing(throttle.stop());
  });

  test('a backfill leaves a fifth of the window to what somebody waits for', async () => {
    const throttle = createThrottle({ limit: { requests: 10, windowMs: 60_000 }, concurrency: 10, log });
    const backfill: number[] = [];
    const live: number[] = [];
    const patient = Array.from({ length: 12 }, () => send(throttle, backfill, 'backfill'));
    await passUntil(() => backfill.length >= 8);
    // They would wait for the next window if a backfill might use up this one.
    const asked = performance.now();
    await passing(send(throttle, live));
    await passing(send(throttle, live));
    expect((live.at(-1) ?? 0) - asked).toBeLessThan(30_000);
    expect(backfill).toHaveLength(8);
    const settled = Promise.allSettled(patient);
    await passing(throttle.stop());
    const ends = await passing(settled);
    expect(ends.map(({ status }) => status).sort()).toEqual([
      ...Array.from({ length: 8 }, () => 'fulfilled'),
      ...Array.from({ length: 4 }, () => 'rejected'),
    ]);
  });

  test('no more are under way than the concurrency allows', async () => {
    const throttle = createThrottle({ limit: { requests: 100, windowMs: 1_000 }, concurrency: 3, log });
    let now = 0;
    let most = 0;
    const three = Promise.withResolvers<void>();
    const job = async (): Promise<void> => {
      now += 1;
      most = Math.max(most, now);
      // The first three meet.
      if (now === 3) three.resolve();
      await three.promise;
      await sleep(10);
      now -= 1;
    };
    await passing(Promise.all(Array.from({ length: 12 }, () => throttle.schedule('live', undefined, job))));
    expect(most).toBe(3);
  });
});

describe('a pause', () => {
  test('holds everything back until its end; the later of two ends counts', async () => {
    const throttle = createThrottle({ limit: { requests: 100, windowMs: 1_000 }, log });
    const starts: number[] = [];
    const begun = performance.now();
    throttle.pauseFor(60);
    throttle.pauseFor(1_000);
    throttle.pauseFor(20);
    expect(throttle.snapshot().pausedMs).toBeGreaterThan(60);
    await passing(Promise.all([send(throttle, starts), send(throttle, starts, 'poll')]));
    expect(Math.min(...starts) - begun).toBeGreaterThanOrEqual(1_000);
    expect(throttle.snapshot().pausedMs).toBe(0);
  });

  test('catches a request that has its unit but has not left', async () => {
    const record = held();
    const ledger: Ledger = { open: async () => [], record: record.work };
    const throttle = createThrottle({ limit: { requests: 100, windowMs: 1_000 }, ledger, log });
    const starts: number[] = [];
    const sent = send(throttle, starts);
    await passing(record.begun);
    const paused = performance.now();
    throttle.pauseFor(150);
    record.end();
    await passing(sent);
    expect((starts[0] ?? 0) - paused).toBeGreaterThanOrEqual(150);
  });
});

describe('giving up', () => {
  test('a queued request that is aborted never leaves, and its unit is not lost', async () => {
    const throttle = createThrottle({ limit: { requests: 1, windowMs: 1_500 }, log });
    const starts: number[] = [];
    await passing(send(throttle, starts));
    const abort = new AbortController();
    const job = vi.fn(async () => undefined);
    const queued = throttle.schedule('live', abort.signal, job);
    const behind = send(throttle, starts);
    abort.abort(new Error('changed my mind'));
    await passing(expect(queued).rejects.toThrow(NeverLeft));
    await passing(behind);
    expect(job).not.toHaveBeenCalled();
    expect((starts[1] ?? 0) - (starts[0] ?? 0)).toBeLessThan(2 * 1_500);
    await passing(expect(throttle.schedule('live', abort.signal, job)).rejects.toThrow(NeverLeft));
    expect(throttle.snapshot().waiting.live).toBe(0);
  });

  test('an abort during the ledger line keeps the request here', async () => {
    const record = held();
    const ledger: Ledger = { open: async () => [], record: record.work };
    const throttle = createThrottle({ limit: { requests: 5, windowMs: 150 }, ledger, log });
    const abort = new AbortController();
    const job = vi.fn(async () => undefined);
    const queued = throttle.schedule('live', abort.signal, job);
    await passing(record.begun);
    abort.abort();
    record.end();
    await passing(expect(queued).rejects.toThrow(NeverLeft));
    await passFor(60);
    expect(job).not.toHaveBeenCalled();
  });

  test("beforeLeaving is called in the queue's turn only, and is over before the caller hears of an abort", async () => {
    const throttle = createThrottle({ limit: { requests: 1, windowMs: 1_500 }, log });
    const starts: number[] = [];
    await passing(send(throttle, starts));
    const abort = new AbortController();
    const events: string[] = [];
    const writes = held();
    const before = async (): Promise<void> => {
      events.push(`begun ${performance.now() - (starts[0] ?? 0) >= 1_500 ? 'in' : 'before'} its turn`);
      await writes.work();
      events.push('over');
    };
    const queued = throttle.schedule('live', abort.signal, async () => void events.push('left'), before);
    await passing(writes.begun);
    abort.abort();
    writes.end();
    await passing(expect(queued).rejects.toThrow(NeverLeft));
    expect(events).toEqual(['begun in its turn', 'over']);
    const refuses = throttle.schedule(
      'live',
      undefined,
      async () => undefined,
      async () => {
        throw new Error('no intent');
      },
    );
    await passing(expect(refuses).rejects.toThrow('no intent'));
  });

  test('a request that has left is its own business', async () => {
    const throttle = createThrottle({ limit: { requests: 5, windowMs: 150 }, log });
    const abort = new AbortController();
    const running = throttle.schedule('live', abort.signal, async () => {
      abort.abort();
      await sleep(20);
      return 'answered';
    });
    expect(await passing(running)).toBe('answered');
  });

  test('drain waits for all, or for its signal; stop rejects what waits and lets the rest end', async () => {
    const throttle = createThrottle({ limit: { requests: 2, windowMs: 60_000 }, log });
    await passing(throttle.drain());
    const starts: number[] = [];
    const end = Promise.withResolvers<void>();
    const running = [1, 2].map(() => send(throttle, starts, 'live', end.promise));
    const waiting = send(throttle, starts);
    await passUntil(() => starts.length === 2);
    expect(throttle.snapshot()).toMatchObject({ underWay: 2, waiting: { live: 1 } });
    const patience = new AbortController();
    setTimeout(() => patience.abort(), 10);
    await passing(throttle.drain(patience.signal));
    const stopped = throttle.stop();
    await passing(expect(waiting).rejects.toThrow('stopped'));
    end.resolve();
    await passing(Promise.all(running));
    await passing(stopped);
    await passing(expect(send(throttle, starts)).rejects.toThrow(NeverLeft));
    expect(starts).toHaveLength(2);
    expect(throttle.snapshot().underWay).toBe(0);
  });
});
