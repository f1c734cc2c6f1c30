import { onAbort } from '../runtime/signal.ts';

/** One request's fetch, bounded in time from its first byte to its answer's last. */
type BoundedFetch = {
  readonly fetch: (url: string, init?: object) => Promise<Response>;
  /** The status that came, even if the body did not. */
  readonly status: () => number | null;
  /** The time of the answer by Notion's clock, as its header says. */
  readonly date: () => string | null;
  /** Ends the clock: a timer that goes on would hold the process. */
  readonly [Symbol.dispose]: () => void;
};

/**
 * The official client's own timeout ends with the headers and leaves the request running, so a stalled body would
 * hang for minutes. Aborting the fetch bounds both and closes the socket. Rejects with a `TimeoutError` after
 * `timeoutMs`, with an `AbortError` when the caller's signal comes.
 */
export function boundedFetch(timeoutMs: number, signal: AbortSignal | undefined): BoundedFetch {
  const ending = new AbortController();
  let status: number | null = null;
  let date: string | null = null;
  const expire = (): void =>
    ending.abort(new DOMException(`no whole answer within ${timeoutMs} ms`, 'TimeoutError'));
  const abort = (): void => ending.abort(new DOMException('the caller gave up', 'AbortError'));
  const timer = setTimeout(expire, timeoutMs);
  const listening = onAbort(signal, abort);
  return {
    fetch: async (url, init) => {
      // A redirect is not followed: fetch would turn a POST into a GET and call that a success.
      const response = await fetch(url, { ...init, signal: ending.signal, redirect: 'manual' });
      status = response.status;
      date = response.headers.get('date');
      return response;
    },
    status: () => status,
    date: () => date,
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      listening[Symbol.dispose]();
    },
  };
}
