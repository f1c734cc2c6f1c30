import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { METRICS } from '../../src/admin/metric-list.ts';
import { sloCommand } from '../../src/cli/slo.ts';
import { parseConfig } from '../../src/config/mapping-file.ts';
import { silentLog } from '../../src/runtime/log.ts';
import { readActiveAlerts } from '../../src/state/alerts.ts';
import { createStore } from '../../src/state/sql.ts';
import { eventually } from '../support/eventually.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { type Sides, sidesOf, typed } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

// One running daemon: each figure moves when its event happens, and an alert is told once and resolved once.

type Got = { readonly cause: string; readonly state: string; readonly text: string };

const got: Got[] = [];
const receiver = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    // Given up halfway, because the daemon stops.
    if (parts.length === 0) return;
    got.push(JSON.parse(Buffer.concat(parts).toString()) as Got);
    response.writeHead(200).end();
  });
});
let stack: Stack;
let sides: Sides;

beforeAll(async () => {
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const { port } = receiver.address() as AddressInfo;
  stack = await createStack({
    config: { ...shopConfig, deleteGuard: { number: 1 } },
    schema: `${shopSchema};${shopRows(8)}`,
    variables: { ALERT_WEBHOOK_URL: `http://127.0.0.1:${port}/` },
    daemon: { alertTiming: { lookMs: 200, tryMs: 10_000, againMs: 20, clearedMs: 400 } },
  });
  await stack.apply();
  await stack.start();
  await stack.settled();
  sides = sidesOf(stack);
});
afterAll(async () => {
  await stack[Symbol.asyncDispose]();
  receiver.closeAllConnections();
  receiver.close();
});

const scrape = async (): Promise<string> => (await fetch(`${stack.admin()}/metrics`)).text();

/** The value of the first line that begins so; null if there is none. */
async function value(line: string): Promise<number | null> {
  const found = (await scrape()).split('\n').find((each) => each.startsWith(line));
  return found === undefined ? null : Number(found.slice(found.lastIndexOf(' ')));
}
const becomes = (line: string, wanted: (now: number) => boolean): Promise<unknown> =>
  eventually(async () => {
    const now = await value(line);
    return now !== null && wanted(now);
  });
const told = (cause: string): readonly string[] =>
  got.filter((each) => each.cause === cause).map(({ state }) => state);
const sql = (text: string) => stack.database.pool.query(text);

test('every metric is there, in the text format, without an id', async () => {
  await becomes('pgnotion_outbox_entries', (now) => now === 0);
  const response = await fetch(`${stack.admin()}/metrics`);
  expect(response.headers.get('content-type')).toContain('text/plain');
  const text = await response.text();
  for (const [name, { type }] of Object.entries(METRICS)) expect(text).toContain(`# TYPE ${name} ${type}\n`);
  expect(text).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-|[0-9a-f]{32}/);
  expect((await fetch(`${stack.admin()}/metrics`, { method: 'POST' })).status).toBe(405);
});

test('a change of a row and an edit of a page are counted and timed', async () => {
  await becomes(
    'pgnotion_operations_total{table="items",direction="to-notion",status="done"}',
    (now) => now >= 8,
  );
  const before = (await value('pgnotion_latency_seconds_count{direction="to-notion"}')) ?? 0;
  await sql(`update items set note = 'changed' where id = 1`);
  await becomes('pgnotion_latency_seconds_count{direction="to-notion"}', (now) => now > before);
  await becomes('pgnotion_latency_p95_seconds{table="items",direction="to-notion"}', (now) => now > 0);
  await sides.polls(2);
  const { rows } = await stack.database.pool.query<{ at: Date }>('select clock_timestamp() as at');
  const begun = rows[0]?.at ?? new Date(0);
  // A whole poll that begins after that shows the page as it was.
  await sides.polls(2);
  sides.edit(await sides.pageOf('items', '2'), { Note: typed('rich_text', 'typed') });
  await becomes(
    'pgnotion_operations_total{table="items",direction="to-postgres",status="done"}',
    (now) => now === 1,
  );
  await becomes('pgnotion_latency_p95_seconds{table="items",direction="to-postgres"}', (now) => now > 0);
  // Notion's time is the minute's beginning, which is before that.
  const [edit] = await sides.sql<{ since: Date; until: Date }>(
    `select changed_at as since, finished_at as until from pgnotion.operations where direction = 'to-postgres'`,
  );
  expect(edit?.since.getTime()).toBeGreaterThanOrEqual(begun.getTime());
  expect(edit?.until.getTime()).toBeGreaterThanOrEqual(edit?.since.getTime() ?? 0);
  await becomes('pgnotion_last_success_timestamp_seconds', (now) => now >= begun.getTime() / 1_000);
});

test('a page that went to the trash long after its last edit was deleted since the last look', async () => {
  const { rows } = await stack.database.pool.query<{ at: Date }>('select clock_timestamp() as at');
  await sides.polls(2);
  stack.sandbox.control.trashPage(await sides.pageOf('items', '8'));
  const deleted = await eventually(async () => {
    const [one] = await sides.sql<{ since: Date }>(
      `select changed_at as since from pgnotion.operations where direction = 'to-postgres' and kind = 'delete'`,
    );
    return one;
  });
  expect(deleted.since.getTime()).toBeGreaterThanOrEqual(rows[0]?.at.getTime() ?? Number.NaN);
});

