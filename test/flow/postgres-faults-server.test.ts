import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { silentLog } from '../../src/runtime/log.ts';
import { startEmbeddedPostgres } from '../../src/sandbox/postgres.ts';
import { agreed } from '../support/agreement.ts';
import { eventually } from '../support/eventually.ts';
import { startProxy } from '../support/proxy.ts';
import { startDebianPostgres15, startOwnPostgres } from '../support/servers.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { sidesOf, typed } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

async function synced(stack: Stack): Promise<void> {
  await stack.database.pool.query(shopRows(10));
  await stack.apply();
  await stack.start();
  await agreed(stack);
}

test('invariants 2, 3, 9: the server crashes: what was acknowledged comes again and changes nothing', async () => {
  const options = {
    dir: join(tmpdir(), `pgnotion-test-${randomBytes(6).toString('hex')}`),
    persistent: true,
    // Nothing but a crash may persist how far the slot was acknowledged.
    settings: { checkpoint_timeout: '1h', synchronous_commit: 'on' },
    log: silentLog(),
  };
  let server = await startEmbeddedPostgres(options);
  try {
    await using stack = await createStack({
      config: shopConfig,
      schema: shopSchema,
      serverUrl: server.url,
      pollSeconds: 0.5,
    });
    const sides = sidesOf(stack);
    await synced(stack);
    for (const round of [1, 2]) {
      await sides.sql(`update items set note = $1 where id <= 3`, [`round ${round}`]);
      await sides.sql(`insert into items (id, name) overriding system value values (100, 'comes and goes')`);
      await agreed(stack);
      await sides.sql('delete from items where id = 100');
      await agreed(stack);
      const writes = sides.writes().length;
      // One change that nobody has captured when the server goes.
      await sides.sql(`update items set note = $1 where id = 9`, [`last of round ${round}`]);
      await server.kill9();
      server = await startEmbeddedPostgres({ ...options, port: server.port });
      sides.edit(await sides.pageOf('items', '8'), { Note: typed('rich_text', `typed in round ${round}`) });
      await agreed(stack);
      expect(await sides.sql('select note from items where id = 8')).toEqual([
        { note: `typed in round ${round}` },
      ]);
      expect(sides.writes().length - writes, 'writes of the last change alone').toBeLessThanOrEqual(2);
    }
  } finally {
    await server.stop();
  }
});

test('invariant 1: the slot loses WAL that it needs: a new one is made, and what was missed is found', async () => {
  const server = await startOwnPostgres({
    max_slot_wal_keep_size: '8MB',
    wal_keep_size: '0',
    max_wal_size: '32MB',
  });
  const { hostname: host, port } = new URL(server.url);
  const replication = await startProxy({ host, port: Number(port) });
  try {
    await using stack = await createStack({
      config: shopConfig,
      schema: shopSchema,
      serverUrl: server.url,
      pollSeconds: 0.5,
      daemon: { senderTimeoutMs: 1_000 },
      network: async ({ url }) => ({ REPLICATION_URL: replication.through(url) }),
    });
    const sides = sidesOf(stack);
    await synced(stack);
    replication.flow('stall');
    await sides.sql(`update items set note = 'missed' where id = 1; delete from items where id = 2;
      insert into items (name) values ('missed'); create table ballast (text text)`);
    await eventually(async () => {
      await sides.sql(`insert into ballast select repeat(md5(i::text), 100) from generate_series(1, 5000) i`);
      await sides.sql('select pg_switch_wal()');
      await sides.sql('checkpoint');
      const [slot] = await sides.sql<{ wal_status: string }>('select wal_status from pgnotion.slot');
      return slot?.wal_status === 'lost';
    });
    replication.heal();
    await eventually(
      async () => (await sides.sql(`select from pgnotion.slot where active and wal_status <> 'lost'`)).length,
    );
    await agreed(stack);
  } finally {
    await replication.close();
    await server.stop();
  }
});

test.skipIf(!inject('hasPostgres15'))(
  'invariant 1: PostgreSQL 15, whose slots die with their publication, gets a new slot with a new one',
  async () => {
    const server = await startDebianPostgres15();
    try {
      await using stack = await createStack({
        config: shopConfig,
        schema: shopSchema,
        serverUrl: server?.url ?? '',
        pollSeconds: 0.5,
      });
      const sides = sidesOf(stack);
      await synced(stack);
      await sides.sql('drop publication pgnotion');
      await sides.sql(`update items set note = 'missed' where id = 1; delete from items where id = 2`);
      await agreed(stack);
      await sides.sql(`update items set note = 'goes on' where id = 1`);
      await agreed(stack);
    } finally {
      await server?.stop();
    }
  },
);
