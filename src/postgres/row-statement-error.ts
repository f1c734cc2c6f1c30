import { messageOf } from '../model/errors.ts';
import { serverErrorOf } from '../model/server-error.ts';
import { statementFailure } from '../model/statement-failure.ts';

/** PostgreSQL's answer to a statement on a user's table: the failure of one edit, and of nothing else. */
export class RowStatementError extends Error {
  /** The SQLSTATE. */
  readonly code: string;
  readonly failure: 'refused' | 'blocked';

  constructor(code: string, failure: 'refused' | 'blocked', cause: unknown) {
    super(messageOf(cause), { cause });
    this.name = 'RowStatementError';
    this.code = code;
    this.failure = failure;
  }
}

/** PostgreSQL took a statement without an error, and the row is as it was: a trigger, a rule or a policy keeps it. */
export class RowKeptError extends Error {
  constructor(what: 'update' | 'insert' | 'delete', table: string) {
    super(`PostgreSQL took the ${what} of ${table} without an error and changed no row`);
    this.name = 'RowKeptError';
  }
}

/** A statement on our own tables failed inside a transaction on the users'. */
export class OwnStatementError extends Error {}

/** Whether the whole transaction may be made again at once. */
export function mayRepeat(error: unknown): boolean {
  const answer = serverErrorOf(error instanceof OwnStatementError ? error.cause : error);
  return answer !== null && statementFailure(answer) === 'repeat';
}

/** What a transaction's failure is to its caller: the edit's own, or what it was. */
export function asRowFailure(error: unknown): unknown {
  if (error instanceof OwnStatementError) return error.cause;
  const answer = serverErrorOf(error);
  if (answer === null) return error;
  const failure = statementFailure(answer);
  switch (failure) {
    case 'lost':
      return error;
    case 'refused':
      return new RowStatementError(answer.code, failure, error);
    // It stayed so over several tries: others want the same rows.
    case 'repeat':
    case 'blocked':
      return new RowStatementError(answer.code, 'blocked', error);
    default:
      return failure satisfies never;
  }
}

/** Whether a statement that reads users' tables may pass later: a lock, or too little time or room. */
export function isReadBlocked(error: unknown): boolean {
  const answer = serverErrorOf(error);
  return answer !== null && ['blocked', 'repeat'].includes(statementFailure(answer));
}
