import { expect, test } from 'vitest';
import { type CliStage, createCliStage } from '../support/cli-stage.ts';
import { ownTime } from '../support/core-time.ts';
import type { CliProcess } from '../support/daemon-process.ts';
import { differences } from '../support/differences.ts';
import { eventually } from '../support/eventually.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';

const ROWS = 3;

async function synced(variables: Readonly<Record<string, string>> = {}): Promise<[CliStage, CliProcess]> {
  const schema = `${shopSchema};${shopRows(ROWS)}`;
  const stage = await createCliStage({ config: shopConfig, schema, variables });
  await stage.apply();
  const daemon = await stage.start();
  await stage.settled();
  stage.sandbox.control.clearRequests();
  return [stage, daemon];
}

const updates = ({ sandbox }: CliStage) =>
  sandbox.control.requests().filter((each) => each.operation === 'pages.update');

/** Changes a row, and waits until the write to its page is under way and will take `ms`. */
async function updateUnderWay(stage: CliStage, ms: number): Promise<void> {
  const delay = { kind: 'delay', ms } as const;
  stage.sandbox.control.faults.add({ match: { operation: 'pages.update' }, times: null, action: delay });
  await stage.database.pool.query(`update items set name = 'renamed' where id = 1`);
  await eventually(() => updates(stage).some((each) => each.status === null), { everyMs: 5 });
}

const timed = async (daemon: CliProcess) => {
  const ms = await ownTime(daemon.pid, () => daemon.exit);
  return { ...(await daemon.exit), ms };
};

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s: the request under way is finished and recorded, the slot acknowledged, the exit good (invariants 2, 9)',
  async (signal) => {
    const [stage, daemon] = await synced();
    await using _ = stage;
    await updateUnderWay(stage, 1_500);
    daemon.signal(signal);
    const { code, ms, stderr } = await timed(daemon);
    expect({ code, stderr }).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('in flight is recorded'),
    });
    expect(ms).toBeLessThan(10_000);
    expect(updates(stage).map((each) => each.status)).toEqual([200]);
    const { rows } = await stage.database.pool.query(
      `select o.status, s.confirmed_flush_lsn >= o.lsn as acknowledged, s.active, r.base_row ->> 'Name' as name,
              (select count(*)::int from pgnotion.outbox) as waiting
         from pgnotion.operations o join pgnotion.records r using (table_name, key)
         join pg_replication_slots s on s.slot_name = $1
        where o.kind = 'update'`,
      [stage.config.slot],
    );
    expect(rows).toEqual([
      { status: 'done', acknowledged: true, active: false, name: 'renamed', waiting: 0 },
    ]);

    // Nothing is done again.
    stage.sandbox.control.faults.clear();
    await stage.start();
    await stage.settled();
    expect(updates(stage)).toHaveLength(1);
    expect(await differences(stage)).toEqual([]);
  },
);

test('a second signal ends the process at once, and the next start mends what was in doubt', async () => {
  const [stage, daemon] = await synced();
  await using _ = stage;
  await updateUnderWay(stage, 30_000);
  daemon.signal('SIGINT');
  // The first has arrived when what may end at once has ended: the stream from PostgreSQL.
  await eventually(async () => {
    const { rows } = await stage.database.pool.query(
      'select active from pg_replication_slots where slot_name = $1',
      [stage.config.slot],
    );
    return rows[0]?.active === false;
  });
  expect(daemon.ended()).toBe(false);
  daemon.signal('SIGINT');
  const { code, ms } = await timed(daemon);
  expect(code).toBe(1);
  expect(ms).toBeLessThan(3_000);
  stage.sandbox.control.faults.clear();
  await stage.start();
  await stage.settled();
  expect(await differences(stage)).toEqual([]);
});

test('a Notion that hangs in the middle of an answer holds the stop for less than ten seconds', async () => {
  const [stage, daemon] = await synced();
  await using _ = stage;
  const { faults } = stage.sandbox.control;
  faults.add({ match: {}, times: null, action: { kind: 'stall-body' } });
  await stage.database.pool.query(`update items set name = 'renamed' where id = 1`);
  await eventually(() => (faults.list()[0]?.struck ?? 0) > 0);
  daemon.signal('SIGTERM');
  const { ms, code, stderr } = await timed(daemon);
  expect(ms).toBeLessThan(10_000);
  expect({ code, stderr }).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('could not finish within 10 s'),
  });
  faults.clear();
  await stage.start();
  await stage.settled();
  expect(await differences(stage)).toEqual([]);
});

test('a stop does not wait for the budget: what had not left yet stays in the outbox, and is no failure', async () => {
  // Enough for the start and a few of the pages; polls would take their share of it.
  const budget = { NOTION_RATE_LIMIT: '16/60s', SYNC_INTERVAL_SECONDS: '60' };
  const schema = `${shopSchema};${shopRows(50)}`;
  await using stage = await createCliStage({ config: shopConfig, schema });
  await stage.apply();
  const daemon = await stage.start(budget);
  const created = () =>
    stage.sandbox.control.requests().filter((each) => each.operation === 'pages.create').length;
  await eventually(() => created() > 2);
  daemon.signal('SIGTERM');
  const { ms, code } = await timed(daemon);
  expect(code).toBe(0);
  expect(ms).toBeLessThan(5_000);
  const { rows } = await stage.database.pool.query(
    `select (select count(*)::int from pgnotion.failures) as failures,
            (select count(*)::int from pgnotion.operations
              where status <> 'done' and error not like '%before the request left') as undone,
            (select count(*)::int from pgnotion.records where page_id is null) as doubtful,
            (select count(*)::int from pgnotion.outbox) + (select count(*)::int from pgnotion.records) as all`,
  );
  expect(rows).toEqual([{ failures: 0, undone: 0, doubtful: 0, all: 50 }]);
});

test.each(['before it has the lock', 'while Notion does not answer'])(
  'a signal during the start, %s, ends the process within ten seconds',
  async (when) => {
    const [stage, first] = await synced();
    await using _ = stage;
    if (when !== 'before it has the lock') {
      await first.kill9();
      stage.sandbox.control.faults.add({
        match: { operation: 'users.me' },
        times: null,
        action: { kind: 'stall-body' },
      });
    }
    const second = stage.spawn(['start']);
    if (when === 'before it has the lock') await second.says('standing by');
    else await eventually(() => (stage.sandbox.control.faults.list()[0]?.struck ?? 0) > 0);
    second.signal('SIGINT');
    const { ms, code } = await timed(second);
    expect(code).toBe(0);
    expect(ms).toBeLessThan(10_000);
  },
);
