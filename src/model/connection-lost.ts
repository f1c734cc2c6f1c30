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

/** An error with a code and a remedy: one of ours, or that of a lost connection. Null for what nobody has foreseen. */
export function knownError(error: unknown): PgnotionError | null {
  if (error instanceof PgnotionError) return error;
  return isLost(error) ? describeLost(error) : null;
}

const describeLost = (error: unknown): PgnotionError =>
  new PgnotionError({
    code: 'postgres_lost',
    message: `the connection to PostgreSQL was lost in the middle of the work: ${messageOf(error)}`,
    remedy:
      'run it again once the server answers (its log says why it ended the session): what was not committed has left nothing behind, and what is done is not done twice',
    retryable: true,
    cause: error,
  });
