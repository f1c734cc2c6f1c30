import pg from 'pg';
import { messageOf, PgnotionError } from '../model/errors.ts';

/** A stream that broke off for a reason that may pass. */
export function disconnected(reason: string, cause?: unknown): PgnotionError {
  return new PgnotionError({
    code: 'wal_disconnected',
    message: `the replication stream broke off: ${reason}`,
    remedy:
      'nothing to do: the stream is opened again by itself; if this goes on, look at the log of PostgreSQL and at the network between',
    retryable: true,
    cause,
  });
}

/** The versions word it differently: 15 "cannot read from", 17 "can no longer get changes", 18 "... access". */
const LOST = /cannot read from|can no longer (access|get changes)|has been invalidated/i;

/**
 * A change that the output plug-in cannot write, because no text of PostgreSQL's exceeds a gigabyte, or because it has
 * no place in UTF-8: the server fails at it again each time. Null for other errors.
 */
function unsendableReason(code: string, message: string): string | null {
  // PostgreSQL's own words quote bytes of the value.
  if (code === '22021' || code === '22P05') return 'it has text that does not exist in UTF-8';
  const isTooLarge =
    code === '54000' || (code === 'XX000' && /invalid memory alloc request size/.test(message));
  return isTooLarge ? 'its text is longer than the gigabyte that PostgreSQL can write' : null;
}

/** Says why PostgreSQL refused or ended a replication stream. */
export function describeStreamError(error: unknown, slot: string): PgnotionError {
  if (error instanceof PgnotionError) return error;
  const message = messageOf(error);
  if (!(error instanceof pg.DatabaseError)) return disconnected(message, error);
  const code = error.code ?? '';
  const detail = error.detail ? ` (${error.detail})` : '';
  if (code === '55006') return slotBusy(slot, message, error);
  if (code === '55000' && LOST.test(error.message)) return slotLost(slot, `${message}${detail}`, error);
  if (code === '42704') return missing(message, error);
  const unsendable = unsendableReason(code, error.message);
  if (unsendable !== null) return unsendableChange(slot, unsendable, error);
  // The connection, the server's resources, and its being stopped.
  if (/^(08|53|57)/.test(code)) return disconnected(message, error);
  return new PgnotionError({
    code: 'wal_refused',
    message: `PostgreSQL refused or ended the replication stream: ${message} (SQLSTATE ${code})`,
    remedy:
      'stop the daemon and run `pgnotion start` again: it checks the settings and privileges that replication needs, and names what is missing',
    cause: error,
  });
}

/** No reader of this slot gets past the change. */
function unsendableChange(slot: string, reason: string, cause: unknown): PgnotionError {
  return new PgnotionError({
    code: 'wal_unsendable',
    message: `PostgreSQL cannot send a change that replication slot ${slot} comes to: ${reason}`,
    remedy:
      'nothing to do: the daemon makes a new slot behind that change and compares everything; if a column of a synced table holds such values, keep it out of the log: ALTER PUBLICATION ... SET TABLE with a list of the columns that are mapped',
    cause,
  });
}

/** The slot is being read by another connection. */
export function slotBusy(slot: string, reason: string, cause?: unknown): PgnotionError {
  return new PgnotionError({
    code: 'slot_busy',
    message: `replication slot ${slot} is in use: ${reason}`,
    remedy:
      'stop the other pgnotion, or the other session, that reads it: pg_replication_slots.active_pid names it; if there is none, wait until wal_sender_timeout ends the lost connection that holds it',
    retryable: true,
    cause,
  });
}

/** The server has removed WAL that the slot still needed. */
function slotLost(slot: string, reason: string, cause?: unknown): PgnotionError {
  return new PgnotionError({
    code: 'slot_lost',
    message: `replication slot ${slot} is lost: ${reason}`,
    remedy:
      'nothing to do: the daemon makes a new slot and compares everything; raise max_slot_wal_keep_size so that the server keeps more WAL for a slow or stopped reader',
    cause,
  });
}

function missing(message: string, cause: unknown): PgnotionError {
  return new PgnotionError({
    code: /publication/i.test(message) ? 'publication_missing' : 'slot_missing',
    message: `the replication stream cannot run: ${message}`,
    remedy:
      'nothing to do: the daemon makes the publication and the slot anew and compares everything, since nothing recorded what changed in between',
    cause,
  });
}

/** A message that does not say what it should: nothing after it may be read, or it would be lost in silence. */
export function undecodable(reason: string, cause?: unknown): PgnotionError {
  return new PgnotionError({
    code: 'wal_undecodable',
    message: `a message of the replication stream cannot be read: ${reason}`,
    remedy:
      'nothing to do: nothing after it was read or acknowledged, and the daemon makes a new slot and compares everything; report this with the versions of the server (SELECT version()) and of the plug-in',
    cause,
  });
}
