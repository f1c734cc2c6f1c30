import type { Monitor } from '../admin/monitor.ts';
import type { Config } from '../config/mapping-file.ts';
import type { Assumptions } from '../model/probe/assumptions.ts';
import { BACKFILL, BULK, LIVE, type Urgency } from '../model/urgency.ts';
import type { NotionClient } from '../notion/client.ts';
import { watchEnumLabels } from '../reconcile/enum-labels.ts';
import type { ShowProgress } from '../reconcile/first-sync.ts';
import { watchPublication } from '../reconcile/publication.ts';
import type { Log } from '../runtime/log.ts';
import { keepTrying, mayPass } from '../runtime/retry.ts';
import type { Service } from '../runtime/service.ts';
import { createWake } from '../runtime/wake.ts';
import type { Answer } from '../state/requests.ts';
import type { Store } from '../state/sql.ts';
import { createHints, type Hint } from '../to-postgres/hints.ts';
import type { PollOptions } from '../to-postgres/poll.ts';
import type { Installation } from './connections.ts';
import { flowsOf, sharedContext, type Wakeups } from './flows.ts';
import { type HousekeepingOptions, housekeeping } from './housekeeping.ts';
import { openOwnStream } from './open-stream.ts';
import { captureOrRenew, streamOf } from './output-plugin.ts';
import { assumptionsKept } from './probe/assumed.ts';
import { runAsAssumed } from './probe/taken-over.ts';
import { unresolvedService } from './unresolved-tables.ts';

type Serving = {
  readonly log: Log;
  readonly monitor: Monitor;
  readonly wasReady: () => boolean;
  readonly onReady?: () => void;
  readonly createGraceMs?: number;
  readonly senderTimeoutMs?: number;
  readonly untilNextPoll?: PollOptions['untilNext'];
  readonly showProgress?: ShowProgress;
};

export type Self = Awaited<ReturnType<NotionClient['me']>>;

type Ends = {
  readonly notion: NotionClient;
  readonly answers: Answer[];
  /** Who we are in Notion, once Notion answers and has what the mapping needs. */
  readonly greet: (signal: AbortSignal) => Promise<Self>;
  /** PostgreSQL's direct address. */
  readonly url: string;
};

/** Who makes entries due elsewhere than in the log does not say under which urgency they wait. */
const EVERY_URGENCY = [LIVE, BULK, BACKFILL] as const;

/** Capture needs nothing of Notion and goes on whatever Notion does; the rest begins when Notion answers (invariant 13). */
export async function servicesOf(
  options: Serving,
  installation: Installation,
  store: Store,
  ends: Ends,
): Promise<readonly Service[]> {
  const { log, config } = installation;
  const wakeups: Wakeups = {
    live: createWake(),
    bulk: createWake(),
    backfill: createWake(),
    poll: createWake(),
  };
  const lanes = { [LIVE]: wakeups.live, [BULK]: wakeups.bulk, [BACKFILL]: wakeups.backfill };
  const onDirty = (urgencies: readonly Urgency[]): void => {
    for (const urgency of urgencies) lanes[urgency].ring();
  };
  const captured = new AbortController();
  const shared = await sharedContext(
    installation,
    store,
    ends.notion,
    () => onDirty(EVERY_URGENCY),
    captured.signal,
  );
  const { slot, publication } = config;
  const stream = { ...streamOf(config), url: ends.url, senderTimeoutMs: options.senderTimeoutMs, log };
  const capture = {
    ...shared,
    onDirty,
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
    const read = assumptionsKept(store, installation.environment, self.id);
    const assumed = await read();
    log.info({ tables: config.tables.map((table) => table.name), as: self.name, assumed }, 'syncing');
    const hints = createHints();
    const hint = hinting(hints, wakeups);
    using _ = options.monitor.atWork({ store, tables: shared.tables, botId: self.id, hint });
    options.onReady?.();
    const own = { shared: { ...shared, botId: self.id }, wakeups, hints };
    const flows = (now: Assumptions) => flowsOf(options, installation, { ...own, assumed: now });
    await runAsAssumed(assumed, { read, flows, log }, signal);
  };
  return [
    // Once it has ended, however it did, nobody waits for the log to be read.
    { name: 'capture', run: (signal) => captureOrRenew(capture, signal).finally(() => captured.abort()) },
    { name: 'publication', run: (signal) => watchPublication(published, signal) },
    { name: 'enum labels', run: (signal) => watchEnumLabels(published, signal) },
    { name: 'housekeeping', run: (signal) => housekeeping(house, signal) },
    { name: 'flows', run: flow },
    ...unresolvedService(installation, store),
  ];
}

/** Takes what a webhook tells of. */
const hinting =
  (hints: ReturnType<typeof createHints>, wakeups: Wakeups) =>
  (one: Omit<Hint, 'byWebhook'>): boolean => {
    const taken = hints.add({ ...one, byWebhook: true });
    wakeups.poll.ring();
    return taken;
  };

/** What housekeeping goes by. */
const keepingOf = ({
  rememberDays,
  retentionDays,
  tables,
}: Config): Pick<HousekeepingOptions, 'rememberDays' | 'days' | 'tables'> => ({
  rememberDays,
  days: retentionDays,
  tables: tables.map(({ name }) => name),
});

/** Null if the signal comes first. What no waiting mends ends a daemon that has just been started. */
async function greetPatiently(
  { log, wasReady }: Serving,
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
