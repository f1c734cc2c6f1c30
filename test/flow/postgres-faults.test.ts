import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { agreed } from '../support/agreement.ts';
import { eventually } from '../support/eventually.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { type Sides, sidesOf, typed } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

let stack: Stack;
let sides: Sides;

beforeAll(async () => {
  stack = await createStack({
    config: { ...shopConfig, deleteGuard: { number: 1_000 } },
    schema: shopSchema,
    pollSeconds: 0.5,
  });
  sides = sidesOf(stack);
  await sides.sql(shopRows(12));
  await stack.apply();
  await stack.start();
  await agreed(stack);
});

afterEach(() => stack.sandbox.control.faults.clear());
afterAll(() => stack[Symbol.asyncDispose]());

/** Ends every session of the daemon's, the stream and the lock's included. */
const terminateAll = () =>
  sides.sql(
    `select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name like 'pgnotion%' and application_name <> 'pgnotion test'`,
  );

/** Changes of every kind on both sides. */
async function traffic(round: number): Promise<void> {
  await sides.sql(`insert into items (name) values ($1)`, [`made ${round}`]);
  await sides.sql('update items set stock = stock + 1 where id <= 3');
  await sides.sql(`delete from items where id = (select max(id) from items where name like 'made%') and $1`, [
    round % 3 === 0,
  ]);
  const page = await sides.pageOf('items', String(4 + (round % 3)));
  sides.edit(page, { Note: typed('rich_text', `typed ${round}`) });
  if (round % 4 === 0)
    stack.sandbox.control.createPage(await sides.source('items'), { Name: typed('title', `typed ${round}`) });
}

/** Ends whoever reads the slot, and drops it, as another administrator would. */
async function dropSlot(): Promise<void> {
  const [found] = await sides.sql<{ slot: string }>('select slot from pgnotion.checkpoint');
  const slot = [found?.slot];
  await eventually(async () => {
    await sides.sql(
      'select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1 and active',
      slot,
    );
    await sides.sql('select pg_drop_replication_slot($1)', slot);
    return true;
  });
}

test('invariants 1, 3, 4, 9: all sessions are ended, again and again, under traffic', async () => {
  for (let round = 1; round <= 12; round += 1) {
    await traffic(round);
    await terminateAll();
    if (round % 4 === 0) await agreed(stack);
  }
  await agreed(stack);
});

test('invariants 1, 3: sessions end while creates are on their way, before and after Notion has saved them', async () => {
  for (const when of ['before', 'after'] as const) {
    const { faults } = stack.sandbox.control;
    faults.add({ match: { operation: 'pages.create' }, times: 4, action: { kind: 'delay', ms: 700, when } });
    await sides.sql(`insert into items (name) select 'slow ' || i from generate_series(1, 4) i`);
    await eventually(() => faults.list().every(({ struck }) => struck === 4));
    await terminateAll();
    await agreed(stack);
  }
});

test('invariant 1: the slot is dropped; missed updates, inserts and deletions are found by comparing', async () => {
  // Committed after the old slot is gone. A new one begins behind every transaction that is open while it is made,
  // so these changes stand in no log, whenever the daemon makes it.
  const client = await stack.database.pool.connect();
  const page = await sides.pageOf('items', '3');
  try {
    await client.query(`begin; update items set note = 'missed' where id = 1;
      insert into items (name) values ('missed'); delete from items where id = 2`);
    await dropSlot();
    sides.edit(page, { Note: typed('rich_text', 'typed meanwhile') });
    await client.query('commit');
  } finally {
    client.release();
  }
  await eventually(async () => (await sides.sql('select from pgnotion.slot where active')).length === 1);
  await agreed(stack);
  expect(sides.shown(page, 'Note')).toBe('typed meanwhile');
});

test('invariant 1: a slot that is dropped just after the daemon got its turn is made anew too', async () => {
  const epoch = async () =>
    (
      await sides.sql<{ epoch: string }>(
        `select value #>> '{}' as epoch from pgnotion.settings where name = 'epoch'`,
      )
    )[0]?.epoch;
  for (const note of ['first', 'second', 'third']) {
    const before = await epoch();
    await terminateAll();
    await eventually(async () => (await epoch()) !== before, { everyMs: 1 });
    await dropSlot();
    await sides.sql('update items set note = $1 where id = 1', [note]);
    await agreed(stack);
  }
});
