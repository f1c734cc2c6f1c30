import type { Pool } from 'pg';
import type { Environment } from '../../config/environment.ts';
import { type Check, failed, ok, warning } from '../../model/doctor/check.ts';
import { messageOf, PgnotionError } from '../../model/errors.ts';
import { assumptionsOf } from '../../model/probe/assumptions.ts';
import type { Evidence } from '../../model/probe/evidence.ts';
import { assumptionsLine, evidenceLine, staleEvidence } from '../../model/probe/texts.ts';
import { lockProbes, readScratch, storedEvidence } from '../../state/evidence.ts';
import type { Store } from '../../state/sql.ts';
import { givenBy, standingOf } from '../probe/assumed.ts';
import { realClock } from '../probe/clock.ts';
import { withSession } from '../probe/probe.ts';
import { leftHidden, removeLeftovers } from '../probe/removal.ts';

const EVIDENCE = 'notion.evidence';
const SCRATCH = 'notion.probe_scratch';
const AGAIN = 'run `pgnotion doctor --probe`, which takes some minutes and at most 60 requests';

type End = { readonly pool: Pool; readonly store: Store; readonly environment: Environment };

/** What is known of this workspace by a probe, and what an interrupted one has left, which is removed. */
export async function probeChecks(end: End, connection: string | null): Promise<readonly Check[]> {
  const evidence = await storedEvidence(end.store);
  return [evidenceCheck(evidence, end.environment, connection), ...(await leftoverChecks(end))];
}

function evidenceCheck(
  evidence: Evidence | null,
  environment: Environment,
  connection: string | null,
): Check {
  const standing = standingOf(environment, connection);
  const assumed = assumptionsLine(assumptionsOf(evidence, standing, givenBy(environment)));
  const stale = evidence === null ? null : staleEvidence(evidence, standing);
  const seen = `${evidenceLine(evidence, standing)}; ${assumed}`;
  return stale === null ? ok(EVIDENCE, seen) : warning(EVIDENCE, `${stale}; ${assumed}`, AGAIN);
}

async function leftoverChecks({ pool, store, environment }: End): Promise<readonly Check[]> {
  if ((await readScratch(store)).length === 0) return [];
  const unlock = await lockProbes(pool);
  if (unlock === null) return [ok(SCRATCH, 'a probe is at work')];
  try {
    const options = {
      environment,
      clock: realClock,
      signal: new AbortController().signal,
      tell: () => undefined,
    };
    const { removed, hidden } = await withSession(options, { pool, store }, (session) =>
      removeLeftovers(session, environment.NOTION_PARENT_PAGE_ID ?? null),
    );
    const left = await readScratch(store);
    if (hidden.length > 0) {
      const { message, remedy } = leftHidden(hidden);
      return [warning(SCRATCH, message, remedy)];
    }
    if (left.length > 0)
      return [
        warning(
          SCRATCH,
          'a scratch page of a probe that was interrupted may still appear',
          'run `pgnotion doctor` again in some minutes, which removes it',
        ),
      ];
    return [ok(SCRATCH, `what an interrupted probe had left is removed (pages: ${removed})`)];
  } catch (error) {
    const remedy = error instanceof PgnotionError ? error.remedy : 'run `pgnotion doctor` again';
    return [failed(SCRATCH, `the scratch page of an interrupted probe stays: ${messageOf(error)}`, remedy)];
  } finally {
    await unlock();
  }
}
