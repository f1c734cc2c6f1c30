import { hostname } from 'node:os';
import type { Pool, PoolClient } from 'pg';
import { messageOf } from '../model/errors.ts';
import type { Log } from '../runtime/log.ts';
import { pause, within } from '../runtime/retry.ts';
import { LOCKS } from './locks.ts';
import type { Store } from './sql.ts';

type Lease = {
  /** This daemon's number, higher than that of any before it. */
  readonly epoch: number;
  /** Comes when another daemon may be at work: the lock's connection is lost, or no sign of life could be left. */
  readonly lost: AbortSignal;
  readonly release: () => Promise<void>;
};

/** The daemon at work, as it named itself when its turn came. */
export type Holder = {
  readonly host: string;
  readonly process: number;
  /** ISO 8601. */
  readonly since: string;
};

type LeaseOptions = {
  readonly pool: Pool;
  readonly log: Log;
  /** Called if another daemon is at work, and again if yet another is. */
  readonly onStandby?: (holder: Holder | null) => void;
  readonly timing?: LeaseTiming;
};

/** Milliseconds. A holder gives up before a standby may take over: `giveUpMs` < `staleMs`. */
type LeaseTiming = { readonly beatMs: number; readonly giveUpMs: number; readonly staleMs: number };

/** With these, a standby is at work within 5 s of the moment at which the daemon at work freezes or is cut off. */
const TIMING: LeaseTiming = { beatMs: 500, giveUpMs: 2_000, staleMs: 3_000 };
const ASK_AGAIN_MS = 200;
/** How long the transactions that a former daemon left open may keep the one that takes over waiting. */
const FORMER_MS = 300;
/** A connection that is silent for longer is given up: the server behind it may be gone without a word. */
const ANSWER_MS = 5_000;

/**
 * Waits until this is the only daemon at work (invariant 11), then raises the epoch, so that whatever a former one still
 * has in hand fails at its next transaction. A holder that leaves no sign of life (frozen, or cut off) is ended. Null if
 * the signal comes first.
 */
export async function takeLease(options: LeaseOptions, signal: AbortSignal): Promise<Lease | null> {
  const timing = options.timing ?? TIMING;
  const lost = new AbortController();
  const client = await options.pool.connect();
  const fail = (): void => lost.abort();
  client.on('error', fail);
  client.on('end', fail);
  try {
    if (!(await waitForTurn(client, options, timing, signal))) {
      client.release();
      return null;
    }
    await client.query('reset application_name');
    const epoch = await raiseEpoch(client, options);
    const stopBeating = beat(client, options, { timing, epoch, lost });
    const release = async (): Promise<void> => {
      stopBeating();
      await unlock(client, lost.signal);
    };
    return { epoch, lost: lost.signal, release };
  } catch (error) {
    client.release(true);
    throw error;
  }
}

/** The view `daemon` finds who stands by among the sessions, which leave nothing behind however they end. */
async function nameSession(client: PoolClient, name: string): Promise<void> {
  const set = client.query(`select set_config('application_name', $1, false)`, [name]);
  await within(ANSWER_MS, 'naming the session', set);
}

type Turn = {
  readonly got: boolean;
  readonly pid: number | null;
  readonly silent_ms: number | null;
  readonly holder: Holder | null;
};

/** The session that holds the lock, and when it was first seen to; the clock is this process's own. */
type Watched = { readonly pid: number; readonly sinceMs: number };

/**
 * The last sign of life may be a former holder's: each is given the same time, from the moment at which it is first seen.
 */
function watch(before: Watched | null, pid: number | null): Watched | null {
  if (pid === null) return null;
  return before?.pid === pid ? before : { pid, sinceMs: performance.now() };
}

const watchedMs = (watched: Watched | null): number =>
  watched === null ? 0 : performance.now() - watched.sinceMs;

/** The session that holds the lock `$1`. */
const LOCK_PID = `select pid from pg_locks
  where locktype = 'advisory' and objid = $1 and objsubid = 1 and granted
    and database = (select oid from pg_database where datname = current_database())`;

async function waitForTurn(
  client: PoolClient,
  { log, onStandby }: LeaseOptions,
  timing: LeaseTiming,
  signal: AbortSignal,
): Promise<boolean> {
  let watched: Watched | null = null;
  for (let told: string | null = null; !signal.aborted; ) {
    const asked = client.query<Turn>(
      `select pg_try_advisory_lock($1) as got, (${LOCK_PID}) as pid,
              (extract(epoch from clock_timestamp() - seen_at) * 1000)::float8 as silent_ms,
              case when host is not null
                then jsonb_build_object('host', host, 'process', process, 'since', since) end as holder
         from (select 1) as one left join pgnotion.daemon_at_work on true`,
      [LOCKS.lease],
    );
    const { rows } = await within(ANSWER_MS, 'asking for the lock', asked);
    if (rows[0]?.got) return true;
    const holder = rows[0]?.holder ?? null;
    if (told !== (holder?.since ?? '')) {
      told = holder?.since ?? '';
      log.info({ holder }, 'another daemon is at work here; standing by');
      onStandby?.(holder);
      await nameSession(client, `pgnotion (standby) ${process.pid} on ${hostname()}`);
    }
    watched = watch(watched, rows[0]?.pid ?? null);
    const silentMs = Math.min(rows[0]?.silent_ms ?? 0, watchedMs(watched));
    if (watched !== null && silentMs > timing.staleMs) await evict(client, log, { ...watched, silentMs });
    await pause(ASK_AGAIN_MS, signal);
  }
  return false;
}

