import { messageOf } from '../model/errors.ts';
import { serverErrorOf } from '../model/server-error.ts';
import { errorCode } from './pool.ts';
import { RowStatementError } from './row-statement-error.ts';

/** Lack of resources, a server that stops, and our own fence against a second daemon. */
const ANSWERS = /^(53|57P|58|PGN01$)/;
const SYSTEM = /^(08|ECONN|EPIPE$|ETIMEDOUT$|ENOTFOUND$|EAI_AGAIN$|EHOST|ENET)/;
const WORDS =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Client was closed|Cannot use a pool after calling end)/;

/** Whether a failure is that of PostgreSQL or of the connection to it, and not of what was asked for. */
export const isConnectionLost = (error: unknown): boolean => {
  if (error instanceof RowStatementError) return false;
  const answer = serverErrorOf(error);
  // A function of the users' may raise any code; it speaks of its own row.
  if (answer !== null)
    return answer.fatal || (ANSWERS.test(answer.code) && (!answer.raised || answer.code === 'PGN01'));
  const code = errorCode(error);
  return code === '' ? WORDS.test(messageOf(error)) : SYSTEM.test(code);
};

/** A lock that was not given in time, a statement that took too long, a transaction that met another. */
const PASSING: ReadonlySet<string> = new Set(['55P03', '57014', '40001', '40P01', '55006', '25P02']);

/** Whether a statement failed because of what others do at the moment, so that the same one may pass later. */
export const mayPassLater = (error: unknown): boolean => PASSING.has(errorCode(error));
