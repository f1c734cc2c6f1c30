import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Calls `probe` until it returns without throwing and gives neither false, null nor undefined; rejects with
 * its last error (or the last value) at the deadline.
 */
export async function eventually<T>(
  probe: () => T | Promise<T>,
  options: { readonly timeoutMs?: number; readonly everyMs?: number } = {},
): Promise<Exclude<T, false | null | undefined>> {
  const deadline = Date.now() + (options.timeoutMs ?? 10_000);
  for (;;) {
    let last: unknown;
    try {
      const value = await probe();
      if (value !== false && value !== null && value !== undefined)
        return value as Exclude<T, false | null | undefined>;
      last = new Error(`still ${String(value)} at the deadline: ${probe.toString()}`);
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) throw last;
    await sleep(options.everyMs ?? 20);
  }
}
