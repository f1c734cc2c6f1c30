import type { Check } from '../model/doctor/check.ts';
import { judgePostgres } from '../model/doctor/postgres.ts';
import { PgnotionError } from '../model/errors.ts';
import type { TellRemoval } from '../model/removals.ts';
import { sentences } from '../model/sentences.ts';
import type { AppliedTable } from '../notion/apply-schema.ts';
import { parentHidden } from '../notion/create-database.ts';
import { refusedError } from '../reconcile/publication.ts';
import { openInstallation } from './connections.ts';
import { assertMayMake } from './doctor/notion.ts';
import { lookAtPostgres } from './doctor/postgres.ts';
import { type PlannedSchema, planSchema } from './plan-schema.ts';
import { type Given, withReadOnly } from './read-only.ts';
import { checkTables } from './readiness.ts';
import { meetWorkspace } from './same-workspace.ts';

type Ends = Parameters<Parameters<typeof withReadOnly>[1]>[0];

/**
 * Makes sure, before `apply` makes anything at either end, that it will come to its end: what PostgreSQL has to allow, what
 * Notion shows, and all that the databases would be refused for. Changes nothing, but that it brings an older schema of ours
 * up to date. Gives what could be removed, and is not unless a person asks for it. Throws PgnotionError.
 */
export async function assertCanApply(given: Given, takeOver: boolean): Promise<readonly TellRemoval[]> {
  const check = (): Promise<readonly TellRemoval[]> =>
    withReadOnly(given, (ends) => checkBoth(given, ends, takeOver));
  return check().catch(async (error: unknown) => {
    if (!(error instanceof PgnotionError) || error.code !== 'state_other_version') throw error;
    const { config, environment, log } = given;
    await (await openInstallation(config, environment, log, { resolving: 'none' })).close();
    return check();
  });
}

async function checkBoth(given: Given, ends: Ends, takeOver: boolean): Promise<readonly TellRemoval[]> {
  const [postgres, notion] = await Promise.allSettled([
    checkPostgres(given, ends, takeOver),
    checkNotion(ends, takeOver),
  ]);
  if (notion.status === 'rejected') {
    const { reason } = notion;
    const both = postgres.status === 'rejected' ? [postgres.reason, reason] : [reason];
    throw both.every((error) => error instanceof PgnotionError) ? joined(both) : reason;
  }
  if (postgres.status === 'rejected') throw postgres.reason;
  const { makes, removals } = notion.value;
  // The last, because it has to ask for what Notion will not find.
  if (makes) await assertMayMake(ends.notion);
  return removals;
}

function joined([first, second]: readonly PgnotionError[]): PgnotionError | undefined {
  return first === undefined || second === undefined ? first : bothFail(first, second);
}

const bothFail = (postgres: PgnotionError, notion: PgnotionError): PgnotionError =>
  new PgnotionError({
    code: 'checks_failed',
    message: `neither PostgreSQL nor Notion is ready, and nothing was made:\n  PostgreSQL: ${postgres.message}\n  Notion: ${notion.message}`,
    remedy: `PostgreSQL: ${postgres.remedy}\nNotion: ${notion.remedy}`,
  });

/** Told by itself, or no matter for what `apply` does. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'postgres.installation',
  'postgres.clock',
  'postgres.wal_senders',
]);

async function checkPostgres(
  { config, environment }: Given,
  { installation }: Ends,
  takeOver: boolean,
): Promise<void> {
  const { facts } = await lookAtPostgres({ pool: installation.pool, config, environment });
  const failed = judgePostgres(facts).filter(
    ({ id, status }) => status === 'failed' && !LEFT_OUT.has(id) && !(takeOver && id === 'postgres.slot'),
  );
  if (failed.length === 0) return;
  const refused = [...(await checkTables(installation, 'to-tell')).values()].flat();
  const isOfTables = ({ id }: Check): boolean =>
    id.startsWith('postgres.table.') || id === 'postgres.publication';
  throw failed.every(isOfTables) && refused.length > 0 ? refusedError(refused) : notReady(failed);
}

const notReady = (failed: readonly Check[]): PgnotionError =>
  new PgnotionError({
    code: 'checks_failed',
    message: `PostgreSQL is not ready, and nothing was made:\n${failed.map(({ id, seen }) => `  ${id}: ${seen}`).join('\n')}`,
    remedy: failed.map(({ id, fix }) => `${id}: ${fix}`).join('\n'),
  });

async function checkNotion(
  { installation, notion, store }: Ends,
  takeOver: boolean,
): Promise<Pick<PlannedSchema, 'makes' | 'removals'>> {
  await meetWorkspace(store, notion);
  const { applied, hiddenParent, makes, removals } = await planSchema(installation, notion, store, takeOver);
  const faults = applied.filter(({ faults: some }) => some.length > 0);
  if (faults.length > 0) throw notionFaults(faults);
  const parent = installation.environment.NOTION_PARENT_PAGE_ID;
  if (hiddenParent !== null && parent !== undefined) throw parentHidden(parent, hiddenParent.cause);
  return { makes, removals };
}

export const notionFaults = (applied: readonly Pick<AppliedTable, 'table' | 'faults'>[]): PgnotionError =>
  new PgnotionError({
    code: 'notion_schema_faults',
    message: `what is in Notion does not fit, and only a person may change it:\n${applied
      .flatMap(({ table, faults }) =>
        faults.map((fault) => sentences(`  ${table}, ${fault.path}: ${fault.message}`, fault.remedy)),
      )
      .join('\n')}`,
    remedy: 'change these properties as each line says, then run `pgnotion apply` again',
  });
