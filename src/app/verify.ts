import { commandOf } from '../model/command-line.ts';
import { messageOf, PgnotionError } from '../model/errors.ts';
import type { TableName } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { serverErrorOf } from '../model/server-error.ts';
import { inTableOrder } from '../model/table-order.ts';
import type { FindingKind } from '../model/verify.ts';
import { MOST_LISTED, type TableReport, type VerifyReport } from '../model/verify-report.ts';
import { stopsAll } from '../notion/error-classification.ts';
import { scan } from '../notion/scan.ts';
import { isConnectionLost, mayPassLater } from '../postgres/connection-lost.ts';
import { verifyTable } from '../reconcile/verify.ts';
import type { VerifyContext, VerifyScope } from '../reconcile/verify-context.ts';
import type { Log } from '../runtime/log.ts';
import { isDaemonAlive, syncTimes } from '../state/in-flight.ts';
import { readSources, type Source } from '../state/sources.ts';
import { beginVerify, countFindings, dropFindings, endVerify, firstFindings } from '../state/verify.ts';
import type { Installation } from './connections.ts';
import { omittedFields, type PausedFields } from './omitted-fields.ts';

/** Who asks for a comparison, and what of. */
export type VerifyTask = {
  readonly scope: VerifyScope;
  readonly actor: string;
  /** Tables that cannot be read now, and why. */
  readonly unresolved: ReadonlyMap<TableName, PgnotionError>;
  /** What speaks against the fields that tables go without, where no daemon may have noticed it yet. */
  readonly paused: PausedFields;
};

type Skipped = VerifyReport['skipped'][number];

/** Compares both sides of all tables of the scope, and keeps what was found as a run. Throws what no table survives. */
export async function runVerify(context: VerifyContext, task: VerifyTask): Promise<VerifyReport> {
  const { store } = context;
  const { scope, actor } = task;
  const started = new Date();
  const only = scope.tables.length === 1 ? (scope.tables[0] ?? null) : null;
  const { where, sample } = scope;
  const run = await beginVerify(store, { selection: JSON.stringify(scope), table: only, actor });
  try {
    const daemon = await isDaemonAlive(store);
    const { compared, skipped, unseen } = await compareTables(context, task, run);
    context.signal.throwIfAborted();
    const tables = await withDifferences(context, run, compared);
    const omitted = await omittedFields(context, compared, { unseen, paused: task.paused });
    const differences = tables.reduce((sum, one) => sum + total(one.differences), 0);
    const result = differences + skipped.length + omitted.length > 0 ? 'differences' : 'same';
    const finished = new Date();
    const report: Omit<VerifyReport, 'findings'> = {
      run,
      startedAt: started.toISOString(),
      finishedAt: finished.toISOString(),
      seconds: (finished.getTime() - started.getTime()) / 1_000,
      result,
      daemon,
      scope: { all: isAll(context, task), where, sample },
      tables,
      skipped,
      omitted,
      differences,
    };
    await endVerify(store, run, {
      result,
      counts: report,
      total: tables.reduce((sum, { rows }) => sum + rows, 0),
    });
    return { ...report, findings: await firstFindings(store, run, MOST_LISTED) };
  } catch (error) {
    await endVerify(store, run, { result: 'failed', counts: {}, total: 0 }).catch(() => undefined);
    throw error;
  }
}

const isAll = ({ tables }: VerifyContext, { scope, unresolved }: VerifyTask): boolean =>
  [...tables.keys(), ...unresolved.keys()].every((name) => scope.tables.includes(name));

const total = (counts: Partial<Record<FindingKind, number>>): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0);

type Compared = Omit<TableReport, 'differences'>;

