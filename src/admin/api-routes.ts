import { type Context, Hono } from 'hono';
import { z } from 'zod';
import { PgnotionError } from '../model/errors.ts';
import type { DashboardParts } from './dashboard-parts.ts';
import { type Queries, SLO_DAYS } from './queries.ts';
import { refuse, stateUnread } from './refusal.ts';
import type { AdminVariables } from './session.ts';

const id = z.string().regex(/^\d{1,18}$/, 'is not a number');

/** What a list of operations may be narrowed to. */
export const OPERATIONS_QUERY = z.object({
  table: z.string().optional(),
  key: z.string().optional(),
  status: z.enum(['started', 'done', 'failed', 'unknown']).optional(),
  direction: z.enum(['to-notion', 'to-postgres']).optional(),
  actor: z.string().optional(),
  batch: z.string().optional(),
  before: id.optional(),
});
export const RUNS_QUERY = z.object({ before: id.optional() });
export const SLO_QUERY = z.object({ days: z.enum(SLO_DAYS).default('30') });
export const CHARTS_QUERY = z.object({ span: z.enum(['hour', 'day']).default('hour') });

/** Everything that the dashboard shows, as JSON. */
export function apiRoutes({ queries, settings }: DashboardParts): Hono<AdminVariables> {
  const app = new Hono<AdminVariables>();
  const reading = async (c: Context, read: (from: Queries) => Promise<Response>): Promise<Response> => {
    const from = queries();
    return from === null ? refuse(c, 503, stateUnread()) : read(from);
  };
  app.get('/api/overview', (c) => reading(c, async (from) => c.json(await from.overview())));
  app.get('/api/tables', (c) => reading(c, async (from) => c.json((await from.overview()).tables)));
  app.get('/api/inbox', (c) => reading(c, async (from) => c.json(await from.inbox())));
  app.get('/api/records/:table/:key', (c) =>
    reading(c, async (from) => {
      const { table, key } = c.req.param();
      const record = await from.record(table, key);
      return record === null ? refuse(c, 404, noRecord(table, key)) : c.json(record);
    }),
  );
  /** What takes parameters, which are refused by name. */
  const asked = <Query extends z.ZodObject>(
    path: string,
    schema: Query,
    read: (from: Queries, query: z.infer<Query>) => Promise<object>,
  ): void => {
    app.get(path, (c) =>
      reading(c, async (from) => {
        const query = schema.safeParse(c.req.query());
        return query.success ? c.json(await read(from, query.data)) : refuse(c, 400, badQuery(query.error));
      }),
    );
  };
  asked('/api/operations', OPERATIONS_QUERY, (from, query) => from.operations(given(query)));
  asked('/api/runs', RUNS_QUERY, (from, { before }) => from.runs(before ?? null));
  asked('/api/charts', CHARTS_QUERY, (from, { span }) => from.charts(span));
  asked('/api/slo', SLO_QUERY, (from, { days }) => from.slo(days));
  app.get('/api/actions', (c) => reading(c, async (from) => c.json(await from.actions())));
  app.get('/api/settings', (c) => {
    const { actor, readOnly, csrf } = c.get('session');
    return c.json({ ...settings, session: { actor, read_only: readOnly, csrf } });
  });
  app.get('/api/openapi.json', async (c) => c.json((await import('./openapi.ts')).openApi()));
  return app;
}

/** Without those that are not given: an absent condition is none. */
const given = <T extends object>(query: T): { [Name in keyof T]?: NonNullable<T[Name]> } =>
  Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined && value !== '')) as {
    [Name in keyof T]?: NonNullable<T[Name]>;
  };

const badQuery = (error: z.ZodError): PgnotionError =>
  new PgnotionError({
    code: 'admin_query_invalid',
    message: `the address names what is not there to be asked for: ${error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')}`,
    remedy: 'see /api/openapi.json for what each address takes',
  });

const noRecord = (table: string, key: string): PgnotionError =>
  new PgnotionError({
    code: 'record_unknown',
    message: `there is no record ${key} of ${table}`,
    remedy:
      'give the primary key as text (of several columns a JSON array of texts); /api/tables lists the tables',
  });
