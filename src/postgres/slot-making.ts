import pg from 'pg';
import { messageOf, PgnotionError } from '../model/errors.ts';
import { type Lsn, parseLsn } from '../model/ids.ts';
import type { Log } from '../runtime/log.ts';
import { pause, within } from '../runtime/retry.ts';
import { onAbort } from '../runtime/signal.ts';
import { errorCode, type Queryable } from './pool.ts';
import { inspectSlot, onReplication } from './slot.ts';
import { slotBusy } from './wal-errors.ts';

export type MakeSlot = {
  /** Reads the catalog. */
  readonly db: Queryable;
  /** A direct address. */
  readonly url: string;
  readonly name: string;
  readonly plugin: 'pgoutput' | 'wal2json';
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Told again and again, while it waits, of the transactions that it waits for: a line each. */
  readonly onWait: (since: Date, transactions: readonly string[]) => Promise<void>;
  readonly timing?: { readonly firstMs: number; readonly everyMs: number };
};

/** Most transactions end sooner than the first of these. */
const TIMING = { firstMs: 2_000, everyMs: 15_000 };
const CLEARED_MS = 2_000;

/**
 * Makes a slot; changes after the position that it gives will be streamed. PostgreSQL makes it once every transaction has
 * ended that was writing when it began, in any database: that is waited for, in one go, because each new try would have to
 * wait for those that have begun since. Null, and no slot, if the signal comes first. Throws PgnotionError
 * `slots_exhausted`, `slot_privilege`, `wal2json_missing`, or `slot_busy` (retryable).
 */
export async function makeSlot(options: MakeSlot): Promise<Lsn | null> {
  const { db, url, name, plugin, signal, log } = options;
  const { rows } = await db.query<{ version: string }>(
    "select current_setting('server_version_num') as version",
  );
  const snapshot = Number(rows[0]?.version) >= 150_000 ? "(SNAPSHOT 'nothing')" : 'NOEXPORT_SNAPSHOT';
  const command = `CREATE_REPLICATION_SLOT ${pg.escapeIdentifier(name)} LOGICAL ${plugin} ${snapshot}`;
  // A role may have a lock_timeout of its own, which would end the wait.
  const position = await onReplication(
    url,
    '-c lock_timeout=0',
    async (client) => {
      const pid = (await client.query<{ pid: string }>('select pg_backend_pid() as pid')).rows[0]?.pid ?? '0';
      const making = client.query<{ consistent_point: string }>(command);
      const hangUp = (): void => void client.connection.stream.destroy();
      return waitFor({ making, pid: Number(pid), hangUp }, options);
    },
    null,
  );
  if (position === null) return null;
  if (signal.aborted) log.info({ slot: name }, 'the slot was made in the moment of the stop, and is kept');
  log.info({ slot: name, position }, 'replication slot made');
  return parseLsn(position);
}

type Making = {
  readonly making: Promise<pg.QueryResult<{ consistent_point: string }>>;
  readonly pid: number;
  readonly hangUp: () => void;
};

/** Watches the command; ends its session if the signal comes, for the server would go on with it without us. */
async function waitFor({ making, pid, hangUp }: Making, options: MakeSlot): Promise<string | null> {
  const { signal } = options;
  const over = new AbortController();
  let forced: NodeJS.Timeout | undefined;
  using _ = onAbort(signal, () => {
    over.abort();
    void endMaking(options, pid);
    // A server that has fallen silent would have us wait for ever.
    forced = setTimeout(hangUp, CLEARED_MS);
  });
  const watching = tellWaits(options, pid, over.signal);
  try {
    return (await making).rows[0]?.consistent_point ?? '0/0';
  } catch (error) {
    if (!signal.aborted) throw describeMakingError(error, options.name);
    await untilGone(options);
    return null;
  } finally {
    clearTimeout(forced);
    over.abort();
    await Promise.race([watching, pause(CLEARED_MS, new AbortController().signal)]);
  }
}

