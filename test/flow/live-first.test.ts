import { afterEach, expect, test } from 'vitest';
import type { ConfigInput, TableInput } from '../../src/config/mapping-file.ts';
import { type Sides, sidesOf } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

/** A quarter of Notion's window: a first sync of these rows takes a quarter of an hour at it. */
const LIMIT = { requests: 90, windowMs: 15_000 };
const ROWS = 1_500;
/**
 * Requests of others that may leave before an edit has arrived with the two pages that it needs: two windows, on a machine
 * that has much else to do. Counted, because time tells of the machine.
 */
const MOST_BEFORE = 2 * LIMIT.requests;
const PATIENCE_MS = 8 * LIMIT.windowMs;

const to = (column: string, relatedTable: string) => ({ column, type: 'relation', relatedTable }) as const;
const mapping = (name: string, fields: TableInput['fields']): TableInput => ({
  source: `public.${name}`,
  key: 'id',
  title: name,
  fields: { Label: { column: 'label', type: 'title' }, ...fields },
});

const config = {
  tables: {
    orders: mapping('orders', { Customer: to('customer_id', 'customers') }),
    customers: mapping('customers', { Region: to('region_id', 'regions') }),
    regions: mapping('regions', {}),
  },
} satisfies ConfigInput;

const schema = `
  create table regions (id integer primary key, label text not null);
  create table customers (id integer primary key, label text not null, region_id integer references regions);
  create table orders (id integer primary key, label text not null, customer_id integer references customers);
  insert into regions select i, 'region ' || i from generate_series(1, ${ROWS}) i;
  insert into customers select i, 'customer ' || i, ${ROWS} + 1 - i from generate_series(1, ${ROWS}) i;
  insert into orders select i, 'order ' || i, i from generate_series(1, ${ROWS}) i;`;

let stack: Stack;
afterEach(() => stack[Symbol.asyncDispose]());

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

/** A stack in the middle of its first sync, at the limit: the burst of the first window is over. */
async function underWay(): Promise<Sides> {
  stack = await createStack({
    config,
    schema,
    pollSeconds: 15,
    sandbox: { limit: LIMIT },
    variables: { NOTION_RATE_LIMIT: `${LIMIT.requests}/${LIMIT.windowMs / 1_000}s` },
  });
  stack.sandbox.control.setLimit(null);
  Object.assign(stack.environment, { NOTION_RATE_LIMIT: { requests: 100_000, windowMs: 1_000 } });
  await stack.apply();
  stack.sandbox.control.setLimit(LIMIT);
  Object.assign(stack.environment, { NOTION_RATE_LIMIT: LIMIT });
  await stack.start();
  const sides = sidesOf(stack);
  await sides.pageOf('regions', '1');
  for (;;) {
    const [row] = await sides.sql<{ n: number }>('select count(*)::int as n from pgnotion.outbox');
    if ((row?.n ?? 0) > 2.9 * ROWS) break;
    await pause(100);
  }
  await pause(LIMIT.windowMs);
  return sides;
}

type Arrival = { readonly requests: number; readonly ms: number };

/** What goes before a record's page shows the customer's, and the customer's the region's. */
async function arrival(sides: Sides, order: number, customer: number): Promise<Arrival> {
  const began = performance.now();
  const before = stack.sandbox.control.requests().length;
  for (;;) {
    const ms = Math.round(performance.now() - began);
    const requests = stack.sandbox.control.requests().length - before;
    if ((await isComplete(sides, order, customer)) || ms > PATIENCE_MS) return { requests, ms };
    await pause(50);
  }
}

async function isComplete(sides: Sides, order: number, customer: number): Promise<boolean> {
  const pages = await sides.sql<{ table: string; page: string }>(
    `select table_name as "table", page_id as page from pgnotion.records
      where page_id is not null and (table_name, key) in (('orders', $1), ('customers', $2), ('regions', $3))`,
    [String(order), String(customer), String(ROWS + 1 - customer)],
  );
  const of = new Map(pages.map(({ table, page }) => [table, page]));
  const [mine, theirs, region] = ['orders', 'customers', 'regions'].map((name) => of.get(name));
  const shows = (page: string | undefined, property: string, target: string | undefined): boolean =>
    page !== undefined &&
    target !== undefined &&
    JSON.stringify(sides.shown(page, property)) === JSON.stringify([target]);
  return shows(mine, 'Customer', theirs) && shows(theirs, 'Region', region);
}

const left = async (sides: Sides): Promise<number> => {
  const [row] = await sides.sql<{ n: number }>('select count(*)::int as n from pgnotion.outbox');
  return row?.n ?? 0;
};

test('invariant 16: a live edit whose relation targets have no pages yet overtakes the first sync with them', {
  timeout: 400_000,
}, async () => {
  const sides = await underWay();
  const { pool } = stack.database;
  // Its customer was looked at before and waits for its own region; the region is among the last.
  await pool.query(`insert into orders values (${ROWS} + 1, 'new', 20)`);
  const inserted = await arrival(sides, ROWS + 1, 20);
  // A page that is there, and is told of a customer without one.
  await pool.query(`insert into orders values (${ROWS} + 2, 'plain', null)`);
  await sides.pageOf('orders', String(ROWS + 2));
  await pool.query(`update orders set customer_id = 700 where id = ${ROWS} + 2`);
  const updated = await arrival(sides, ROWS + 2, 700);
  // An old row that is a part of the first sync, and has just been changed.
  await pool.query(`update orders set label = 'changed', customer_id = 30 where id = 900`);
  const changed = await arrival(sides, 900, 30);
  const told = JSON.stringify({ inserted, updated, changed, left: await left(sides) });
  process.stdout.write(`ARRIVALS ${told}\n`);
  for (const { requests } of [inserted, updated, changed]) expect(requests, told).toBeLessThan(MOST_BEFORE);
  // Most of the first sync is still to come.
  expect(await left(sides)).toBeGreaterThan(2 * ROWS);
});
