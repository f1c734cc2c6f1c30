import type { AlertTiming } from './admin/alerts.ts';
import { type Desk, openDesk } from './admin/desk.ts';
import type { Config } from './config.ts';
import { type Bells, flowsOf, sharedContext } from './daemon-flows.ts';
import { type House, keepHouse } from './daemon-house.ts';
import { captureOrRenew, checkPlugin, streamOf } from './daemon-plugin.ts';
import { prepareSlot } from './daemon-slot.ts';
import { isMendedByStartingOver, openOwnStream } from './daemon-stream.ts';
import { suspendUnresolved, unresolvedService } from './daemon-unresolved.ts';
import type { Environment } from './environment.ts';
import { type Installation, openInstallation, openNotion } from './installation.ts';
import { checkNotion } from './installation-readiness.ts';
import { PgnotionError } from './model/errors.ts';
import type { NotionClient } from './notion/client.ts';
import { preflight } from './postgres/preflight.ts';
import { assertSameDatabase } from './postgres/server-identity.ts';
import { watchPublication } from './reconcile/publication.ts';
import type { Log } from './runtime/log.ts';
import { keepTrying, mayPass, within } from './runtime/retry.ts';
import { runTogether, type Service } from './runtime/service.ts';
import { onAbort } from './runtime/signal.ts';
import { createWake } from './runtime/wake.ts';
import { readCheckpoint } from './state/checkpoint.ts';
import { type Holder, takeLease } from './state/lease.ts';
import type { Answer } from './state/requests.ts';
import type { SlotWait } from './state/slot-notes.ts';
import { createStore, type Store } from './state/sql.ts';
import { createHints, type Hint } from './to-postgres/hints.ts';

export type DaemonOptions = {
  readonly config: Config;
  readonly environment: Environment;
  readonly log: Log;
  /** Called once everything is checked and the loops run. */
  readonly onReady?: () => void;
  /** Instead of SYNC_CREATE_GRACE_SECONDS. */
  readonly createGraceMs?: number;
  /** After this silence either end of the replication stream gives the other up. */
  readonly senderTimeoutMs?: number;
  /** Called with `http://host:port` once the port answers. */
  readonly onListening?: (address: string) => void;
  readonly alertTiming?: AlertTiming;
};

/** What is in flight when the lock is lost may be finished and recorded within this time. */
const FINISH_MS = 2_000;
const PREFLIGHT_MS = 15_000;

/**
 * Checks everything, waits for its turn, and syncs until the signal comes; then finishes and records what is in
 * flight. Throws `PgnotionError` with the remedy for whatever makes it impossible to start. A lost lock or
 * connection while it runs leads back to waiting for its turn.
 */
export async function runDaemon(options: DaemonOptions, signal: AbortSignal): Promise<void> {
  const desk = await openDesk(deskOptions(options));
  using _ = onAbort(signal, () => desk.report({ kind: 'stopping' }));
  const address = desk.address();
  if (address !== null) options.onListening?.(address);
  try {
    await runUntilStopped(options, desk, signal);
  } finally {
    await desk.close();
  }
}

function deskOptions({
  config,
  environment,
  log,
  alertTiming,
}: DaemonOptions): Parameters<typeof openDesk>[0] {
  return {
    host: environment.ADMIN_HOST,
    port: environment.ADMIN_PORT,
    alertUrl: environment.ALERT_WEBHOOK_URL ?? null,
    slot: config.slot,
    tables: config.tables.map((table) => table.name),
    log,
    ...(alertTiming && { alertTiming }),
  };
}

async function runUntilStopped(options: DaemonOptions, desk: Desk, signal: AbortSignal): Promise<void> {
  let ready = false;
  // At the start a person is looking, and an answer now beats a patient retry; later nobody is, and whatever is
  // wrong may be mended while we wait: a lost slot by a new one, the rest by an operator who reads the log.
  const retry = {
    name: 'the daemon',
    log: options.log,
    signal,
    mayPass: (error: unknown) => ready || isMendedByStartingOver(error),
  };
  await keepTrying(async (healthy) => {
    const onReady = (): void => {
      ready = true;
      healthy();
      desk.report({ kind: 'syncing' });
      options.onReady?.();
    };
    do await runOnce({ ...options, desk, onReady, wasReady: () => ready }, signal);
    while (options.environment.SYNC_ENABLED && !signal.aborted);
  }, retry);
}

