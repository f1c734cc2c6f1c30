import { readFile, writeFile } from 'node:fs/promises';
import { type MadePlan, makePlan } from '../app/plan.ts';
import { messageOf, PgnotionError } from '../model/errors.ts';
import { basisDigest, changesSince, type PlanBasis } from '../model/plan-basis.ts';
import { isInSync, type SyncPlan } from '../model/sync-plan.ts';
import type { Loaded } from './commands.ts';
import { planText } from './plan-text.ts';

/** Of the file's layout; another one is not read. */
const FORMAT = 1;

/** A plan as a file holds it, and as JSON is printed. */
type PlanFile = {
  readonly format: typeof FORMAT;
  readonly madeAt: string;
  readonly inSync: boolean;
  /** Of the basis. */
  readonly digest: string;
  readonly basis: PlanBasis;
  readonly plan: SyncPlan;
};

type PlanOptions = {
  readonly json: boolean;
  /** Where to write it, too. */
  readonly out: string | null;
  /** Tells whoever waits how far it has come. */
  readonly tell: (text: string) => void;
};

/** What `apply` and the first sync would do. Throws `plan_unwritable`, and what `apply` throws. */
export async function planCommand(
  loaded: Loaded,
  { json, out, tell }: PlanOptions,
): Promise<{ readonly text: string; readonly inSync: boolean }> {
  const made = await makePlan(loaded, tell);
  const file = fileOf(made);
  const asJson = JSON.stringify(file, null, 2);
  if (out !== null)
    await writeFile(out, `${asJson}\n`).catch((error: unknown) => Promise.reject(unwritable(out, error)));
  return { text: json ? asJson : planText(made.plan), inSync: file.inSync };
}

const fileOf = ({ plan, basis, digest }: MadePlan): PlanFile => ({
  format: FORMAT,
  madeAt: new Date().toISOString(),
  inSync: isInSync(plan),
  digest,
  basis,
  plan,
});

/** Makes sure that a plan still says what would be done. Throws `plan_unreadable` and `plan_stale`. */
export async function assertPlanHolds(
  loaded: Loaded,
  path: string,
  tell: PlanOptions['tell'],
): Promise<void> {
  const { basis } = await readPlan(path);
  const changes = changesSince(basis, (await makePlan(loaded, tell)).basis);
  if (changes.length > 0) throw stale(path, changes);
}

async function readPlan(path: string): Promise<Pick<PlanFile, 'basis'>> {
  const text = await readFile(path, 'utf8').catch((error: unknown) =>
    Promise.reject(unreadable(path, messageOf(error))),
  );
  let file: Partial<PlanFile>;
  try {
    file = JSON.parse(text) as Partial<PlanFile>;
  } catch (error) {
    throw unreadable(path, messageOf(error));
  }
  if (file?.format !== FORMAT || file.basis === undefined)
    throw unreadable(path, 'it is not a plan of this version');
  if (basisDigest(file.basis) !== file.digest) throw unreadable(path, 'it was changed since it was written');
  return { basis: file.basis };
}

const unreadable = (path: string, why: string): PgnotionError =>
  new PgnotionError({
    code: 'plan_unreadable',
    message: `${path} cannot be used as a plan: ${why}`,
    remedy: 'make one with `pgnotion plan --out FILE`, or run `pgnotion apply` without a plan',
  });

const unwritable = (path: string, error: unknown): PgnotionError =>
  new PgnotionError({
    code: 'plan_unwritable',
    message: `the plan cannot be written to ${path}: ${messageOf(error)}`,
    remedy: 'name another file with `pgnotion plan --out FILE`',
    cause: error,
  });

const stale = (path: string, changes: readonly string[]): PgnotionError =>
  new PgnotionError({
    code: 'plan_stale',
    message: `the plan in ${path} no longer says what would be done, and nothing was done. Since it was made, this has changed: ${changes.join('; ')}`,
    remedy: 'run `pgnotion plan --out FILE` again, look at it, and then `pgnotion apply FILE`',
  });
