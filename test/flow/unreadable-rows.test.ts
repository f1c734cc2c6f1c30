import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { eventually } from '../support/eventually.ts';
import { type Sides, sidesOf, typed } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

// Rows for which an expression, a cast or the query of their table fails, beside rows and tables that go on.

const config: ConfigInput = {
  sync: { settleSeconds: 0.1 },
  tables: {
    offers: {
      source: 'public.offers',
      key: 'id',
      title: 'Offers',
      fields: {
        Name: { column: 'name', type: 'title' },
        Quantity: { column: 'quantity', type: 'number' },
        'Unit price': { expression: '(price / quantity)::numeric(12, 2)', type: 'number' },
        Year: { expression: 'code::integer', type: 'number' },
      },
    },
    ranked: {
      source: 'public.ranked',
      query: 'select r.*, 100 / r.weight as share from public.ranked r where 100 / r.weight > 1',
      key: 'id',
      title: 'Ranked',
      direction: 'to-notion',
      fields: {
        Name: { column: 'name', type: 'title' },
        Share: { column: 'share', type: 'number' },
      },
    },
    others: {
      source: 'public.others',
      key: 'id',
      title: 'Others',
      fields: { Name: { column: 'name', type: 'title' } },
    },
  },
};

const schema = `
  create table offers (id integer primary key, name text, price numeric(10, 2), quantity numeric(10, 2), code text);
  insert into offers select i, 'offer ' || i, i * 10, i % 50, '2020' from generate_series(1, 120) i;
  create table ranked (id integer primary key, name text, weight integer);
  insert into ranked select i, 'rank ' || i, case when i = 4 then 0 else i end from generate_series(1, 20) i;
  create table others (id integer primary key, name text);
  insert into others values (1, 'first')`;

let stack: Stack;
let sides: Sides;

beforeAll(async () => {
  stack = await createStack({ config, schema, pollSeconds: 0.5 });
  sides = sidesOf(stack);
  await stack.apply();
  await stack.start();
});
afterAll(() => stack[Symbol.asyncDispose]());

const failing = async (): Promise<string[]> =>
  (await sides.failures()).map(({ table_name, key, code }) => `${table_name} ${key} ${code}`).sort();

const goesOn = async (text: string): Promise<void> => {
  await sides.sql('update others set name = $1 where id = 1', [text]);
  const page = await sides.pageOf('others', '1');
  await eventually(() => sides.shown(page, 'Name') === text);
};

test('invariant 16: at the first sync the rows that cannot be read are failures of their own, and all others get their pages', async () => {
  await eventually(async () => {
    expect(await failing()).toEqual(['offers 100 sql_22012', 'offers 50 sql_22012', 'ranked 4 sql_22012']);
    return true;
  });
  await stack.settled();
  expect(stack.sandbox.control.pages(await sides.source('offers'))).toHaveLength(118);
  expect(stack.sandbox.control.pages(await sides.source('ranked'))).toHaveLength(19);
  const failures = await sides.failures();
  expect(failures.every(({ parked }) => parked)).toBe(true);
  const offer = failures.find(({ key }) => key === '50');
  expect(offer?.reason).toBe('the row 50 of offers cannot be read: "Unit price": division by zero');
  expect(offer?.remedy).toContain('tables.offers');
  expect(failures.find(({ table_name }) => table_name === 'ranked')?.reason).toBe(
    "the row 4 of ranked cannot be read: the table's query: division by zero",
  );
  expect(await sides.sql('select table_name from pgnotion.status where paused or not backfilled')).toEqual(
    [],
  );
});

