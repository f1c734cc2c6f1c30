import type { Registry } from '@prometheus-io/client';
import { Hono } from 'hono';

/** `GET /metrics`, in the text format of Prometheus. Like the health checks it shows names of tables and numbers alone. */
export function metricsRoute(registry: Registry): Hono {
  const app = new Hono();
  app.get('/metrics', async (c) => {
    const text = await registry.metrics();
    // The format's own spelling, which not every reader takes in another one.
    return c.text(text.replaceAll(/ Nan$/gm, ' NaN'), 200, { 'content-type': registry.contentType });
  });
  app.all('/metrics', (c) => c.json({ message: 'only GET, HEAD' }, 405, { allow: 'GET, HEAD' }));
  return app;
}
