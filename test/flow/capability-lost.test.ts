import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { agreed } from '../support/agreement.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { type Sides, sidesOf, soon } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

let stack: Stack;
let sides: Sides;

beforeAll(async () => {
  stack = await createStack({ config: shopConfig, schema: shopSchema, pollSeconds: 0.5 });
  sides = sidesOf(stack);
  await stack.apply();
  await stack.start();
  await sides.sql(shopRows(8));
  await agreed(stack);
});

afterEach(() => stack.sandbox.control.faults.clear());
afterAll(() => stack[Symbol.asyncDispose]());

const refused = () =>
  sides.sql<{ kind: string; code: string }>('select kind, code from pgnotion.refused_requests');
const readiness = async () => {
  const answer = await fetch(`${stack.admin()}/readyz`);
  return { ready: answer.ok, text: await answer.text() };
};

test.each([
  ['update', 'update content', `update items set note = 'meanwhile'`],
  ['create', 'insert content', `insert into items (name) select 'more ' || i from generate_series(1, 5) i`],
] as const)(
  'invariant 16: a lost capability to %s is the connection’s state, said once, and ends by itself',
  async (kind, capability, change) => {
    stack.sandbox.control.withdrawCapability(capability);
    await sides.sql(change);
    await soon(async () => (await refused()).length === 1);
    expect(await refused()).toMatchObject([{ kind, code: 'restricted_resource' }]);
    const { ready, text } = await soon(async () => {
      const now = await readiness();
      return now.text.includes(`refuses to ${kind} pages`) && now;
    });
    expect(ready, text).toBe(false);
    expect((await sides.failures()).filter(({ parked }) => parked)).toEqual([]);
    // One request now and then shows whether it is back; the records are not tried one by one.
    const from = sides.writes().length;
    await sides.polls(10);
    expect(sides.writes().length - from).toBeLessThan(12);
    stack.sandbox.control.grantCapability(capability);
    await agreed(stack, { timeoutMs: 60_000 });
    expect(await refused()).toEqual([]);
    // What the database said is asked anew a moment later.
    await soon(async () => (await readiness()).ready);
  },
);

test.each([
  [
    'a full workspace',
    { status: 403, additionalData: { block_limit: { limit: 1_000 } } },
    'notion_block_limit',
  ],
  ['a full database', { status: 406, code: 'row_limit_exceeded' }, 'row_limit_exceeded'],
] as const)(
  'invariant 16: %s refuses every new page, and pages that exist go on',
  async (_, status, code) => {
    stack.sandbox.control.faults.add({
      match: { operation: 'pages.create' },
      times: null,
      action: { kind: 'status', when: 'before', ...status },
    });
    await sides.sql(`insert into items (name) values ('waits')`);
    await soon(async () => (await refused()).some((each) => each.code === code));
    await sides.sql(`update items set note = 'goes on' where id = 1`);
    const page = await sides.pageOf('items', '1');
    await soon(() => sides.shown(page, 'Note') === 'goes on');
    expect((await sides.failures()).filter(({ parked }) => parked)).toEqual([]);
    stack.sandbox.control.faults.clear();
    await agreed(stack, { timeoutMs: 60_000 });
    expect(await refused()).toEqual([]);
  },
);

test('invariant 16: one page that may not be written is its own failure, and keeps no other waiting', async () => {
  const page = await sides.pageOf('items', '2');
  stack.sandbox.control.faults.add({
    match: { operation: 'pages.update', id: page },
    times: null,
    action: { kind: 'status', status: 403, when: 'before', message: 'This page is restricted.' },
  });
  await sides.sql(`update items set note = 'restricted' where id = 2`);
  const failure = await soon(async () => (await sides.failures()).find(({ key }) => key === '2'));
  expect(failure).toMatchObject({ code: 'restricted_resource', parked: false });
  await sides.sql(`update items set note = 'free' where id = 3`);
  const other = await sides.pageOf('items', '3');
  await soon(() => sides.shown(other, 'Note') === 'free');
  expect(await refused()).toEqual([]);
  stack.sandbox.control.faults.clear();
  await agreed(stack, { timeoutMs: 60_000 });
});
