import { afterAll, beforeAll, expect, test } from 'vitest';
import lithiumbuy from '../../examples/lithiumbuy/pgnotion.config.ts';
import type { ConfigInput, TableInput } from '../../src/config/mapping-file.ts';
import type { Json } from '../../src/model/change.ts';
import type { PropertyType } from '../../src/model/codecs/codec.ts';
import { keyOf, someRows, tables } from '../support/lithiumbuy.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { createStack, lithiumbuySchema, type Stack } from '../support/stack.ts';

const started = async (config: ConfigInput): Promise<Stack> => {
  const stack = await createStack({
    config: { ...config, sync: { settleSeconds: 0 } },
    schema: await lithiumbuySchema(),
    pollSeconds: 0.3,
  });
  await stack.database.pool.query(someRows);
  await stack.apply();
  await stack.start();
  await stack.settled();
  return stack;
};

/** LithiumBuy with another answer to a supplier's page in the trash. */
const trashing = (onNotionTrash: NonNullable<TableInput['onNotionTrash']>): ConfigInput => ({
  ...lithiumbuy,
  tables: {
    ...lithiumbuy.tables,
    suppliers: { ...(lithiumbuy.tables.suppliers as TableInput), onNotionTrash },
  },
});

let stack: Stack;
let sides: Sides;

beforeAll(async () => {
  stack = await started(lithiumbuy);
  sides = sidesOf(stack);
});

afterAll(() => stack[Symbol.asyncDispose]());

const OTHERS: Partial<Record<PropertyType, Json>> = {
  title: 'Mine',
  rich_text: 'Mine',
  number: 77,
  date: '2001-02-03',
  email: 'mine@example.com',
};

const fixed = tables.flatMap((table) =>
  table.fields
    .filter((field) => field.direction === 'to-notion')
    .map((field) => [table.name as string, field.property, field.type] as const),
);

test.each(fixed)(
  '%s, %s: what a person types over it is put back by one write',
  async (name, property, type) => {
    const page = await sides.pageOf(name, keyOf(name, 1));
    const before = sides.property(page, property);
    for (const value of [OTHERS[type] ?? null, null]) {
      stack.sandbox.control.clearRequests();
      sides.edit(page, { [property]: typed(type, value) });
      await soon(() => {
        expect(sides.property(page, property)).toEqual(before);
        return true;
      });
      await sides.rest();
      // An empty property that is emptied was not edited.
      const written = sides.writes().map(({ operation }) => operation);
      expect(written.filter((each) => each !== 'pages.update')).toEqual([]);
      expect(written.length).toBeLessThanOrEqual(1);
    }
    expect(sides.property(page, property)).toEqual(before);
    expect(await sides.failures()).toEqual([]);
  },
);

test("invariant 3: another record's key typed into a page stays and is told, and both records stay", async () => {
  const [one, two] = [keyOf('suppliers', 1), keyOf('suppliers', 2)];
  const page = await sides.pageOf('suppliers', one);
  sides.edit(page, { 'Supabase ID': typed('rich_text', two), Name: typed('title', 'Renamed meanwhile') });
  await soon(async () => (await sides.failures()).some(({ code }) => code === 'id_of_another_record'));
  await sides.rest();
  expect(
    await sides.sql('select id, name from suppliers where id = any($1) order by id', [[one, two]]),
  ).toEqual([
    { id: one, name: 'Renamed meanwhile' },
    { id: two, name: 'Supplier 2' },
  ]);
  expect(sides.shown(page, 'Supabase ID')).toBe(two);
  sides.edit(page, { 'Supabase ID': typed('rich_text', one) });
  await soon(async () => (await sides.failures()).length === 0);
});

test('invariant 7: a page that is trashed and restored brings its row back under the same key', async () => {
  const key = keyOf('suppliers', 8);
  await sides.sql(
    `insert into suppliers (id, name, verification_tier, rating) values ($1, 'Back again', 'gold', 4.5)`,
    [key],
  );
  const page = await sides.pageOf('suppliers', key);
  const row = () => sides.sql('select name, verification_tier, rating from suppliers where id = $1', [key]);
  const before = await row();
  for (const _ of [1, 2]) {
    stack.sandbox.control.trashPage(page);
    await soon(async () => (await row()).length === 0);
    stack.sandbox.control.restorePage(page);
    await soon(async () => (await row()).length === 1);
    await sides.rest();
    expect(await row()).toEqual(before);
    expect(await sides.pageOf('suppliers', key)).toBe(page);
    expect(sides.shown(page, 'Supabase ID')).toBe(key);
  }
  expect(await sides.failures()).toEqual([]);
});

test('with onNotionTrash "restore" a trashed page comes back and its row stays', async () => {
  await using other = await started(trashing('restore'));
  const there = sidesOf(other);
  const page = await there.pageOf('suppliers', keyOf('suppliers', 1));
  other.sandbox.control.trashPage(page);
  await soon(() => !other.sandbox.control.page(page).in_trash);
  await there.rest();
  expect(await there.sql('select from suppliers')).toHaveLength(3);
  expect(await there.failures()).toEqual([]);
});

test('with onNotionTrash "ignore" the row stays, the page stands in the failures, and its return goes on', async () => {
  await using other = await started(trashing('ignore'));
  const there = sidesOf(other);
  const key = keyOf('suppliers', 1);
  const page = await there.pageOf('suppliers', key);
  other.sandbox.control.trashPage(page);
  await soon(async () => (await there.failures()).some((one) => one.code === 'page_in_trash'));
  await there.sql("update suppliers set name = 'While away' where id = $1", [key]);
  await soon(async () => (await there.failures()).some((one) => one.direction === 'to-notion'));
  other.sandbox.control.restorePage(page);
  await soon(() => there.shown(page, 'Name') === 'While away');
  await there.rest();
  expect(await there.failures()).toEqual([]);
});

test('invariant 4: a row that others needed is deleted by a retry once they are gone', async () => {
  await using other = await started(lithiumbuy);
  const there = sidesOf(other);
  const key = keyOf('suppliers', 3);
  const page = await there.pageOf('suppliers', key);
  other.sandbox.control.trashPage(page);
  await soon(async () => (await there.failures()).length > 0);
  other.sandbox.control.clearRequests();
  await there.sql('select pgnotion.retry($1, $2)', ['suppliers', key]);
  await soon(async () => (await there.failures())[0]?.parked);
  await there.polls(10);
  expect(other.sandbox.control.requests().filter(({ path }) => path.includes(page)).length).toBeLessThan(5);
  for (const name of ['orders', 'auctions', 'quotes'])
    await there.sql(`delete from ${name} where supplier_id = $1`, [key]);
  await there.sql('select pgnotion.retry($1, $2)', ['suppliers', key]);
  await soon(async () => (await there.sql('select from suppliers where id = $1', [key])).length === 0);
  await there.rest();
  expect(await there.failures()).toEqual([]);
});
