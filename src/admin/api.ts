import { type Context, Hono } from 'hono';
import type { Readiness } from './health.ts';

type ApiParts = {
  readonly readiness: () => Promise<Readiness>;
  /** `/webhooks/notion`, which Notion's own signature guards. */
  readonly webhooks: Hono;
};

/**
 * What the port answers. These need no token: they show names of tables, codes and times, and nothing else. Whatever
 * shows or changes values belongs behind a check of its own, mounted after them.
 */
export function createApi({ readiness, webhooks }: ApiParts): Hono {
  const app = new Hono();
  app.use('*', async (c, next) => {
    await next();
    c.header('cache-control', 'no-store');
    c.header('x-content-type-options', 'nosniff');
  });
  // Whoever can answer has an event loop that turns; whether the work gets on is the other question.
  app.get('/livez', (c) => c.json({ alive: true }));
  app.get('/readyz', async (c) => {
    const { ready, ...told } = await readiness();
    // One that stands by is as it should be, which is what a rolling update and a drained node ask.
    const fits =
      ready || (told.state === 'standby' && new URL(c.req.url).searchParams.get('standbyok') === 'true');
    return c.json({ ready, ...told }, fits ? 200 : 503);
  });
  for (const path of ['/livez', '/readyz']) app.all(path, (c) => notAllowed(c, 'GET, HEAD'));
  app.route('/', webhooks);
  app.all('/webhooks/notion', (c) => notAllowed(c, 'POST'));
  app.notFound((c) => c.json({ message: 'there is nothing here' }, 404));
  // The framework would answer with the error's text.
  app.onError((_, c) => c.json({ message: 'it failed; see the log' }, 500));
  return app;
}

const notAllowed = (c: Context, allow: string): Response =>
  c.json({ message: `only ${allow}` }, 405, { allow });
