import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { actionRoutes } from './action-routes.ts';
import type { Actions } from './actions.ts';
import { apiRoutes } from './api-routes.ts';
import type { DashboardParts } from './dashboard-parts.ts';
import { eventRoutes } from './events.ts';
import type { Readiness } from './health.ts';
import { hostCheck } from './host-check.ts';
import type { LoginParts } from './login.ts';
import { loginRoutes } from './login.ts';
import { isForProgram, noToken, refuse, tooLarge } from './refusal.ts';
import { securityHeaders } from './security-headers.ts';
import type { AdminVariables } from './session.ts';
import { sessionCheck } from './session-check.ts';

type ApiParts = {
  readonly readiness: () => Promise<Readiness>;
  /** `/webhooks/notion`, which Notion's own signature guards. */
  readonly webhooks: Hono;
  /** What only those may see and do who have the token; null: nobody can have one. */
  readonly inside: Inside | null;
  /** `/metrics`; null if nobody counts. */
  readonly metrics?: Hono | null;
};

export type Inside = LoginParts & {
  /** The address that the port listens at. */
  readonly host: string;
  readonly parts: DashboardParts;
  readonly actions: () => Actions | null;
  /** The pages, and what they load below `/assets/`, which everybody may have. */
  readonly pages: Hono<AdminVariables> | null;
  readonly stop: AbortSignal;
};

/** A form or a JSON object of a few fields; webhooks have a bound of their own. */
export const MOST_BODY = 65_536;

/**
 * What the port answers. Health checks and webhooks need no token: they show names of tables, codes and times, and nothing
 * else. Whatever shows or changes values stands behind the check of the session.
 */
export function createApi({ readiness, webhooks, metrics = null, inside }: ApiParts): Hono {
  const app = new Hono();
  app.use('*', securityHeaders);
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
  if (metrics !== null) app.route('/', metrics);
  app.all('/webhooks/notion', (c) => notAllowed(c, 'POST'));
  if (inside === null) app.all('*', (c) => refuse(c, 403, noToken()));
  else mountInside(app, inside);
  app.notFound(nothingHere);
  // The framework would answer with the error's text.
  app.onError((error, c) => {
    inside?.log.error({ err: error, path: c.req.path }, 'a request to the admin port failed');
    return c.json({ message: 'it failed; see the log' }, 500);
  });
  return app;
}

function mountInside(app: Hono, inside: Inside): void {
  const { host, parts, actions, pages, stop } = inside;
  app.use('*', hostCheck(host));
  app.use(
    '*',
    bodyLimit({
      maxSize: MOST_BODY,
      onError: (c) => {
        // The rest of it is not read.
        c.header('connection', 'close');
        return refuse(c, 413, tooLarge(MOST_BODY));
      },
    }),
  );
  app.route('/', loginRoutes(inside));
  const guarded = new Hono<AdminVariables>();
  const check = sessionCheck(inside);
  guarded.use('*', (c, next) => (isAsset(c) ? next() : check(c, next)));
  guarded.route('/', apiRoutes(parts));
  guarded.route('/', eventRoutes({ queries: parts.queries, stop }));
  guarded.route('/', actionRoutes(actions));
  guarded.all('/api/*', nothingHere);
  if (pages !== null) guarded.route('/', pages);
  app.route('/', guarded);
}

/** Scripts and styles hold nothing of anybody's, and the page of the login needs them. */
const isAsset = (c: Context): boolean => c.req.method === 'GET' && c.req.path.startsWith('/assets/');

const nothingHere = (c: Context): Response =>
  isForProgram(c) || c.req.method !== 'GET'
    ? c.json({ message: 'there is nothing here' }, 404)
    : c.text('There is nothing here.', 404);

const notAllowed = (c: Context, allow: string): Response =>
  c.json({ message: `only ${allow}` }, 405, { allow });
