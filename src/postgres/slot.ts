import pg from 'pg';
import { messageOf, PgnotionError } from '../model/errors.ts';
import { type Lsn, parseLsn } from '../model/ids.ts';
import type { Log } from '../runtime/log.ts';
import { pause, within } from '../runtime/retry.ts';
import { describeConnectError, errorCode, type Queryable, replicationClient } from './pool.ts';
import { slotBusy, slotLost } from './wal-errors.ts';

export type SlotState =
  | { readonly exists: false }
  | {
      readonly exists: true;
      readonly active: boolean;
      readonly activePid: number | null;
      readonly plugin: string | null;
      readonly database: string | null;
      /** `reserved`, `extended`, `unreserved` or `lost`. */
      readonly walStatus: string | null;
      readonly confirmedFlush: Lsn | null;
      readonly restartLsn: Lsn | null;
      /** WAL that the server keeps for the slot. */
      readonly retainedBytes: number | null;
      /** WAL that was written since the last acknowledgement. */
      readonly lagBytes: number | null;
      /** WAL that may still be written before the slot is at risk; null without a limit. */
      readonly safeBytes: number | null;
      /** From PostgreSQL 17. */
      readonly invalidationReason: string | null;
    };

type SlotRow = {
  readonly active: boolean;
  readonly active_pid: number | null;
  readonly plugin: string | null;
  readonly database: string | null;
  readonly wal_status: string | null;
  readonly confirmed_flush_lsn: string | null;
  readonly restart_lsn: string | null;
  readonly safe_wal_size: number | null;
  readonly invalidation_reason?: string | null;
  readonly retained: number | null;
  readonly lag: number | null;
};

/** Whole rows as JSON: older servers have fewer columns, and the pool may parse values or not. */
const INSPECT = `
  SELECT (to_jsonb(s) || jsonb_build_object(
    'retained', pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn),
    'lag', pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)))::text AS slot
  FROM pg_replication_slots s WHERE slot_name = $1`;

/** What the server says of a slot. Any role may ask. */
export async function inspectSlot(db: Queryable, name: string): Promise<SlotState> {
  const { rows } = await db.query<{ slot: string }>(INSPECT, [name]);
  const [found] = rows;
  if (!found) return { exists: false };
  const row = JSON.parse(found.slot) as SlotRow;
  return {
    exists: true,
    active: row.active,
    activePid: row.active_pid,
    plugin: row.plugin,
    database: row.database,
    walStatus: row.wal_status,
    confirmedFlush: row.confirmed_flush_lsn === null ? null : parseLsn(row.confirmed_flush_lsn),
    restartLsn: row.restart_lsn === null ? null : parseLsn(row.restart_lsn),
    retainedBytes: row.retained,
    lagBytes: row.lag,
    safeBytes: row.safe_wal_size,
    invalidationReason: row.invalidation_reason ?? null,
  };
}

export type EnsuredSlot = {
  readonly created: boolean /** Changes after it will be streamed. */;
  readonly position: Lsn;
};

/**
 * Finds the slot or makes it. Making waits for every transaction that is writing at that moment: `lockTimeoutMs`
 * bounds the wait for each. `db` reads the catalog; `url` must be a direct address. Throws PgnotionError:
 * `slot_blocked` (retryable), `slot_lost`, `slot_foreign`, `slots_exhausted` or `slot_privilege`.
 */
export async function ensureSlot(options: {
  readonly db: Queryable;
  readonly url: string;
  readonly name: string;
  readonly log: Log;
  readonly lockTimeoutMs?: number;
}): Promise<EnsuredSlot> {
  const { db, name } = options;
  const state = await inspectSlot(db, name);
  if (!state.exists) return createSlot(options);
  await assertOurs(db, name, state);
  if (state.walStatus === 'lost' || state.confirmedFlush === null)
    throw slotLost(name, state.invalidationReason ?? 'the server has removed WAL that it needed');
  return { created: false, position: state.confirmedFlush };
}

async function assertOurs(
  db: Queryable,
  name: string,
  state: SlotState & { readonly exists: true },
): Promise<void> {
  const { rows } = await db.query<{ here: string }>('SELECT current_database() AS here');
  const here = rows[0]?.here;
  if (state.plugin === 'pgoutput' && state.database === here) return;
  throw new PgnotionError({
    code: 'slot_foreign',
    message: `A replication slot ${name} exists, but with plug-in ${state.plugin} in database ${state.database}; pgnotion needs pgoutput in ${here}.`,
    remedy: 'Give pgnotion another slot name in the configuration, or drop that slot if nobody needs it.',
  });
}

async function createSlot(options: Parameters<typeof ensureSlot>[0]): Promise<EnsuredSlot> {
  const { db, url, name } = options;
  const { rows } = await db.query<{ version: string }>(
    "SELECT current_setting('server_version_num') AS version",
  );
  const snapshot = Number(rows[0]?.version) >= 150_000 ? "(SNAPSHOT 'nothing')" : 'NOEXPORT_SNAPSHOT';
  // Of the server's time-outs only this one reaches the command, which is no statement.
  const text = await onReplication(
    url,
    `-c lock_timeout=${options.lockTimeoutMs ?? 15_000}`,
    async (client) => {
      try {
        const created = await client.query<{ consistent_point: string }>(
          `CREATE_REPLICATION_SLOT ${pg.escapeIdentifier(name)} LOGICAL pgoutput ${snapshot}`,
        );
        return created.rows[0]?.consistent_point ?? '0/0';
      } catch (error) {
        throw await describeCreateError(error, options);
      }
    },
    MAKING_MS,
  );
  options.log.info({ slot: name, position: text }, 'replication slot made');
  return { created: true, position: parseLsn(text) };
}

