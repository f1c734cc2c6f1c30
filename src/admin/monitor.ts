import type { AlertLimits } from '../model/alert-limits.ts';
import type { TableName } from '../model/ids.ts';
import type { RequestInfo } from '../notion/client.ts';
import type { RateLimit } from '../notion/throttle.ts';
import type { Log } from '../runtime/log.ts';
import { within } from '../runtime/retry.ts';
import { createWake } from '../runtime/wake.ts';
import { countGuardedChanges } from '../state/guarded-changes.ts';
import { readState, type StateReading } from '../state/readiness.ts';
import type { Sql } from '../state/sql.ts';
import type { Actions } from './actions.ts';
import type { Occurrence } from './alert-causes.ts';
import { conditionsOf, createPressure } from './alert-conditions.ts';
import { causesOf, OCCURRENCE_MS, paceOf, type Seen } from './alert-rules.ts';
import { type AlertTiming, runAlerts } from './alert-sender.ts';
import { createAlertStore } from './alert-store.ts';
import { createApi } from './api.ts';
import { createFigures, type Figures } from './figures.ts';
import { afterEvent, type Health, type HealthEvent, NEWBORN, readinessOf } from './health.ts';
import { createInside, type InsideOptions } from './inside.ts';
import { createQueries, type Queries, type QueryParts } from './queries.ts';
import { type AdminServer, startServer } from './server.ts';
import { type WebhookTarget, webhookRoutes } from './webhooks.ts';

type MonitorOptions = Omit<InsideOptions, 'log'> & {
  /** Null for none. */
  readonly port: number | null;
  readonly alertUrl: string | null;
  readonly otlpEndpoint: string | null;
  readonly alertTiming?: AlertTiming;
  readonly alerts: AlertLimits;
  /** Where requests go, and how many may leave. */
  readonly notion: { readonly url: string; readonly limit: RateLimit };
  readonly slot: string;
  readonly limit: QueryParts['limit'];
  readonly tables: readonly TableName[];
  readonly log: Log;
};

/** The ends of a run, as far as the port needs them. */
export type Opened = Pick<QueryParts, 'sql' | 'readRow'> & { readonly actions: Actions };

/** Where a daemon says how it is, and where others ask. It lives as long as the process, over every run. */
export type Monitor = {
  readonly report: (event: HealthEvent) => void;
  /** Of each request to Notion. */
  readonly answered: (request: RequestInfo) => void;
  readonly happened: (occurrence: Occurrence) => void;
  /** The state can be read, and people can act on it, until the disposal. */
  readonly opened: (given: Opened) => Disposable;
  /** This daemon takes webhooks, until the disposal. */
  readonly atWork: (target: WebhookTarget) => Disposable;
  /** `http://host:port`, or null without a port. */
  readonly address: () => string | null;
  readonly close: () => Promise<void>;
};

/** Anybody may ask, so a moment's answer is given to all who ask in it. */
const FRESH_MS = 1_000;
const ANSWER_MS = 2_000;

/** Opens the port and begins to send alerts, as far as they are wanted. Never fails for want of either. */
export async function createMonitor(options: MonitorOptions): Promise<Monitor> {
  const { log, port } = options;
  const wake = createWake();
  const diary = createDiary(wake.ring);
  const opened = createHolder<Opened>();
  const sql = (): Sql | null => opened.now()?.sql ?? null;
  const target = createHolder<WebhookTarget>();
  const reading = createReading(sql, options);
  const stop = new AbortController();
  const readiness = async () => readinessOf(diary.health(), withoutReasons(await reading()), new Date());
  const webhooks = webhookRoutes(target.now, log);
  const pressure = createPressure();
  const figures = await createFigures({ ...options, state: () => target.now()?.store ?? null });
  const { inside, greet } = createInside(options, {
    ...insightOf(opened.now, options),
    readiness,
    stop: stop.signal,
  });
  const app = createApi({ readiness, webhooks, metrics: figures.route, inside });
  const server: AdminServer | null =
    port === null ? null : await startServer({ host: options.host, port, app, log, onListening: greet });
  const memory = createAlertStore(() => target.now()?.store ?? null, log);
  const causes = createCauses({ target: target.now, reading, figures, ...diary });
  const seen = async (): Promise<Seen> => causes(pressure.count(performance.now()), options.alerts);
  const { alertUrl: url, slot, alertTiming: timing } = options;
  const telling = { url, slot, log, wake, seen, memory, pace: paceOf(options.alerts) };
  const alerts = runAlerts({ ...telling, ...(timing && { timing }) }, stop.signal);
  const counting = figures.run(stop.signal);
  return {
    report: diary.report,
    answered: (request) => {
      figures.requested(request);
      pressure.add(request, performance.now());
      const outcome = outcomeOf(request);
      if (outcome !== null) diary.report({ kind: 'notion', at: new Date(), outcome });
    },
    happened: diary.add,
    opened: opened.hold,
    atWork: (given) => {
      wake.ring();
      return target.hold(given);
    },
    address: () => server?.address() ?? null,
    close: async () => {
      stop.abort();
      await Promise.all([alerts, counting, server?.close()]);
    },
  };
}

