import type { Hono } from 'hono';
import type { RequestInfo } from '../notion/client.ts';
import type { RateLimit } from '../notion/throttle.ts';
import type { Log } from '../runtime/log.ts';
import type { Sql } from '../state/sql.ts';
import type { AlertTiming } from './alert-sender.ts';
import { createMetrics } from './metrics.ts';
import { metricsRoute } from './metrics-route.ts';
import { createObserver, type Observer } from './observer.ts';

type FiguresOptions = {
  readonly port: number | null;
  readonly slot: string;
  readonly notion: { readonly url: string; readonly limit: RateLimit };
  readonly state: () => Sql | null;
  readonly log: Log;
  readonly alertTiming?: AlertTiming;
  /** Where the figures are sent by OTLP; null: nowhere. */
  readonly otlpEndpoint: string | null;
};

/** What the daemon knows of itself in numbers: for `/metrics`, and for the alerts. */
export type Figures = Observer & {
  readonly requested: (request: RequestInfo) => void;
  /** Null without a port. */
  readonly route: Hono | null;
};

export async function createFigures(options: FiguresOptions): Promise<Figures> {
  const { port, slot, notion, state, log, alertTiming } = options;
  const { url: notionUrl, limit } = notion;
  const { otlpEndpoint: endpoint } = options;
  const wanted = port !== null || endpoint !== null;
  const metrics = wanted ? await createMetrics({ notionUrl, limit: limit.requests }) : null;
  const every = alertTiming === undefined ? {} : { everyMs: alertTiming.lookMs };
  const observer = createObserver({ state, slot, windowMs: limit.windowMs, metrics, log, ...every });
  return {
    ...observer,
    requested: (request) => metrics?.requested(request),
    route: metrics === null ? null : metricsRoute(metrics.registry),
    run: async (signal) => {
      const sending =
        metrics === null || endpoint === null
          ? Promise.resolve()
          : (await import('./otlp.ts')).runOtlp({ endpoint, registry: metrics.registry, slot, log }, signal);
      await Promise.all([observer.run(signal), sending]);
    },
  };
}
