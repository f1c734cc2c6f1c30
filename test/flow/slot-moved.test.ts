import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { agreed } from '../support/agreement.ts';
import { eventually } from '../support/eventually.ts';
import { startDebianPostgres15 } from '../support/servers.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { type Sides, sidesOf } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

let stack: Stack;
let sides: Sides;

const stackOf = (serverUrl?: string): Promise<Stack> =>
  createStack({
    // What is deleted here is too much for the guard, which has tests of its own.
    config: { ...shopConfig, guard: { number: 100, share: 1 } },
    schema: shopSchema,
    pollSeconds: 0.5,
    ...(serverUrl !== undefined && { serverUrl }),
  });

async function synced(on: Stack): Promise<void> {
  await on.database.pool.query(shopRows(12));
  await on.apply();
  await on.start();
  await agreed(on);
}

beforeAll(async () => {
  stack = await stackOf();
  sides = sidesOf(stack);
  await synced(stack);
});

afterAll(async () => {
  await stack[Symbol.asyncDispose]();
});

/** Changes of every kind, which nobody of ours reads. */
const missed = (name: string): string => `
  update items set note = '${name}' where id = (select min(id) from items);
  delete from items where id = (select max(id) from items);
  insert into items (name) values ('${name}')`;

const MOVES: readonly (readonly [string, string])[] = [
  ['advanced', `select pg_replication_slot_advance(slot, pg_current_wal_lsn()) from pgnotion.checkpoint`],
  [
    'read by another program',
    `select count(*) from pgnotion.checkpoint, pg_logical_slot_get_binary_changes(slot, null, null,
       'proto_version', '1', 'publication_names', 'pgnotion')`,
  ],
  [
    'dropped and made again',
    `select pg_drop_replication_slot(slot) from pgnotion.checkpoint;
     select pg_create_logical_replication_slot((select slot from pgnotion.checkpoint), 'pgoutput')`,
  ],
  [
    'dropped and made again with two_phase',
    `select pg_drop_replication_slot(slot) from pgnotion.checkpoint;
     select pg_create_logical_replication_slot((select slot from pgnotion.checkpoint), 'pgoutput', false, true)`,
  ],
];

const renewals = (of: Sides) =>
  of.sql<{ reason: string }>('select reason from pgnotion.slot_renewals order by id');

async function movedWhileStopped(on: Stack, how: string, move: string): Promise<void> {
  const of = sidesOf(on);
  const before = (await renewals(of)).length;
  await on.stop();
  await of.sql(missed(`stopped: ${how}`));
  // Each statement by itself: a slot cannot be made in a transaction that has written.
  for (const statement of move.split(';')) await of.sql(statement);
  await on.start();
  await agreed(on);
  expect((await renewals(of)).slice(before)).toEqual([{ reason: expect.stringContaining('was moved') }]);
}

test.each(MOVES)(
  'invariants 1, 2: a slot that was %s while the daemon was stopped loses nothing',
  (how, move) => movedWhileStopped(stack, how, move),
);

test.skipIf(!inject('hasPostgres15'))(
  'invariants 1, 2: PostgreSQL 15, too, loses nothing with a moved slot',
  async () => {
    const server = await startDebianPostgres15();
    try {
      await using old = await stackOf(server?.url ?? '');
      await synced(old);
      for (const [how, move] of MOVES.slice(0, 3)) await movedWhileStopped(old, how, move);
    } finally {
      await server?.stop();
    }
  },
);

/** Ends the reader and moves the slot before it is back: whichever is first has the slot. */
async function whileCut(statements: readonly string[]): Promise<void> {
  await eventually(async () => {
    await sides.sql(
      'select pg_terminate_backend(active_pid) from pg_replication_slots join pgnotion.checkpoint on slot = slot_name where active',
    );
    for (const statement of statements) await sides.sql(statement);
    return true;
  });
}

test.each(MOVES.slice(0, 3))(
  'invariants 1, 2: a slot that is %s between two connections loses nothing',
  async (how, move) => {
    const before = (await renewals(sides)).length;
    const [first = '', ...rest] = move.split(';');
    await whileCut([missed(`running: ${how}`), first]);
    // The daemon may have made it again by now.
    for (const statement of rest) await sides.sql(statement).catch(() => undefined);
    await agreed(stack);
    expect((await renewals(sides)).length).toBeGreaterThan(before);
  },
);

test('invariant 5: neither an orderly stop nor a killed reader, nor idle days, count as a move', async () => {
  const before = (await renewals(sides)).length;
  for (const round of [1, 2, 3]) {
    await sides.sql(`create table if not exists ballast (text text)`);
    await sides.sql(`insert into ballast select repeat('x', 1000) from generate_series(1, 3000)`);
    await sides.sql(`update items set note = $1 where id = (select min(id) from items)`, [`round ${round}`]);
    await agreed(stack);
    // Until a position without changes of ours is acknowledged.
    await eventually(async () => {
      const rows = await sides.sql<{ ahead: boolean }>(
        `select confirmed_flush_lsn > lsn and confirmed_flush_lsn <= acknowledged as ahead
           from pg_replication_slots join pgnotion.checkpoint on slot = slot_name`,
      );
      return rows[0]?.ahead;
    });
    if (round === 2) await whileCut(['select 1']);
    else {
      await stack.stop();
      await stack.start();
    }
  }
  await agreed(stack);
  expect(await renewals(sides)).toHaveLength(before);
});

test.each([
  ['physical', 'select pg_create_physical_replication_slot($1)', 'physical'],
  ['of another plug-in', `select pg_create_logical_replication_slot($1, 'test_decoding')`, 'test_decoding'],
])('a slot of our name that is %s is left alone', async (_, make, word) => {
  await stack.stop();
  await sides.sql(missed(`beside a slot that is ${word}`));
  await sides.sql('select pg_drop_replication_slot(slot) from pgnotion.checkpoint');
  const [checkpoint] = await sides.sql<{ slot: string }>('select slot from pgnotion.checkpoint');
  // Not for each row of a query: PostgreSQL 18 may lose its place in the table while it makes a logical slot.
  await sides.sql(make, [checkpoint?.slot ?? '']);
  await expect(stack.start()).rejects.toMatchObject({
    code: 'slot_foreign',
    message: expect.stringContaining(word),
    remedy: expect.stringContaining('pg_drop_replication_slot'),
  });
  await stack.stop().catch(() => undefined);
  const slots = 'select slot from pgnotion.checkpoint join pg_replication_slots on slot_name = slot';
  expect(await sides.sql(slots)).toHaveLength(1);
  await sides.sql('select pg_drop_replication_slot(slot) from pgnotion.checkpoint');
  await stack.start();
  await agreed(stack);
});
