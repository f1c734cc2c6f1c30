import { afterEach, beforeEach, expect, test } from 'vitest';
import { agreed } from '../support/agreement.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

let stack: Stack;
let sides: Sides;
/** The page of the row that a restore lost. */
let lost: string;

/** Three rows, a backup, a fourth row with its page; then the backup again, and another row that takes its number. */
beforeEach(async () => {
  stack = await createStack({
    config: shopConfig,
    schema: `${shopSchema}; ${shopRows(3)}`,
    pollSeconds: 0.5,
  });
  sides = sidesOf(stack);
  await stack.apply();
  await stack.start();
  await agreed(stack);
  await sides.sql(`insert into items (name, stock) values ('lost', 4)`);
  lost = await sides.pageOf('items', '4');
  await agreed(stack);
  await stack.stop();
  await sides.sql('delete from items where id = 4');
  await sides.sql('alter table items alter column id restart with 4');
  for (const name of ['records', 'operations', 'outbox'])
    await sides.sql(`delete from pgnotion.${name} where table_name = 'items' and key = '4'`);
  await sides.sql('select pg_drop_replication_slot($1)', [stack.database.name]);
});
afterEach(() => stack[Symbol.asyncDispose]());

const asked = () =>
  soon(async () => {
    const all = await sides.sql<{ kind: string; key: string; page_id: string; reason: string }>(
      'select kind, key, page_id, reason from pgnotion.guarded_changes',
    );
    return all.length > 0 && all;
  });
const names = () => sides.sql('select id, name from items order by id');
const newRow = () => sides.sql(`insert into items (name, stock) values ('new', 5)`);

test.each(['before the start', 'while it runs'])(
  'invariants 3 and 7: a row that has the key of a lost one, made %s, does not take over its page',
  async (when) => {
    if (when === 'before the start') await newRow();
    await stack.start();
    if (when === 'while it runs') {
      await soon(async () => (await sides.failures()).some(({ code }) => code === 'unknown_record_id'));
      await newRow();
    }
    const [line] = await asked();
    expect(line).toMatchObject({ kind: 'adoption', key: '4', page_id: lost });
    expect(line?.reason).toContain('Name: "lost" on the page, "new" in the row');
    await sides.polls(3);
    expect(sides.shown(lost, 'Name')).toBe('lost');

    await sides.sql(`select pgnotion.reject_guarded('items', '4')`);
    const own = await sides.pageOf('items', '4');
    expect(own).not.toBe(lost);
    await soon(async () => (await sides.failures())[0]?.code === 'lost_record_page');
    await sides.polls(3);
    expect((await sides.failures()).map(({ page_id }) => page_id)).toEqual([lost]);
    expect([sides.shown(lost, 'Name'), sides.shown(own, 'Name')]).toEqual(['lost', 'new']);

    // The lost row comes back as a row of its own.
    sides.edit(lost, { 'Supabase ID': typed('rich_text', '') });
    await soon(async () => (await names()).length === 5);
    await agreed(stack);
    expect(await sides.sql(`select stock from items where name = 'lost'`)).toEqual([{ stock: 4 }]);
  },
);

test('a person may give the page of a lost record to the row of its key', async () => {
  await newRow();
  await stack.start();
  await asked();
  await sides.sql(`select pgnotion.approve_guarded('items', '4', 'adoption')`);
  await soon(() => sides.shown(lost, 'Name') === 'new');
  await agreed(stack);
  expect(await sides.keyOf(lost)).toBe('4');
  const [kept] = await sides.sql(
    `select before ->> 'Name' as name from pgnotion.operations where page_id = $1 and kind = 'update'`,
    [lost],
  );
  expect(kept).toEqual({ name: 'lost' });
});

test('a page of ours that holds what its row holds is linked without a question', async () => {
  await sides.sql(`insert into items (name, stock) values ('lost', 4)`);
  await stack.start();
  await agreed(stack);
  expect(await sides.keyOf(lost)).toBe('4');
  expect(await sides.sql('select from pgnotion.guarded_changes')).toEqual([]);
});