async function compareTables(
  context: VerifyContext,
  { scope, unresolved }: VerifyTask,
  run: string,
): Promise<{
  readonly compared: readonly Compared[];
  readonly skipped: readonly Skipped[];
  readonly unseen: ReadonlyMap<TableName, ReadonlySet<string>>;
}> {
  const unseen = new Map<TableName, Set<string>>();
  const compared: Compared[] = [];
  const skipped: Skipped[] = [];
  const sources = await readSources(context.store);
  const tables = inTableOrder([...context.tables.values()].filter(({ name }) => scope.tables.includes(name)));
  for (const name of scope.tables) {
    const why = unresolved.get(name);
    if (why !== undefined) skipped.push({ table: name, reason: why.message, remedy: why.remedy });
  }
  for (const table of tables) {
    const source = sources.get(table.name);
    if (source === undefined) {
      skipped.push({
        table: table.name,
        reason: 'it has no database in Notion yet',
        remedy: 'run `pgnotion apply`',
      });
      continue;
    }
    try {
      const missed = new Set<string>();
      const counts = await verifyTable({ context, run, table, source, unseen: missed }, scope);
      unseen.set(table.name, missed);
      const { lastSynced, lastPolled, lastSwept } = await syncTimes(context.store, table.name);
      const times = { lastSynced: iso(lastSynced), lastPolled: iso(lastPolled), lastSwept: iso(lastSwept) };
      compared.push({ table: table.name, ...counts, ...times });
    } catch (error) {
      const own = failureOfTable(error);
      if (own === null) throw error;
      await dropFindings(context.store, run, table.name);
      skipped.push({ table: table.name, ...own });
    }
  }
  return { compared, skipped, unseen };
}

/** What is wrong with one table says nothing of the others; null for all else. A condition is the caller's own mistake. */
function failureOfTable(error: unknown): Omit<Skipped, 'table'> | null {
  if (error instanceof PgnotionError)
    return stopsAll(error) || error.code === 'where_invalid'
      ? null
      : { reason: error.message, remedy: error.remedy };
  if (serverErrorOf(error) === null || isConnectionLost(error)) return null;
  const remedy = mayPassLater(error)
    ? 'compare it again once nobody has it locked: select pid, state, query from pg_stat_activity where cardinality(pg_blocking_pids(pid)) > 0'
    : `give back in SQL what the message names, or correct the table in the configuration: ${commandOf('doctor')} says more`;
  return { reason: messageOf(error), remedy };
}

const iso = (at: Date | null): string | null => at?.toISOString() ?? null;

async function withDifferences(
  context: VerifyContext,
  run: string,
  compared: readonly Compared[],
): Promise<readonly TableReport[]> {
  const counts = await countFindings(context.store, run);
  return compared.map((one) => ({
    ...one,
    differences: Object.fromEntries(
      counts.filter(({ table }) => table === one.table).map(({ kind, count }) => [kind, count]),
    ),
  }));
}

/** The live pages of a data source, as the sweep reads them. */
export const pageLister =
  (notion: VerifyContext['notion'], log: Log): VerifyContext['listPages'] =>
  ({ dataSource, table }: Source, priority) =>
    scan(notion, {
      dataSource,
      by: 'created_time',
      from: null,
      priority,
      onGap: (minute) =>
        log.warn(
          { table, minute },
          'more pages were made in one minute than Notion lists: each is asked for',
        ),
      onUnreadable: ({ id }) => log.warn({ table, page: id }, 'a page could not be read out of a list'),
    });

/** How long an edit in Notion takes to be noticed: two polls, what queries lag behind, and what an edit has to settle. */
export const noticedMs =
  ({ config, environment }: Pick<Installation, 'config' | 'environment'>): VerifyContext['noticedMs'] =>
  ({ settleSeconds }: ResolvedTable) =>
    1_000 *
    (2 * environment.SYNC_INTERVAL_SECONDS +
      environment.SYNC_QUERY_LAG_SECONDS +
      Math.max(config.settleSeconds, settleSeconds ?? 0) +
      WORK_SECONDS);

/** What a daemon may take to work off what a poll shows. */
const WORK_SECONDS = 5;

/** The tables that are meant: all, or those that are named. Throws `table_unknown`. */
export function tablesMeant(
  { config }: Pick<Installation, 'config'>,
  names: readonly string[],
): readonly TableName[] {
  const all = config.tables.map(({ name }) => name);
  for (const name of names)
    if (!all.some((each) => each === name))
      throw new PgnotionError({
        code: 'table_unknown',
        message: `${name} is not a synced table`,
        remedy: `use one of ${all.join(', ')}: ${commandOf('verify', '--table', all[0] ?? '')}`,
      });
  return names.length === 0 ? all : all.filter((each) => names.includes(each));
}
