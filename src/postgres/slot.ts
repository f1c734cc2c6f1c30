import type pg from 'pg';
import { messageOf } from '../model/errors.ts';
import { type Lsn, parseLsn } from '../model/ids.ts';
import type { Log } from '../runtime/log.ts';
import { pause, within } from '../runtime/retry.ts';
import { describeConnectError, errorCode, type Queryable, replicationClient } from './pool.ts';
import { slotBusy } from './wal-errors.ts';

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
      /** From PostgreSQL 17. */
      readonly invalidationReason: string | null;
      readonly kind: 'logical' | 'physical';
      readonly temporary: boolean;
      readonly twoPhase: boolean;
    };

type SlotRow = {
  readonly active: boolean;
  readonly active_pid: number | null;
  readonly plugin: string | null;
  readonly database: string | null;
  readonly wal_status: string | null;
  readonly confirmed_flush_lsn: string | null;
  readonly invalidation_reason?: string | null;
  readonly slot_type: 'logical' | 'physical';
  readonly temporary: boolean;
  readonly two_phase?: boolean;
};

/** Whole rows as JSON: older servers have fewer columns, and the pool may parse values or not. */
const INSPECT = 'select to_jsonb(s)::text as slot from pg_replication_slots s where slot_name = $1';

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
    invalidationReason: row.invalidation_reason ?? null,
    kind: row.slot_type,
    temporary: row.temporary,
    twoPhase: row.two_phase ?? false,
  };
}

const ANSWER_MS = 15_000;
const GOODBYE_MS = 2_000;

/** Runs `work` on a replication connection of its own. `answerMs` null: however long it takes. */
export async function onReplication<T>(
  url: string,
  extra: string,
  work: (client: pg.Client) => Promise<T>,
  answerMs: number | null = ANSWER_MS,
): Promise<T> {
  const client = replicationClient(url, extra);
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (error) {
    throw describeConnectError(error, url);
  }
  try {
    const working = work(client);
    return await (answerMs === null ? working : within(answerMs, 'a replication command', working));
  } finally {
    // A server that went away without a word would never hear the good-bye.
    await within(GOODBYE_MS, 'the good-bye', client.end()).catch(() => client.connection.stream.destroy());
  }
}

/** Drops a slot; nothing happens if there is none. Throws PgnotionError `slot_busy` (retryable) while it is read. */
export async function dropSlot(db: Queryable, name: string): Promise<void> {
  try {
    await db.query(
      'select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1',
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
  let refused: unknown = null;
  while (performance.now() < until) {
    const state = await inspectSlot(db, name);
    if (!state.exists || state.activePid === null) return;
    log.info({ slot: name, pid: state.activePid }, 'ending the session that still reads the slot');
    try {
      await db.query('select pg_terminate_backend($1)', [state.activePid]);
    } catch (error) {
      // A superuser's session, which may well be over in a moment: somebody looks at what the slot would give.
      if (errorCode(error) !== '42501') throw error;
      refused = error;
    }
    await pause(100, new AbortController().signal);
  }
  const reason = refused === null ? 'does not end' : `may not be ended by this role (${messageOf(refused)})`;
  throw slotBusy(name, `the session that reads it ${reason}`, refused ?? undefined);
}

export type SystemIdentity = {
  /** Differs for every cluster that was initialised; a restored or branched copy keeps it. */
  readonly systemId: string;
  /** Grows when a copy or a standby goes its own way. */
  readonly timeline: number;
  readonly position: Lsn;
};

/** Which server this is. Needs the REPLICATION attribute and a direct address. */
export const identifySystem = (url: string): Promise<SystemIdentity> => onReplication(url, '', identityOn);

/** The same on a replication connection that is open. */
export async function identityOn(client: pg.Client): Promise<SystemIdentity> {
  type Row = { readonly systemid: string; readonly timeline: string; readonly xlogpos: string };
  const { rows } = await client.query<Row>('IDENTIFY_SYSTEM');
  const [row] = rows;
  if (!row) throw new TypeError('IDENTIFY_SYSTEM gave no row');
  return { systemId: row.systemid, timeline: Number(row.timeline), position: parseLsn(row.xlogpos) };
}
