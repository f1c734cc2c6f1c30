import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import type { Cause } from '../../src/admin/alert-causes.ts';
import type { Told } from '../../src/admin/alert-rules.ts';
import { runAlerts } from '../../src/admin/alert-sender.ts';
import { createWake } from '../../src/runtime/wake.ts';
import type { FaultRule } from '../../src/sandbox/notion/faults.ts';
import { createCliStage } from '../support/cli-stage.ts';
import { eventually } from '../support/eventually.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { createStack, type Stack } from '../support/stack.ts';

type Got = { readonly text: string; readonly cause: string; readonly [detail: string]: unknown };

/** An answer that a busy machine gives late must not count as none. */
const TIMING = { lookMs: 100, tryMs: 10_000, againMs: 20 };

/** A receiver of alerts. `status` 0 answers nothing at all. */
async function receiver(status = 200) {
  const got: Got[] = [];
  const mode = { status };
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      // Given up halfway by a sender that has waited long enough.
      if (parts.length === 0) return;
      got.push(JSON.parse(Buffer.concat(parts).toString()) as Got);
      if (mode.status !== 0) response.writeHead(mode.status).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/services/hunter2`, got, mode, port };
}

async function synced(url: string, rows = 3, timing = TIMING): Promise<Stack> {
  const stack = await createStack({
    // A renamed column is a deviation too, of which another test tells.
    config: { ...shopConfig, deleteGuard: { number: 2 }, alerts: { drift: false } },
    schema: `${shopSchema};${shopRows(rows)}`,
    variables: { ALERT_WEBHOOK_URL: url },
    daemon: { alertTiming: timing },
  });
  onTestFinished(() => stack[Symbol.asyncDispose]());
  await stack.apply();
  await stack.start();
  await stack.settled();
  return stack;
}

const causes = (got: readonly Got[]): string[] => got.map(({ cause }) => cause);

const BLOCKED: FaultRule = {
  match: {},
  times: null,
  action: {
    kind: 'status',
    status: 429,
    when: 'before',
    code: 'rate_limited',
    additionalData: { rate_limit_reason: 'public_api_request_blocked' },
  },
};

test('a blocked connection alerts once, with the remedy and without a secret (invariant 14)', async () => {
  const { url, got } = await receiver();
  const stack = await synced(url);
  stack.sandbox.control.faults.add(BLOCKED);
  await eventually(() => got.length > 0);
  const asked = stack.sandbox.control.requests().length;
  await eventually(() => stack.sandbox.control.requests().length > asked + 2);
  expect(got).toMatchObject([{ cause: 'notion-refuses', code: 'notion_blocked', source: 'pgnotion' }]);
  expect(got[0]?.text).toContain("Ask Notion's support");
  for (const secret of ['hunter2', stack.sandbox.token, stack.database.url])
    expect(JSON.stringify(got)).not.toContain(secret);
});

test('a suspended table, waiting deletions and a new slot alert, and a restart repeats none of them', async () => {
  const { url, got } = await receiver();
  const stack = await synced(url, 10);
  await stack.database.pool.query('delete from items where id <= 8');
  await eventually(() => causes(got).includes('deletions-wait'));
  expect(got[0]).toMatchObject({ table: 'items', count: expect.any(Number) });
  await stack.database.pool.query('alter table items rename name to called');
  await eventually(() => causes(got).includes('table-suspended'));
  expect(got[1]?.text).toContain('items is suspended');
  await stack.stop();
  await stack.database.pool.query('select pg_drop_replication_slot(slot) from pgnotion.checkpoint');
  await stack.database.pool.query('alter table items rename called to name');
  await stack.start();
  await eventually(() => causes(got).includes('slot-renewed'));
  expect(got[2]?.text).toContain('there is no slot');
  // By the time that this is told, all else has been looked at once more.
  stack.sandbox.control.faults.add(BLOCKED);
  await eventually(() => causes(got).includes('notion-refuses'));
  expect(causes(got)).toEqual(['deletions-wait', 'table-suspended', 'slot-renewed', 'notion-refuses']);
});

test('a daemon that takes over from a dead one says so', async () => {
  const { url, got } = await receiver();
  await using stage = await createCliStage({
    config: shopConfig,
    schema: `${shopSchema};${shopRows(1)}`,
    variables: { ALERT_WEBHOOK_URL: url },
  });
  await stage.apply();
  const first = await stage.start();
  const second = stage.spawn(['start']);
  await second.says('standing by');
  expect(got).toEqual([]);
  await first.kill9();
  await eventually(() => got.length > 0);
  expect(got).toMatchObject([{ cause: 'taken-over', from: expect.stringContaining(`process ${first.pid}`) }]);
  expect(second.stderr()).not.toContain('hunter2');
});

test.each([
  ['hangs', 0],
  ['fails', 500],
])('a receiver that %s holds up neither the sync nor the stop', async (_, status) => {
  const { url, got, mode } = await receiver(status);
  const stack = await synced(url, 10, { ...TIMING, tryMs: 500 });
  await stack.database.pool.query('delete from items where id <= 8');
  await eventually(() => got.length > 0);
  await stack.database.pool.query(`update items set name = 'goes on' where id = 10`);
  await eventually(async () => {
    const source = stack.sandbox.control.listDatabases()[0]?.dataSourceId ?? '';
    return stack.sandbox.control.titles(source).some(({ title }) => title === 'goes on');
  });
  // Three tries, and then a rest.
  await eventually(() => got.length >= 3);
  const started = performance.now();
  await stack.stop();
  expect(performance.now() - started).toBeLessThan(5_000);
  expect(got).toHaveLength(3);
  expect(mode.status).toBe(status);
});

test('what could not be sent is in the log, without the address', async () => {
  const { url, mode, got, port } = await receiver(500);
  const lines: string[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
  const cause: Cause = { kind: 'table-suspended', table: 'items', reason: 'no column x' };
  let told: Told = {};
  const stop = new AbortController();
  const wake = createWake();
  const done = runAlerts(
    {
      url,
      slot: 'shop',
      log,
      wake,
      seen: async () => ({ causes: [cause], isComplete: true }),
      pace: { repeatMs: 6 * 3_600_000, clearedMs: 600_000 },
      memory: {
        read: async () => told,
        save: async (next) => {
          told = next;
        },
      },
      timing: TIMING,
    },
    stop.signal,
  );
  await eventually(() => lines.some((line) => line.includes('could not be sent')));
  expect(got).toHaveLength(3);
  expect(lines.join('')).toContain('it answered 500');
  expect(lines.join('')).toContain('items is suspended');
  expect(lines.join('')).not.toContain('hunter2');
  expect(lines.join('')).not.toContain(String(port));
  // Some time later it is sent again.
  mode.status = 200;
  told = {};
  wake.ring();
  await eventually(() =>
    Object.values(told).some(({ nextAt }) => (nextAt ?? 0) - Date.now() > 5 * 3_600_000),
  );
  stop.abort();
  await done;
  expect(got).toHaveLength(4);
});
