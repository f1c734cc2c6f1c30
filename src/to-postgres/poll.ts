import type { PageId, TableName } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { tableTrouble } from '../model/table-trouble.ts';
import { probeRows } from '../postgres/rows.ts';
import { keepTrying, pause } from '../runtime/retry.ts';
import type { Wake } from '../runtime/wake.ts';
import { dueEdits, editsOf, nextEditMs, strangers } from '../state/edits.ts';
import { ripeDoubts } from '../state/operations.ts';
import { linkedPages, recordsByPage } from '../state/records.ts';
import { recover, type Source, saveWatermark, suspend } from '../state/sources.ts';
import type { InboundContext } from './context.ts';
import { inspectAbsent, inspectAgain, inspectPages } from './detect.ts';
import { scan } from './scan.ts';

/**
 * Notion's times are floored to the minute and its queries may lag: each poll looks this far behind the watermark.
 * What was seen before compares equal and costs nothing more.
 */
const OVERLAP_MS = 180_000;

export type PollOptions = {
  readonly intervalMs: number;
  readonly wake: Wake;
  /** Pages that somebody saw a person's edit on; emptied as they are looked at. */
  readonly hints: Set<PageId>;
  /** Counts up without jumps. */
  readonly steadyMs: () => number;
  readonly onPolled?: (table: TableName) => void;
};

/** Notion to rows, for ever: polls each data source, and looks at what was hinted or had to wait in between. */
export async function runPoll(
  context: InboundContext,
  options: PollOptions,
  signal: AbortSignal,
): Promise<void> {
  const polls = [...context.tables.values()].map((table) =>
    keepTrying((healthy) => pollTable(context, options, table, signal, healthy), {
      name: `poll ${table.name}`,
      log: context.log,
      signal,
      // Nothing that Notion answers may end the daemon: capture must go on (invariant 13).
      mayPass: () => true,
    }),
  );
  const looks = keepTrying((healthy) => lookAtWaiting(context, options, signal, healthy), {
    name: 'poll',
    log: context.log,
    signal,
    mayPass: () => true,
  });
  await Promise.all([...polls, looks]);
}

async function pollTable(
  context: InboundContext,
  options: PollOptions,
  table: ResolvedTable,
  signal: AbortSignal,
  healthy: () => void,
): Promise<void> {
  while (!signal.aborted) {
    const started = options.steadyMs();
    const source = await context.sourceOf(table.name);
    if (source.pausedBy !== 'hand') {
      await pollOrSuspend(context, table, source);
      healthy();
      options.onPolled?.(table.name);
    }
    const rest = options.intervalMs - (options.steadyMs() - started);
    await pause(Math.max(rest, 0), signal);
  }
}

/**
 * A database that is gone, or a table that changed under us, stops this table alone: it says so in `status`, and goes on
 * by itself once a poll and a look at the columns succeed.
 */
async function pollOrSuspend(context: InboundContext, table: ResolvedTable, source: Source): Promise<void> {
  try {
    await probeRows(context.db, table);
    await pollOnce(context, table, source);
  } catch (error) {
    const reason = tableTrouble(error);
    if (reason === null) throw error;
    if (source.pausedBy === null) context.log.error({ table: table.name, reason }, 'a table is suspended');
    await context.store.transaction((sql) => suspend(sql, table.name, reason));
    return;
  }
  if (source.pausedBy !== 'trouble') return;
  await context.store.transaction((sql) => recover(sql, table.name));
  context.log.info({ table: table.name }, 'a suspended table goes on');
  context.onDirty();
}

/** One poll of one data source. Exported for tests and for the first sync. */
export async function pollOnce(context: InboundContext, table: ResolvedTable, source: Source): Promise<void> {
  // Taken first: what is edited during the scan lies behind it, and the next poll sees it.
  const notionNow = context.clock.atLeast();
  const before = await linkedPages(context.store, table.name);
  const known = await strangers(context.store, table.name);
  const whole = isWhole(context, source, before.length);
  const seen = new Set<PageId>();
  let newest: Date | null = null;
  const from = whole || source.watermark === null ? null : new Date(source.watermark.getTime() - OVERLAP_MS);
  for await (const pages of scan(context.notion, source.dataSource, from)) {
    for (const page of pages) {
      seen.add(page.id);
      if (newest === null || page.lastEditedTime > newest) newest = page.lastEditedTime;
    }
    await inspectPages(context, table, source, pages);
  }
  const absent = before.map(({ page }) => page).filter((page) => !seen.has(page));
  if (whole) {
    await inspectAbsent(context, table, absent);
    for (const page of known) if (!seen.has(page)) await inspectAgain(context, table.name, page, null);
  }
  const watermark = notionNow ?? newest;
  if (whole || (watermark !== null && isNews(source.watermark, watermark))) {
    await context.store.transaction((sql) => saveWatermark(sql, table.name, { watermark, whole }));
  }
}

/** Whether this poll reads everything: the first one, a small data source, or a sweep that is due. */
function isWhole(context: InboundContext, source: Source, pages: number): boolean {
  if (source.sweptAt === null || source.watermark === null || pages <= context.wholePollPages) return true;
  return context.now().getTime() - source.sweptAt.getTime() > context.sweepMs;
}

/** An idle system writes nothing: the watermark moves by whole minutes, which is all that Notion's times tell. */
const isNews = (old: Date | null, watermark: Date): boolean =>
  old === null || watermark.getTime() - old.getTime() >= 60_000;

async function lookAtWaiting(
  context: InboundContext,
  options: PollOptions,
  signal: AbortSignal,
  healthy: () => void,
): Promise<void> {
  while (!signal.aborted) {
    for (const edit of await dueEdits(context.store)) {
      if (signal.aborted) return;
      await inspectAgain(context, edit.table, edit.page, edit);
    }
    for (const page of [...options.hints]) {
      options.hints.delete(page);
      const record = (await recordsByPage(context.store, [page])).get(page);
      const edit = (await editsOf(context.store, [page])).get(page) ?? null;
      if (record !== undefined) await inspectAgain(context, record.table, page, edit);
    }
    for (const { table, page } of await ripeDoubts(context.store, DOUBTS)) {
      if (signal.aborted) return;
      await inspectAgain(context, table, page, null);
    }
    healthy();
    const due = await nextEditMs(context.store);
    await options.wake.wait(Math.max(50, Math.min(due ?? IDLE_MS, IDLE_MS)), signal);
  }
}

/** How many pages with a lost write are looked at in one go. */
const DOUBTS = 20;
/** How often waiting edits are looked for when nobody rings: retries asked for in SQL. */
const IDLE_MS = 2_000;
