import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { FaultMatch } from '../../src/sandbox/notion/faults.ts';
import { agreed } from '../support/agreement.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

let stack: Stack;
let sides: Sides;

beforeAll(async () => {
  stack = await createStack({ config: shopConfig, schema: shopSchema, pollSeconds: 0.5 });
  sides = sidesOf(stack);
  await stack.apply();
  await stack.start();
  await sides.sql(shopRows(3));
  await agreed(stack);
});

afterEach(() => stack.sandbox.control.faults.clear());
afterAll(() => stack[Symbol.asyncDispose]());

const fault = (match: FaultMatch, times: number | null, message = 'Unsaved transactions: runQuery') =>
  stack.sandbox.control.faults.add({
    match,
    times,
    action: { kind: 'status', status: 400, when: 'before', code: 'validation_error', message },
  });

test('invariants 1 and 16: a fault that passes, dressed as a refusal, parks neither an update nor a create', async () => {
  fault({ operation: 'pages.update' }, 2);
  fault({ operation: 'pages.create' }, 2);
  await sides.sql(`update items set note = 'later' where id = 1`);
  await sides.sql(`insert into items (name) values ('new')`);
  await soon(() => stack.sandbox.control.faults.list().every(({ struck }) => struck > 0));
  const seen = await soon(async () => (await sides.failures()).find(({ key }) => key === '1'));
  expect(seen.parked).toBe(false);
  expect(seen.reason).toContain('Unsaved transactions');
  await agreed(stack);
  const [copies] = await sides.sql<{ n: number }>(
    `select count(*)::int as n from pgnotion.records where base_row ->> 'Name' = 'new'`,
  );
  expect(copies?.n).toBe(1);
});

test('invariant 4: the same of a query or of a page keeps no edit from arriving', async () => {
  fault({ operation: 'dataSources.query' }, 4);
  fault({ operation: 'pages.retrieve' }, 4);
  const page = await sides.pageOf('items', '2');
  sides.edit(page, { Stock: typed('number', 42) });
  await soon(async () => (await sides.sql('select from items where id = 2 and stock = 42')).length === 1);
  await agreed(stack);
});

test('invariant 1: a refusal that says what is wrong is set aside at once', async () => {
  const page = await sides.pageOf('items', '3');
  fault(
    { operation: 'pages.update', id: page },
    null,
    'body failed validation: body.properties should be right',
  );
  await sides.sql(`update items set note = 'odd' where id = 3`);
  const failure = await soon(async () =>
    (await sides.failures()).find(({ key, parked }) => key === '3' && parked),
  );
  expect(failure.reason).toContain('body failed validation');
  stack.sandbox.control.faults.clear();
  await sides.sql(`select pgnotion.retry('items', '3')`);
  await agreed(stack);
});
