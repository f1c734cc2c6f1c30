import { expect, test } from 'vitest';
import { type CaptureOptions, runCapture } from '../../src/capture/capture.ts';
import type { WalStream } from '../../src/postgres/wal.ts';
import { silentLog } from '../../src/runtime/log.ts';

/** A stream that says nothing until it is closed. */
function silentStream(): WalStream & { readonly closed: () => boolean } {
  const over = Promise.withResolvers<void>();
  let closed = false;
  return {
    events: async function* () {
      await over.promise;
      yield [];
    },
    acknowledge: () => undefined,
    close: async () => {
      closed = true;
      over.resolve();
    },
    closed: () => closed,
  };
}

test('a stream that opens in the moment in which all is stopped is closed again, and capture ends', async () => {
  const stop = new AbortController();
  const stream = silentStream();
  const options: Pick<CaptureOptions, 'open' | 'tables' | 'log'> = {
    open: async () => {
      stop.abort();
      return stream;
    },
    tables: [],
    log: silentLog(),
  };
  await runCapture(options as CaptureOptions, stop.signal);
  expect(stream.closed()).toBe(true);
});
