import { PgnotionError } from './errors.ts';
import { sentences } from './sentences.ts';
import { serverErrorOf } from './server-error.ts';

/**
 * Why nothing of a table can be synced now, if that is what a failure means: its columns are not what they were
 * (SQLSTATE class 42), or its database in Notion is gone or hidden. Null for anything else.
 */
export function tableFailure(error: unknown): string | null {
  if (error instanceof PgnotionError) {
    return TROUBLES.has(error.code) ? sentences(error.message, error.remedy) : null;
  }
  const answer = serverErrorOf(error);
  // What a function raises for people to read is about a row.
  if (answer === null || answer.raised || !answer.code.startsWith('42')) return null;
  return `${answer.text}. Bring the table and the configuration back in line, and restart if the mapping changed`;
}

const TROUBLES = new Set(['object_not_found', 'restricted_resource', 'table_unreadable']);
