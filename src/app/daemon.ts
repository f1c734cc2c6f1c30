import type { AlertTiming } from '../admin/alert-sender.ts';
import { createMonitor, type Monitor } from '../admin/monitor.ts';
import type { Environment } from '../config/environment.ts';
import type { Config } from '../config/mapping-file.ts';
import { knownError } from '../model/connection-lost.ts';
import { preflight } from '../postgres/preflight.ts';
import { assertSameDatabase, hasSameRole } from '../postgres/server-identity.ts';
import type { ShowProgress } from '../reconcile/first-sync.ts';
import type { Log } from '../runtime/log.ts';
import { keepTrying, within } from '../runtime/retry.ts';
import { runTogether } from '../runtime/service.ts';
import { onAbort } from '../runtime/signal.ts';
import { readCheckpoint } from '../state/checkpoint.ts';
import { readInstallation } from '../state/installation.ts';
import { type Holder, noteSyncing, takeLease } from '../state/lease.ts';
import type { SlotWait } from '../state/slot-notes.ts';
import { createStore, type Store } from '../state/sql.ts';
import { followKeyColumns } from './changed-key-columns.ts';
import { type Installation, openInstallation, openNotion } from './connections.ts';
import { tellSession } from './doctor/session-warnings.ts';
import { ownInstallation } from './installation-identity.ts';
import { isMendedByStartingOver } from './open-stream.ts';
import { openedTo } from './opened.ts';
import { checkPlugin } from './output-plugin.ts';
import { assertSlotFree, prepareSlot } from './prepare-slot.ts';
import { checkNotion } from './readiness.ts';
import { assertSameWorkspace } from './same-workspace.ts';
import { type Self, servicesOf } from './services.ts';
import { settingsView } from './settings-view.ts';
import { suspendUnresolved } from './unresolved-tables.ts';

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
  /** Waits until a table is to be polled again, which is `ms` away; by the clock alone if absent. */
  readonly untilNextPoll?: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Shows the first sync to a person who watches, instead of lines in the log. */
  readonly showProgress?: ShowProgress;
  /** Nothing can be changed through the admin port. */
  readonly readOnlyPort?: boolean;
  /** A person said that the installation which had this state, or these databases, is gone. */
  readonly takeOver?: boolean;
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
  if (!options.environment.SYNC_ENABLED) {
    // A daemon that syncs for months needs none of it.
    const { checkOnly } = await import('./doctor/check-only.ts');
    return checkOnly(options);
  }
  const monitor = await createMonitor(deskOptions(options));
  using _ = onAbort(signal, () => monitor.report({ kind: 'stopping' }));
  const address = monitor.address();
  if (address !== null) options.onListening?.(address);
  try {
    await runUntilStopped(options, monitor, signal);
  } finally {
    await monitor.close();
  }
}

function deskOptions({
  config,
  environment,
  log,
  alertTiming,
  readOnlyPort = false,
}: DaemonOptions): Parameters<typeof createMonitor>[0] {
  return {
    host: environment.ADMIN_HOST,
    port: environment.ADMIN_PORT,
    token: environment.ADMIN_TOKEN ?? null,
    readOnly: readOnlyPort,
    settings: settingsView(config, environment),
    limit: environment.NOTION_RATE_LIMIT,
    alertUrl: environment.ALERT_WEBHOOK_URL ?? null,
    otlpEndpoint: environment.OTEL_EXPORTER_OTLP_ENDPOINT ?? null,
    alerts: config.alerts,
    notion: {
      url: environment.NOTION_BASE_URL ?? 'https://api.notion.com',
      limit: environment.NOTION_RATE_LIMIT,
    },
    slot: config.slot,
    tables: config.tables.map((table) => table.name),
    log,
    ...(alertTiming && { alertTiming }),
  };
}

async function runUntilStopped(options: DaemonOptions, monitor: Monitor, signal: AbortSignal): Promise<void> {
  let ready = false;
  // From here on nobody is looking: it syncs, or waits behind another for as long as that one lives.
  let unattended = false;
  // Once what was taken over is ours, it is so by itself.
  const claims: Claims = { slot: options.takeOver === true, sources: options.takeOver === true };
  // At the start a person is looking, and an answer now beats a patient retry; later nobody is, and whatever is
  // wrong may be mended while we wait: a lost slot by a new one, the rest by an operator who reads the log.
  const retry = {
    name: 'the daemon',
    log: options.log,
    signal,
    mayPass: (error: unknown) => unattended || isMendedByStartingOver(error),
  };
  await keepTrying(async (healthy) => {
    const onReady = (): void => {
      ready = true;
      unattended = true;
      healthy();
      monitor.report({ kind: 'syncing' });
      options.onReady?.();
    };
    const onStandby = (): void => {
      unattended = true;
      healthy();
    };
    do await runOnce({ ...options, monitor, onReady, onStandby, wasReady: () => ready, claims }, signal);
    while (!signal.aborted);
  }, retry);
}

