import { messageOf } from '../model/errors.ts';
import type { TableName } from '../model/ids.ts';
import { findingKinds } from '../model/verify.ts';
import type { VerifyContext } from '../reconcile/verify-context.ts';
import { keepTrying, pause } from '../runtime/retry.ts';
import { forgetAskedVerify, readAskedVerify } from '../state/admin-actions.ts';
import { readSources } from '../state/sources.ts';
import { sinceVerifiedMs } from '../state/verify.ts';
import { runVerify } from './verify.ts';

const LOOK_MS = 30_000;
/** Whoever asked in the dashboard is looking. */
const ASKED_MS = 5_000;

/** Who asks for the comparisons that the configuration wants. */
const ACTOR = '(verify.everyHours)';

/**
 * Compares both sides behind everything else: all tables as often as the configuration says (null: never by itself), once
 * every table has been read whole, and what somebody asks for in the dashboard.
 */
export async function runVerifySchedule(
  context: Omit<VerifyContext, 'tell'>,
  everyMs: number | null,
  signal: AbortSignal,
): Promise<void> {
  let looked = Number.NEGATIVE_INFINITY;
  await keepTrying(
    async (healthy) => {
      while (!signal.aborted) {
        await verifyAsked(context);
        if (everyMs !== null && performance.now() - looked >= Math.min(LOOK_MS, everyMs)) {
          looked = performance.now();
          if (await isDue(context, everyMs)) await verifyTables(context, [...context.tables.keys()], ACTOR);
        }
        healthy();
        await pause(Math.min(ASKED_MS, everyMs ?? ASKED_MS), signal);
      }
    },
    { name: 'verify', log: context.log, signal },
  );
}

/** One that was cut off by the end of the daemon is made by the next one. */
async function verifyAsked(context: Omit<VerifyContext, 'tell'>): Promise<void> {
  const asked = await readAskedVerify(context.store);
  if (asked === null) return;
  const tables = [...context.tables.keys()].filter((name) => asked.table === null || name === asked.table);
  try {
    if (tables.length > 0) await verifyTables(context, tables, asked.actor);
  } catch (error) {
    context.signal.throwIfAborted();
    context.log.warn({ reason: messageOf(error) }, 'the comparison that was asked for could not be made');
  }
  await forgetAskedVerify(context.store);
}

async function isDue({ store }: Pick<VerifyContext, 'store'>, everyMs: number): Promise<boolean> {
  const sources = [...(await readSources(store)).values()];
  if (sources.length === 0 || sources.some(({ backfilledAt }) => backfilledAt === null)) return false;
  const since = await sinceVerifiedMs(store, ACTOR);
  return since === null || since >= everyMs;
}

async function verifyTables(
  context: Omit<VerifyContext, 'tell'>,
  names: readonly TableName[],
  actor: string,
): Promise<void> {
  const scope = { tables: names, where: null, sample: null };
  const told = { ...context, tell: () => undefined };
  const report = await runVerify(told, { scope, actor, unresolved: new Map() });
  const { run, differences, seconds, tables } = report;
  const kinds = findingKinds.filter((kind) => tables.some((one) => (one.differences[kind] ?? 0) > 0));
  if (report.result === 'same') context.log.info({ run, seconds }, 'both sides are the same');
  else
    context.log.warn(
      { run, seconds, differences, kinds, skipped: report.skipped },
      'verify found differences',
    );
}
