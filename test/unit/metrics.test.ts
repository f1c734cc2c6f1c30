import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { METRICS, OPERATIONS } from '../../src/admin/metric-list.ts';
import { createMetrics, type Metrics } from '../../src/admin/metrics.ts';
import { metricsRoute } from '../../src/admin/metrics-route.ts';
import type { OperationEnd } from '../../src/model/operation-tail.ts';
import { createRecentLatency } from '../../src/model/recent-latency.ts';
import type { RequestInfo } from '../../src/notion/client.ts';
import type { Observation } from '../../src/state/observation.ts';

const TABLES = ['t1', 't2', 't3', 't4', 't5', 't6', 't7'];
const DIRECTIONS = ['to-notion', 'to-postgres'] as const;
const SEEN: Observation = {
  slot: { exists: true, walStatus: 'reserved', lagSeconds: 1, lagBytes: 10, retainedBytes: 20 },
  outbox: { entries: 3, seconds: 4 },
  backlog: { entries: 3, seconds: 4 },
  failures: 1,
  openConflicts: 2,
  conflictsOfHour: 1,
  changesOfHour: 50,
  guarded: 3,
  drift: 4,
  drifting: [],
  verify: { run: '1', differences: 5 },
  lastSuccess: 1_000,
  requests: 90,
};

const request = (
  operation: string,
  method: RequestInfo['method'],
  status: number | null = 200,
): RequestInfo => ({
  operation,
  method,
  status,
  ms: 20,
  waitedMs: 5,
  priority: 'live',
  date: null,
  verdict: null,
});
const end = (table: string, direction: OperationEnd['direction'], status: 'done' | 'failed' = 'done') =>
  ({ id: 1, table, direction, status, latency: 2 }) as const;

/** As after a day in which every table had changes both ways, and one of them failed. */
async function busy(): Promise<Metrics> {
  const metrics = await createMetrics({ notionUrl: 'https://api.notion.com', limit: 180 });
  metrics.ended(TABLES.flatMap((table) => DIRECTIONS.map((direction) => end(table, direction))));
  metrics.ended([end('t1', 'to-notion', 'failed')]);
  for (const [operation, method] of [
    ['query', 'POST'],
    ['createPage', 'POST'],
    ['retrievePage', 'GET'],
    ['updatePage', 'PATCH'],
    ['me', 'GET'],
    ['retrieveDataSource', 'GET'],
    ['createComment', 'POST'],
  ] as const)
    metrics.requested(request(operation, method));
  metrics.observed(SEEN);
  return metrics;
}

const textOf = async (metrics: Metrics): Promise<string> =>
  (await metricsRoute(metrics.registry).request('/metrics')).text();

let text: string;
beforeAll(async () => {
  text = await textOf(await busy());
});

test('seven tables make at most 60 series beside the buckets of histograms', () => {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const series = lines.filter((line) => !/_bucket\{/.test(line));
  expect(series.length).toBeLessThanOrEqual(60);
  expect(series.length).toBeGreaterThan(50);
});

test('names, units and labels follow the conventions', () => {
  for (const [name, metric] of Object.entries(METRICS)) {
    expect(name.endsWith('_total')).toBe(metric.type === 'counter');
    expect(text).toContain(`# HELP ${name} ${metric.help}\n`);
    const labels: readonly string[] = 'labels' in metric ? metric.labels : [];
    expect(labels.filter((label) => /id$|key|page/.test(label))).toEqual([]);
  }
  expect(text).toContain(
    'pgnotion_http_client_request_duration_seconds_count{http_request_method="PATCH",server_address="api.notion.com",server_port="443",http_response_status_code="200"} 1',
  );
  expect(text).toContain('pgnotion_notion_requests_total{operation="other",status="200"} 3');
  expect(text).toContain('pgnotion_notion_budget_used_ratio 0.5');
  expect(text).toContain('pgnotion_conflicts_ratio 0.02');
});

test('a request without an answer, and one that Notion refuses, say so', async () => {
  const metrics = await createMetrics({ notionUrl: 'http://localhost', limit: 1 });
  metrics.requested(request('query', 'POST', null));
  metrics.requested(request('query', 'POST', 429));
  const told = await textOf(metrics);
  expect(told).toMatch(/server_port="80",error_type="_OTHER"/);
  expect(told).toMatch(/http_response_status_code="429",error_type="429"/);
  expect(told).toContain('pgnotion_notion_requests_total{operation="query",status="none"} 1');
});

test('a daemon that is not at work tells nothing of the state', async () => {
  const metrics = await busy();
  metrics.observed(null);
  const told = await textOf(metrics);
  expect(told).toMatch(/^pgnotion_outbox_entries NaN$/m);
  expect(told).not.toMatch(/^pgnotion_latency_p95_seconds\{/m);
  expect(told).toMatch(/^pgnotion_operations_total\{/m);
});

test('every operation that is named is one of the client', () => {
  const client = readFileSync('src/notion/client.ts', 'utf8');
  expect(Object.keys(OPERATIONS).filter((name) => !client.includes(`'${name}'`))).toEqual([]);
});

test('latencies are of the last hour', () => {
  const latency = createRecentLatency();
  latency.add([{ ...end('a', 'to-notion'), latency: 100 }], 0);
  latency.add(
    Array.from({ length: 20 }, (_, at) => ({ ...end('a', 'to-notion'), latency: at })),
    3_000_000,
  );
  expect(latency.p95(3_500_000)).toEqual([{ table: 'a', direction: 'to-notion', seconds: 19 }]);
  expect(latency.p95(4_000_000)).toEqual([{ table: 'a', direction: 'to-notion', seconds: 18 }]);
  expect(latency.p95(9_000_000)).toEqual([]);
});

const hasPromtool = spawnSync('promtool', ['--version']).status === 0;
if (!hasPromtool)
  console.warn('promtool is not there (Debian: prometheus): metrics and rules are not checked by it');

describe.runIf(hasPromtool)('promtool finds nothing to say', () => {
  const run = (args: readonly string[], input = ''): string =>
    execFileSync('promtool', args, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] });

  test('about the metrics', () => {
    expect(run(['check', 'metrics'], text)).toBe('');
  });

  test('about the rules, which fire when they should', () => {
    expect(run(['check', 'rules', 'docs/grafana/pgnotion-rules.yaml'])).toContain('SUCCESS');
    expect(run(['test', 'rules', 'docs/grafana/pgnotion-rules.test.yaml'])).toContain('SUCCESS');
  });
});

test('dashboard and rules name metrics that exist', () => {
  const names = new Set<string>();
  for (const file of ['pgnotion-dashboard.json', 'pgnotion-rules.yaml'])
    for (const [name] of readFileSync(`docs/grafana/${file}`, 'utf8').matchAll(/\bpgnotion_[a-z0-9_]+/g))
      names.add(name.replace(/_(bucket|sum|count)$/, ''));
  expect([...names].filter((name) => !Object.hasOwn(METRICS, name))).toEqual([]);
  expect(Object.keys(METRICS).filter((name) => !names.has(name))).toEqual([]);
});