/** One of the runs of a daemon, and whether one of them has been as far as to sync. */
type Run = DaemonOptions & {
  readonly onStandby: () => void;
  readonly wasReady: () => boolean;
  readonly monitor: Monitor;
  readonly claims: Claims;
};

/** What is still to be taken over. */
type Claims = { slot: boolean; sources: boolean };

async function runOnce(options: Run, signal: AbortSignal): Promise<void> {
  const { monitor } = options;
  monitor.report({ kind: 'run' });
  try {
    await takeTurn(options, signal);
  } catch (error) {
    monitor.report({ kind: 'failed', code: knownError(error)?.code ?? 'unexpected' });
    throw error;
  }
}

async function takeTurn(options: Run, signal: AbortSignal): Promise<void> {
  const { monitor } = options;
  const installation = await openInstallation(options.config, options.environment, options.log, {
    resolving: 'each',
  });
  try {
    const { log, pool, config } = installation;
    using _open = monitor.opened(openedTo(installation));
    const { DATABASE_URL, REPLICATION_URL = DATABASE_URL } = options.environment;
    const replicates = hasSameRole(DATABASE_URL, REPLICATION_URL);
    await within(PREFLIGHT_MS, 'the checks before the start', preflight(pool, config.slot, replicates));
    await within(PREFLIGHT_MS, 'the checks of the plug-in', checkPlugin(pool, config));
    await within(PREFLIGHT_MS, 'the look at the session', tellSession(pool, DATABASE_URL, config.slot, log));
    let before: { readonly holder: Holder | null } | null = null;
    const onStandby = (holder: Holder | null): void => {
      before = { holder };
      options.onStandby();
      monitor.report({ kind: 'standby', holder });
    };
    const lease = await takeLease({ pool, log, onStandby }, signal);
    if (lease === null) return;
    monitor.report({ kind: 'turn' });
    tellTakeOver(monitor, before);
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

function tellTakeOver(monitor: Monitor, before: { readonly holder: Holder | null } | null): void {
  if (before === null) return;
  const from = before.holder === null ? null : `${before.holder.host}, process ${before.holder.process}`;
  monitor.happened({ kind: 'taken-over', from, at: new Date() });
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
  const { claims } = options;
  // Before the first effect: a copy must not touch what is the original's.
  const bound = await ownInstallation(installation, claims.slot);
  const { notion, throttle, answers } = openNotion(installation, store.epoch, options.monitor.answered);
  // What is under way is finished; what waits for its place in the window would hold the stop for a minute.
  using _ = onAbort(signal, () => void throttle.stop());
  const greet = async (given: AbortSignal): Promise<Self> => {
    const self = await notion.me({ priority: 'live', signal: given });
    await assertSameWorkspace(store, self);
    const own = (await readInstallation(store)) ?? bound;
    await checkNotion(installation, notion, { own, takeOver: claims.sources });
    claims.sources = false;
    return self;
  };
  try {
    await suspendUnresolved(installation, store);
    await followKeyColumns(installation, store);
    const url = environment.REPLICATION_URL ?? environment.DATABASE_URL;
    const onWait = (wait: SlotWait | null): void => options.monitor.report({ kind: 'waiting', wait });
    const slot = { installation, store, url, signal, onWait, takeOver: claims.slot };
    await assertSameDatabase(installation.pool, { url: environment.DATABASE_URL, replicationUrl: url });
    await assertSlotFree(slot);
    // Before there is a slot, whatever is wrong in Notion must be right; a slot that exists is read whatever it is.
    const fresh = (await readCheckpoint(store, config.slot)) === null;
    const known = fresh ? await greet(signal) : null;
    const renewed = await prepareSlot(slot);
    if (signal.aborted) return;
    claims.slot = false;
    if (renewed !== null) options.monitor.happened({ kind: 'slot-renewed', reason: renewed, at: new Date() });
    const greeted = async (given: AbortSignal): Promise<Self> => {
      const self = known ?? (await greet(given));
      await noteSyncing(store);
      return self;
    };
    const ends = { notion, answers, url, greet: greeted };
    await runTogether(await servicesOf(options, installation, store, ends), signal, log);
    log.info('stopped; everything in flight is recorded');
  } finally {
    await throttle.stop();
  }
}
