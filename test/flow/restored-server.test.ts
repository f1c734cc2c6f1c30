import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, inject, test } from 'vitest';
import { silentLog } from '../../src/runtime/log.ts';
import { type PostgresServer, startServer } from '../../src/sandbox/postgres-server.ts';
import { agreed } from '../support/agreement.ts';
import { copyOn } from '../support/copies.ts';
import { asAdmin, createDatabase, inDatabase } from '../support/postgres.ts';
import { findPostgresBinaries } from '../support/servers.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { sidesOf } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

// With the tools of Debian's PostgreSQL 15: dumps, copies of the files, a change of the timeline.

const run = promisify(execFile);
const bin = findPostgresBinaries(15) ?? '';

type Files = { server: PostgresServer; readonly dir: string; readonly start: () => Promise<void> };

async function startFiles(): Promise<Files> {
  const dir = join(tmpdir(), `pgnotion-test-${randomBytes(6).toString('hex')}`);
  const settings = { restore_command: '/bin/false', fsync: 'off' };
  const options = { bin, dir, persistent: true, settings, log: silentLog() };
  const files: Files = {
    server: await startServer(options),
    dir,
    start: async () => {
      files.server = await startServer({ ...options, port: files.server.port });
    },
  };
  return files;
}

const stackOn = (server: PostgresServer): Promise<Stack> =>
  createStack({ config: shopConfig, schema: shopSchema, serverUrl: server.url, pollSeconds: 0.5 });

async function synced(stack: Stack): Promise<void> {
  await stack.database.pool.query(shopRows(5));
  await stack.apply();
  await stack.start();
  await agreed(stack);
}

const copyOf = (stack: Stack, url = stack.database.url) =>
  copyOn({ url, sandbox: stack.sandbox, config: { ...shopConfig, slot: stack.database.name } });

const MISSED = `update items set note = 'missed' where id = 1; insert into items (name) values ('missed')`;

test.skipIf(!inject('hasPostgres15'))(
  'a snapshot of the server that is put back is noticed, and goes on when it is taken over',
  async () => {
    const files = await startFiles();
    const kept = `${files.dir}.kept`;
    try {
      await using stack = await stackOn(files.server);
      await synced(stack);
      await stack.stop();
      await files.server.stop();
      await run('cp', ['-a', files.dir, kept]);
      await files.start();
      await stack.start();
      await sidesOf(stack).sql(`update items set note = 'lost by the restore' where id = 3`);
      await agreed(stack);
      await stack.stop();
      await files.server.stop();
      await rm(files.dir, { recursive: true });
      await run('cp', ['-a', kept, files.dir]);
      await files.start();
      const before = stack.sandbox.control.requests().length;
      await expect(stack.start()).rejects.toMatchObject({
        code: 'installation_copied',
        message: expect.stringContaining('put back to an earlier time'),
      });
      await stack.stop().catch(() => undefined);
      const since = stack.sandbox.control.requests().slice(before);
      expect(since.filter(({ method }) => method !== 'GET')).toEqual([]);
      await sidesOf(stack).sql(MISSED);
      await using heir = copyOf(stack);
      await heir.start({ takeOver: true });
      await agreed(stack);
      await heir.stop();
      // It is itself again, and needs nobody's word any more.
      await stack.start();
      await agreed(stack);
      await stack.stop();
    } finally {
      await files.server.stop();
      await Promise.all([files.dir, kept].map((each) => rm(each, { recursive: true, force: true })));
    }
  },
);

test.skipIf(!inject('hasPostgres15')).each([
  ['with the slot', false],
  ['without the slot', true],
])('invariant 1: a promoted server %s goes on by itself, and everything is compared', async (_, slotGone) => {
  const files = await startFiles();
  try {
    await using stack = await stackOn(files.server);
    const sides = sidesOf(stack);
    await synced(stack);
    await stack.stop();
    await sides.sql(MISSED);
    await files.server.stop();
    if (slotGone) await rm(join(files.dir, 'pg_replslot', stack.database.name), { recursive: true });
    // Ends its recovery at once, on a timeline of its own, as a standby that is promoted.
    await writeFile(join(files.dir, 'recovery.signal'), '');
    await run('chown', ['--reference', join(files.dir, 'PG_VERSION'), join(files.dir, 'recovery.signal')]);
    await files.start();
    await stack.start();
    await agreed(stack);
    const reasons = await sides.sql<{ reason: string }>('select reason from pgnotion.slot_renewals');
    expect(reasons).toEqual([
      { reason: expect.stringContaining(slotGone ? 'there is no slot' : 'timeline 2, after 1') },
    ]);
    await stack.stop();
  } finally {
    await files.server.stop();
    await rm(files.dir, { recursive: true, force: true });
  }
});

test.skipIf(!inject('hasPostgres15'))(
  'a dump that is restored beside the original, on another server or over the original waits for a decision',
  async () => {
    const files = await startFiles();
    const folder = await mkdtemp(join(tmpdir(), 'pgnotion-dump-'));
    try {
      await using stack = await stackOn(files.server);
      const sides = sidesOf(stack);
      const { name, url } = stack.database;
      await synced(stack);
      const dump = join(folder, 'dump.sql');
      await run(join(bin, 'pg_dump'), ['--dbname', url, '--file', dump]);
      const restoreTo = async (target: string): Promise<void> => {
        await run(join(bin, 'psql'), [
          '--dbname',
          target,
          '--quiet',
          '--set',
          'ON_ERROR_STOP=1',
          '--file',
          dump,
        ]);
      };
      // The superuser has the same name on both servers.
      await using beside = await createDatabase(`${name}_beside`, files.server.url);
      await using elsewhere = await createDatabase();
      for (const [target, words] of [
        [beside.url, 'another database of this server'],
        [elsewhere.url, 'another server'],
      ] as const) {
        await restoreTo(target);
        await using copy = copyOf(stack, target);
        await expect(copy.start()).rejects.toMatchObject({
          code: 'installation_copied',
          message: expect.stringContaining(words),
        });
        await expect(copy.apply()).rejects.toMatchObject({ code: 'installation_copied' });
      }
      // Production has noticed nothing of all that.
      await sides.sql(`update items set note = 'still at work' where id = 1`);
      await agreed(stack);
      await stack.stop();
      await sides.sql('select pg_drop_replication_slot(slot) from pgnotion.checkpoint');
      await asAdmin(inDatabase(url, 'postgres'), async (admin) => {
        await admin.query(`drop database ${name} with (force)`);
        await admin.query(`create database ${name}`);
      });
      await restoreTo(url);
      await expect(stack.start()).rejects.toMatchObject({ code: 'installation_copied' });
      await stack.stop().catch(() => undefined);
      await using heir = copyOf(stack);
      await heir.start({ takeOver: true });
      await sides.sql(MISSED);
      await agreed(stack);
      await heir.stop();
    } finally {
      await files.server.stop();
      await Promise.all([files.dir, folder].map((each) => rm(each, { recursive: true, force: true })));
    }
  },
);
