import type { Environment } from '../../config/environment.ts';
import { sameJson } from '../../model/json.ts';
import { type Assumptions, assumptionsOf, type Given, type Standing } from '../../model/probe/assumptions.ts';
import { keepAssumed, storedEvidence } from '../../state/evidence.ts';
import type { Sql } from '../../state/sql.ts';

/** What evidence has to fit; `connection` is null where Notion is not asked who we are. */
export const standingOf = (
  { NOTION_VERSION: apiVersion }: Pick<Environment, 'NOTION_VERSION'>,
  connection: string | null,
): Standing => ({ nowMs: Date.now(), apiVersion, connection });

/** What the environment says itself. */
export const givenBy = (environment: Environment): Given => ({
  queryLagMs: environment.given.has('SYNC_QUERY_LAG_SECONDS')
    ? environment.SYNC_QUERY_LAG_SECONDS * 1_000
    : null,
  createGraceMs: environment.given.has('SYNC_CREATE_GRACE_SECONDS')
    ? environment.SYNC_CREATE_GRACE_SECONDS * 1_000
    : null,
});

/** What the sync takes for granted of Notion: what is set, what a probe has found out, or cautious defaults. */
export const assumptionsIn = async (
  sql: Sql,
  environment: Environment,
  connection: string | null,
): Promise<Assumptions> =>
  assumptionsOf(await storedEvidence(sql), standingOf(environment, connection), givenBy(environment));

/** The same for the daemon, which leaves what it goes by for `status`. */
export function assumptionsKept(
  sql: Sql,
  environment: Environment,
  connection: string,
): () => Promise<Assumptions> {
  let kept: Assumptions | null = null;
  return async () => {
    const assumed = await assumptionsIn(sql, environment, connection);
    if (kept === null || !sameJson(kept, assumed)) await keepAssumed(sql, { connection, assumed });
    kept = assumed;
    return assumed;
  };
}
