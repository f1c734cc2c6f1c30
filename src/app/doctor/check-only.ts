import type { Environment } from '../../config/environment.ts';
import type { Config } from '../../config/mapping-file.ts';
import type { Check } from '../../model/doctor/check.ts';
import { PgnotionError } from '../../model/errors.ts';
import type { Log } from '../../runtime/log.ts';
import { nodeFault } from '../../runtime/node-version.ts';
import { examine } from './doctor.ts';

/**
 * What `start` does while SYNC_ENABLED is false: every check, and nothing that stays behind. Throws PgnotionError
 * `checks_failed` if something would keep it from syncing.
 */
export async function checkOnly(options: {
  readonly config: Config;
  readonly environment: Environment;
  readonly log: Log;
}): Promise<void> {
  const { config, environment, log } = options;
  const version = process.versions.node;
  const checks = await examine({
    node: { version, fault: nodeFault(version) },
    configuration: { file: 'the configuration', tables: config.tables.length, faults: [] },
    unknownVariables: [],
    config,
    environment,
    ends: { postgres: true, notion: true },
  });
  const inTheWay = checks.filter(isInTheWay);
  if (inTheWay.length > 0) throw checksFailed(inTheWay);
  for (const { id, status, seen, fix } of checks)
    if (status === 'warning') log.warn({ check: id, fix }, seen);
  log.info('everything is in order; SYNC_ENABLED is false, so nothing is synced');
}

/** Before there is a database to sync with, `doctor` only warns, since `apply` is what comes next. */
const isInTheWay = ({ id, status }: Check): boolean =>
  status === 'failed' || (status === 'warning' && id.startsWith('notion.table.'));

const checksFailed = (checks: readonly Check[]): PgnotionError =>
  new PgnotionError({
    code: 'checks_failed',
    message: `a start would not come to sync, and nothing was changed:\n${checks.map(({ id, seen }) => `  ${id}: ${seen}`).join('\n')}`,
    remedy: checks.map(({ id, fix }) => `${id}: ${fix}`).join('\n'),
  });
