import type { Config } from './config.ts';
import { prepareSlot } from './daemon-slot.ts';
import type { Environment } from './environment.ts';
import { checkNotion, type Installation, openInstallation, openNotion } from './installation.ts';
import { createNotionClock } from './model/clock.ts';
import { PgnotionError } from './model/errors.ts';
import type { PageId, TableName } from './model/ids.ts';
import type { NotionClient } from './notion/client.ts';
import { createPeople } from './notion/people.ts';
import { preflight } from './postgres/preflight.ts';
import { openWalStream } from './postgres/wal.ts';
import { runBackfill } from './reconcile/backfill.ts';
import { watchPublication } from './reconcile/publication.ts';
import { createKeyLock } from './runtime/keylock.ts';
import type { Log } from './runtime/log.ts';
import { keepTrying, mayPass, pause } from './runtime/retry.ts';
import { runTogether, type Service } from './runtime/service.ts';
import { createWake, type Wake } from './runtime/wake.ts';
import { readCheckpoint } from './state/checkpoint.ts';
import { takeLease } from './state/lease.ts';
import { type Answer, pruneRequests, recordAnswers } from './state/requests.ts';
import { tagSecret } from './state/secret.ts';
import { readSources, type Source } from './state/sources.ts';
import { createStore, type Store } from './state/sql.ts';
import { runCapture } from './to-notion/capture.ts';
import { runDeliver } from './to-notion/deliver.ts';
import { runPoll } from './to-postgres/poll.ts';
import { runSweep } from './to-postgres/sweep.ts';

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
};

const PRUNE_MS = 600_000;
const ANSWERS_MS = 2_000;
/** What is in flight when the lock is lost may be finished and recorded within this time. */
const FINISH_MS = 2_000;

/**
 * Checks everything, waits for its turn, and syncs until the signal comes; then finishes and records what is in
 * flight. Throws `PgnotionError` with the remedy for whatever makes it impossible to start. A lost lock or
 * connection while it runs leads back to waiting for its turn.
 */
export async function runDaemon(options: DaemonOptions, signal: AbortSignal): Promise<void> {
  let ready = false;
  // At the start a person is looking, and an answer now beats a patient retry; later nobody is, and whatever is
  // wrong may be mended while we wait: a lost slot by a new one, the rest by an operator who reads the log.
  const retry = { name: 'the daemon', log: options.log, signal, mayPass: () => ready };
  await keepTrying(async (healthy) => {
    const onReady = (): void => {
      ready = true;
      healthy();
      options.onReady?.();
    };
    do await runOnce({ ...options, onReady, wasReady: () => ready }, signal);
    while (options.environment.SYNC_ENABLED && !signal.aborted);
  }, retry);
}

/** One of the runs of a daemon, and whether one of them has been as far as to sync. */
type Run = DaemonOptions & { readonly wasReady: () => boolean };

