import { messageOf } from '../model/errors.ts';
import type { TableName } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import type { NotionPage } from '../notion/client.ts';
import { stopsAll } from '../notion/error-classification.ts';
import type { Priority } from '../notion/fair-queue.ts';
import type { UnreadablePage } from '../notion/query-response.ts';
import { scan } from '../notion/scan.ts';
import { createPatience, type Patience } from '../runtime/patience.ts';
import { keepTrying, pause } from '../runtime/retry.ts';
import {
  advanceSweep,
  beginSweep,
  dueSweeps,
  endSweep,
  markMet,
  type Sweep,
  unmet,
} from '../state/sweeps.ts';
import { type InboundContext, inLane } from './context.ts';
import { inspectAbsent, inspectPages } from './detect.ts';
import { keepUnreadable } from './page-failure.ts';

/** How often a sweep is looked for that is due or was asked for. */
const LOOK_MS = 2_000;
const ABSENT_BATCH = 50;
const RETRY = { firstMs: 5_000, maxMs: 600_000 };

/**
 * Finds, for ever, what no watermark shows: a relation that was edited from its other end, a page that a lagging query
 * left out, one that was trashed or moved. Each data source is read whole now and then, behind everything else.
 */
export async function runSweep(context: InboundContext, signal: AbortSignal): Promise<void> {
  const broken = createPatience<TableName>(RETRY);
  await keepTrying(
    async (healthy) => {
      while (!signal.aborted) {
        for (const name of await dueSweeps(context.store, context.sweepMs)) {
          const table = context.tables.get(name);
          if (table !== undefined) await sweepAlone(context, table, broken, signal);
        }
        healthy();
        await pause(LOOK_MS, signal);
      }
    },
    { name: 'sweep', log: context.log, signal, mayPass: () => true },
  );
}

/** A table that cannot be read whole is tried again later, and keeps no other table waiting. */
async function sweepAlone(
  context: InboundContext,
  table: ResolvedTable,
  broken: Patience<TableName>,
  signal: AbortSignal,
): Promise<void> {
  if (!broken.mayTry(table.name)) return;
  try {
    await sweep(inLane(context, table.name), table, { priority: 'sweep', signal });
    broken.passed(table.name);
  } catch (error) {
    if (stopsAll(error)) throw error;
    const again = broken.failed(table.name);
    const reason = messageOf(error);
    context.log.warn({ table: table.name, ...again, reason }, 'a sweep failed; it is tried again');
  }
}

/**
 * Reads a data source whole and compares every page; then looks at each known page that was not there, because absence
 * is only a reason to look. Goes on where a stop or a crash broke it off. False if it was stopped before its end.
 */
export async function sweep(
  context: InboundContext,
  { name }: Pick<ResolvedTable, 'name'>,
  { priority, signal }: { readonly priority: Priority; readonly signal: AbortSignal },
  onPages: (pages: readonly NotionPage[]) => Promise<void> = async () => undefined,
): Promise<boolean> {
  const source = await context.sourceOf(name);
  const table = context.tables.get(name);
  if (table === undefined) return false;
  const begun = await context.store.transaction((sql) => beginSweep(sql, table.name, source.dataSource));
  context.log.debug({ table: table.name, from: begun.position }, 'a sweep begins');
  const unreadable: UnreadablePage[] = [];
  const pages = scan(context.notion, {
    dataSource: source.dataSource,
    by: 'created_time',
    from: begun.position,
    priority,
    onUnreadable: (page) => void unreadable.push(page),
    onGap: (minute) => {
      context.log.warn(
        { table: table.name, minute },
        'more pages were made in one minute than Notion lists: those that are records are looked at one by one, others once they are edited',
      );
    },
  });
  for await (const batch of pages) {
    if (signal.aborted || (await isPaused(context, table.name))) return false;
    await inspectPages(context, { table, source, pages: batch }, { afresh: true });
    await onPages(batch);
    const spoilt = unreadable.splice(0);
    await keepUnreadable(context, table.name, spoilt);
    const position = batch.at(-1)?.createdTime;
    if (position === undefined) continue;
    const met = [...batch, ...spoilt].flatMap(({ id }) => id ?? []);
    await context.store.transaction((sql) => advanceSweep(sql, begun, { pages: met, position }));
  }
  if (!(await lookForAbsent(context, table, begun, signal))) return false;
  await context.store.transaction((sql) => endSweep(sql, begun));
  return true;
}

async function isPaused(context: InboundContext, table: TableName): Promise<boolean> {
  const { pausedBy } = await context.sourceOf(table);
  return pausedBy === 'hand' || pausedBy === 'refused';
}

/** False if it was stopped before the end. */
async function lookForAbsent(
  context: InboundContext,
  table: ResolvedTable,
  begun: Sweep,
  signal: AbortSignal,
): Promise<boolean> {
  for (;;) {
    const absent = await unmet(context.store, begun, ABSENT_BATCH);
    if (absent.length === 0) return true;
    for (const { page, of } of absent) {
      if (signal.aborted) return false;
      await inspectAbsent(context, table, [page], of);
      await context.store.transaction((sql) => markMet(sql, [page]));
    }
  }
}
