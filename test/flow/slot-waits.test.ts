import { expect, test } from 'vitest';
import { agreed } from '../support/agreement.ts';
import { createCliStage } from '../support/cli-stage.ts';
import { eventually } from '../support/eventually.ts';
import { startOwnPostgres } from '../support/servers.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { createStack } from '../support/stack.ts';

// Servers of their own: making a slot waits for the transactions of every database.

test('invariant 17: the first start waits for an open transaction, says for whom, and goes on', async () => {
  const server = await startOwnPostgres();
  try {
    await using stack = await createStack({
      config: shopConfig,
      schema: shopSchema,
      pollSeconds: 0.5,
      serverUrl: server.url,
    });
    await stack.database.pool.query(shopRows(5));
    await stack.apply();
    const writer = await stack.database.pool.connect();
    await writer.query(`begin; insert into items (name) values ('half done')`);
    const { rows } = await writer.query<{ pid: number }>('select pg_backend_pid() as pid');
    const started = stack.start();
    await eventually(async () => {
      const answer = (await (await fetch(`${stack.admin()}/readyz`)).json()) as { reasons: string[] };
      return answer.reasons.some((reason) => reason.includes(`pid ${rows[0]?.pid} of postgres`));
    });
    await writer.query('commit');
    writer.release();
    await started;
    await agreed(stack);
    expect((await (await fetch(`${stack.admin()}/readyz`)).json()) as object).toMatchObject({ reasons: [] });
    const waits = await stack.database.pool.query(`select from pgnotion.settings where name = 'slot_wait'`);
    expect(waits.rowCount).toBe(0);
  } finally {
    await server.stop();
  }
});

test('invariant 17: a prepared transaction is named by `status`, and Ctrl-C during the wait leaves no slot', async () => {
  const server = await startOwnPostgres({ max_prepared_transactions: '2' });
  try {
    await using stage = await createCliStage({
      config: shopConfig,
      schema: shopSchema,
      serverUrl: server.url,
    });
    const { pool } = stage.database;
    await pool.query(shopRows(3));
    await stage.apply();
    const writer = await pool.connect();
    await writer.query(
      `begin; insert into items (name) values ('half done'); prepare transaction 'of the shop'`,
    );
    writer.release();
    const daemon = stage.spawn(['start']);
    await daemon.says('of the shop');
    await eventually(async () => (await stage.run(['status'])).stdout.includes('of the shop'));
    daemon.signal('SIGINT');
    expect((await daemon.exit).code).toBe(0);
    const slots = 'select from pg_replication_slots';
    expect((await pool.query(slots)).rowCount).toBe(0);
    await pool.query(`rollback prepared 'of the shop'`);
    await stage.start();
    await stage.settled();
    expect((await stage.run(['status'])).stdout).not.toContain('of the shop');
  } finally {
    await server.stop();
  }
});

test('invariant 9: a slot that a killed start left behind is taken up, whatever it waits for', async () => {
  const server = await startOwnPostgres();
  try {
    await using stage = await createCliStage({
      config: shopConfig,
      schema: shopSchema,
      serverUrl: server.url,
    });
    const { pool } = stage.database;
    await pool.query(shopRows(3));
    await stage.apply();
    const writer = await pool.connect();
    await writer.query(`begin; insert into items (name) values ('half done')`);
    const daemon = stage.spawn(['start']);
    await daemon.says('open since');
    await daemon.kill9();
    const again = stage.spawn(['start']);
    await again.says('open since');
    await again.kill9();
    await writer.query('commit');
    writer.release();
    // Whether the server ends such a making or completes it depends on when it notices; here it was completed.
    await eventually(
      async () => (await pool.query('select from pg_replication_slots where active')).rowCount === 0,
    );
    await pool.query(
      `select pg_create_logical_replication_slot($1, 'pgoutput') where not exists (select from pg_replication_slots)`,
      [stage.config.slot],
    );
    await stage.start();
    await stage.settled();
  } finally {
    await server.stop();
  }
});
