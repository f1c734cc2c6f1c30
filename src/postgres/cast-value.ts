import { sql } from 'kysely';
import { serverErrorOf } from '../model/server-error.ts';
import type { UserDatabase } from './rows.ts';

/**
 * Whether a column of this type holds the second text once it was given the first: a number that its scale rounds, a time
 * without its zone, text of a fixed length. False for what is no value of the type.
 */
export async function holdsAs(
  db: UserDatabase,
  type: string,
  { given, holds }: { readonly given: string; readonly holds: string },
): Promise<boolean> {
  try {
    const { rows } = await sql<{ text: string | null }>`
      select (${given}::${sql.raw(type)})::text as text`.execute(db);
    return rows[0]?.text === holds;
  } catch (error) {
    if (serverErrorOf(error) === null) throw error;
    return false;
  }
}
