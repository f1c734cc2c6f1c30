import { pino } from 'pino';
import { expect, test } from 'vitest';
import type { Actions } from '../../src/admin/actions.ts';
import { createApi } from '../../src/admin/api.ts';
import { NEWBORN, readinessOf } from '../../src/admin/health.ts';
import { createInside } from '../../src/admin/inside.ts';
import { webhookRoutes } from '../../src/admin/webhooks.ts';

// The routes of the admin port without a database behind them; test/flow/admin-port.test.ts has one.

type Given = {
  readonly host?: string;
  readonly token?: string | null;
  readonly readOnly?: boolean;
  readonly actions?: Actions;
};

function port({ host = '127.0.0.1', token = 'right', readOnly = false, actions }: Given = {}) {
  const lines: { readonly level: number; readonly code?: string; readonly msg: string }[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const readiness = async () => readinessOf(NEWBORN, null, new Date());
  const settings = {
    slot: 's',
    publication: 'p',
    plugin: 'pgoutput',
    tables: [],
    guards: {},
    environment: [],
  };
  const { inside, greet } = createInside(
    { host, token, readOnly, settings, log },
    { queries: () => null, actions: () => actions ?? null, readiness, stop: new AbortController().signal },
  );
  const app = createApi({ readiness, webhooks: webhookRoutes(() => null, log), inside });
  const ask = (path: string, init: RequestInit = {}) =>
    app.request(path, { ...init, headers: { host: 'localhost', ...init.headers } });
  return { ask, greet, lines };
}

const post = (
  fields: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): RequestInit => ({
  method: 'POST',
  body: new URLSearchParams(fields),
  headers,
});
const bearer = { authorization: 'Bearer right' };
const codeOf = async (answer: Response): Promise<string> =>
  ((await answer.json()) as { readonly code: string }).code;

test('wrong tokens are refused, and after some of them the right one for a while too, whichever way they come', async () => {
  const { ask } = port();
  for (let tried = 0; tried < 3; tried += 1)
    expect((await ask('/login', post({ token: 'wrong' }))).status).toBe(401);
  for (let tried = 0; tried < 2; tried += 1)
    expect((await ask('/api/overview', { headers: { authorization: 'Bearer wrong' } })).status).toBe(401);
  const refused = await ask('/login', post({ token: 'right' }));
  expect([refused.status, refused.headers.get('set-cookie')]).toEqual([429, null]);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await ask('/api/overview', { headers: bearer })).status).toBe(429);
  expect((await ask('/livez')).status).toBe(200);
});

test('beyond this machine there is nothing to log in to without a token, and the log says so at the start', async () => {
  const { ask, greet, lines } = port({ host: '0.0.0.0', token: null });
  greet('http://0.0.0.0:7420');
  expect(lines).toMatchObject([
    { level: 40, code: 'admin_token_missing', remedy: expect.stringContaining('ADMIN_TOKEN') },
  ]);
  for (const path of ['/', '/login', '/api/overview', '/assets/dashboard.css'])
    expect((await ask(path)).status, path).toBe(403);
  expect(await codeOf(await ask('/api/actions/pause', post({}, bearer)))).toBe('admin_token_missing');
  expect((await ask('/livez')).status).toBe(200);
  expect((await ask('/readyz')).status).toBe(503);
  expect((await ask('/webhooks/notion', post({}))).status).toBe(503);
});

test('with a token the port answers under any name beyond this machine, and under its own alone on it', async () => {
  const headers = { ...bearer, host: 'dash.example' };
  expect((await port({ host: '0.0.0.0' }).ask('/api/settings', { headers })).status).toBe(200);
  const refused = await port().ask('/api/settings', { headers });
  expect([refused.status, await codeOf(refused)]).toEqual([403, 'admin_host_foreign']);
  expect((await port().ask('/livez', { headers })).status).toBe(200);
});

test('a token that was made at the start is told once and opens the port', async () => {
  const { ask, greet, lines } = port({ token: null });
  greet('http://127.0.0.1:7420');
  const made = /next start: (\S+)/.exec(lines[0]?.msg ?? '')?.[1] ?? '';
  expect(made.length).toBeGreaterThanOrEqual(32);
  expect((await ask('/api/settings', { headers: { authorization: `Bearer ${made}` } })).status).toBe(200);
  expect(lines.length).toBe(1);
});

test('the log says that a token can be guessed, and not which', () => {
  const { greet, lines } = port({ token: 'hunter2' });
  greet('http://127.0.0.1:7420');
  expect(lines).toMatchObject([{ level: 40 }]);
  expect(JSON.stringify(lines)).not.toContain('hunter2');
});

test('with --read-only everything can be seen and nothing changed, by whoever', async () => {
  const { ask } = port({ readOnly: true });
  expect((await ask('/api/settings', { headers: bearer })).status).toBe(200);
  for (const path of ['/api/actions/pause', '/api/actions/undo', '/actions/pause', '/anything']) {
    const answer = await ask(path, post({ table: 'x' }, { ...bearer, accept: 'application/json' }));
    expect([answer.status, await codeOf(answer)], path).toEqual([403, 'admin_read_only']);
  }
});

test('while PostgreSQL cannot be read, that is the answer', async () => {
  const { ask } = port();
  for (const path of ['/api/overview', '/api/inbox', '/api/operations', '/api/records/a/b']) {
    const answer = await ask(path, { headers: bearer });
    expect([answer.status, await codeOf(answer)], path).toEqual([503, 'admin_state_unread']);
  }
  expect((await ask('/api/actions/pause', post({}, bearer))).status).toBe(503);
});

test('the cookie goes by encrypted ways alone where a proxy says that there is one', async () => {
  const answer = await port().ask('/login', post({ token: 'right' }, { 'x-forwarded-proto': 'https' }));
  expect(answer.headers.get('set-cookie')).toContain('; Secure; SameSite=Strict');
});
