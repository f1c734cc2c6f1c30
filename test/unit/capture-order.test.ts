import { expect, test } from 'vitest';
import { type CaptureOptions, runCapture } from '../../src/capture/capture.ts';
import type { WalEvent } from '../../src/model/change.ts';
import { type Lsn, lsn } from '../../src/model/ids.ts';
import type { WalStream } from '../../src/postgres/wal.ts';
import { silentLog } from '../../src/runtime/log.ts';
import type { Store } from '../../src/state/sql.ts';

const at = new Date('2026-01-01T00:00:00Z');
const transaction = (xid: number, end: bigint): WalEvent[] => [
  { kind: 'begin', xid, commitAt: at },
  { kind: 'commit', end: lsn(end), commitAt: at },
];

/** Capture over one batch of a stream, with a store whose transactions the test ends as it likes. */
function stage(batch: readonly WalEvent[]) {
  const journal: string[] = [];
  const acknowledged: Lsn[] = [];
  const stop = new AbortController();
  const over = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  const stored = Promise.withResolvers<void>();
  const stream: WalStream = {
    events: async function* () {
      yield batch;
      await over.promise;
    },
    acknowledge: (position) => {
      journal.push(`acknowledge ${position}`);
      acknowledged.push(position);
    },
    close: async () => over.resolve(),
  };
  const store: Pick<Store, 'transaction'> = {
    transaction: async (work) => {
      asked.resolve();
      await stored.promise;
      const done = await work({ query: async () => [] });
      journal.push('stored');
      return done;
    },
  };
  let opened = 0;
  const options: Pick<CaptureOptions, 'open' | 'store' | 'tables' | 'slot' | 'onDirty' | 'log'> = {
    open: async () => {
      opened += 1;
      // What follows a failure is another try, which the tests do not need.
      if (opened > 1) stop.abort();
      return stream;
    },
    store: store as Store,
    tables: [],
    slot: 'pgnotion',
    onDirty: () => undefined,
    log: silentLog(),
  };
  return {
    run: () => runCapture(options as CaptureOptions, stop.signal),
    stop: () => stop.abort(),
    asked: asked.promise,
    stored,
    journal,
    acknowledged,
  };
}

test('invariant 2: a store that rejects leaves the slot unacknowledged, keepalives behind it included', async () => {
  const { run, stored, acknowledged, asked } = stage([
    ...transaction(7, 100n),
    { kind: 'keepalive', walEnd: lsn(200n) },
  ]);
  const ended = run();
  await asked;
  expect(acknowledged).toEqual([]);
  stored.reject(new Error('the disk is full'));
  await ended;
  expect(acknowledged).toEqual([]);
});

test('invariant 2: a position is acknowledged after the transaction that stores what is before it has committed', async () => {
  const { run, stop, stored, journal, asked } = stage([...transaction(7, 100n), ...transaction(8, 150n)]);
  const ended = run();
  await asked;
  expect(journal).toEqual([]);
  stored.resolve();
  await expect.poll(() => journal).toEqual(['stored', 'acknowledge 150']);
  stop();
  await ended;
});

test('invariant 2: what a batch ends in the middle of is not acknowledged', async () => {
  const { run, stop, stored, acknowledged } = stage([
    ...transaction(7, 100n),
    { kind: 'begin', xid: 8, commitAt: at },
    { kind: 'keepalive', walEnd: lsn(300n) },
  ]);
  const ended = run();
  stored.resolve();
  await expect.poll(() => acknowledged).toEqual([100n]);
  stop();
  await ended;
});
