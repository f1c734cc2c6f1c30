import { hostname } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CliStage, createCliStage } from '../support/cli-stage.ts';
import { eventually } from '../support/eventually.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';

// What stands above the tables is true whatever has become of the daemon.

let stage: CliStage;
beforeAll(async () => {
  stage = await createCliStage({ config: shopConfig, schema: `${shopSchema};${shopRows(4)}` });
});
afterAll(() => stage[Symbol.asyncDispose]());

const status = async (): Promise<string> => {
  const { code, stdout, stderr } = await stage.run(['status']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
};

type Data = {
  readonly daemon: { readonly state: string; readonly process: number; readonly standbys: readonly string[] };
  readonly notion: { readonly state: string };
  readonly slot: {
    readonly active: boolean;
    readonly lag_bytes: number;
    readonly lag_seconds: number;
  } | null;
  readonly tables: readonly object[];
};
const data = async (): Promise<Data> => JSON.parse((await stage.run(['status', '--json'])).stdout) as Data;

test('before the first start there is no daemon, nothing was asked, and there is no slot', async () => {
  await stage.apply();
  const told = await status();
  expect(told).toMatch(/^daemon {2}not running, and none has run yet$/m);
  expect(told).toMatch(/^slot {4}not made yet$/m);
  expect(await data()).toMatchObject({ daemon: { state: 'stopped', host: null, standbys: [] }, slot: null });
});

test('a daemon at work, one that stands by, one that was killed, and one that was stopped', async () => {
  const first = await stage.start();
  await stage.settled();
  const at = `on ${hostname()}, process ${first.pid}`;
  const running = await eventually(async () => {
    const told = await status();
    return /^Notion {2}reachable/m.test(told) && told;
  });
  expect(running).toMatch(new RegExp(`^daemon {2}syncing ${at}, since \\S+Z, seen \\d\\.\\d s ago$`, 'm'));
  expect(running).toMatch(/^Notion {2}reachable, last answer .+ ago$/m);
  expect(running).toMatch(/^slot {4}\S+ is read, .+ behind, .+ of WAL retained$/m);
  expect(await data()).toMatchObject({
    daemon: { state: 'syncing', process: first.pid },
    notion: { state: 'reachable' },
    slot: { active: true },
    tables: [{ table_name: 'items' }],
  });
  await using standby = stage.spawn(['start']);
  await standby.says('standing by');
  const waits = `standing by: on ${hostname()}, process ${standby.pid}`;
  await eventually(async () => (await status()).includes(waits));
  expect(await status()).toMatch(new RegExp(`^daemon {2}syncing ${at}`, 'm'));
  await standby.kill9();
  await eventually(async () => !(await status()).includes('standing by'));

  process.kill(first.pid, 'SIGSTOP');
  await eventually(async () => /^daemon {2}no sign of life for .+ frozen or cut off/m.test(await status()));
  process.kill(first.pid, 'SIGCONT');
  await eventually(async () => /^daemon {2}syncing/m.test(await status()));

  await first.kill9();
  const killed = await eventually(async () => {
    const told = await status();
    return told.includes('not running') && told;
  });
  expect(killed).toMatch(
    new RegExp(`^daemon {2}not running; the last one was ${at}, seen .+ ago \\(\\S+Z\\)$`, 'm'),
  );
  expect(killed).toMatch(/^Notion {2}was reachable/m);
  await stage.database.pool.query(`update items set note = 'while nobody reads'`);
  const after = await data();
  expect(after.daemon.state).toBe('stopped');
  expect(after.slot).toMatchObject({ active: false });
  expect(after.slot?.lag_bytes).toBeGreaterThan(0);
  expect(after.slot?.lag_seconds).toBeGreaterThan(0);
  expect(await status()).toMatch(/^slot {4}\S+ is not read by anybody, .+ behind/m);
});

test('Notion that is silent, and that asks to wait, is told with since when', async () => {
  await using _ = await stage.start();
  await stage.settled();
  const { faults } = stage.sandbox.control;
  faults.add({ match: {}, times: null, action: { kind: 'reset', when: 'before' } });
  await eventually(async () => /^Notion {2}does not answer, since \S+Z; last answer/m.test(await status()));
  faults.clear();
  await eventually(async () => /^Notion {2}reachable/m.test(await status()));
  faults.add({
    match: {},
    times: null,
    action: { kind: 'status', status: 429, when: 'before', headers: { 'retry-after': '3' } },
  });
  await eventually(async () => /^Notion {2}asks to wait \(rate limit\), since \S+Z/m.test(await status()));
  faults.clear();
  await stage.settled();
});

test('a paused table does not make the daemon look dead', async () => {
  await using _ = await stage.start();
  await stage.settled();
  await stage.run(['pause', 'items']);
  const told = await status();
  expect(told).toMatch(/^daemon {2}syncing/m);
  expect(told).toContain('paused: paused by hand');
  await stage.run(['resume', 'items']);
});

test('--watch repeats itself, and ends well with Ctrl-C and with its reader', async () => {
  const watching = stage.spawn(['status', '--watch', '1']);
  await eventually(() => watching.stdout().split('daemon  ').length > 3);
  expect(watching.stdout()).not.toContain('\x1b');
  watching.signal('SIGINT');
  expect(await watching.exit).toMatchObject({ code: 0, stderr: '' });

  const lines = stage.spawn(['status', '--watch', '1', '--json']);
  await eventually(() => lines.stdout().trim().split('\n').length > 2);
  lines.signal('SIGTERM');
  const { code, stdout } = await lines.exit;
  expect(code).toBe(0);
  for (const line of stdout.trim().split('\n'))
    expect(JSON.parse(line)).toMatchObject({ daemon: {}, notion: {}, tables: [{ table_name: 'items' }] });
});

test('--watch goes on when the database was away in between', async () => {
  const watching = stage.spawn(['status', '--watch', '1', '--json']);
  await eventually(() => watching.stdout().includes('"daemon"'));
  await stage.database.pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name like 'pgnotion%' and pid <> pg_backend_pid()`,
  );
  const seen = watching.stdout().split('\n').length;
  await eventually(() => watching.stdout().split('\n').length > seen + 2);
  expect(watching.ended()).toBe(false);
  for (const line of watching.stdout().trim().split('\n')) JSON.parse(line);
  watching.signal('SIGINT');
  expect((await watching.exit).code).toBe(0);
});

test.each(['0', '0.5', '3601', 'often'])('--watch %s is out of its range', async (seconds) => {
  const { code, stderr } = await stage.run(['status', '--watch', seconds]);
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /is not a number of seconds from 1 to 3600[\s\S]+pgnotion status --watch[\s\S]+\(watch_interval_invalid\)/,
  );
});
