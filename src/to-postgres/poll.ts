import type { PageId, TableName } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import type { UnreadablePage } from '../notion/query-response.ts';
import { scan } from '../notion/scan.ts';
import { probeRows } from '../postgres/read-failure.ts';
import { keepTrying } from '../runtime/retry.ts';
import { strangers } from '../state/edits.ts';
import { contactOf } from '../state/first-contact.ts';
import { failuresOf } from '../state/page-failures.ts';
import { linkedCount, linkedPages } from '../state/records.ts';
import { recover, type Source, saveWatermark, suspendTable } from '../state/sources.ts';
import { askSweep, pagesAtLast } from '../state/sweeps.ts';
import { lookAtBlocked } from './blocked.ts';
import { type InboundContext, inLane } from './context.ts';
import { inspectAbsent, inspectAgain, inspectPages } from './detect.ts';
import { nextReadingMs, pursueContact } from './first-contact.ts';
import { type LookAgainOptions, lookAtWaiting } from './look-again.ts';
import { judgeAgain } from './match.ts';
import { keepUnreadable } from './page-failure.ts';
import { type Polled, readNewest } from './read-newest.ts';
import { sweep } from './sweep.ts';
import type { SchemaWatch } from './watch-schema.ts';

export type PollOptions = LookAgainOptions & {
  readonly intervalMs: number;
  /** Waits until a table's next poll, which is `ms` away. */
  readonly untilNext: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly watchSchema: SchemaWatch;
  readonly onPolled?: (table: TableName) => void;
};

/** Notion to rows, for ever: polls each data source, and looks at what was hinted or had to wait in between. */
export async function runPoll(
  context: InboundContext,
  options: PollOptions,
  signal: AbortSignal,
): Promise<void> {
  const polls = [...context.tables.values()].map((table) =>
    keepTrying(
      (healthy) => pollTable(inLane(context, table.name), options, { name: table.name, signal, healthy }),
      {
        name: `poll ${table.name}`,
        log: context.log,
        signal,
        // Nothing that Notion answers may end the daemon: capture must go on (invariant 13).
        mayPass: () => true,
      },
    ),
  );
  const looks = keepTrying((healthy) => lookAtWaiting(context, options, signal, healthy), {
    name: 'poll',
    log: context.log,
    signal,
    mayPass: () => true,
  });
  const blocked = keepTrying((healthy) => lookAtBlocked(context, signal, healthy), {
    name: 'blocked edits',
    log: context.log,
    signal,
    mayPass: () => true,
  });
  await Promise.all([...polls, looks, blocked]);
}

async function pollTable(
  context: InboundContext,
  options: PollOptions,
  {
    name,
    signal,
    healthy,
  }: { readonly name: TableName; readonly signal: AbortSignal; readonly healthy: () => void },
): Promise<void> {
  while (!signal.aborted) {
    const started = options.steadyMs();
    let { intervalMs } = options;
    const source = await context.sourceOf(name);
    // As it can be synced now: `sourceOf` brings it up to date.
    const table = context.tables.get(name);
    if (table !== undefined && source.pausedBy !== 'hand' && source.pausedBy !== 'refused') {
      // The rate is better spent on our own mass change.
      if ((await pollOrSuspend(context, table, source, signal)) === 'amid writes') intervalMs *= 2;
      await options.watchSchema(context, table, source);
      healthy();
      options.onPolled?.(name);
    }
    const rest = intervalMs - (options.steadyMs() - started);
    const reading = (table && (await nextReadingMs(context, table))) ?? rest;
    await options.untilNext(Math.max(Math.min(rest, Math.max(reading, LEAST_PAUSE_MS)), 0), signal);
  }
}

/** Between two readings of a database at first contact. */
const LEAST_PAUSE_MS = 100;

/**
 * A database that is gone, or a table that changed under us, stops this table alone: it says so in `status`, and goes on
 * by itself once a poll and a look at the columns succeed.
 */
async function pollOrSuspend(
  context: InboundContext,
  table: ResolvedTable,
  source: Source,
  signal: AbortSignal,
): Promise<Polled> {
  let polled: Polled;
  try {
    await probeRows(context.db, table);
    const startedAt = performance.now();
    polled = await pollOnce(context, table, source, signal);
    if (polled === 'all' && !signal.aborted) context.looks.polled(table.name, startedAt);
  } catch (error) {
    const drifts = await context.suspension(table.name, error);
    if (drifts === null) throw error;
    const suspension = { table: table.name, drifts, isKnown: source.pausedBy !== null };
    if (drifts.length > 0)
      await context.store.transaction((sql) => suspendTable(sql, context.log, suspension));
    return 'all';
  }
  if (source.pausedBy !== 'trouble') return polled;
  await context.store.transaction((sql) => recover(sql, table.name));
  context.log.info({ table: table.name }, 'a suspended table goes on');
  context.onDirty();
  return polled;
}

/** One poll of one data source. Exported for tests. */
export async function pollOnce(
  context: InboundContext,
  table: ResolvedTable,
  source: Source,
  signal: AbortSignal = new AbortController().signal,
): Promise<Polled> {
  // Nothing is delivered before the pages that may exist already are known, so the first reading is not put off.
  if (source.sweptAt === null) {
    await beginWatermark(context, source);
    const met = await contactOf(context.store, table.name);
    if (met === null) await sweep(context, table, { priority: 'poll', signal });
    else await pursueContact(context, table, source, signal);
    return 'all';
  }
  await pursueContact(context, table, source, signal);
  await judgeAgain(context, table);
  if (!(await isSmall(context, table.name))) return pollEdited(context, table, source);
  await pollWhole(context, table, source);
  return 'all';
}

