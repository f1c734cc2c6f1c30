import { messageOf } from '../model/errors.ts';
import { errorCode } from './pool.ts';

/** Connection exceptions, lack of resources, a server that stops, and our own fence against a second daemon. */
const STATES = /^(08|53|57P|58|25P03$|PGN01$|ECONN|EPIPE$|ETIMEDOUT$|ENOTFOUND$|EAI_AGAIN$|EHOST|ENET)/;
const WORDS =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Client was closed|Cannot use a pool after calling end)/;

/** Whether a failure is that of PostgreSQL or of the connection to it, and not of what was asked for. */
export const isConnectionLost = (error: unknown): boolean => {
  const code = errorCode(error);
  return code === '' ? WORDS.test(messageOf(error)) : STATES.test(code);
};
