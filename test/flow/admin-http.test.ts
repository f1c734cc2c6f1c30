import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Hono } from 'hono';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { startServer } from '../../src/admin/server.ts';
import { createCliStage } from '../support/cli-stage.ts';
import type { CliProcess } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { createStack, type Stack } from '../support/stack.ts';

type Ready = {
  readonly status: number;
  readonly state: string;
  readonly ready: boolean;
  readonly reasons: readonly string[];
  readonly checks: {
    readonly postgres: { readonly reachable: boolean };
    readonly slot: { readonly read: boolean | null };
    readonly notion: { readonly answered_at: string | null; readonly refused: string | null };
    readonly paused: readonly { readonly table: string; readonly by: string }[] | null;
    readonly first_sync: readonly string[] | null;
  };
  readonly holder?: { readonly host: string; readonly process: number };
};

async function readyz(address: string): Promise<Ready> {
  const response = await fetch(`${address}/readyz`);
  return { status: response.status, ...((await response.json()) as Omit<Ready, 'status'>) };
}

async function synced(variables: Readonly<Record<string, string>> = {}): Promise<Stack> {
  const stack = await createStack({ config: shopConfig, schema: `${shopSchema};${shopRows(3)}`, variables });
  onTestFinished(() => stack[Symbol.asyncDispose]());
  await stack.apply();
  await stack.start();
  await stack.settled();
  return stack;
}

test('a daemon that syncs is alive and ready, and says what it found', async () => {
  const stack = await synced();
  const live = await fetch(`${stack.admin()}/livez`);
  expect([live.status, live.headers.get('cache-control')]).toEqual([200, 'no-store']);
  await eventually(async () => (await readyz(stack.admin())).state === 'syncing');
  expect(await readyz(stack.admin())).toMatchObject({
    status: 200,
    ready: true,
    reasons: [],
    checks: {
      postgres: { reachable: true },
      slot: { read: true },
      notion: { answered_at: expect.stringMatching(/^20/), refused: null },
      paused: [],
      first_sync: [],
    },
  });
  // A paused table holds no other one back, and so is no reason. It is compared all the same, perhaps before anybody looks.
  const paused = await eventually(async () => {
    await stack.database.pool.query(`select pgnotion.pause('items'), pgnotion.resync('items')`);
    const now = await readyz(stack.admin());
    return now.checks.paused?.length === 1 && now.checks.first_sync?.length === 1 && now;
  });
  expect(paused).toMatchObject({ status: 200, state: 'catching-up', checks: { first_sync: ['items'] } });
  expect(paused.checks.paused).toEqual([{ table: 'items', by: 'hand' }]);
});

test('only GET and HEAD are answered, nothing is kept, and whatever else there is needs a login', async () => {
  const stack = await synced();
  await eventually(async () => (await readyz(stack.admin())).ready);
  for (const path of ['/livez', '/readyz']) {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
      const response = await fetch(`${stack.admin()}${path}`, { method });
      expect([response.status, response.headers.get('allow')], `${method} ${path}`).toEqual([
        405,
        'GET, HEAD',
      ]);
    }
    const head = await fetch(`${stack.admin()}${path}`, { method: 'HEAD' });
    expect([head.status, head.headers.get('cache-control'), await head.text()]).toEqual([
      200,
      'no-store',
      '',
    ]);
  }
  expect((await fetch(`${stack.admin()}/nothing`, { redirect: 'manual' })).status).toBe(303);
});

test('invariant 14: /readyz says why the work stands still, and holds no secret and no text of the database', async () => {
  const stack = await synced();
  const { faults } = stack.sandbox.control;
  faults.add({
    match: {},
    times: null,
    action: {
      kind: 'status',
      status: 429,
      when: 'before',
      code: 'rate_limited',
      additionalData: { rate_limit_reason: 'public_api_request_blocked' },
    },
  });
  await eventually(async () => (await readyz(stack.admin())).checks.notion.refused !== null);
  await stack.database.pool.query(`alter table items rename name to hunter2`);
  const refused = await eventually(async () => {
    const now = await readyz(stack.admin());
    return now.checks.paused?.length === 1 && now;
  });
  expect(refused).toMatchObject({
    status: 503,
    ready: false,
    checks: { notion: { refused: 'notion_blocked' } },
  });
  expect(refused.reasons).toEqual([expect.stringContaining('Notion refuses every request (notion_blocked)')]);
  expect(refused.checks.paused).toEqual([{ table: 'items', by: 'trouble' }]);
  const text = JSON.stringify(refused);
  const { password } = new URL(stack.database.url);
  for (const secret of ['hunter2', stack.sandbox.token, stack.database.url, password])
    if (secret !== '') expect(text).not.toContain(secret);
  faults.clear();
  await stack.database.pool.query(`alter table items rename hunter2 to name`);
  await eventually(async () => (await readyz(stack.admin())).status === 200);
});

