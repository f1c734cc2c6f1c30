import pg from 'pg';
import type { Sql } from './sql.ts';

/** A line of `pgnotion.explain`, newest first. `at` is null for what has no time. */
export type ExplainLine = { readonly at: Date | null; readonly what: string; readonly detail: string };

export const readExplanation = (sql: Sql, table: string, key: string): Promise<ExplainLine[]> =>
  sql.query<ExplainLine>('select at, what, detail from pgnotion.explain($1, $2)', [table, key]);

/** No table or record of that name has been seen. */
export const isUnknownRecord = (error: unknown): error is Error =>
  error instanceof pg.DatabaseError && error.code === 'PGN02';
