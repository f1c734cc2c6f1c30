import { type Drift, type DriftKind, driftOf } from './drift.ts';
import { PgnotionError } from './errors.ts';
import { serverErrorOf } from './server-error.ts';

/**
 * Why nothing of a table can be synced now, if that is what a failure means: its columns are not what they were
 * (SQLSTATE class 42), or its database in Notion is gone or hidden. Null for anything else.
 */
export function tableFailure(error: unknown): Drift | null {
  if (error instanceof PgnotionError) {
    const kind = TROUBLES[error.code];
    return kind === undefined
      ? null
      : driftOf(kind, { field: '', detail: error.message, remedy: error.remedy });
  }
  const answer = serverErrorOf(error);
  // What a function raises for people to read is about a row.
  if (answer === null || answer.raised || !answer.code.startsWith('42')) return null;
  return driftOf('table_unreadable', {
    field: '',
    detail: answer.text,
    remedy:
      'give back in SQL what the message names; or correct the query or the expressions of the table in the configuration, and run `pgnotion start` again',
  });
}

const TROUBLES: Readonly<Record<string, DriftKind>> = {
  object_not_found: 'database_hidden',
  restricted_resource: 'database_hidden',
  table_unreadable: 'table_unreadable',
};