test('requests, their retries and the budget are counted', async () => {
  await becomes('pgnotion_notion_requests_total{operation="create_page",status="200"}', (now) => now === 8);
  const text = await scrape();
  expect(text).toMatch(
    /pgnotion_http_client_request_duration_seconds_count\{http_request_method="POST",server_address="127.0.0.1",server_port="\d+",http_response_status_code="200"\} \d/,
  );
  const retries = (await value('pgnotion_retries_total')) ?? 0;
  stack.sandbox.control.faults.add({
    match: {},
    times: 1,
    action: { kind: 'status', status: 503, when: 'before', code: 'service_unavailable' },
  });
  await becomes('pgnotion_retries_total', (now) => now > retries);
  await becomes('pgnotion_notion_requests_total{operation="query",status="200"}', (now) => now > 0);
  await becomes('pgnotion_notion_budget_used_ratio', (now) => now > 0);
  await becomes('pgnotion_throttle_wait_seconds_total', (now) => now > 0);
  for (const name of ['replication_lag_bytes', 'wal_retained_bytes'])
    await becomes(`pgnotion_${name}`, (now) => now >= 0);
});

test('what waits is counted, and so is for how long', async () => {
  await sql(`select pgnotion.pause('items')`);
  await sql(`update items set note = 'later' where id = 3`);
  await becomes('pgnotion_outbox_entries', (now) => now === 1);
  await becomes('pgnotion_outbox_oldest_age_seconds', (now) => now > 0);
  await sql(`select pgnotion.resume('items')`);
  await becomes('pgnotion_outbox_entries', (now) => now === 0);
});

test('a failure is counted, alerts once, and is resolved once', async () => {
  const page = await sides.pageOf('items', '4');
  sides.edit(page, { Name: typed('title', '') });
  await becomes('pgnotion_failures', (now) => now === 1);
  await eventually(() => told('failures').length > 0);
  const store = createStore(stack.database.pool, 0);
  const active = await eventually(async () => {
    const alerts = await readActiveAlerts(store);
    return alerts.length > 0 && alerts;
  });
  expect(active).toMatchObject([{ cause: 'failures', text: expect.stringContaining('1 record') }]);
  await stack.stop();
  await stack.start();
  sides.edit(page, { Name: typed('title', 'as it should be') });
  await eventually(() => told('failures').length > 1);
  await becomes('pgnotion_failures', (now) => now === 0);
  await eventually(async () => (await readActiveAlerts(store)).length === 0);
  expect(told('failures')).toEqual(['raised', 'resolved']);
});

test('guarded changes are counted, alert once, and are resolved by a decision', async () => {
  await sql('delete from items where id in (5, 6, 7)');
  await becomes('pgnotion_guarded_changes', (now) => now > 0);
  // A decision is one about what waits by then.
  await eventually(
    async () => (await sql(`select from pgnotion.outbox where parked_at is null`)).rowCount === 0,
  );
  await eventually(() => told('deletions-wait').length > 0);
  await sql(`select pgnotion.reject_guarded('items')`);
  await becomes('pgnotion_guarded_changes', (now) => now === 0);
  await eventually(() => told('deletions-wait').length > 1);
  expect(told('deletions-wait')).toEqual(['raised', 'resolved']);
});

test('conflicts, drift and differences are shown as the state has them', async () => {
  await sql(`insert into pgnotion.conflict_entries (type, table_name, record_id, strategy, status)
             values ('CONCURRENT_UPDATE', 'items', '1', 'manual', 'open')`);
  await becomes('pgnotion_conflicts ', (now) => now === 1);
  await becomes('pgnotion_conflicts_ratio', (now) => now > 0);
  await sql(`insert into pgnotion.drifts (table_name, property, kind, detail, remedy, side, pauses, remedy_kind)
             values ('elsewhere', 'X', 'x', 'x', 'x', 'notion', 'nothing', 'config')`);
  await becomes('pgnotion_drift', (now) => now === 1);
  await sql(`insert into pgnotion.runs (kind, started_at, finished_at, result, counts)
             values ('verify', clock_timestamp(), clock_timestamp(), 'differences', '{"differences": 2}')`);
  await becomes('pgnotion_verify_differences', (now) => now === 2);
  await eventually(() =>
    ['conflict-rate', 'drift', 'verify-differences'].every((each) => told(each).length === 1),
  );
});

test('the success criteria are told in words and as JSON, and that one was missed', async () => {
  const loaded = { config: parseConfig(shopConfig), environment: stack.environment, log: silentLog() };
  const { text, isMet } = await sloCommand(loaded, '2h', false);
  expect(text).toMatch(/^success rate +[\d.]+ % +at least 99\.9 % +(met|missed) /m);
  expect(text).toMatch(/^latency \(p99\) +[\d.]+ s +under 5 min +met /m);
  expect(text).toMatch(/^lost changes +2 +0 +missed +the most differences/m);
  expect(isMet).toBe(false);
  const told = JSON.parse((await sloCommand(loaded, undefined, true)).text) as object;
  expect(told).toMatchObject({
    met: false,
    success: { rate: expect.any(Number), target: 0.999 },
    latency: { share: 1, p50_seconds: expect.any(Number), p99_seconds: expect.any(Number) },
    conflicts: { conflicts: 1 },
    lost: { changes: 2, comparisons: 1, met: false },
  });
  await expect(sloCommand(loaded, '2999-01-01', false)).rejects.toMatchObject({ code: 'time_invalid' });
});
