import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PostgresServer } from '../../src/sandbox/postgres-server.ts';
import { agreed } from '../support/agreement.ts';
import { eventually } from '../support/eventually.ts';
import { startOwnPostgres } from '../support/servers.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { sidesOf } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

let server: PostgresServer;
beforeAll(async () => {
  server = await startOwnPostgres();
});
afterAll(() => server.stop());

/** Commits that wait for a standby that is not there are in the log, and hidden from every reader, until it is let go. */
async function standbyIsAwaited(stack: Stack, awaited: boolean): Promise<void> {
  const { pool } = stack.database;
  await pool.query(`alter system set synchronous_standby_names = '${awaited ? 'nobody' : ''}'`);
  await pool.query('select pg_reload_conf()');
  await eventually(async () => {
    const { rows } = await pool.query<{ now: string }>(
      `select current_setting('synchronous_standby_names') as now`,
    );
    return (rows[0]?.now !== '') === awaited;
  });
}

test.each([
  ['an update', `update items set note = 'late' where id = 1`],
  ['a deletion', 'delete from items where id = 1'],
  ['a new row', `insert into items (id, name, note) values (100, 'late', 'late')`],
])(
  'invariants 1 and 5: %s that the log tells before anybody can read it reaches Notion once it can be read',
  async (_, change) => {
    await using stack = await createStack({
      config: { ...shopConfig, deleteGuard: { number: 100, share: 1 } },
      schema: `${shopSchema}; ${shopRows(3)}`,
      serverUrl: server.url,
      pollSeconds: 0.3,
    });
    const sides = sidesOf(stack);
    await sides.sql(`alter database ${stack.database.name} set synchronous_commit = local`);
    await stack.apply();
    await stack.start();
    await agreed(stack);
    const writes = sides.writes().length;
    await standbyIsAwaited(stack, true);
    const writer = new pg.Client(stack.database.url);
    await writer.connect();
    try {
      await writer.query('set synchronous_commit = on');
      const committed = writer.query(change);
      await eventually(async () => {
        const [row] = await sides.sql<{ told: boolean }>(
          `select exists (select from pg_stat_activity where wait_event = 'SyncRep' and datname = current_database())
              and exists (select from pg_stat_replication where sent_lsn >= pg_current_wal_flush_lsn()) as told`,
        );
        return row?.told;
      });
      const polls = (): number =>
        stack.sandbox.control.requests().filter(({ operation }) => operation === 'dataSources.query').length;
      const before = polls();
      await eventually(() => polls() >= before + 5);
      expect(sides.writes()).toHaveLength(writes);

      await standbyIsAwaited(stack, false);
      await committed;
      await agreed(stack);
    } finally {
      await standbyIsAwaited(stack, false);
      await writer.end();
    }
  },
);
