import { messageOf } from '../model/errors.ts';
import { serverErrorOf } from '../model/server-error.ts';
import { isPassing, isServerFailure } from '../model/statement-failure.ts';
import { errorCode } from './pool.ts';
import { RowStatementError } from './row-statement-error.ts';

const SYSTEM = /^(08|ECONN|EPIPE$|ETIMEDOUT$|ENOTFOUND$|EAI_AGAIN$|EHOST|ENET)/;
const WORDS =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Client was closed|Cannot use a pool after calling end)/;

/** Whether a failure is that of PostgreSQL or of the connection to it, and not of what was asked for. */
export const isConnectionLost = (error: unknown): boolean => {
  if (error instanceof RowStatementError) return false;
  const answer = serverErrorOf(error);
  if (answer !== null) return isServerFailure(answer);
  const code = errorCode(error);
  return code === '' ? WORDS.test(messageOf(error)) : SYSTEM.test(code);
};

/** Whether a statement failed because of what others do at the moment, so that the same one may pass later. */
export const mayPassLater = (error: unknown): boolean => isPassing(errorCode(error));
