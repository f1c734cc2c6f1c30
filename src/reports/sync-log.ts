import type { Json } from '../model/change.ts';
import type { PageId } from '../model/ids.ts';
import {
  entryProperties,
  type LogEntry,
  type SyncLogLevel,
  type SyncLogSettings,
} from '../model/sync-log.ts';
import { ABSENT, type Seen } from '../model/unanswered.ts';
import type { NotionClient } from '../notion/client.ts';
import { createOnce } from '../notion/create-once.ts';
import { isGone, isInTrash, NotionFailure, stopsAll } from '../notion/error-classification.ts';
import type { RateLimit } from '../notion/throttle.ts';
import type { Log } from '../runtime/log.ts';
import { keepTrying, pause } from '../runtime/retry.ts';
import { type ReportDatabasePlace, readReportDatabase } from '../state/report-databases.ts';
import type { Store } from '../state/sql.ts';
import {
  collapse,
  collect,
  countAttempt,
  expired,
  forgetEntry,
  markEntryHidden,
  markSent,
  markUnsent,
  markWritten,
  nextEntry,
} from '../state/sync-log.ts';
import { knowingSchema, writable } from './report-database-schema.ts';

export type SyncLogContext = {
  readonly store: Store;
  readonly notion: NotionClient;
  readonly settings: SyncLogSettings & { readonly level: Exclude<SyncLogLevel, 'off'> };
  readonly limit: RateLimit;
  /** How long a page that nobody confirmed may still appear. */
  readonly createGraceMs: number;
  readonly log: Log;
};

const LOOK_MS = 5_000;
/** The longest wait while its database cannot be written to. */
const RETRY_MAX_MS = 60_000;
/** Lines that may wait for their pages before the oldest are left out. */
const MOST_WAITING = 500;
/** Of the window's requests: people's data goes first, and has nearly all of it. */
const SHARE = 0.1;
const MAX_ATTEMPTS = 5;
/** A line that fails because Notion is out of order for a while is not given up. */
const PATIENCE_SECONDS = 3_600;
const TRASH_BATCH = 20;

/**
 * Tells people in Notion what was synced and what went wrong, for ever: a page for each line. It is never in the way:
 * lowest priority, a tenth of the window, and what would be too much is left out, which one line says.
 */
export async function runSyncLog(context: SyncLogContext, signal: AbortSignal): Promise<void> {
  const { level } = context.settings;
  await keepTrying(
    async (healthy) => {
      while (!signal.aborted) {
        const place = await readReportDatabase(context.store, 'sync_log');
        if (place !== null) {
          await context.store.transaction((sql) => collect(sql, level));
          await context.store.transaction((sql) => collapse(sql, MOST_WAITING));
          const ask = { priority: 'bookkeeping', signal } as const;
          await knowingSchema(context, 'sync_log', ask, () => writeAll(context, place, signal));
          await trashOld(context, signal);
        }
        healthy();
        await pause(LOOK_MS, signal);
      }
    },
    { name: 'sync log', log: context.log, signal, maxMs: RETRY_MAX_MS, mayPass: () => true },
  );
}

async function writeAll(
  context: SyncLogContext,
  place: ReportDatabasePlace,
  signal: AbortSignal,
): Promise<void> {
  const between = context.limit.windowMs / Math.max(1, context.limit.requests * SHARE);
  const waiting: string[] = [];
  for (;;) {
    const entry = await nextEntry(context.store, waiting);
    if (entry === null || signal.aborted) return;
    if (entry.attempts >= MAX_ATTEMPTS && entry.ageSeconds > PATIENCE_SECONDS) {
      context.log.warn({ entry: entry.syncId }, 'a line of the sync log cannot be written');
      await context.store.transaction((sql) => forgetEntry(sql, entry.syncId));
      continue;
    }
    const written = await write(context, place, entry, signal).catch(async (error: unknown) => {
      // What Notion refuses is tried a few times, in case somebody mends the database; a line must not block the log. While
      // the whole database is hidden or in the trash, its lines wait.
      if (error instanceof NotionFailure && !stopsAll(error) && !isGone(error) && !isInTrash(error))
        await context.store.transaction((sql) => countAttempt(sql, entry.syncId));
      throw error;
    });
    if (!written) waiting.push(entry.syncId);
    await pause(between, signal);
  }
}

/** Makes the entry's page. False if an earlier request may still make it: the next round looks again. */
async function write(
  context: SyncLogContext,
  place: ReportDatabasePlace,
  entry: LogEntry & { readonly sentAgoMs: number | null },
  signal: AbortSignal,
): Promise<boolean> {
  const { syncId, sentAgoMs } = entry;
  const { store, notion } = context;
  const properties = writable(place, Object.entries(entryProperties(entry)));
  const created = await createOnce<PageId>({
    intent: {
      sentAgoMs,
      begin: () => store.transaction((sql) => markSent(sql, syncId)),
      failed: async (_, isOver) => {
        if (isOver) await store.transaction((sql) => markUnsent(sql, syncId));
      },
    },
    find: () => find(context, place, entry, signal),
    send: async (beforeLeaving) => {
      const ask = { priority: 'bookkeeping', signal, beforeLeaving } as const;
      const page = await notion.createPage({ dataSourceId: place.dataSource, properties }, ask);
      return { kind: 'made', thing: page.id };
    },
    byId: async (id) => id as PageId,
    graceMs: context.createGraceMs,
  });
  switch (created.kind) {
    case 'made':
    case 'found':
      await store.transaction((sql) => markWritten(sql, syncId, created.thing));
      return true;
    case 'waits':
      return false;
    case 'failed':
      throw created.failure;
    default:
      return created satisfies never;
  }
}

async function find(
  context: SyncLogContext,
  place: ReportDatabasePlace,
  entry: LogEntry,
  signal: AbortSignal,
): Promise<Seen<PageId>> {
  const filter: Json = { property: 'title', title: { equals: entry.syncId } };
  const ask = { priority: 'bookkeeping', signal } as const;
  const { pages } = await context.notion.query({ dataSourceId: place.dataSource, filter, pageSize: 1 }, ask);
  return pages[0] === undefined ? ABSENT : { kind: 'found', thing: pages[0].id };
}

/** What cannot be trashed now is tried again with the next round, and the others go all the same. */
async function trashOld(context: SyncLogContext, signal: AbortSignal): Promise<void> {
  const { store, notion, settings, log } = context;
  for (const { syncId, page } of await expired(store, settings, TRASH_BATCH)) {
    if (signal.aborted) return;
    try {
      await notion.setTrash(page, true, { priority: 'bookkeeping', signal });
    } catch (error) {
      if (!(error instanceof NotionFailure) || stopsAll(error)) throw error;
      if (isGone(error)) {
        // Not shown now is not gone: it is tried again each day, until its time in the trash would be over.
        const days = await store.transaction((sql) => markEntryHidden(sql, syncId));
        if (days < TRASH_DAYS) continue;
      } else if (!isInTrash(error)) {
        log.debug({ page, why: error.message }, 'an entry of the sync log could not be trashed');
        continue;
      }
      // A person was quicker.
      log.debug({ page, why: error.message }, 'an entry of the sync log was gone already');
    }
    await store.transaction((sql) => forgetEntry(sql, syncId));
  }
}

/** After so many days Notion purges its trash. */
const TRASH_DAYS = 30;