const ANSWER_MS = 15_000;
/** The making of a slot waits for transactions that write, each as long as `lockTimeoutMs` lets it. */
const MAKING_MS = 300_000;
const GOODBYE_MS = 2_000;

async function onReplication<T>(
  url: string,
  extra: string,
  work: (client: pg.Client) => Promise<T>,
  answerMs = ANSWER_MS,
): Promise<T> {
  const client = replicationClient(url, extra);
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (error) {
    throw describeConnectError(error, url);
  }
  try {
    return await within(answerMs, 'a replication command', work(client));
  } finally {
    // A server that went away without a word would never hear the good-bye.
    await within(GOODBYE_MS, 'the good-bye', client.end()).catch(() => client.connection.stream.destroy());
  }
}

async function describeCreateError(
  error: unknown,
  { db, name }: { readonly db: Queryable; readonly name: string },
): Promise<unknown> {
  const message = messageOf(error);
  switch (errorCode(error)) {
    case '55P03':
      return new PgnotionError({
        code: 'slot_blocked',
        message: `Replication slot ${name} cannot be made yet: it waits for transactions that are writing.\n${await describeWriters(db)}`,
        remedy:
          'Let them end, or end them: SELECT pg_terminate_backend(PID), or ROLLBACK PREPARED for a prepared one. It is tried again.',
        retryable: true,
        cause: error,
      });
    case '53400':
      return new PgnotionError({
        code: 'slots_exhausted',
        message: `Replication slot ${name} cannot be made: ${message}`,
        remedy:
          'Drop slots that nobody reads (SELECT * FROM pg_replication_slots), or raise max_replication_slots and restart the server.',
        cause: error,
      });
    case '42501':
      return new PgnotionError({
        code: 'slot_privilege',
        message: `Replication slot ${name} cannot be made: ${message}`,
        remedy:
          'Give the role the attribute: ALTER ROLE ... REPLICATION (on Amazon RDS: GRANT rds_replication TO ...).',
        cause: error,
      });
    case '42710':
      return slotBusy(name, 'another process has just made it', error);
    default:
      return error;
  }
}

/** Every role sees who holds a transaction id; how long and by which program only with pg_read_all_stats. */
const WRITERS = `
  SELECT format('pid %s%s%s%s', l.pid, ' of ' || nullif(a.usename, ''), ' (' || nullif(a.application_name, '') || ')',
           ', open for ' || date_trunc('second', clock_timestamp() - a.xact_start)) AS line
  FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)
  WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted AND l.pid IS NOT NULL
  UNION ALL
  SELECT format('prepared transaction %L of %s in %s, since %s', gid, owner, database, date_trunc('second', prepared))
  FROM pg_prepared_xacts`;

async function describeWriters(db: Queryable): Promise<string> {
  const { rows } = await db.query<{ line: string }>(WRITERS);
  return rows.length === 0 ? 'None can be seen any more.' : rows.map((row) => row.line).join('\n');
}

/** Drops a slot; nothing happens if there is none. Throws PgnotionError `slot_busy` (retryable) while it is read. */
export async function dropSlot(db: Queryable, name: string): Promise<void> {
  try {
    await db.query(
      'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1',
      [name],
    );
  } catch (error) {
    if (errorCode(error) === '55006') throw slotBusy(name, messageOf(error), error);
    // Another process dropped it between the look and the drop.
    if (errorCode(error) !== '42704') throw error;
  }
}

const READER_GONE_MS = 5_000;

/** Ends the session that reads a slot, and waits until the slot is free. Throws PgnotionError `slot_busy` (retryable). */
export async function endReader(db: Queryable, name: string, log: Log): Promise<void> {
  const until = performance.now() + READER_GONE_MS;
  while (performance.now() < until) {
    const state = await inspectSlot(db, name);
    if (!state.exists || state.activePid === null) return;
    log.info({ slot: name, pid: state.activePid }, 'ending the session that still reads the slot');
    await db.query('SELECT pg_terminate_backend($1)', [state.activePid]);
    await pause(100, new AbortController().signal);
  }
  throw slotBusy(name, 'the session that reads it does not end');
}

export type SystemIdentity = {
  /** Differs for every cluster that was initialised; a restored or branched copy keeps it. */
  readonly systemId: string;
  /** Grows when a copy or a standby goes its own way. */
  readonly timeline: number;
  readonly position: Lsn;
};

/** Which server this is. Needs the REPLICATION attribute and a direct address. */
export async function identifySystem(url: string): Promise<SystemIdentity> {
  return onReplication(url, '', async (client) => {
    type Row = { readonly systemid: string; readonly timeline: string; readonly xlogpos: string };
    const { rows } = await client.query<Row>('IDENTIFY_SYSTEM');
    const [row] = rows;
    if (!row) throw new TypeError('IDENTIFY_SYSTEM gave no row');
    return { systemId: row.systemid, timeline: Number(row.timeline), position: parseLsn(row.xlogpos) };
  });
}