async function runOnce(options: Run, signal: AbortSignal): Promise<void> {
  const installation = await openInstallation(options.config, options.environment, options.log);
  try {
    const { log, pool, config } = installation;
    await preflight(pool, config.slot);
    const lease = await takeLease({ pool, log }, signal);
    if (lease === null) return;
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

/** A lock that is lost because the server fell silent takes every connection with it: none would ever answer. */
function severAfter(lost: AbortSignal, sever: () => void): Disposable {
  let timer: NodeJS.Timeout | undefined;
  const start = (): void => {
    timer = setTimeout(sever, FINISH_MS);
  };
  lost.addEventListener('abort', start, { once: true });
  return {
    [Symbol.dispose]: () => {
      lost.removeEventListener('abort', start);
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
  const { notion, throttle, answers } = openNotion(installation, store.epoch);
  // What is under way is finished; what waits for its place in the window would hold the stop for a minute.
  const letNothingLeave = (): void => void throttle.stop();
  signal.addEventListener('abort', letNothingLeave, { once: true });
  const greet = async (given: AbortSignal): Promise<Self> => {
    const self = await notion.me({ priority: 'live', signal: given });
    await checkNotion(installation, notion);
    return self;
  };
  try {
    // Before there is a slot, whatever is wrong in Notion must be right; a slot that exists is read whatever it is.
    const fresh = (await readCheckpoint(store, config.slot)) === null;
    const known = fresh || !environment.SYNC_ENABLED ? await greet(signal) : null;
    const url = environment.REPLICATION_URL ?? environment.DATABASE_URL;
    await prepareSlot(installation, store, url);
    if (!environment.SYNC_ENABLED) {
      log.info('everything is in order; SYNC_ENABLED is false, so nothing is synced');
      return;
    }
    const ends = { notion, answers, url, greet: async (given: AbortSignal) => known ?? greet(given) };
    await runTogether(await servicesOf(options, installation, store, ends), signal, log);
    log.info('stopped; everything in flight is recorded');
  } finally {
    signal.removeEventListener('abort', letNothingLeave);
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
  const bells = { live: createWake(), backfill: createWake(), poll: createWake() };
  const shared = await sharedContext(installation, store, ends, () => {
    bells.live.ring();
    bells.backfill.ring();
  });
  const { slot, publication } = config;
  const stream = { url: ends.url, slot, publication, senderTimeoutMs: options.senderTimeoutMs, log };
  const capture = { ...shared, slot, open: () => openWalStream(stream), tables: installation.tables };
  const published = { ...shared, pool: installation.pool, publication };
  const flow = async (signal: AbortSignal): Promise<void> => {
    const self = await greetPatiently(options, ends, signal);
    if (self === null) return;
    log.info({ tables: config.tables.map((table) => table.name), as: self.name }, 'syncing');
    options.onReady?.();
    const flows = flowsOf(options, installation, { ...shared, botId: self.id }, bells);
    await runTogether(flows, signal, log);
  };
  return [
    { name: 'capture', run: (signal) => runCapture(capture, signal) },
    { name: 'publication', run: (signal) => watchPublication(published, signal) },
    { name: 'housekeeping', run: (signal) => keepHouse(store, ends.answers, log, signal) },
    { name: 'flows', run: flow },
  ];
}

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

type Bells = Readonly<Record<'live' | 'backfill' | 'poll', Wake>>;
type Shared = Awaited<ReturnType<typeof sharedContext>> & { readonly botId: string };

function flowsOf(
  options: DaemonOptions,
  { config, environment }: Installation,
  shared: Shared,
  bells: Bells,
): readonly Service[] {
  const hints = new Set<PageId>();
  const hint = (page: PageId): void => {
    hints.add(page);
    bells.poll.ring();
  };
  const createGraceMs = options.createGraceMs ?? environment.SYNC_CREATE_GRACE_SECONDS * 1_000;
  const outbound = { ...shared, hint, createGraceMs };
  const inbound = {
    ...shared,
    clock: createNotionClock(() => performance.now()),
    settleMs: config.settleSeconds * 1_000,
    wholePollPages: config.wholePollPages,
    sweepMs: config.sweepHours * 3_600_000,
  };
  const poll = {
    intervalMs: environment.SYNC_INTERVAL_SECONDS * 1_000,
    wake: bells.poll,
    hints,
    steadyMs: () => performance.now(),
  };
  const rounds = { batchSize: environment.SYNC_BATCH_SIZE, busy: new Set<string>() };
  const live = { ...rounds, urgency: 0, wake: bells.live } as const;
  const backfill = { ...rounds, urgency: 1, wake: bells.backfill } as const;
  return [
    { name: 'deliver', run: (signal) => runDeliver(outbound, live, signal) },
    { name: 'backfill delivery', run: (signal) => runDeliver(outbound, backfill, signal) },
    { name: 'poll', run: (signal) => runPoll(inbound, poll, signal) },
    { name: 'sweep', run: (signal) => runSweep(inbound, signal) },
    { name: 'backfill', run: (signal) => runBackfill(shared, signal) },
  ];
}

/** What the flows have in common. */
async function sharedContext(installation: Installation, store: Store, ends: Ends, onDirty: () => void) {
  const { log, config, db } = installation;
  return {
    store,
    db,
    log,
    onDirty,
    tables: new Map(installation.tables.map((table) => [table.name, table])),
    notion: ends.notion,
    people: createPeople(ends.notion),
    locks: createKeyLock(),
    now: () => new Date(),
    guard: config.deleteGuard,
    tagSecret: await tagSecret(store),
    sourceOf: (name: TableName) => sourceOf(store, name),
  };
}

async function sourceOf(store: Store, name: TableName): Promise<Source> {
  const source = (await readSources(store)).get(name);
  if (source !== undefined) return source;
  throw new PgnotionError({
    code: 'source_unknown',
    message: `the state of ${name} is gone from pgnotion.data_sources`,
    remedy: 'run `pgnotion apply` and start again',
  });
}

/** Writes answers to the ledger now and then, and forgets old lines. */
async function keepHouse(store: Store, answers: Answer[], log: Log, signal: AbortSignal): Promise<void> {
  let pruned = Number.NEGATIVE_INFINITY;
  await keepTrying(
    async (healthy) => {
      while (!signal.aborted) {
        await recordAnswers(store, answers.splice(0));
        if (performance.now() - pruned > PRUNE_MS) {
          await pruneRequests(store);
          pruned = performance.now();
        }
        healthy();
        await pause(ANSWERS_MS, signal);
      }
    },
    { name: 'housekeeping', log, signal, mayPass: () => true },
  );
}
