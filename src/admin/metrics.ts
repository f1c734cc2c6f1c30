import type { Registry } from '@prometheus-io/client';
import type { OperationEnd } from '../model/operation-tail.ts';
import { createRecentLatency, type RecentLatency } from '../model/recent-latency.ts';
import type { RequestInfo } from '../notion/client.ts';
import type { Observation } from '../state/observation.ts';
import { METRICS, type MetricName, OPERATIONS } from './metric-list.ts';

/** Where what happens is counted. Nothing is read when somebody asks: the figures are as they were last told. */
export type Metrics = {
  readonly requested: (request: RequestInfo) => void;
  readonly ended: (operations: readonly OperationEnd[]) => void;
  /** Null: this daemon is not at work, or cannot read the state; figures of it would be another daemon's, or old. */
  readonly observed: (observation: Observation | null) => void;
  readonly registry: Registry;
};

type Labels = Readonly<Record<string, string | number>>;
type Meters = {
  readonly count: (name: MetricName, by: number, labels?: Labels) => void;
  readonly set: (name: MetricName, value: number, labels?: Labels) => void;
  readonly observe: (name: MetricName, value: number, labels?: Labels) => void;
  /** Forgets a gauge's values by label. */
  readonly clear: (name: MetricName) => void;
  readonly registry: Registry;
};

type MetricsOptions = {
  /** Where Notion is asked. */
  readonly notionUrl: string;
  /** How many requests may leave within one window. */
  readonly limit: number;
};

/** Loads what only a daemon needs that is asked for its figures. */
export async function createMetrics({ notionUrl, limit }: MetricsOptions): Promise<Metrics> {
  const meters = await createMeters();
  const latency = createRecentLatency();
  const { hostname, port, protocol } = new URL(notionUrl);
  const server = { server_address: hostname, server_port: port || (protocol === 'http:' ? '80' : '443') };
  meters.count('pgnotion_throttle_wait_seconds_total', 0);
  meters.count('pgnotion_retries_total', 0);
  showObservation(meters, null, limit);
  return {
    registry: meters.registry,
    requested: (request) => countRequest(meters, server, request),
    ended: (operations) => {
      for (const { table, direction, status, latency: seconds } of operations) {
        meters.count('pgnotion_operations_total', 1, { table, direction, status });
        if (seconds !== null && status === 'done')
          meters.observe('pgnotion_latency_seconds', seconds, { direction });
      }
      latency.add(
        operations.filter(({ status }) => status === 'done'),
        performance.now(),
      );
    },
    observed: (observation) => {
      showObservation(meters, observation, limit);
      showLatency(meters, observation === null ? null : latency);
    },
  };
}

function countRequest(meters: Meters, server: Labels, request: RequestInfo): void {
  const { operation, method, status, ms, waitedMs, verdict } = request;
  const labels = { operation: OPERATIONS[operation] ?? 'other', status: status ?? 'none' };
  meters.count('pgnotion_notion_requests_total', 1, labels);
  meters.count('pgnotion_throttle_wait_seconds_total', waitedMs / 1_000);
  if (verdict !== null && (verdict.pausesAll || verdict.retry === 'soon' || verdict.retry === 'later'))
    meters.count('pgnotion_retries_total', 1);
  meters.observe('pgnotion_http_client_request_duration_seconds', ms / 1_000, {
    http_request_method: method,
    ...server,
    ...(status !== null && { http_response_status_code: status }),
    ...(status === null && { error_type: verdict?.code ?? '_OTHER' }),
    ...(status !== null && status >= 400 && { error_type: String(status) }),
  });
}

const orNaN = (value: number | null | undefined): number => value ?? Number.NaN;

function showObservation({ set }: Meters, seen: Observation | null, limit: number): void {
  set('pgnotion_replication_lag_seconds', orNaN(seen?.slot?.lagSeconds));
  set('pgnotion_replication_lag_bytes', orNaN(seen?.slot?.lagBytes));
  set('pgnotion_wal_retained_bytes', orNaN(seen?.slot?.retainedBytes));
  set('pgnotion_outbox_entries', orNaN(seen?.outbox.entries));
  set('pgnotion_outbox_oldest_age_seconds', seen === null ? Number.NaN : (seen.outbox.seconds ?? 0));
  set('pgnotion_notion_budget_used_ratio', seen === null ? Number.NaN : seen.requests / limit);
  set('pgnotion_failures', orNaN(seen?.failures));
  set('pgnotion_conflicts', orNaN(seen?.openConflicts));
  set('pgnotion_conflicts_ratio', seen === null ? Number.NaN : conflictRatio(seen));
  set('pgnotion_guarded_changes', orNaN(seen?.guarded));
  set('pgnotion_drift', orNaN(seen?.drift));
  set('pgnotion_verify_differences', orNaN(seen?.verify?.differences));
  set('pgnotion_last_success_timestamp_seconds', orNaN(seen?.lastSuccess));
}

/** As the view `status` has it: a conflict may be all that came of a change. */
export const conflictRatio = (seen: Pick<Observation, 'conflictsOfHour' | 'changesOfHour'>): number =>
  seen.conflictsOfHour === 0 ? 0 : seen.conflictsOfHour / Math.max(seen.changesOfHour, seen.conflictsOfHour);

function showLatency({ set, clear }: Meters, latency: RecentLatency | null): void {
  clear('pgnotion_latency_p95_seconds');
  for (const { table, direction, seconds } of latency?.p95(performance.now()) ?? [])
    set('pgnotion_latency_p95_seconds', seconds, { table, direction });
}

async function createMeters(): Promise<Meters> {
  const { Counter, Gauge, Histogram, Registry: Own } = await import('@prometheus-io/client');
  const registry: Registry = new Own();
  const counters = new Map<string, InstanceType<typeof Counter<string>>>();
  const gauges = new Map<string, InstanceType<typeof Gauge<string>>>();
  const histograms = new Map<string, InstanceType<typeof Histogram<string>>>();
  for (const [name, metric] of Object.entries(METRICS)) {
    const labelNames = 'labels' in metric ? [...metric.labels] : [];
    const own = { name, help: metric.help, labelNames, registers: [registry] };
    if (metric.type === 'counter') counters.set(name, new Counter<string>(own));
    else if (metric.type === 'gauge') gauges.set(name, new Gauge<string>(own));
    else histograms.set(name, new Histogram<string>({ ...own, buckets: [...metric.buckets] }));
  }
  return {
    registry,
    count: (name, by, labels = {}) => counters.get(name)?.inc(labels, by),
    set: (name, value, labels = {}) => gauges.get(name)?.set(labels, value),
    observe: (name, value, labels = {}) => histograms.get(name)?.observe(labels, value),
    clear: (name) => gauges.get(name)?.reset(),
  };
}
