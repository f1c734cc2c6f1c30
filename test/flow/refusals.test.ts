import { afterAll, beforeAll, expect, test } from 'vitest';
import lithiumbuy from '../../examples/lithiumbuy/pgnotion.config.ts';
import type { Json } from '../../src/model/change.ts';
import type { PropertyType } from '../../src/model/codecs/codec.ts';
import type { JsonObject } from '../../src/sandbox/notion/types.ts';
import { keyOf, someRows } from '../support/lithiumbuy.ts';
import { type Failure, type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { createStack, lithiumbuySchema, type Stack } from '../support/stack.ts';

let stack: Stack;
let sides: Sides;

beforeAll(async () => {
  stack = await createStack({
    config: { ...lithiumbuy, sync: { settleSeconds: 0 } },
    schema: await lithiumbuySchema(),
    pollSeconds: 0.3,
  });
  await stack.database.pool.query(someRows);
  await stack.database.pool.query('create unique index one_phone on user_profiles (phone)');
  await stack.apply();
  await stack.start();
  await stack.settled();
  sides = sidesOf(stack);
});

afterAll(() => stack[Symbol.asyncDispose]());

const failureOf = (page: string): Promise<Failure> =>
  soon(async () => (await sides.failures()).find((one) => one.page_id === page));
const column = async (table: string, name: string, number = 1): Promise<Json> => {
  const id = table === 'user_profiles' ? 'user_id' : 'id';
  const [row] = await sides.sql<{ value: Json }>(
    `select to_jsonb("${name}") as value from ${table} where ${id} = $1`,
    [keyOf(table, number)],
  );
  return row?.value ?? null;
};

type Refused = {
  readonly what: string;
  readonly table: string;
  readonly property: string;
  readonly column: string;
  readonly type: PropertyType;
  readonly bad: Json;
  readonly good: Json;
  readonly code: RegExp;
  readonly reason: RegExp;
  /** A property of the same page and its column, edited in the same moment. */
  readonly beside: readonly [string, string, PropertyType];
  readonly first?: string;
};

const refused: readonly Refused[] = [
  {
    what: 'a check',
    table: 'suppliers',
    property: 'Rating',
    column: 'rating',
    type: 'number',
    bad: 7,
    good: 4.5,
    code: /^sql_23514$/,
    reason: /check constraint/,
    beside: ['Response Time', 'response_time', 'rich_text'],
  },
  {
    what: 'a check between two columns',
    table: 'auctions',
    property: 'Reserve Price',
    column: 'reserve_price',
    type: 'number',
    bad: 5,
    good: 500,
    code: /^sql_23514$/,
    reason: /auctions_reserve_not_below_start/,
    beside: ['Grade', 'grade', 'rich_text'],
    first: `update auctions set starting_price = 100 where id = '${keyOf('auctions', 1)}'`,
  },
  {
    what: "a text's check",
    table: 'products',
    property: 'Name',
    column: 'name',
    type: 'title',
    bad: null,
    good: 'Brine',
    code: /^sql_23514$/,
    reason: /check constraint/,
    beside: ['Unit', 'unit', 'rich_text'],
  },
  {
    what: "a domain's check",
    table: 'orders',
    property: 'Currency',
    column: 'currency',
    type: 'select',
    bad: 'Bitcoin',
    good: 'EUR',
    code: /^sql_23514$/,
    reason: /currency_code/,
    beside: ['Total Amount', 'total_amount', 'number'],
  },
  {
    what: 'an unknown enum label',
    table: 'orders',
    property: 'Status',
    column: 'status',
    type: 'select',
    bad: 'Lost',
    good: 'shipped',
    code: /^value_refused$/,
    reason: /"Lost" is not a label of the enum order_status/,
    beside: ['Total Amount', 'total_amount', 'number'],
  },
  {
    what: 'a number too large for its column',
    table: 'products',
    property: 'Price Per Unit',
    column: 'price_per_unit',
    type: 'number',
    bad: 1e11,
    good: 12.5,
    code: /./,
    reason: /./,
    beside: ['Unit', 'unit', 'rich_text'],
  },
  {
    what: 'a fraction in an integer column',
    table: 'suppliers',
    property: 'Review Count',
    column: 'review_count',
    type: 'number',
    bad: 1.5,
    good: 2,
    code: /./,
    reason: /./,
    beside: ['Response Time', 'response_time', 'rich_text'],
  },
  {
    what: 'a cleared column that must not be null',
    table: 'rfq_responses',
    property: 'Quote Price',
    column: 'quote_price',
    type: 'number',
    bad: null,
    good: 99,
    code: /^value_refused$/,
    reason: /NOT NULL/,
    beside: ['Notes', 'notes', 'rich_text'],
  },
  {
    what: 'a cleared relation that must not be null',
    table: 'quotes',
    property: 'Supplier',
    column: 'supplier_id',
    type: 'relation',
    bad: [],
    good: [keyOf('suppliers', 2)],
    code: /./,
    reason: /NOT NULL|not-null/,
    beside: ['Quantity', 'quantity', 'number'],
  },
  {
    what: 'a taken value',
    table: 'user_profiles',
    property: 'Phone',
    column: 'phone',
    type: 'rich_text',
    bad: '+1',
    good: '+2',
    code: /^sql_23505$/,
    reason: /one_phone/,
    beside: ['Company Name', 'company_name', 'rich_text'],
    first: `update user_profiles set phone = '+1' where user_id = '${keyOf('user_profiles', 2)}'`,
  },
];

let turn = 0;
const besideValue = (type: PropertyType): Json => (type === 'number' ? 1000 + turn : `beside ${turn}`);

async function value(one: Refused, raw: Json): Promise<JsonObject> {
  const keys = one.type === 'relation' ? ((raw ?? []) as readonly string[]) : null;
  return typed(
    one.type,
    keys === null ? raw : await Promise.all(keys.map((id) => sides.pageOf('suppliers', id))),
  );
}

test.each(refused)(
  'invariant 4: $what refuses an edit with its reason, holds nothing else back, and mending clears it',
  async (one) => {
    turn += 1;
    if (one.first !== undefined) await sides.sql(one.first);
    await sides.rest();
    const page = await sides.pageOf(one.table, keyOf(one.table, 1));
    const before = await column(one.table, one.column);
    const [name, besideColumn, type] = one.beside;
    sides.edit(page, { [one.property]: await value(one, one.bad), [name]: typed(type, besideValue(type)) });
    const failure = await failureOf(page);
    expect(failure).toMatchObject({
      direction: 'to-postgres',
      table_name: one.table,
      key: keyOf(one.table, 1),
      parked: true,
    });
    expect(failure.code).toMatch(one.code);
    expect(failure.reason).toMatch(one.reason);
    expect(failure.remedy).not.toBe('');
    expect(await column(one.table, besideColumn), 'another field of the page').toEqual(besideValue(type));
    expect(await column(one.table, one.column)).toEqual(before);
    const other = await sides.pageOf('suppliers', keyOf('suppliers', 3));
    sides.edit(other, { 'Response Time': typed('rich_text', `elsewhere ${turn}`) });
    await soon(async () => (await column('suppliers', 'response_time', 3)) === `elsewhere ${turn}`);
    sides.edit(page, { [one.property]: await value(one, one.good) });
    await soon(async () => (await sides.failures()).length === 0);
    expect(await column(one.table, one.column)).toEqual(Array.isArray(one.good) ? one.good[0] : one.good);
  },
);

test('an edit that is taken back by the person leaves no failure behind', async () => {
  const page = await sides.pageOf('suppliers', keyOf('suppliers', 2));
  sides.edit(page, { Rating: typed('number', 9) });
  await failureOf(page);
  sides.edit(page, { Rating: typed('number', null) });
  await soon(async () => (await sides.failures()).length === 0);
});

test('each of several refused fields is named', async () => {
  const page = await sides.pageOf('suppliers', keyOf('suppliers', 2));
  sides.edit(page, {
    Rating: typed('number', 9),
    'Years in Business': typed('number', -1),
    'Review Count': typed('number', 5),
  });
  const failure = await failureOf(page);
  expect(failure.reason).toContain('suppliers_rating_check');
  expect(failure.reason).toContain('suppliers_years_in_business_check');
  expect(await column('suppliers', 'review_count', 2)).toBe(5);
  sides.edit(page, { Rating: typed('number', null), 'Years in Business': typed('number', 1) });
  await soon(async () => (await sides.failures()).length === 0);
});

test('retry() tries a refused edit again once PostgreSQL would take it', async () => {
  const page = await sides.pageOf('suppliers', keyOf('suppliers', 2));
  sides.edit(page, { 'Transaction Count': typed('number', -5) });
  await failureOf(page);
  await sides.sql('alter table suppliers drop constraint suppliers_transaction_count_check');
  await sides.polls(3);
  expect(await column('suppliers', 'transaction_count', 2)).toBe(0);
  expect(await sides.sql('select pgnotion.retry($1, $2) as n', ['suppliers', keyOf('suppliers', 2)])).toEqual(
    [{ n: '1' }],
  );
  await soon(async () => (await column('suppliers', 'transaction_count', 2)) === -5);
  await soon(async () => (await sides.failures()).length === 0);
});

test('invariant 1: a refused edit of one field holds back no later change of the row', async () => {
  const page = await sides.pageOf('suppliers', keyOf('suppliers', 2));
  sides.edit(page, { Rating: typed('number', 9) });
  await failureOf(page);
  await sides.sql(`update suppliers set response_time = 'later' where id = $1`, [keyOf('suppliers', 2)]);
  await soon(() => sides.shown(page, 'Response Time') === 'later');
  expect(sides.shown(page, 'Rating'), 'nothing is restored behind the back of who edited').toBe(9);
  expect((await failureOf(page)).code).toBe('sql_23514');
  sides.edit(page, { Rating: typed('number', 3) });
  await soon(async () => (await sides.failures()).length === 0);
});

test('a trigger that raises an exception refuses in its own words', async () => {
  await sides.sql(`create function closed() returns trigger language plpgsql as $$
    begin raise exception 'the books are closed' using hint = 'ask the accountant'; end $$`);
  await sides.sql(
    'create trigger closed before update of total_amount on orders for each row execute function closed()',
  );
  const page = await sides.pageOf('orders', keyOf('orders', 2));
  sides.edit(page, { 'Total Amount': typed('number', 5) });
  expect(await failureOf(page)).toMatchObject({
    code: 'sql_P0001',
    reason: 'the books are closed',
    remedy: 'ask the accountant',
  });
  await sides.sql('drop trigger closed on orders');
  await sides.sql('select pgnotion.retry($1, $2)', ['orders', keyOf('orders', 2)]);
  await soon(async () => (await column('orders', 'total_amount', 2)) === 5);
});
