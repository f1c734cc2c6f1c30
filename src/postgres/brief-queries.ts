import type pg from 'pg';
import type { Queryable } from './pool.ts';

/** A lock that others hold on a table must not keep whoever only asks what it is like. */
const LOCK_MS = 2_000;
const STATEMENT_MS = 10_000;

/** Statements that fail (55P03, 57014) instead of waiting for a lock, or for an answer that takes too long. */
export function briefQueries(pool: pg.Pool, statementMs = STATEMENT_MS): Queryable {
  return {
    query: async <R extends pg.QueryResultRow>(
      text: Parameters<Queryable['query']>[0],
      values?: unknown[],
    ) => {
      const client = await pool.connect();
      let broken: Error | undefined;
      try {
        await client.query(
          `begin; set local lock_timeout = ${LOCK_MS}; set local statement_timeout = ${statementMs}`,
        );
        const result = await client.query<R>(text, values);
        await client.query('commit');
        return result;
      } catch (error) {
        await client.query('rollback').catch((failure: Error) => {
          broken = failure;
        });
        throw error;
      } finally {
        client.release(broken);
      }
    },
  };
}
