import { expect, test } from 'vitest';
import { createCliStage } from '../support/cli-stage.ts';
import { TAKE_OVER_MS, takesOver } from '../support/daemon-pair.ts';
import { differences } from '../support/differences.ts';
import { eventually } from '../support/eventually.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';

test('of two daemons the second stands by, and takes over after a kill -9 of the first (invariant 11)', async () => {
  await using stage = await createCliStage({ config: shopConfig, schema: `${shopSchema};${shopRows(5)}` });
  await stage.apply();
  const first = await stage.start();
  await stage.settled();
  const second = stage.spawn(['start']);
  await second.says('standing by');
  await stage.database.pool.query(`update items set name = 'by the first' where id = 1`);
  await eventually(async () => (await differences(stage)).length === 0);
  expect(second.stderr()).not.toContain('syncing');

  // Changed under way: what the first had in hand is the second's now.
  stage.sandbox.control.faults.add({
    match: { operation: 'pages.update' },
    times: 1,
    action: { kind: 'delay', ms: 1_000 },
  });
  await stage.database.pool.query(`update items set name = 'by either' where id = 2`);
  await eventually(() =>
    stage.sandbox.control
      .requests()
      .some((each) => each.operation === 'pages.update' && each.status === null),
  );
  expect(await takesOver(second, () => first.kill9())).toBeLessThan(TAKE_OVER_MS);
  await stage.database.pool.query(`update items set name = 'by the second' where id = 3`);
  await eventually(async () => {
    await stage.settled();
    expect(await differences(stage)).toEqual([]);
    return true;
  });
  second.signal('SIGTERM');
  expect(await second.exit).toMatchObject({ code: 0 });
});

test('a daemon that stops in order hands over at once (invariant 11)', async () => {
  await using stage = await createCliStage({ config: shopConfig, schema: `${shopSchema};${shopRows(2)}` });
  await stage.apply();
  const first = await stage.start();
  const second = stage.spawn(['start']);
  await second.says('standing by');
  const ms = await takesOver(second, async () => {
    first.signal('SIGTERM');
    expect((await first.exit).code).toBe(0);
  });
  expect(ms).toBeLessThan(TAKE_OVER_MS);
  await stage.settled();
  expect(await differences(stage)).toEqual([]);
});

test('a daemon that stands by outlives the loss of its connection, and takes over later (invariant 11)', async () => {
  await using stage = await createCliStage({ config: shopConfig, schema: `${shopSchema};${shopRows(2)}` });
  await stage.apply();
  const first = await stage.start();
  const second = stage.spawn(['start']);
  await second.says('standing by');
  const { pool } = stage.database;
  const ended = await pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name like 'pgnotion (standby)%'`,
  );
  expect(ended.rowCount).toBe(1);
  await eventually(() => second.stderr().split('standing by').length > 2);
  expect(await takesOver(second, () => first.kill9())).toBeLessThan(TAKE_OVER_MS);
  await stage.settled();
  expect(await differences(stage)).toEqual([]);
});

test('a start that loses its connection says so, and that it may be run again', async () => {
  await using stage = await createCliStage({ config: shopConfig, schema: `${shopSchema};${shopRows(2)}` });
  await stage.apply();
  const { pool } = stage.database;
  // It gets no further than its epoch, which another session keeps.
  const other = await pool.connect();
  await other.query(`begin`);
  await other.query(`lock table pgnotion.daemon_at_work in access exclusive mode`);
  const daemon = stage.spawn(['start', '--json']);
  await eventually(async () => {
    const { rowCount } = await pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and application_name like 'pgnotion%' and wait_event_type = 'Lock'`,
    );
    return rowCount === 1;
  });
  const { code, stderr } = await daemon.exit;
  await other.query('rollback');
  other.release();
  expect(code).toBe(1);
  expect(JSON.parse(stderr.trim().split('\n').at(-1) ?? '')).toMatchObject({
    error: { code: 'postgres_lost', retryable: true },
  });
});