async function beginWatermark(context: InboundContext, source: Source): Promise<void> {
  if (source.watermark !== null) return;
  // What is edited from here on lies behind it, and the next poll sees it.
  const watermark = context.clock.atLeast() ?? (await newestEdit(context, source));
  if (watermark !== null) await context.store.transaction((sql) => saveWatermark(sql, source, watermark));
}

async function newestEdit(context: InboundContext, source: Source): Promise<Date | null> {
  const sorts = [{ timestamp: 'last_edited_time', direction: 'descending' }];
  const { pages } = await context.notion.query(
    { dataSourceId: source.dataSource, sorts, pageSize: 1 },
    { priority: 'poll' },
  );
  return pages[0]?.lastEditedTime ?? null;
}

/** A small data source is read whole each time, so that a page in the trash shows at once. */
async function isSmall(context: InboundContext, table: TableName): Promise<boolean> {
  const { wholePollPages: most } = context;
  if ((await pagesAtLast(context.store, table)) > most) return false;
  return (await linkedCount(context.store, table, most + 1)) <= most;
}

async function pollWhole(context: InboundContext, table: ResolvedTable, source: Source): Promise<void> {
  const startedAt = performance.now();
  const before = await linkedPages(context.store, table.name, context.wholePollPages + 1);
  const known = await strangers(context.store, table.name);
  const { watermark, seen } = await readFrom(context, table, source, null);
  const absent = before.filter((page) => !seen.has(page));
  await inspectAbsent(context, table, await inTime(context, absent), absent.length);
  const others = known.filter((page) => !seen.has(page));
  for (const page of await inTime(context, others))
    await inspectAgain(context, { name: table.name, page, edit: null });
  context.looks.readWhole(table.name, startedAt);
  await moveWatermark(context, table, source, { to: watermark, stepMs: IDLE_STEP_MS });
}

/** Those of these pages that did not fail of late. */
async function inTime(context: InboundContext, pages: readonly PageId[]): Promise<readonly PageId[]> {
  const failures = await failuresOf(context.store, pages);
  return pages.filter((page) => failures.get(page)?.due !== false);
}

async function pollEdited(context: InboundContext, table: ResolvedTable, source: Source): Promise<Polled> {
  // What was seen before compares equal and costs nothing more.
  const from = source.watermark === null ? null : new Date(source.watermark.getTime() - context.overlapMs);
  const newest = from === null ? null : await readNewest(context, table, source, from);
  if (newest !== null && newest.polled !== 'all') return newest.polled;
  const { watermark, seen } = newest ?? (await readFrom(context, table, source, from));
  // What was seen will be seen again from here; if it was nothing, staying costs nothing.
  await moveWatermark(context, table, source, {
    to: watermark,
    stepMs: seen.size > 0 ? STEP_MS : IDLE_STEP_MS,
  });
  return 'all';
}

type Seen = { readonly seen: ReadonlySet<PageId>; readonly watermark: Date | null };

/** Inspects all pages, or those edited since `from`; gives what may be the next watermark. */
async function readFrom(
  context: InboundContext,
  table: ResolvedTable,
  source: Source,
  from: Date | null,
): Promise<Seen> {
  // Taken first: what is edited during the scan lies behind it, and the next poll sees it.
  const notionNow = context.clock.atLeast();
  const seen = new Set<PageId>();
  const gaps: Date[] = [];
  let newest: Date | null = null;
  const by = from === null ? 'created_time' : 'last_edited_time';
  const onGap = (minute: Date): void => void gaps.push(minute);
  const unreadable: UnreadablePage[] = [];
  const onUnreadable = (page: UnreadablePage): void => void unreadable.push(page);
  const what = { dataSource: source.dataSource, by, from, priority: 'poll', onGap, onUnreadable } as const;
  for await (const pages of scan(context.notion, what)) {
    for (const page of pages) {
      seen.add(page.id);
      if (newest === null || page.lastEditedTime > newest) newest = page.lastEditedTime;
    }
    await inspectPages(context, { table, source, pages });
  }
  for (const { id } of unreadable) if (id !== null) seen.add(id);
  await keepUnreadable(context, table.name, unreadable);
  if (gaps.length > 0) await askForSweep(context, table.name, gaps);
  return { seen, watermark: notionNow ?? newest };
}

/** More pages were edited within a minute than a query gives: only a whole reading shows the rest. */
async function askForSweep(
  context: InboundContext,
  table: TableName,
  minutes: readonly Date[],
): Promise<void> {
  context.log.warn(
    { table, minutes },
    'more pages were edited in a minute than Notion lists: all pages are compared',
  );
  await context.store.transaction((sql) => askSweep(sql, table));
}

/** Notion's times tell no more than minutes; and an idle system hardly writes. */
const STEP_MS = 60_000;
const IDLE_STEP_MS = 300_000;

async function moveWatermark(
  { store, tables }: InboundContext,
  table: ResolvedTable,
  source: Source,
  { to: watermark, stepMs }: { readonly to: Date | null; readonly stepMs: number },
): Promise<void> {
  const { watermark: old } = source;
  if (watermark === null || (old !== null && watermark.getTime() - old.getTime() < stepMs)) return;
  // What has been read without a field that is back by now has not been read of it.
  if (tables.get(table.name) !== table) return;
  await store.transaction((sql) => saveWatermark(sql, source, watermark));
}
