import { setTimeout as sleep } from 'node:timers/promises';

type Nothing = false | null | undefined | 0 | '';

/**
 * Calls `probe` until it returns without throwing and gives something: neither false, null, undefined, 0 nor an empty
 * text. Rejects with its last error (or the last value) at the deadline.
 */
export async function eventually<T>(
  probe: () => T | Promise<T>,
  options: { readonly timeoutMs?: number; readonly everyMs?: number } = {},
): Promise<Exclude<T, Nothing>> {
  const deadline = Date.now() + (options.timeoutMs ?? 10_000);
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
    await sleep(options.everyMs ?? 20);
  }
}