/** One of the runs of a daemon, and whether one of them has been as far as to sync. */
type Run = DaemonOptions & { readonly wasReady: () => boolean; readonly desk: Desk };

async function runOnce(options: Run, signal: AbortSignal): Promise<void> {
  const { desk } = options;
  desk.report({ kind: 'run' });
  try {
    await takeTurn(options, signal);
  } catch (error) {
    desk.report({ kind: 'failed', code: error instanceof PgnotionError ? error.code : 'unexpected' });
    throw error;
  }
}

async function takeTurn(options: Run, signal: AbortSignal): Promise<void> {
  const { desk } = options;
  const installation = await openInstallation(options.config, options.environment, options.log, {
    resolving: 'each',
  });
  try {
    const { log, pool, config } = installation;
    using _open = desk.opened(createStore(pool, 0));
    await within(PREFLIGHT_MS, 'the checks before the start', preflight(pool, config.slot));
    await within(PREFLIGHT_MS, 'the checks of the plug-in', checkPlugin(pool, config));
    let before: { readonly holder: Holder | null } | null = null;
    const onStandby = (holder: Holder | null): void => {
      before = { holder };
      desk.report({ kind: 'standby', holder });
    };
    const lease = await takeLease({ pool, log, onStandby }, signal);
    if (lease === null) return;
    desk.report({ kind: 'turn' });
    tellTakeOver(desk, before);
    using _ = severAfter(lease.lost, installation.sever);
    try {
      await work(
        options,
        installation,
        createStore(pool, lease.epoch),
        AbortSignal.any([signal, lease.lost]),
      );
      if (lease.lost.aborted && !signal.aborted) log.warn('lost the lock; standing by again');
    } finally {
      await lease.release();
    }
  } finally {
    await installation.close();
  }
}

function tellTakeOver(desk: Desk, before: { readonly holder: Holder | null } | null): void {
  if (before === null) return;
  const from = before.holder === null ? null : `${before.holder.host}, process ${before.holder.process}`;
  desk.happened({ kind: 'taken-over', from, at: new Date() });
}

/** A lock that is lost because the server fell silent takes every connection with it: none would ever answer. */
function severAfter(lost: AbortSignal, sever: () => void): Disposable {
  let timer: NodeJS.Timeout | undefined;
  const listening = onAbort(lost, () => {
    timer = setTimeout(sever, FINISH_MS);
  });
  return {
    [Symbol.dispose]: () => {
      listening[Symbol.dispose]();
      clearTimeout(timer);
    },
  };
}

async function work(
  options: Run,
  installation: Installation,
  store: Store,
  signal: AbortSignal,
): Promise<void> {
  const { log, config, environment } = installation;
  const { notion, throttle, answers } = openNotion(installation, store.epoch, options.desk.answered);
  // What is under way is finished; what waits for its place in the window would hold the stop for a minute.
  using _ = onAbort(signal, () => void throttle.stop());
  const greet = async (given: AbortSignal): Promise<Self> => {
    const self = await notion.me({ priority: 'live', signal: given });
    await checkNotion(installation, notion);
    return self;
  };
  try {
    await suspendUnresolved(installation, store);
    // Before there is a slot, whatever is wrong in Notion must be right; a slot that exists is read whatever it is.
    const fresh = (await readCheckpoint(store, config.slot)) === null;
    const known = fresh || !environment.SYNC_ENABLED ? await greet(signal) : null;
    const url = environment.REPLICATION_URL ?? environment.DATABASE_URL;
    const onWait = (wait: SlotWait | null): void => options.desk.report({ kind: 'waiting', wait });
    await assertSameDatabase(installation.pool, { url: environment.DATABASE_URL, replicationUrl: url });
    const renewed = await prepareSlot({ installation, store, url, signal, onWait, takeOver: false });
    if (signal.aborted) return;
    if (renewed !== null) options.desk.happened({ kind: 'slot-renewed', reason: renewed, at: new Date() });
    if (!environment.SYNC_ENABLED) {
      log.info('everything is in order; SYNC_ENABLED is false, so nothing is synced');
      return;
    }
    const ends = { notion, answers, url, greet: async (given: AbortSignal) => known ?? greet(given) };
    await runTogether(await servicesOf(options, installation, store, ends), signal, log);
    log.info('stopped; everything in flight is recorded');
  } finally {
    await throttle.stop();
  }
}

