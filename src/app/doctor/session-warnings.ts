import { sessionChecks } from '../../model/doctor/postgres.ts';
import { readSession } from '../../postgres/doctor-facts.ts';
import { describeTarget, type Queryable } from '../../postgres/pool.ts';
import type { Log } from '../../runtime/log.ts';

/** What `doctor` warns of and one query shows is told at each start too; none of it is in the way. */
export async function tellSession(db: Queryable, url: string, slot: string, log: Log): Promise<void> {
  const checks = sessionChecks({ kind: 'seen', value: await readSession(db, slot) }, describeTarget(url));
  for (const { id, status, seen, fix } of checks)
    if (status === 'warning') log.info({ check: id, fix }, `${id}: ${seen}`);
}
