import { messageOf, PgnotionError } from './errors.ts';
import { sentences } from './sentences.ts';

/**
 * Why nothing of a table can be synced now, if that is what a failure means: its columns are not what they were
 * (SQLSTATE class 42), or its database in Notion is gone or hidden. Null for anything else.
 */
export function tableTrouble(error: unknown): string | null {
  if (error instanceof PgnotionError) {
    return TROUBLES.has(error.code) ? sentences(error.message, error.remedy) : null;
  }
  const state = error instanceof Error && 'code' in error ? error.code : null;
  if (typeof state !== 'string' || !/^42[0-9A-Z]{3}$/.test(state)) return null;
  return `${messageOf(error)}. Bring the table and the configuration back in line, and restart if the mapping changed`;
}

const TROUBLES = new Set(['object_not_found', 'restricted_resource']);