/** Where a daemon's log says that it answers. */
const addressOf = (child: CliProcess): Promise<string> =>
  eventually(() => /"address":"([^"]+)"/.exec(child.stderr())?.[1] ?? null);

test('invariant 11: a standby says on /readyz whom it waits for, refuses webhooks, and becomes ready when its turn comes', async () => {
  await using stage = await createCliStage({ config: shopConfig, schema: `${shopSchema};${shopRows(2)}` });
  await stage.apply();
  const first = await stage.start();
  const second = stage.spawn(['start']);
  await second.says('standing by');
  const [one, two] = [await addressOf(first), await addressOf(second)];
  const standby = await eventually(async () => {
    const now = await readyz(two);
    return now.state === 'standby' && now;
  });
  expect(standby).toMatchObject({ status: 503, ready: false, holder: { process: first.pid } });
  expect(standby.checks.postgres).toEqual({ reachable: true });
  expect((await fetch(`${two}/livez`)).status).toBe(200);
  const { webhooks } = stage.sandbox.control;
  await expect(webhooks.subscribe(`${two}/webhooks/notion`)).rejects.toThrow('did not accept');
  expect((await stage.run(['webhook', 'token'])).stderr).toContain('webhook_token_missing');

  const token = await webhooks.subscribe(`${one}/webhooks/notion`);
  expect(await stage.run(['webhook', 'token'])).toMatchObject({ code: 0, stdout: `${token}\n` });
  await first.kill9();
  await second.says('"msg":"syncing"');
  await eventually(async () => (await readyz(two)).status === 200);
  expect(first.stderr() + second.stderr()).not.toContain(token);
  expect(await stage.run(['webhook', 'reset'])).toMatchObject({ code: 0 });
  expect((await stage.run(['webhook', 'token'])).code).toBe(1);
  second.signal('SIGTERM');
  expect(await second.exit).toMatchObject({ code: 0 });
  await expect(fetch(`${two}/livez`)).rejects.toThrow();
});

/** Takes a port until it is told to let go. */
async function taken(): Promise<{ readonly port: number; readonly free: () => Promise<void> }> {
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const free = () => new Promise<void>((resolve) => void server.close(() => resolve()));
  onTestFinished(async () => void (server.listening && (await free())));
  return { port: (server.address() as AddressInfo).port, free };
}

test('a port that is in use holds back no sync, is said once, and is taken when it is free', async () => {
  const { port, free } = await taken();
  const lines: { readonly code?: string; readonly remedy?: string; readonly level: number }[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const app = new Hono().get('/livez', (c) => c.text('alive'));
  const server = await startServer({ host: '127.0.0.1', port, app, log, againMs: 20 });
  onTestFinished(server.close);
  expect(server.address()).toBeNull();
  const tries = performance.now();
  await eventually(() => performance.now() - tries > 200);
  const errors = lines.filter(({ level }) => level >= 40);
  expect(errors).toMatchObject([{ code: 'admin_port_taken', remedy: expect.stringContaining('ADMIN_PORT') }]);
  await free();
  expect(await eventually(server.address)).toBe(`http://127.0.0.1:${port}`);
  expect(await (await fetch(`http://127.0.0.1:${port}/livez`)).text()).toBe('alive');

  const other = await taken();
  const stack = await synced({ ADMIN_PORT: String(other.port) });
  expect(stack.admin()).toBe('');
});

test('with ADMIN_PORT=off nothing listens', async () => {
  const stack = await synced({ ADMIN_PORT: 'off' });
  expect(stack.admin()).toBe('');
});

test('a stop answers what is being asked, and waits for nobody who asks nothing', async () => {
  const log = pino({ level: 'silent' });
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  const app = new Hono()
    .get('/slow', async (c) => {
      asked.resolve();
      await answer.promise;
      return c.text('answered');
    })
    .get('/never', () => new Promise<Response>(() => undefined));
  const server = await startServer({ host: '127.0.0.1', port: 0, app, log });
  const slow = fetch(`${server.address()}/slow`);
  const never = fetch(`${server.address()}/never`).catch(() => 'cut');
  await asked.promise;
  const started = performance.now();
  const closed = server.close();
  answer.resolve();
  expect(await (await slow).text()).toBe('answered');
  await closed;
  expect(await never).toBe('cut');
  expect(performance.now() - started).toBeLessThan(5_000);
});
