import { findingKinds } from '../model/verify.ts';
import type { VerifyContext } from '../reconcile/verify-context.ts';
import { keepTrying, pause } from '../runtime/retry.ts';
import { readSources } from '../state/sources.ts';
import { sinceVerifiedMs } from '../state/verify.ts';
import { runVerify } from './verify.ts';

const LOOK_MS = 30_000;

/** Who asks for the comparisons that the configuration wants. */
const ACTOR = '(verify.everyHours)';

/** Compares all tables as often as the configuration says, behind everything else, once every table has been read whole. */
export async function runVerifySchedule(
  context: Omit<VerifyContext, 'tell'>,
  everyMs: number,
  signal: AbortSignal,
): Promise<void> {
  await keepTrying(
    async (healthy) => {
      while (!signal.aborted) {
        if (await isDue(context, everyMs)) await verifyAll({ ...context, tell: () => undefined });
        healthy();
        await pause(Math.min(LOOK_MS, everyMs), signal);
      }
    },
    { name: 'verify', log: context.log, signal },
  );
}

async function isDue({ store }: Pick<VerifyContext, 'store'>, everyMs: number): Promise<boolean> {
  const sources = [...(await readSources(store)).values()];
  if (sources.length === 0 || sources.some(({ backfilledAt }) => backfilledAt === null)) return false;
  const since = await sinceVerifiedMs(store, ACTOR);
  return since === null || since >= everyMs;
}

async function verifyAll(context: VerifyContext): Promise<void> {
  const scope = { tables: [...context.tables.keys()], where: null, sample: null };
  const report = await runVerify(context, { scope, actor: ACTOR, unresolved: new Map() });
  const { run, differences, seconds, tables } = report;
  const kinds = findingKinds.filter((kind) => tables.some((one) => (one.differences[kind] ?? 0) > 0));
  if (report.result === 'same') context.log.info({ run, seconds }, 'both sides are the same');
  else
    context.log.warn(
      { run, seconds, differences, kinds, skipped: report.skipped },
      'verify found differences',
    );
}
