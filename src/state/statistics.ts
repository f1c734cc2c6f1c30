import type { Sql } from './sql.ts';

/** With fewer entries no plan is slow, however wrong the planner is about the rest. */
const WORTH_COUNTING = 100;

/**
 * Has PostgreSQL count the outbox again where it believes that it holds much less than these entries. The outbox is
 * emptied and filled within seconds: if it was last counted while it was empty (autovacuum may do so at any time), the
 * planner takes any way through it for as good as the index, and a statement over a thousand entries compares each of them
 * with all that wait: 20,000 entries then took a minute instead of a second.
 *
 * Not within a transaction, which would hold the lock of `analyze` to its end. Somebody who counts already is not waited for.
 */
export async function recountOutbox(sql: Sql, entries: number): Promise<void> {
  if (entries < WORTH_COUNTING) return;
  const [row] = await sql.query<{ outdated: boolean }>(
    `select reltuples < $1::float4 / 2 as outdated from pg_catalog.pg_class where oid = 'pgnotion.outbox'::regclass`,
    [entries],
  );
  if (row?.outdated === true) await sql.query('analyze (skip_locked) pgnotion.outbox');
}
