/** The longest delay that a Node timer takes; a longer one would fire at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Calls `ring` once, never before `due()` (milliseconds of `performance.now()`, asked again at each firing, so that
 * it may move back). Does not hold the process. A bare timer may fire up to a millisecond early, which is enough
 * to let one request too many into a window.
 */
export function startTimer(due: () => number, ring: () => void): void {
  const leftMs = Math.ceil(due() - performance.now());
  if (leftMs <= 0) ring();
  else setTimeout(() => startTimer(due, ring), Math.min(leftMs, LONGEST_TIMER_MS)).unref();
}
