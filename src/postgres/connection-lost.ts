import { isLost } from '../model/connection-lost.ts';
import { isPassing } from '../model/statement-failure.ts';
import { errorCode } from './pool.ts';
import { RowStatementError } from './row-statement-error.ts';

/** Whether a failure is that of PostgreSQL or of the connection to it, and not of what was asked for. */
export const isConnectionLost = (error: unknown): boolean =>
  !(error instanceof RowStatementError) && isLost(error);

/** Whether a statement failed because of what others do at the moment, so that the same one may pass later. */
export const mayPassLater = (error: unknown): boolean => isPassing(errorCode(error));
