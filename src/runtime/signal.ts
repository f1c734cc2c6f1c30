/**
 * Calls `react` once the signal comes, at once if it has come already, until what is returned is disposed of. A bare
 * `addEventListener` stays silent on a signal that came a moment earlier: whoever awaited something before would then
 * wait for ever.
 */
export function onAbort(signal: AbortSignal | undefined, react: () => void): Disposable {
  if (signal?.aborted) react();
  else signal?.addEventListener('abort', react, { once: true });
  return { [Symbol.dispose]: () => signal?.removeEventListener('abort', react) };
}
