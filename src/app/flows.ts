import type { Config } from '../config/mapping-file.ts';
import { createNotionClock } from '../model/clock.ts';
import { asksPeople } from '../model/conflict.ts';
import { messageOf } from '../model/errors.ts';
import type { PageId, TableName } from '../model/ids.ts';
import type { Assumptions } from '../model/probe/assumptions.ts';
import { BACKFILL, BULK, LIVE } from '../model/urgency.ts';
import type { NotionClient } from '../notion/client.ts';
import { createPeople } from '../notion/people.ts';
import { briefQueries } from '../postgres/brief-queries.ts';
import { isConnectionLost } from '../postgres/connection-lost.ts';
import { runBackfill } from '../reconcile/backfill.ts';
import { runFirstSync, type ShowProgress } from '../reconcile/first-sync.ts';
import { createSchemaTracker } from '../reconcile/schema-tracker.ts';
import { createShapes } from '../reconcile/shapes.ts';
import { withTrash } from '../reconcile/trashed-database.ts';
import { type ConflictPagesContext, runConflictPages } from '../reports/conflict-pages.ts';
import { runNotices } from '../reports/refusal-notices.ts';
import { runSyncLog, type SyncLogContext } from '../reports/sync-log.ts';
import { createKeyLock } from '../runtime/keylock.ts';
import { createLooks } from '../runtime/looks.ts';
import { pause } from '../runtime/retry.ts';
import type { Service } from '../runtime/service.ts';
import { createWake, type Wake } from '../runtime/wake.ts';
import { tagSecret } from '../state/secret.ts';
import { readSource, type Source } from '../state/sources.ts';
import type { Store } from '../state/sql.ts';
import type { SyncContext } from '../sync/context.ts';
import { runDeliver } from '../to-notion/dispatch.ts';
import { createInHand } from '../to-notion/in-hand.ts';
import { createRefusedFieldSearch } from '../to-notion/refused-field-search.ts';
import { createRefusedRequests } from '../to-notion/refused-requests.ts';
import { applyMoves } from '../to-notion/rekey.ts';
import type { InboundContext } from '../to-postgres/context.ts';
import type { Hints } from '../to-postgres/hints.ts';
import { type PollOptions, runPoll } from '../to-postgres/poll.ts';
import { runSweep } from '../to-postgres/sweep.ts';
import { createTwoWayRelations } from '../to-postgres/two-way-relations.ts';
import { createSchemaWatch } from '../to-postgres/watch-schema.ts';
import type { Installation } from './connections.ts';
import { createReadLog } from './log-read.ts';
import { createSettleRelations } from './settle-relations.ts';
import { sourceUnknown } from './source-unknown.ts';
import { noticedMs, pageLister } from './verify.ts';
import { runVerifySchedule } from './verify-schedule.ts';

const steadyMs = (): number => performance.now();

export type Wakeups = Readonly<Record<'live' | 'bulk' | 'backfill' | 'poll', Wake>>;
type Shared = Omit<SyncContext, 'botId' | 'schema'> &
  Pick<InboundContext, 'writer' | 'tagSecret'> & {
    readonly schema: ReturnType<typeof createSchemaTracker>;
    readonly shapes: ReturnType<typeof createShapes>;
  };
type Flowing = Shared & Pick<SyncContext, 'botId'>;
type Flow = {
  readonly shared: Flowing;
  readonly wakeups: Wakeups;
  readonly hints: Hints;
  readonly assumed: Assumptions;
};

type FlowOptions = {
  readonly createGraceMs?: number;
  readonly untilNextPoll?: PollOptions['untilNext'];
  readonly showProgress?: ShowProgress;
};

export function flowsOf(
  options: FlowOptions,
  installation: Installation,
  { shared, wakeups, hints, assumed }: Flow,
): readonly Service[] {
  const { config, environment } = installation;
  const hint = (page: PageId): void => {
    hints.add({ page, table: null, changed: [], left: false, byWebhook: false });
    wakeups.poll.ring();
  };
  const createGraceMs = options.createGraceMs ?? assumed.createGraceMs;
  const outbound = {
    ...shared,
    ...assumed,
    listings: new Map(),
    inHand: createInHand(),
    hint,
    createGraceMs,
    refusedFields: createRefusedFieldSearch(),
    refusedRequests: createRefusedRequests(),
  };
  const inbound = {
    ...shared,
    ...assumed,
    settleMs: config.settleSeconds * 1_000,
    wholePollPages: config.wholePollPages,
    sweepMs: config.sweepHours * 3_600_000,
  };
  const poll = {
    intervalMs: environment.SYNC_INTERVAL_SECONDS * 1_000,
    wake: wakeups.poll,
    hints,
    twoWayRelations: createTwoWayRelations(shared.notion, steadyMs),
    watchSchema: createSchemaWatch(steadyMs),
    steadyMs,
    untilNext: options.untilNextPoll ?? pause,
  };
  return [
    ...deliveriesOf(outbound, shared, wakeups, environment.SYNC_BATCH_SIZE),
    { name: 'poll', run: (signal) => runPoll(inbound, poll, signal) },
    { name: 'sweep', run: (signal) => runSweep(inbound, signal) },
    ...firstSyncOf({ ...shared, limit: environment.NOTION_RATE_LIMIT }, options.showProgress),
    ...syncLogOf(config.syncLog, { ...outbound, limit: environment.NOTION_RATE_LIMIT }),
    ...conflictPagesOf(installation, outbound),
    ...verifyOf(installation, shared),
    { name: 'schema', run: (signal) => shared.schema.run(signal) },
    { name: 'table shapes', run: (signal) => shared.shapes.run(signal) },
    { name: 'notices', run: (signal) => runNotices({ ...shared, isConnectionLost, createGraceMs }, signal) },
  ];
}

