import { type Context, Hono } from 'hono';
import { messageOf } from '../model/errors.ts';
import type { Log } from '../runtime/log.ts';
import { within } from '../runtime/retry.ts';
import type { ActivityFilter } from '../state/activity.ts';
import { assetPath, assetRoutes } from './assets.ts';
import type { DashboardParts } from './dashboard-parts.ts';
import { activityPage } from './pages/activity.ts';
import { INBOX_KINDS, inboxPage } from './pages/inbox.ts';
import { layout } from './pages/layout.ts';
import { faultPage } from './pages/login.ts';
import { overviewPage } from './pages/overview.ts';
import type { Html, View } from './pages/parts.ts';
import { recordPath } from './pages/parts.ts';
import { recordPage, recordsPage } from './pages/record.ts';
import { runsPage } from './pages/runs.ts';
import { settingsPage } from './pages/settings.ts';
import type { ChartSpan, Overview, Queries } from './queries.ts';
import { remembered } from './remembered.ts';
import type { AdminVariables } from './session.ts';

type Ctx = Context<AdminVariables>;

/** What a page is made from beside the frame. */
type Asked = {
  readonly c: Ctx;
  readonly view: View;
  readonly queries: Queries;
  readonly overview: Overview;
  readonly parts: DashboardParts;
};

type Made = {
  readonly title: string;
  readonly body: Html;
  readonly charts?: boolean;
  readonly status?: 200 | 404;
};

type Maker = (asked: Asked) => Promise<Made | Response>;

/** What is read for one page is awaited so long. */
const READ_MS = 10_000;
/** The head of every page says how all is; a moment's answer is good for all who ask in it. */
const FRESH_MS = 1_000;

/** The pages, behind the check of the session, and the files that they load. Each is whole without a script. */
export function dashboardPages(parts: DashboardParts, log: Log): Hono<AdminVariables> {
  const app = new Hono<AdminVariables>();
  const overviewOf = remembered(FRESH_MS, (queries: Queries) => queries.overview());
  const page = (path: string, make: Maker): void => {
    app.get(path, async (c) => {
      const queries = parts.queries();
      if (queries === null) return fault(c, 'PostgreSQL cannot be read now');
      try {
        const told = TOLD.some((name) => c.req.query(name) !== undefined);
        const overview = await within(READ_MS, 'the state', overviewOf(queries, told));
        const view = viewOf(c);
        const made = await within(READ_MS, 'the page', make({ c, view, queries, overview, parts }));
        return made instanceof Response ? made : whole(c, view, overview, made);
      } catch (error) {
        log.warn({ reason: messageOf(error), path: c.req.path }, 'a page of the dashboard could not be made');
        return fault(c, 'The page could not be made');
      }
    });
  };
  app.route('/', assetRoutes());
  page('/', overview);
  page('/inbox', inbox);
  page('/records', records);
  page('/records/:table', (asked) => record(asked, param(asked.c, 'key') ?? ''));
  page('/records/:table/:key', (asked) => record(asked, pathParam(asked.c, 'key')));
  page('/activity', activity);
  page('/runs', runs);
  page('/settings', settings);
  return app;
}

const fault = (c: Ctx, title: string): Response | Promise<Response> =>
  c.html(
    faultPage(
      title,
      'PostgreSQL may be down, or slow. The reason is in the log of the daemon and at /readyz; this page tries again by itself.',
    ),
    503,
  );

const TOLD = ['said', 'failed'];

function viewOf(c: Ctx): View {
  const { pathname, search, searchParams } = new URL(c.req.url);
  const isPlain = TOLD.every((name) => !searchParams.has(name));
  for (const name of TOLD) searchParams.delete(name);
  const query = searchParams.toString();
  const here = isPlain ? pathname + search : query === '' ? pathname : `${pathname}?${query}`;
  return { session: c.get('session'), here, now: new Date() };
}

function whole(c: Ctx, view: View, overview: Overview, made: Made): Response | Promise<Response> {
  const { tables, daemon, notion, waiting } = overview;
  const frame = {
    ...view,
    daemon: daemon.state,
    notion: notion.state,
    waiting: Object.values(waiting).reduce((sum, each) => sum + each, 0),
    paused: { count: tables.filter(({ paused }) => paused).length, of: tables.length },
    said: param(c, 'said'),
    failed: param(c, 'failed'),
  };
  return c.html(layout(frame, assetPath, made), made.status ?? 200);
}