/** What can be asked and done while both ends are open. */
function insightOf(opened: () => Opened | null, { slot, limit }: MonitorOptions) {
  let made: { readonly at: Opened; readonly queries: Queries } | null = null;
  return {
    queries: (): Queries | null => {
      const at = opened();
      if (at === null) return null;
      if (made?.at !== at)
        made = { at, queries: createQueries({ sql: at.sql, readRow: at.readRow, slot, limit }) };
      return made.queries;
    },
    actions: (): Actions | null => opened()?.actions ?? null,
  };
}

const MOST_OCCURRENCES = 20;

/** What has been reported. `ring` is called at news that may have to be told at once. */
function createDiary(ring: () => void) {
  let health: Health = NEWBORN;
  let occurrences: readonly Occurrence[] = [];
  const happened = (): readonly Occurrence[] =>
    occurrences.filter(({ at }) => Date.now() - at.getTime() < OCCURRENCE_MS);
  return {
    health: () => health,
    happened,
    report: (event: HealthEvent): void => {
      const before = health;
      health = afterEvent(health, event);
      if (health.notion.refused?.code !== before.notion.refused?.code) ring();
    },
    add: (occurrence: Occurrence): void => {
      occurrences = [...happened(), occurrence].slice(-MOST_OCCURRENCES);
      ring();
    },
  };
}

/** What there is while somebody holds it out, and null otherwise. */
function createHolder<T>() {
  let held: T | null = null;
  return {
    now: (): T | null => held,
    hold: (given: T): Disposable => {
      held = given;
      return {
        [Symbol.dispose]: () => {
          if (held === given) held = null;
        },
      };
    },
  };
}

/** What a request's end says of Notion; null if it says nothing, because we gave the request up ourselves. */
function outcomeOf({
  status,
  verdict,
}: RequestInfo): (HealthEvent & { readonly kind: 'notion' })['outcome'] | null {
  if (verdict === null) return 'answer';
  if (verdict.code === 'notion_aborted') return null;
  if (verdict.retry === 'stop') return { code: verdict.code, remedy: verdict.remedy };
  return status === null || status >= 500 ? 'silence' : 'answer';
}

/** What the database says, or null if it says nothing in time. */
function createReading(
  sql: () => Sql | null,
  { slot, tables }: MonitorOptions,
): () => Promise<StateReading | null> {
  let last: { readonly at: number; readonly reading: Promise<StateReading | null> } | null = null;
  const read = async (): Promise<StateReading | null> => {
    const open = sql();
    if (open === null) return null;
    try {
      return await within(ANSWER_MS, 'the state', readState(open, slot, tables));
    } catch {
      // That it cannot be read is the answer.
      return null;
    }
  };
  return () => {
    if (last === null || performance.now() - last.at > FRESH_MS)
      last = { at: performance.now(), reading: read() };
    return last.reading;
  };
}

/** The reasons hold PostgreSQL's and Notion's words, which are for the log and for `pgnotion.status`. */
const withoutReasons = (reading: StateReading | null) =>
  reading === null ? null : { ...reading, paused: reading.paused.map(({ table, by }) => ({ table, by })) };

type Sources = {
  readonly target: () => WebhookTarget | null;
  readonly reading: () => Promise<StateReading | null>;
  readonly figures: Figures;
  readonly health: () => Health;
  readonly happened: () => readonly Occurrence[];
};

/** What the state shows is the daemon's to tell of that is at work; while it cannot be read, nothing of it is over. */
function createCauses({ target, reading, figures, health, happened }: Sources) {
  return async (limited: number, limits: AlertLimits): Promise<Seen> => {
    const at = target();
    const now = at === null ? null : await reading();
    const observation = at === null ? null : await figures.look();
    const isComplete = at !== null && now !== null && observation !== null;
    const suspended = (now?.paused ?? []).filter(({ by }) => limits.suspendedTables && by !== 'hand');
    const guarded =
      isComplete && limits.guardedChanges
        ? await within(ANSWER_MS, 'the guarded changes that wait', countGuardedChanges(at.store))
        : [];
    const causes = causesOf({
      health: health(),
      occurrences: happened(),
      suspended: suspended.map(({ table, reason }) => ({ table, reason })),
      refusedKinds: now?.refused ?? [],
      guarded,
      conditions: conditionsOf(observation, limited, limits),
    });
    return { causes, isComplete };
  };
}