/** Rows may have got other keys while nobody was there: their records follow before anything is written to their pages. */
const deliveriesOf = (
  outbound: Parameters<typeof runDeliver>[0],
  { readLog, log }: Pick<Flowing, 'readLog' | 'log'>,
  wakeups: Wakeups,
  batchSize: number,
): readonly Service[] => {
  const busy = new Set<string>();
  const lanes = [
    { name: 'deliver', urgency: LIVE, wake: wakeups.live },
    { name: 'bulk delivery', urgency: BULK, wake: wakeups.bulk },
    { name: 'backfill delivery', urgency: BACKFILL, wake: wakeups.backfill },
  ] as const;
  return lanes.map(({ name, ...lane }) => ({
    name,
    run: async (signal) => {
      await readLog().catch((error: unknown) => log.info({ reason: messageOf(error) }, 'the log is behind'));
      await runDeliver(outbound, { ...lane, batchSize, busy }, signal);
    },
  }));
};

/** The walk over all rows, and what tells how far it is until the last of them is written. */
function firstSyncOf(
  context: Parameters<typeof runFirstSync>[0] &
    Parameters<typeof applyMoves>[0] &
    Omit<Parameters<typeof runBackfill>[0], 'onWalk' | 'followMoves'>,
  show: ShowProgress | undefined,
): readonly Service[] {
  const walks = createWake();
  const timing = { now: steadyMs, wait: walks.wait };
  return [
    {
      name: 'backfill',
      run: (signal) =>
        runBackfill({ ...context, followMoves: () => applyMoves(context), onWalk: walks.ring }, signal),
    },
    { name: 'first sync', run: (signal) => runFirstSync(context, timing, signal, show) },
  ];
}

function syncLogOf(
  { level, ...keep }: Config['syncLog'],
  shared: Omit<SyncLogContext, 'settings'>,
): readonly Service[] {
  if (level === 'off') return [];
  const context = { ...shared, settings: { level, ...keep } };
  return [{ name: 'sync log', run: (signal) => runSyncLog(context, signal) }];
}

/** Comparisons that the configuration or somebody in the dashboard asks for, behind everything else and within the same budget. */
function verifyOf(installation: Installation, shared: Flowing): readonly Service[] {
  const { verifyHours, tables } = installation.config;
  const configured = tables.map(({ name }) => name);
  const everyMs = verifyHours === null ? null : verifyHours * 3_600_000;
  const { store, notion, sourceOf } = shared;
  const context = {
    ...shared,
    listPages: pageLister(notion, shared.log),
    settleRelations: createSettleRelations({ store, notion, sourceOf, readOnly: true }),
    noticedMs: noticedMs(installation),
    priority: 'sweep',
  } as const;
  return [
    {
      name: 'verify',
      run: (signal) => runVerifySchedule({ ...context, signal }, { everyMs, configured, signal }),
    },
  ];
}

function conflictPagesOf(
  { config, environment, tables }: Installation,
  shared: Omit<ConflictPagesContext, 'intervalMs' | 'keepDays'>,
): readonly Service[] {
  if (!asksPeople(tables)) return [];
  const intervalMs = environment.SYNC_INTERVAL_SECONDS * 1_000;
  const context = { ...shared, intervalMs, keepDays: config.syncLog.days };
  return [{ name: 'conflict pages', run: (signal) => runConflictPages(context, signal) }];
}

/** What the flows have in common, before it is known who we are in Notion. */
export async function sharedContext(
  installation: Installation,
  store: Store,
  notion: NotionClient,
  onDirty: () => void,
  unread: AbortSignal,
): Promise<Shared> {
  const { log, config, db, writer, tables } = installation;
  const secret = await tagSecret(store);
  const schema = createSchemaTracker({ store, notion, tables, onDirty, log });
  const shapes = shapesOf(installation, store, schema, onDirty);
  const ends = {
    store,
    notion: schema.notion,
    sourceOf: async (name: TableName) => {
      const source = await sourceOf(store, name);
      await schema.follow(source);
      return source;
    },
  };
  return {
    ...ends,
    db,
    writer,
    log,
    onDirty,
    schema,
    shapes,
    suspension: async (name, error) => withTrash(ends, name, await shapes.suspension(name, error)),
    tables: schema.tables,
    settleRelations: createSettleRelations(ends),
    people: createPeople(notion),
    locks: createKeyLock(),
    looks: createLooks(),
    clock: createNotionClock(steadyMs),
    now: () => new Date(),
    guards: config.guards,
    tagSecret: secret,
    readLog: createReadLog(db, store, secret, unread),
  };
}

const shapesOf = (
  { pool, db, config, environment, log }: Installation,
  store: Store,
  { tables, replace }: ReturnType<typeof createSchemaTracker>,
  onDirty: () => void,
): ReturnType<typeof createShapes> =>
  createShapes({
    store,
    db: briefQueries(pool),
    rows: db,
    mappings: config.tables,
    strategy: environment.SYNC_CONFLICT_STRATEGY,
    tables,
    replace,
    onDirty,
    log,
  });

async function sourceOf(store: Store, name: TableName): Promise<Source> {
  const source = await readSource(store, name);
  if (source !== null) return source;
  throw sourceUnknown(name);
}
