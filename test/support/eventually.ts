import { setTimeout as sleep } from 'node:timers/promises';
import { LONGEST_WAIT_MS } from '../../src/runtime/retry.ts';

type Nothing = false | null | undefined | 0 | '';

/**
 * How long a test waits for what must come. After a fault the daemon may wait `LONGEST_WAIT_MS` before it tries again,
 * and the part that it starts then may do so once more; the rest is for a machine with too much to do. Nothing waits
 * this long but a test that fails.
 */
export const PATIENCE_MS = 2 * LONGEST_WAIT_MS + 15_000;

/** Looks come ever more seldom: each is a query or more, and several files wait at once. */
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 60;

/**
 * Calls `probe` until it returns without throwing and gives something: neither false, null, undefined, 0 nor an empty
 * text. Rejects with its last error (or the last value) at the deadline, which is `PATIENCE_MS` away, or `timeoutMs` for
 * what takes longer by itself: no deadline is shorter, however soon the answer usually comes. `everyMs` is for what shows
 * for a moment only.
 */
export async function eventually<T>(
  probe: () => T | Promise<T>,
  options: { readonly timeoutMs?: number; readonly everyMs?: number } = {},
): Promise<Exclude<T, Nothing>> {
  const deadline = Date.now() + Math.max(options.timeoutMs ?? 0, PATIENCE_MS);
  let pauseMs = options.everyMs ?? FIRST_PAUSE_MS;
  for (;;) {
    let last: unknown;
    try {
      const value = await probe();
      if (value) return value as Exclude<T, Nothing>;
      last = new Error(`still ${String(value)} at the deadline: ${probe.toString()}`);
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) throw last;
    await sleep(pauseMs);
    if (options.everyMs === undefined) pauseMs = Math.min(pauseMs * 1.2, LONGEST_PAUSE_MS);
  }
}