async function endMaking({ db, name, log }: MakeSlot, pid: number): Promise<void> {
  try {
    await db.query('select pg_terminate_backend($1)', [pid]);
  } catch (error) {
    log.warn(
      { slot: name, pid, reason: messageOf(error) },
      'the session that makes the slot could not be ended; it goes on until the transactions end that it waits for',
    );
  }
}

/** The slot goes with the session that made it. A server that does not answer by now is not waited for. */
async function untilGone({ db, name, log }: MakeSlot): Promise<void> {
  const over = new AbortController();
  const look = async (): Promise<void> => {
    while (!over.signal.aborted && (await inspectSlot(db, name)).exists) await pause(50, over.signal);
  };
  await within(CLEARED_MS, 'the end of the slot', look()).catch((error: unknown) =>
    log.warn(
      { slot: name, reason: messageOf(error) },
      'the slot may have been left behind; the next start takes it up',
    ),
  );
  over.abort();
}

async function tellWaits(options: MakeSlot, pid: number, over: AbortSignal): Promise<void> {
  const { db, name, log, onWait } = options;
  const { firstMs, everyMs } = options.timing ?? TIMING;
  const since = new Date();
  for (let waitMs = firstMs; ; waitMs = everyMs) {
    await pause(waitMs, over);
    if (over.aborted) return;
    try {
      const transactions = await transactionsInTheWay(db, pid);
      log.warn(
        { slot: name, since, transactions },
        'the replication slot is made once every transaction has ended that was open; let them end, or end them: SELECT pg_terminate_backend(PID), or ROLLBACK PREPARED for a prepared one',
      );
      await onWait(since, transactions);
    } catch (error) {
      log.warn(
        { slot: name, reason: messageOf(error) },
        'what the making of the slot waits for cannot be read',
      );
    }
  }
}

function describeMakingError(error: unknown, name: string): unknown {
  const message = messageOf(error);
  switch (errorCode(error)) {
    case '53400':
      return new PgnotionError({
        code: 'slots_exhausted',
        message: `replication slot ${name} cannot be made: ${message}`,
        remedy:
          'drop slots that nobody reads (SELECT * FROM pg_replication_slots), or raise max_replication_slots and restart the server',
        cause: error,
      });
    case '58P01':
      return new PgnotionError({
        code: 'wal2json_missing',
        message: `replication slot ${name} cannot be made: ${message}`,
        remedy:
          "install wal2json on the server (on Debian: apt-get install postgresql-15-wal2json, with the server's version), or set plugin: 'pgoutput' in the configuration",
        cause: error,
      });
    case '42501':
      return new PgnotionError({
        code: 'slot_privilege',
        message: `replication slot ${name} cannot be made: ${message}`,
        remedy:
          'give the role the attribute: ALTER ROLE ... REPLICATION (on Amazon RDS: GRANT rds_replication TO ...)',
        cause: error,
      });
    case '42710':
      return slotBusy(name, 'another process has just made it', error);
    default:
      return error;
  }
}

/**
 * Those that hold a transaction id and began before the session that waits, or that it waits for now. Every role sees who
 * holds one; since when, by whom and by which program only with pg_read_all_stats.
 */
const IN_THE_WAY = `
  select format('pid %s%s%s%s', l.pid, ' of ' || nullif(a.usename, ''), ' (' || nullif(a.application_name, '') || ')',
           ', open since ' || date_trunc('second', a.xact_start)) as line
  from pg_locks l left join pg_stat_activity a using (pid)
  where l.locktype = 'transactionid' and l.mode = 'ExclusiveLock' and l.granted and l.pid <> $1
    and (a.xact_start is null or l.pid = any (pg_blocking_pids($1))
      or a.xact_start < (select backend_start from pg_stat_activity where pid = $1))
  union all
  select format('prepared transaction %L of %s in %s, since %s', gid, owner, database, date_trunc('second', prepared))
  from pg_prepared_xacts`;

async function transactionsInTheWay(db: Queryable, pid: number): Promise<readonly string[]> {
  const { rows } = await db.query<{ line: string }>(IN_THE_WAY, [pid]);
  return rows.map(({ line }) => line);
}
