import { messageOf, PgnotionError } from './errors.ts';
import { serverErrorOf } from './server-error.ts';
import { isServerFailure } from './statement-failure.ts';

const SYSTEM = /^(08|ECONN|EPIPE$|ETIMEDOUT$|ENOTFOUND$|EAI_AGAIN$|EHOST|ENET)/;
const WORDS =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Client was closed|Cannot use a pool after calling end)/;

/** Whether a failure is that of PostgreSQL or of the connection to it, and not of what was asked for. */
export function isLost(error: unknown): boolean {
  const answer = serverErrorOf(error);
  if (answer !== null) return isServerFailure(answer);
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  return code === '' ? WORDS.test(messageOf(error)) : SYSTEM.test(code);
}

/**
 * An error with a code and a remedy: one of ours, that of a lost connection, or of a server that takes no writes. Null for what
 * nobody has foreseen.
 */
export function knownError(error: unknown): PgnotionError | null {
  if (error instanceof PgnotionError) return error;
  const answer = serverErrorOf(error);
  if (answer?.code === READ_ONLY && !answer.raised) return describeReadOnly(error);
  if (answer?.code === CANCELED && !answer.raised) return describeCanceled(error);
  return isLost(error) ? describeLost(error) : null;
}

const READ_ONLY = '25006';
const CANCELED = '57014';

const describeCanceled = (error: unknown): PgnotionError =>
  new PgnotionError({
    code: 'postgres_canceled',
    message: `PostgreSQL ended a statement: ${messageOf(error)}`,
    remedy:
      "run it again; if it ends so each time, give the role that pgnotion logs in with more time: ALTER ROLE … SET statement_timeout = '60s'",
    retryable: true,
    cause: error,
  });

const describeReadOnly = (error: unknown): PgnotionError =>
  new PgnotionError({
    code: 'postgres_read_only',
    message: `PostgreSQL takes no writes here: ${messageOf(error)}`,
    remedy:
      'if the server is a standby or a failover is under way, give DATABASE_URL the address of the primary; else somebody has set default_transaction_read_only: `SELECT datname, usename, setconfig FROM pg_db_role_setting LEFT JOIN pg_database d ON d.oid = setdatabase LEFT JOIN pg_user ON usesysid = setrole` shows where, and ALTER DATABASE or ALTER ROLE … RESET default_transaction_read_only ends it',
    retryable: true,
    cause: error,
  });

const describeLost = (error: unknown): PgnotionError =>
  new PgnotionError({
    code: 'postgres_lost',
    message: `the connection to PostgreSQL was lost in the middle of the work: ${messageOf(error)}`,
    remedy:
      'run it again once the server answers (its log says why it ended the session): what was not committed has left nothing behind, and what is done is not done twice',
    retryable: true,
    cause: error,
  });
