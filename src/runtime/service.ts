import type { Log } from './log.ts';

/** A long-lived part: `run` ends when `signal` comes (after finishing what is in flight) or with an error. */
export type Service = { readonly name: string; readonly run: (signal: AbortSignal) => Promise<void> };

/**
 * Runs services side by side until the signal comes; the first to end or fail ends all. Resolves when each has
 * finished what it had in flight; rejects with the first failure.
 */
export async function runTogether(
  services: readonly Service[],
  signal: AbortSignal,
  log: Log,
): Promise<void> {
  const stop = new AbortController();
  const all = AbortSignal.any([signal, stop.signal]);
  let failure: { readonly error: unknown } | null = null;
  await Promise.all(
    services.map(async (service) => {
      try {
        await service.run(all);
        if (!all.aborted)
          log.warn({ service: service.name }, 'a service ended by itself; stopping the others');
      } catch (error) {
        failure ??= { error };
      } finally {
        stop.abort();
      }
    }),
  );
  if (failure) throw (failure as { readonly error: unknown }).error;
}
