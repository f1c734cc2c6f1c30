import { commandOf } from '../model/command-line.ts';
import { messageOf, PgnotionError } from '../model/errors.ts';
import type { TableName } from '../model/ids.ts';
import { findingKinds } from '../model/verify.ts';
import type { VerifyContext } from '../reconcile/verify-context.ts';
import { keepTrying, pause } from '../runtime/retry.ts';
import { forgetAskedVerify, readAskedVerify } from '../state/admin-actions.ts';
import { readSources } from '../state/sources.ts';
import { sinceVerified } from '../state/verifications.ts';
import { runVerify } from './verify.ts';

type Schedule = {
  /** Null: never by itself. */
  readonly everyMs: number | null;
  /** All tables of the configuration, whether they can be synced or not. */
  readonly configured: readonly TableName[];
  readonly signal: AbortSignal;
};

const LOOK_MS = 30_000;
/** Whoever asked in the dashboard is looking. */
const ASKED_MS = 5_000;

/** One that failed begins from the start, and leaves a run: an outage of a night is no reason for hundreds. */
const AGAIN_MS = 900_000;

/** Who asks for the comparisons that the configuration wants. */
const ACTOR = '(verify.everyHours)';

/**
 * Compares both sides behind everything else: all tables as often as the configuration says (or never by itself), once
 * every table has been read whole, and what somebody asks for in the dashboard.
 */
export async function runVerifySchedule(
  context: Omit<VerifyContext, 'tell'>,
  { everyMs, configured, signal }: Schedule,
): Promise<void> {
  let looked = Number.NEGATIVE_INFINITY;
  await keepTrying(
    async (healthy) => {
      while (!signal.aborted) {
        await verifyAsked(context, configured);
        if (everyMs !== null && performance.now() - looked >= Math.min(LOOK_MS, everyMs)) {
          looked = performance.now();
          if (await isDue(context, { everyMs, configured })) await verifyTables(context, configured, ACTOR);
        }
        healthy();
        await pause(Math.min(ASKED_MS, everyMs ?? ASKED_MS), signal);
      }
    },
    { name: 'verify', log: context.log, signal },
  );
}

/** One that was cut off by the end of the daemon is made by the next one. */
async function verifyAsked(
  context: Omit<VerifyContext, 'tell'>,
  configured: Schedule['configured'],
): Promise<void> {
  const asked = await readAskedVerify(context.store);
  if (asked === null) return;
  const tables = configured.filter((name) => asked.table === null || name === asked.table);
  try {
    if (tables.length > 0) await verifyTables(context, tables, asked.actor);
  } catch (error) {
    context.signal.throwIfAborted();
    context.log.warn({ reason: messageOf(error) }, 'the comparison that was asked for could not be made');
  }
  await forgetAskedVerify(context.store);
}

/** A table that stands still may stay so for long, and keeps no other from being compared. */
async function isDue(
  { store }: Pick<VerifyContext, 'store'>,
  { everyMs, configured }: { readonly everyMs: number } & Pick<Schedule, 'configured'>,
): Promise<boolean> {
  const known = await readSources(store);
  const sources = configured.flatMap((name) => known.get(name) ?? []);
  if (sources.every(({ backfilledAt }) => backfilledAt === null)) return false;
  if (sources.some(({ backfilledAt, pausedBy }) => backfilledAt === null && pausedBy === null)) return false;
  const since = await sinceVerified(store, ACTOR);
  if (since.failed !== null && since.failed < Math.min(everyMs, AGAIN_MS)) return false;
  return since.done === null || since.done >= everyMs;
}

/** Those that the daemon goes without, and why. */
async function standingStill(
  { store, tables }: Pick<VerifyContext, 'store' | 'tables'>,
  names: readonly TableName[],
): Promise<ReadonlyMap<TableName, PgnotionError>> {
  const sources = await readSources(store);
  return new Map(
    names
      .filter((name) => !tables.has(name))
      .map((name) => [name, tableUnresolved(name, sources.get(name)?.pausedReason ?? null)]),
  );
}

const tableUnresolved = (name: TableName, reason: string | null): PgnotionError =>
  new PgnotionError({
    code: 'table_suspended',
    message: reason ?? `${name} is suspended`,
    remedy: `see ${commandOf('drift list')}`,
  });

async function verifyTables(
  context: Omit<VerifyContext, 'tell'>,
  names: readonly TableName[],
  actor: string,
): Promise<void> {
  const scope = { tables: names, where: null, sample: null };
  const told = { ...context, tell: () => undefined };
  const unresolved = await standingStill(context, names);
  const report = await runVerify(told, { scope, actor, unresolved, paused: new Map() });
  const { run, differences, seconds, tables } = report;
  const kinds = findingKinds.filter((kind) => tables.some((one) => (one.differences[kind] ?? 0) > 0));
  if (report.result === 'same') context.log.info({ run, seconds }, 'both sides are the same');
  else
    context.log.warn(
      { run, seconds, differences, kinds, skipped: report.skipped },
      'verify found differences',
    );
}