/** A parameter of the address; null if it is empty. PostgreSQL has no text with a NUL. */
const param = (c: Ctx, name: string): string | null => c.req.query(name)?.replaceAll('\0', '') || null;

const pathParam = (c: Ctx, name: string): string => (c.req.param(name) ?? '').replaceAll('\0', '');

/** The parameter if it is one of these. */
const oneOf = <Name extends string>(given: string | null, names: readonly Name[]): Name | null =>
  names.find((name) => name === given) ?? null;

const numberIn = (given: string | null): string | null =>
  given !== null && /^\d{1,18}$/.test(given) ? given : null;

const namesOf = ({ settings: { tables } }: DashboardParts): readonly string[] =>
  tables.map(({ name }) => name);

const SLO_SPAN = '30';

async function overview({ c, view, queries, overview: seen }: Asked): Promise<Made> {
  const span: ChartSpan = oneOf(param(c, 'span'), ['hour', 'day']) ?? 'hour';
  const [points, slo] = await Promise.all([queries.charts(span), queries.slo(SLO_SPAN)]);
  return {
    title: 'Overview',
    body: overviewPage(view, seen, { span, points, slo, days: Number(SLO_SPAN) }),
    charts: true,
  };
}

const ACTIONS = 5;

async function inbox({ c, view, queries, overview: { tables, notion, waiting } }: Asked): Promise<Made> {
  const table = param(c, 'table');
  const [found, actions] = await Promise.all([queries.inbox(table), queries.actions()]);
  const shown = {
    kind: oneOf(param(c, 'kind'), INBOX_KINDS),
    table,
    tables,
    notion,
    waiting,
    actions: actions.slice(0, ACTIONS),
  };
  return { title: 'Inbox', body: inboxPage(view, found, shown) };
}

async function records({ c, queries, parts }: Asked): Promise<Made | Response> {
  const find = param(c, 'find')?.trim() ?? '';
  const found = find === '' ? [] : await queries.find(find, namesOf(parts));
  const [only] = found;
  if (only !== undefined && found.length === 1) return c.redirect(recordPath(only.table_name, only.key), 303);
  const listed = found.map(({ table_name, key, base_page: page }) => ({
    table_name,
    key,
    title: page[titleProperty(parts, table_name)] ?? null,
  }));
  return { title: 'Find a record', body: recordsPage(find, listed) };
}

const titleProperty = ({ settings }: DashboardParts, table: string): string =>
  settings.tables.find(({ name }) => name === table)?.fields.find(({ type }) => type === 'title')?.property ??
  '';

async function record({ c, view, queries, parts }: Asked, key: string): Promise<Made> {
  const table = pathParam(c, 'table');
  const known = parts.settings.tables.find(({ name }) => name === table);
  const found = known === undefined ? null : await queries.record(table, key);
  if (found === null || known === undefined)
    return { title: 'Find a record', body: recordsPage(`${table} ${key}`, []), status: 404 };
  const [conflicts, operations] = await Promise.all([
    queries.conflicts(table, key),
    queries.operations({ table, key }),
  ]);
  const properties = known.fields.map(({ property }) => property);
  const body = recordPage(view, found, { conflicts, operations, properties });
  return { title: `${table} ${key}`, body };
}

async function activity({ c, view, queries, parts }: Asked): Promise<Made> {
  const given: { readonly [Name in keyof ActivityFilter]: ActivityFilter[Name] | null } = {
    table: param(c, 'table'),
    key: param(c, 'key'),
    status: oneOf(param(c, 'status'), ['started', 'done', 'failed', 'unknown']),
    direction: oneOf(param(c, 'direction'), ['to-notion', 'to-postgres']),
    actor: param(c, 'actor'),
    batch: param(c, 'batch'),
    before: numberIn(param(c, 'before')),
  };
  const filter: ActivityFilter = Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== null),
  );
  const listing = await queries.operations(filter);
  return { title: 'Activity', body: activityPage(view, { filter, tables: namesOf(parts), listing }) };
}

async function runs({ c, view, queries, parts }: Asked): Promise<Made> {
  const before = numberIn(param(c, 'before'));
  const [listing, progress] = await Promise.all([queries.runs(before), queries.progress()]);
  return { title: 'Runs', body: runsPage(view, { progress, listing, before, tables: namesOf(parts) }) };
}

async function settings({ view, queries, parts }: Asked): Promise<Made> {
  return { title: 'Settings', body: settingsPage(view, parts.settings, await queries.evidence()) };
}
