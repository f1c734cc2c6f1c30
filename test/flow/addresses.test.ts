import { afterAll, beforeAll, expect, test } from 'vitest';
import { agreed } from '../support/agreement.ts';
import { eventually } from '../support/eventually.ts';
import { asAdmin, createDatabase, inDatabase } from '../support/postgres.ts';
import { startOwnPostgres } from '../support/servers.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { type Sides, sidesOf } from '../support/sides.ts';
import { createStack, type Stack, type StackOptions } from '../support/stack.ts';

// The two addresses, the role, and what an administrator does to the server while the daemon runs.

let stack: Stack;
let sides: Sides;
let role: string;

beforeAll(async () => {
  stack = await createStack({
    config: shopConfig,
    schema: shopSchema,
    pollSeconds: 0.5,
    login: async ({ name, pool, url }) => {
      role = `role_${name}`;
      await pool.query(`create role ${role} login password 'secret' replication;
        grant create on database "${name}" to ${role}; alter table items owner to ${role};
        grant all on schema public to ${role}`);
      return inDatabase(url, name, { user: role, password: 'secret' });
    },
  });
  sides = sidesOf(stack);
  await stack.database.pool.query(shopRows(5));
  await stack.apply();
  await stack.start();
  await agreed(stack);
});

afterAll(async () => {
  const { url } = stack.database;
  await stack[Symbol.asyncDispose]();
  await asAdmin(inDatabase(url, 'postgres'), async (admin) => {
    await admin.query(`drop role if exists ${role}`);
  });
});

const other = (options: Partial<StackOptions>): Promise<Stack> =>
  createStack({ config: shopConfig, schema: shopSchema, pollSeconds: 0.5, ...options });

test('a second address that leads to another database of the server stops the start before anything is made', async () => {
  await using elsewhere = await createDatabase();
  await using wrong = await other({ network: async () => ({ REPLICATION_URL: elsewhere.url }) });
  await wrong.apply();
  await expect(wrong.start()).rejects.toMatchObject({
    code: 'replication_url_elsewhere',
    message: expect.stringContaining(elsewhere.name),
  });
  await wrong.stop().catch(() => undefined);
  const made = `select slot_name from pg_replication_slots where database in (current_database(), $1)`;
  expect((await wrong.database.pool.query(made, [elsewhere.name])).rows).toEqual([]);
  expect((await wrong.database.pool.query('select from pg_publication')).rowCount).toBe(0);
});

test('a second address that leads to another server stops the start, whatever its database is called', async () => {
  const server = await startOwnPostgres();
  try {
    await using wrong = await other({
      network: async ({ name }) => {
        await asAdmin(server.url, async (admin) => {
          await admin.query(`create database ${name}`);
        });
        return { REPLICATION_URL: inDatabase(server.url, name) };
      },
    });
    await wrong.apply();
    await expect(wrong.start()).rejects.toMatchObject({
      code: 'replication_url_elsewhere',
      message: expect.stringContaining('another server'),
    });
    await wrong.stop().catch(() => undefined);
  } finally {
    await server.stop();
  }
});

const cut = () =>
  sides.sql(
    'select pg_terminate_backend(active_pid) from pg_replication_slots join pgnotion.checkpoint on slot = slot_name where active',
  );

test('invariant 1: a role that loses REPLICATION for a while loses no change, and makes no new slot', async () => {
  const reasons = async (): Promise<string> => {
    const answer = (await (await fetch(`${stack.admin()}/readyz`)).json()) as { reasons: string[] };
    return answer.reasons.join();
  };
  await sides.sql(`alter role ${role} noreplication`);
  await cut();
  await sides.sql(
    `update items set note = 'without the attribute' where id = 1; delete from items where id = 2`,
  );
  await eventually(async () => (await reasons()).includes('postgres_'));
  await sides.sql(`alter role ${role} replication`);
  await agreed(stack);
  expect(await sides.sql('select from pgnotion.slot_renewals')).toHaveLength(0);
});

test('invariant 1: another server at the address of the stream is noticed when it is opened again', async () => {
  // What is known of the server, not the server, is another one here.
  await sides.sql(`update pgnotion.checkpoint set system_id = '1'`);
  await cut();
  await sides.sql(`update items set note = 'on another server' where id = 1`);
  await eventually(
    async () =>
      (await sides.sql(`select from pgnotion.slot_renewals where reason like '%another server%'`)).length,
  );
  await agreed(stack);
});

test('invariant 1: rows that are loaded in unusual ways arrive', async () => {
  await sides.sql(`set session_replication_role = replica;
    insert into items (name) values ('as a replica'); reset session_replication_role`);
  await sides.sql(`begin; create temporary table loaded on commit drop as select * from items limit 0;
    insert into loaded (id, name, listed) values (901, 'by way of a temporary table', false);
    insert into items overriding system value select * from loaded; commit`);
  await sides.sql(`merge into items using (values (901, 'merged')) as m (id, name) on items.id = m.id
    when matched then update set name = m.name`);
  await agreed(stack);
});