/** From here on, whatever a former daemon still does to our tables fails. */
async function raiseEpoch(client: PoolClient, { pool, log }: LeaseOptions): Promise<number> {
  const { rows: own } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  const hurry = setInterval(() => {
    // Whoever waits in vain says so below.
    endBlockers(pool, own[0]?.pid ?? 0, log).catch((error: unknown) =>
      log.warn({ reason: messageOf(error) }, 'what a former daemon left open could not be ended'),
    );
  }, FORMER_MS);
  try {
    const raised = client.query<{ epoch: string }>(
      `with holder as (
         insert into pgnotion.daemon_at_work (host, process, since, seen_at)
         values ($1, $2, clock_timestamp(), clock_timestamp())
         on conflict (only_row) do update
           set host = excluded.host, process = excluded.process, since = excluded.since, seen_at = excluded.seen_at,
               syncing_at = null)
       update pgnotion.settings set value = to_jsonb((value #>> '{}')::bigint + 1) where name = 'epoch'
       returning value #>> '{}' as epoch`,
      [hostname(), process.pid],
    );
    const { rows } = await within(ANSWER_MS, 'raising the epoch', raised);
    // A sign of life need not outlive a crash, and must not wait for a slow disk or a replica.
    await client.query('set synchronous_commit = off');
    return Number(rows[0]?.epoch);
  } finally {
    clearInterval(hurry);
  }
}

/**
 * A daemon that was frozen or cut off in the middle of a transaction holds the lock of its fence until the server gives
 * up its session, which may take a minute. Ended, the transaction leaves nothing, and we do its work again.
 */
async function endBlockers(pool: Pool, pid: number, log: Log): Promise<void> {
  const { rows } = await pool.query<{ pid: number }>(
    'select pid from unnest(pg_blocking_pids($1)) as blocking(pid) where pg_terminate_backend(pid)',
    [pid],
  );
  if (rows.length > 0) log.warn({ pids: rows.map((row) => row.pid) }, 'ended what a former daemon left open');
}

/** Ends the session that holds the lock, if it still does: its daemon has shown no life for longer than it may. */
async function evict(
  client: PoolClient,
  log: Log,
  { pid, silentMs }: { readonly pid: number; readonly silentMs: number },
): Promise<void> {
  log.warn({ pid, silentMs }, 'the daemon at work shows no sign of life; taking over');
  await client.query(`select pg_terminate_backend(pid) from (${LOCK_PID}) as holder where pid = $2`, [
    LOCKS.lease,
    pid,
  ]);
}

/**
 * Leaves signs of life, on the lock's own connection, which no other work can keep waiting. Gives the lease up when they
 * cannot be left, or when somebody else has taken over.
 */
function beat(
  client: PoolClient,
  { log }: LeaseOptions,
  {
    timing,
    epoch,
    lost,
  }: { readonly timing: LeaseTiming; readonly epoch: number; readonly lost: AbortController },
) {
  let lastMs = performance.now();
  let asking = false;
  const timer = setInterval(() => {
    // A process that was frozen finds out here, before it does anything else.
    if (performance.now() - lastMs > timing.giveUpMs) lost.abort();
    if (asking || lost.signal.aborted) return;
    asking = true;
    client
      .query(
        `update pgnotion.daemon_at_work set seen_at = clock_timestamp()
          where (select (value #>> '{}')::bigint from pgnotion.settings where name = 'epoch') = $1`,
        [epoch],
      )
      .then(({ rowCount }) => {
        asking = false;
        if (rowCount === 1) lastMs = performance.now();
        else lost.abort();
      })
      .catch((error: unknown) => {
        log.warn({ reason: messageOf(error) }, 'no sign of life could be left');
        lost.abort();
      });
  }, timing.beatMs);
  return () => clearInterval(timer);
}

/** The daemon at work has come as far as to sync; until then it only starts. */
export async function noteSyncing({ query, epoch }: Store): Promise<void> {
  await query('update pgnotion.daemon_at_work set syncing_at = clock_timestamp() from pgnotion.fence($1)', [
    epoch,
  ]);
}

async function unlock(client: PoolClient, lost: AbortSignal): Promise<void> {
  try {
    lost.throwIfAborted();
    await within(
      ANSWER_MS,
      'giving the lock back',
      client.query('select pg_advisory_unlock($1)', [LOCKS.lease]),
    );
  } catch {
    // The connection is gone or goes now, and the lock with it.
  }
  // Its session commits in a way that is for signs of life alone.
  client.release(true);
}
