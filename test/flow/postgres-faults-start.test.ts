import { expect, test } from 'vitest';
import { agreed } from '../support/agreement.ts';
import { eventually } from '../support/eventually.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { sidesOf, typed } from '../support/sides.ts';
import { createStack, type Stack, type StackOptions } from '../support/stack.ts';

const stackOf = (options: Partial<StackOptions> = {}): Promise<Stack> =>
  createStack({ config: shopConfig, schema: shopSchema, pollSeconds: 0.5, ...options });

async function synced(stack: Stack): Promise<void> {
  await stack.database.pool.query(shopRows(5));
  await stack.apply();
  await stack.start();
  await agreed(stack);
}

test.concurrent.each([
  ['a backup that is older than the checkpoint was restored', `lsn = 'FFFF/0'`],
  ['another server has the name', `system_id = '1'`],
  ['another timeline goes on', 'timeline = timeline + 1'],
])('invariant 1: %s: everything is compared, nothing is skipped', async (_, change) => {
  await using stack = await stackOf();
  const sides = sidesOf(stack);
  await synced(stack);
  await stack.stop();
  const slot = `select catalog_xmin::text as made, slot_name from pg_replication_slots where database = current_database()`;
  const before = await sides.sql(slot);
  await sides.sql(`update pgnotion.checkpoint set ${change}`);
  await sides.sql(`update items set note = 'meanwhile' where id = 1`);
  await sides.sql('delete from items where id = 2');
  await sides.sql(`insert into items (name) values ('meanwhile')`);
  // The slot has read these changes already, as it would have on the server that was copied.
  await sides.sql(
    'select pg_replication_slot_advance(slot_name, pg_current_wal_lsn()) from pg_replication_slots where database = current_database()',
  );
  await stack.start();
  await agreed(stack);
  expect(await sides.sql(slot)).not.toEqual(before);
});

test.concurrent('a role with short time-outs and strict isolation of its own syncs all the same', async () => {
  await using stack = await stackOf();
  const sides = sidesOf(stack);
  const [{ name } = { name: '' }] = await sides.sql<{ name: string }>(
    'select quote_ident(current_database()) as name',
  );
  for (const setting of [
    `statement_timeout = '2s'`,
    `idle_in_transaction_session_timeout = '1s'`,
    `lock_timeout = '500ms'`,
    `default_transaction_isolation = 'serializable'`,
    `datestyle = 'German'`,
    `idle_session_timeout = '300ms'`,
    'standard_conforming_strings = off',
    'transform_null_equals = on',
    'array_nulls = off',
    'quote_all_identifiers = on',
  ])
    await sides.sql(`alter database ${name} set ${setting}`);
  await synced(stack);
  const page = await sides.pageOf('items', '2');
  const holder = await stack.database.pool.connect();
  try {
    // Longer than the role may wait for a lock.
    await holder.query(
      'begin; update items set stock = 70 where id = 2; set local idle_in_transaction_session_timeout = 0',
    );
    sides.edit(page, { Note: typed('rich_text', 'had to wait') });
    await eventually(async () => (await sides.sql(waiting)).length > 0);
    await eventually(async () => (await sides.sql(waiting)).length === 0);
    await holder.query('commit');
  } finally {
    holder.release();
  }
  for (let round = 0; round < 10; round += 1) {
    await sides.sql(`update items set stock = stock + 1, note = 'round ' || $1::text where id <> 2`, [round]);
    sides.edit(page, { Note: typed('rich_text', `round ${round}`) });
  }
  await agreed(stack);
  expect(await sides.sql('select note, stock from items where id = 2')).toEqual([
    { note: 'round 9', stock: 70 },
  ]);
});

test.concurrent('invariant 13: a database that takes no writes stops a start with the statement that ends it, and a daemon until it does again', async () => {
  await using stack = await stackOf();
  const sides = sidesOf(stack);
  await synced(stack);
  await stack.stop();
  const admin = await stack.database.pool.connect();
  try {
    await admin.query('set default_transaction_read_only = off');
    const [{ name } = { name: '' }] = (
      await admin.query<{ name: string }>('select quote_ident(current_database()) as name')
    ).rows;
    const freeze = `alter database ${name} set default_transaction_read_only = on`;
    const thaw = `ALTER DATABASE ${name} RESET default_transaction_read_only`;
    await admin.query(freeze);
    await expect(stack.start()).rejects.toMatchObject({
      code: 'postgres_not_ready',
      remedy: expect.stringContaining(thaw),
    });
    await admin.query(thaw);
    await stack.start();
    await agreed(stack);

    await admin.query(freeze);
    await admin.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name in ('pgnotion', 'pgnotion state', 'pgnotion replication')`,
    );
    sides.edit(await sides.pageOf('items', '1'), { Note: typed('rich_text', 'typed meanwhile') });
    await admin.query('set default_transaction_read_only = off');
    await admin.query(`update items set note = 'changed meanwhile' where id = 2`);
    await admin.query(thaw);
    await agreed(stack);
    expect((await admin.query('select note from items where id in (1, 2) order by id')).rows).toEqual([
      { note: 'typed meanwhile' },
      { note: 'changed meanwhile' },
    ]);
  } finally {
    admin.release();
  }
});

const waiting = `select from pg_stat_activity
  where datname = current_database() and wait_event_type = 'Lock' and application_name = 'pgnotion'`;

test.concurrent('invariant 4: an edit that falls victim to a deadlock is applied at the next try', async () => {
  await using stack = await stackOf();
  const sides = sidesOf(stack);
  // An edit of row 1 makes a trigger write row 2, which the other session holds.
  await sides.sql(`create function follow() returns trigger language plpgsql as
    $$begin if new.id = 1 then update items set stock = 1 where id = 2; end if; return new; end$$`);
  await sides.sql(
    `create trigger follow before update of note on items for each row execute function follow()`,
  );
  await synced(stack);
  const other = await stack.database.pool.connect();
  try {
    await other.query(`begin; set local deadlock_timeout = '1h'; update items set price = 7 where id = 2`);
    sides.edit(await sides.pageOf('items', '1'), { Note: typed('rich_text', 'typed') });
    await eventually(async () => (await sides.sql(waiting)).length > 0);
    // Only the daemon looks for deadlocks now, so it is the one that gives way.
    await other.query('update items set price = 7 where id = 1; commit');
  } finally {
    other.release();
  }
  await agreed(stack);
  expect(
    await sides.sql('select id, note, stock, price::float8 from items where id <= 2 order by id'),
  ).toMatchObject([
    { note: 'typed', price: 7 },
    { stock: 1, price: 7 },
  ]);
});

test.concurrent('invariant 4: an edit that meets a serialization failure is applied at the next try', async () => {
  await using stack = await stackOf();
  const sides = sidesOf(stack);
  // A sequence counts the tries, since it goes on whatever becomes of their transactions.
  await sides.sql(`create sequence tries; create function strict() returns trigger language plpgsql as $$begin
    if new.note = 'typed' and nextval('tries') < 3 then
      raise serialization_failure using message = 'could not serialize access';
    end if; return new; end$$`);
  await sides.sql(
    'create trigger strict before update of note on items for each row execute function strict()',
  );
  await synced(stack);
  sides.edit(await sides.pageOf('items', '1'), { Note: typed('rich_text', 'typed') });
  await eventually(async () => (await sides.sql(`select from items where note = 'typed'`)).length === 1);
  await agreed(stack);
  expect(await sides.sql('select last_value::int as tries from tries')).toEqual([{ tries: 3 }]);
});