test('invariant 16: a row that becomes unreadable is parked, tells no value of another column, and is released by its correction in SQL', async () => {
  const page = await sides.pageOf('offers', '7');
  await sides.sql(`update offers set code = 'hush "hush" 1', name = 'seven' where id = 7`);
  await sides.sql(`update offers set name = 'eight' where id = 8`);
  const other = await sides.pageOf('offers', '8');
  await eventually(() => sides.shown(other, 'Name') === 'eight');
  await eventually(async () => (await failing()).includes('offers 7 sql_22P02'));
  const failure = (await sides.failures()).find(({ key }) => key === '7');
  expect(failure?.reason).toBe(
    'the row 7 of offers cannot be read: "Year": invalid input syntax for type integer: "…"',
  );
  expect(JSON.stringify(failure)).not.toContain('hush');
  await goesOn('beside the unreadable');
  await sides.sql(`update offers set code = '2021' where id = 7`);
  await eventually(() => sides.shown(page, 'Name') === 'seven' && sides.shown(page, 'Year') === 2021);
  await eventually(async () => !(await failing()).join().includes('offers 7 '));
});

test('invariant 4: an edit in Notion of a row that cannot be read is applied, and mends it', async () => {
  const page = await sides.pageOf('offers', '9');
  await sides.sql('update offers set quantity = 0 where id = 9');
  await eventually(async () => (await failing()).includes('offers 9 sql_22012'));
  sides.edit(page, { Name: typed('title', 'nine') });
  await eventually(
    async () => (await sides.sql(`select from offers where id = 9 and name = 'nine'`)).length === 1,
  );
  await sides.sql('update offers set quantity = 3 where id = 9');
  await eventually(() => sides.shown(page, 'Unit price') === 30 && sides.shown(page, 'Quantity') === 3);
});

test('invariant 4: a number typed in Notion for which an expression fails reaches the row, and the failure says so', async () => {
  const page = await sides.pageOf('offers', '10');
  sides.edit(page, { Quantity: typed('number', 0) });
  await eventually(
    async () => (await sides.sql('select from offers where id = 10 and quantity = 0')).length === 1,
  );
  await eventually(async () => (await failing()).includes('offers 10 sql_22012'));
  sides.edit(page, { Quantity: typed('number', 5) });
  await eventually(() => sides.shown(page, 'Unit price') === 20);
  await eventually(async () => !(await failing()).join().includes('offers 10 '));
});

test('invariant 16: a resync walks past the rows that cannot be read', async () => {
  await sides.sql(`alter table offers disable trigger all`);
  await sides.sql('select pgnotion.resync()');
  await stack.settled();
  await eventually(async () => {
    expect(await failing()).toEqual(['offers 100 sql_22012', 'offers 50 sql_22012', 'ranked 4 sql_22012']);
    return true;
  });
  expect(stack.sandbox.control.pages(await sides.source('ranked'))).toHaveLength(19);
  await sides.sql('update ranked set weight = 5 where id = 4');
  await sides.pageOf('ranked', '4');
  await sides.sql('update offers set quantity = 1 where quantity = 0');
  await sides.pageOf('offers', '100');
  await sides.rest();
  expect(await failing()).toEqual([]);
});

test('invariant 16: an expression that fails over every row pauses its field alone, until its column is back', async () => {
  await sides.sql(`alter table offers alter code type integer using 2020`);
  await sides.sql('alter table offers rename price to cost');
  await sides.sql(`update offers set name = 'goes on' where id = 11`);
  const paused = () =>
    sides.sql<{ property: string }>(
      `select property from pgnotion.drift where table_name = 'offers' and pauses = 'field'`,
    );
  await eventually(async () => (await paused()).some(({ property }) => property === 'Unit price'));
  const page = await sides.pageOf('offers', '11');
  await eventually(() => sides.shown(page, 'Name') === 'goes on');
  await goesOn('while a field of offers is paused');
  const price = sides.shown(page, 'Unit price');
  expect(price).not.toBeNull();
  await sides.sql('update offers set cost = cost * 2 where id = 11');
  await sides.sql('alter table offers rename cost to price');
  await eventually(() => sides.shown(page, 'Unit price') === 2 * Number(price));
  await eventually(async () => (await paused()).length === 0);
});
