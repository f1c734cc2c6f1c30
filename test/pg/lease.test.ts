import { expect, test } from 'vitest';
import { silentLog } from '../../src/runtime/log.ts';
import { takeLease } from '../../src/state/lease.ts';
import { LOCKS } from '../../src/state/locks.ts';
import { eventually } from '../support/eventually.ts';
import { createState } from '../support/state.ts';

test('invariant 11: a daemon that has just got the lock is not ended for the silence of the one before it', async () => {
  await using state = await createState();
  const { pool } = state;
  // On its way: it has the lock, and no sign of life of its own yet.
  const holder = await pool.connect();
  const ended = new Promise<void>((resolve) => void holder.once('error', () => resolve()));
  await holder.query('select pg_advisory_lock($1)', [LOCKS.lease]);
  await holder.query(
    `insert into pgnotion.daemon_at_work (host, process, since, seen_at)
     values ('before', 1, now() - interval '1 hour', now() - interval '1 hour')
     on conflict (only_row) do update set since = excluded.since, seen_at = excluded.seen_at`,
  );
  const timing = { beatMs: 500, giveUpMs: 1_000, staleMs: 1_500 };
  const stop = new AbortController();
  let began = Number.POSITIVE_INFINITY;
  const onStandby = (): void => {
    began = performance.now();
  };
  const waiting = takeLease({ pool, log: silentLog(), timing, onStandby }, stop.signal);
  await eventually(() => began < Number.POSITIVE_INFINITY);
  // It may have died on its way, so it gets as long as any other.
  const lease = await waiting;
  expect(performance.now() - began).toBeGreaterThan(timing.staleMs);
  await ended;
  holder.release(true);
  await lease?.release();
});

test('invariant 11: whoever waits ends no session but the one it has watched', async () => {
  await using state = await createState();
  const { pool } = state;
  await pool.query(
    `insert into pgnotion.daemon_at_work (host, process, since, seen_at) values ('before', 1, now(), now() - interval '1 hour')
     on conflict (only_row) do update set since = excluded.since, seen_at = excluded.seen_at`,
  );
  const timing = { beatMs: 500, giveUpMs: 2_000, staleMs: 3_000 };
  const stop = new AbortController();
  let stands = false;
  const onStandby = (): void => {
    stands = true;
  };
  const first = await pool.connect();
  await first.query('select pg_advisory_lock($1)', [LOCKS.lease]);
  const second = await pool.connect();
  const next = second.query('select pg_advisory_lock($1)', [LOCKS.lease]);
  const waiting = takeLease({ pool, log: silentLog(), timing, onStandby }, stop.signal);
  await eventually(() => stands);
  // The lock goes to another session before the first one's time is over, and that one has its own.
  const handed = performance.now();
  await first.query('select pg_advisory_unlock($1)', [LOCKS.lease]);
  await next;
  const ended = new Promise<void>((resolve) => void second.once('error', () => resolve()));
  await ended;
  expect(performance.now() - handed).toBeGreaterThan(timing.staleMs);
  expect((await first.query('select 1 as alive')).rows).toEqual([{ alive: 1 }]);
  first.release();
  second.release(true);
  await (await waiting)?.release();
});
