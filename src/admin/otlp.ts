import type { HrTime } from '@opentelemetry/api';
import type { MetricData, PushMetricExporter, ResourceMetrics } from '@opentelemetry/sdk-metrics';
import type { MetricObjectWithValues, MetricValueWithName, Registry } from '@prometheus-io/client';
import { messageOf, PgnotionError } from '../model/errors.ts';
import type { Log } from '../runtime/log.ts';
import { pause, within } from '../runtime/retry.ts';

type OtlpOptions = {
  /** As OTEL_EXPORTER_OTLP_ENDPOINT has it: without the path of the signal. */
  readonly endpoint: string;
  readonly registry: Registry;
  readonly slot: string;
  readonly log: Log;
  readonly everyMs?: number;
};

const EVERY_MS = 60_000;
const LAST_MS = 2_000;
const PACKAGES = [
  '@opentelemetry/exporter-metrics-otlp-http',
  '@opentelemetry/sdk-metrics',
  '@opentelemetry/resources',
];

/** Sends the figures of `/metrics` to a collector now and then, until the signal comes, and once more then. Never fails. */
export async function runOtlp(options: OtlpOptions, signal: AbortSignal): Promise<void> {
  const { log, everyMs = EVERY_MS } = options;
  try {
    const push = await createPush(options);
    let failing = false;
    while (!signal.aborted) {
      await pause(everyMs, signal);
      if (signal.aborted) break;
      const problem = await push();
      if (problem !== null && !failing) log.warn({ reason: problem }, 'the metrics cannot be sent by OTLP');
      if (problem === null && failing) log.info('the metrics are sent by OTLP again');
      failing = problem !== null;
    }
    // The last figures, as long as they do not hold up the stop.
    await within(LAST_MS, 'the collector', push());
  } catch (error) {
    const told = error instanceof PgnotionError ? { code: error.code, remedy: error.remedy } : {};
    log.error({ ...told, reason: messageOf(error) }, 'no metrics are sent by OTLP');
  }
}

/** Gives what sends once: null, or why it failed. */
async function createPush({ endpoint, registry, slot }: OtlpOptions): Promise<() => Promise<string | null>> {
  const [{ OTLPMetricExporter }, sdk, { defaultResource, resourceFromAttributes }] = await loadPackages();
  const url = `${endpoint.replace(/\/+$/, '')}/v1/metrics`;
  const exporter: PushMetricExporter = new OTLPMetricExporter({ url });
  // What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say counts more.
  const own = resourceFromAttributes({ 'service.name': 'pgnotion', 'service.instance.id': slot });
  const named =
    process.env.OTEL_SERVICE_NAME === undefined ? defaultResource().merge(own) : own.merge(defaultResource());
  const startTime = hrTime(Date.now());
  return async () => {
    const times = { startTime, endTime: hrTime(Date.now()) };
    const metrics = (await registry.getMetricsAsJSON()).flatMap((metric) => dataOf(metric, times, sdk));
    const all: ResourceMetrics = {
      resource: named,
      scopeMetrics: [{ scope: { name: 'pgnotion' }, metrics }],
    };
    return new Promise((resolve) => {
      exporter.export(all, ({ code, error }) => resolve(code === 0 ? null : (error?.message ?? 'unknown')));
    });
  };
}

async function loadPackages() {
  try {
    return await Promise.all([
      import('@opentelemetry/exporter-metrics-otlp-http'),
      import('@opentelemetry/sdk-metrics'),
      import('@opentelemetry/resources'),
    ]);
  } catch (error) {
    throw new PgnotionError({
      code: 'otlp_packages_missing',
      message: `OTEL_EXPORTER_OTLP_ENDPOINT is set, and a package that it needs cannot be loaded: ${messageOf(error)}`,
      remedy: `run \`npm install ${PACKAGES.join(' ')}\`, or unset OTEL_EXPORTER_OTLP_ENDPOINT`,
    });
  }
}

const hrTime = (ms: number): HrTime => [Math.floor(ms / 1_000), Math.floor((ms % 1_000) * 1_000_000)];

type Times = { readonly startTime: HrTime; readonly endTime: HrTime };
type Sdk = typeof import('@opentelemetry/sdk-metrics');
type Given = MetricObjectWithValues<MetricValueWithName<string>>;

function dataOf(metric: Given, times: Times, { DataPointType, AggregationTemporality }: Sdk): MetricData[] {
  const { name, help, type, values } = metric;
  const base = {
    descriptor: { name, description: help, unit: unitOf(name), valueType: 1 },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  };
  if (type === 'histogram')
    return [{ ...base, dataPointType: DataPointType.HISTOGRAM, dataPoints: histograms(values, times) }];
  const dataPoints = values
    .filter(({ value }) => !Number.isNaN(value))
    .map(({ labels, value }) => ({ ...times, attributes: textsOf(labels), value }));
  if (dataPoints.length === 0) return [];
  return type === 'counter'
    ? [{ ...base, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints }]
    : [{ ...base, dataPointType: DataPointType.GAUGE, dataPoints }];
}

/** By UCUM, as OpenTelemetry wants it. */
function unitOf(name: string): string {
  const [, unit = ''] = /_(seconds|bytes|ratio)(?:_total)?$/.exec(name) ?? [];
  return { seconds: 's', bytes: 'By', ratio: '1' }[unit] ?? '';
}

const textsOf = (labels: Readonly<Record<string, string | number | undefined>>): Record<string, string> =>
  Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, String(value)]));

/** Prometheus counts up to each boundary, OpenTelemetry between two. */
function histograms(values: readonly MetricValueWithName<string>[], times: Times) {
  const groups = Map.groupBy(values, ({ labels: { le: _, ...rest } }) => JSON.stringify(rest));
  return [...groups].map(([attributes, lines]) => {
    const named = (end: string) => lines.find(({ metricName }) => metricName?.endsWith(end))?.value ?? 0;
    const buckets = lines.filter(({ metricName }) => metricName?.endsWith('_bucket'));
    const counts = buckets.map(({ value }, at) => value - (buckets[at - 1]?.value ?? 0));
    const boundaries = buckets.map(({ labels }) => Number(labels.le)).filter(Number.isFinite);
    return {
      ...times,
      attributes: textsOf(JSON.parse(attributes) as Record<string, string>),
      value: { buckets: { boundaries, counts }, sum: named('_sum'), count: named('_count') },
    };
  });
}
