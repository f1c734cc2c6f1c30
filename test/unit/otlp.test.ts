import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { createMetrics } from '../../src/admin/metrics.ts';
import { runOtlp } from '../../src/admin/otlp.ts';
import { silentLog } from '../../src/runtime/log.ts';

type Point = {
  readonly asDouble?: number;
  readonly count?: number;
  readonly bucketCounts?: readonly number[];
};
type Metric = { readonly name: string; readonly unit: string } & Readonly<
  Partial<Record<'sum' | 'gauge' | 'histogram', { readonly dataPoints: readonly Point[] }>>
>;
type Body = {
  readonly resourceMetrics: readonly {
    readonly resource: { readonly attributes: readonly { readonly key: string }[] };
    readonly scopeMetrics: readonly { readonly metrics: readonly Metric[] }[];
  }[];
};

test('the figures reach a collector by OTLP, the last ones at the stop', async () => {
  const got: { path: string; body: Body }[] = [];
  const arrived = Promise.withResolvers<void>();
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      got.push({ path: request.url ?? '', body: JSON.parse(Buffer.concat(parts).toString()) as Body });
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      arrived.resolve();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const metrics = await createMetrics({ notionUrl: 'https://api.notion.com', limit: 180 });
  metrics.ended([{ id: 1, table: 'items', direction: 'to-notion', status: 'done', latency: 2 }]);
  const stop = new AbortController();
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const done = runOtlp(
    { endpoint, registry: metrics.registry, slot: 'shop', log: silentLog(), everyMs: 20 },
    stop.signal,
  );
  await arrived.promise;
  metrics.ended([{ id: 2, table: 'items', direction: 'to-notion', status: 'done', latency: 700 }]);
  stop.abort();
  await done;
  const { path, body } = got.at(-1) ?? { path: '', body: { resourceMetrics: [] } };
  expect(path).toBe('/v1/metrics');
  const [resource] = body.resourceMetrics;
  expect(resource?.resource.attributes.map(({ key }) => key)).toContain('service.name');
  const all = new Map(resource?.scopeMetrics[0]?.metrics.map((metric) => [metric.name, metric]));
  expect(all.get('pgnotion_operations_total')?.sum?.dataPoints).toMatchObject([{ asDouble: 2 }]);
  const latency = all.get('pgnotion_latency_seconds');
  expect(latency?.unit).toBe('s');
  expect(latency?.histogram?.dataPoints).toMatchObject([
    { count: 2, bucketCounts: [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0] },
  ]);
  // Nobody knows: not sent.
  expect(all.has('pgnotion_outbox_entries')).toBe(false);
});