type Self = Awaited<ReturnType<NotionClient['me']>>;

type Ends = {
  readonly notion: NotionClient;
  readonly answers: Answer[];
  /** Who we are in Notion, once Notion answers and has what the mapping needs. */
  readonly greet: (signal: AbortSignal) => Promise<Self>;
  /** PostgreSQL's direct address. */
  readonly url: string;
};

/** Capture needs nothing of Notion and goes on whatever Notion does; the rest begins when Notion answers (invariant 13). */
async function servicesOf(
  options: Run,
  installation: Installation,
  store: Store,
  ends: Ends,
): Promise<readonly Service[]> {
  const { log, config } = installation;
  const bells: Bells = { live: createWake(), bulk: createWake(), backfill: createWake(), poll: createWake() };
  const shared = await sharedContext(installation, store, ends.notion, () => {
    for (const bell of [bells.live, bells.bulk, bells.backfill]) bell.ring();
  });
  const { slot, publication } = config;
  const stream = { ...streamOf(config), url: ends.url, senderTimeoutMs: options.senderTimeoutMs, log };
  const capture = {
    ...shared,
    slot,
    open: (given: AbortSignal) =>
      openOwnStream({ ...stream, signal: given }, { pool: installation.pool, store }),
    tables: installation.tables,
  };
  const published = { ...shared, pool: installation.pool, publication };
  const house = { ...keepingOf(config), store, log, answers: ends.answers };
  const flow = async (signal: AbortSignal): Promise<void> => {
    const self = await greetPatiently(options, ends, signal);
    if (self === null) return;
    log.info({ tables: config.tables.map((table) => table.name), as: self.name }, 'syncing');
    const hints = createHints();
    const hint = (one: Omit<Hint, 'byWebhook'>): boolean => {
      const taken = hints.add({ ...one, byWebhook: true });
      bells.poll.ring();
      return taken;
    };
    using _ = options.desk.atWork({ store, tables: shared.tables, botId: self.id, hint });
    options.onReady?.();
    const flows = flowsOf(options, installation, { ...shared, botId: self.id }, bells, hints);
    await runTogether(flows, signal, log);
  };
  return [
    { name: 'capture', run: (signal) => captureOrRenew(capture, signal) },
    { name: 'publication', run: (signal) => watchPublication(published, signal) },
    { name: 'housekeeping', run: (signal) => keepHouse(house, signal) },
    { name: 'flows', run: flow },
    ...unresolvedService(installation, store),
  ];
}

/** What housekeeping goes by. */
const keepingOf = ({
  rememberDays,
  retentionDays,
  tables,
}: DaemonOptions['config']): Pick<House, 'rememberDays' | 'days' | 'tables'> => ({
  rememberDays,
  days: retentionDays,
  tables: tables.map(({ name }) => name),
});

/** Null if the signal comes first. What no waiting mends ends a daemon that has just been started. */
async function greetPatiently(
  { log, wasReady }: Run,
  { greet }: Ends,
  signal: AbortSignal,
): Promise<Self | null> {
  let self: Self | null = null;
  const retry = { name: 'Notion', log, signal, mayPass: (error: unknown) => wasReady() || mayPass(error) };
  await keepTrying(async () => {
    self = await greet(signal);
  }, retry);
  return self;
}
