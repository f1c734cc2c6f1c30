import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import type { FaultMatch } from '../../src/sandbox/notion/faults.ts';
import { type Failure, type Sides, sidesOf, soon } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

const schema = `
  create table items (
    id integer primary key, name text not null, note text, stage text, stock integer, price integer, code text, city text)`;

const config = {
  sync: { settleSeconds: 0.2 },
  tables: {
    items: {
      source: 'public.items',
      key: 'id',
      title: 'Items',
      fields: {
        Name: { column: 'name', type: 'title' },
        Note: { column: 'note', type: 'rich_text' },
        Stage: { column: 'stage', type: 'status' },
        Stock: { column: 'stock', type: 'number' },
        Price: { column: 'price', type: 'number' },
        Code: { column: 'code', type: 'rich_text' },
        City: { column: 'city', type: 'rich_text' },
      },
    },
  },
} satisfies ConfigInput;

let stack: Stack;
let sides: Sides;

beforeAll(async () => {
  stack = await createStack({ config, schema, pollSeconds: 0.5 });
  sides = sidesOf(stack);
  await stack.apply();
  await stack.start();
  await stack.settled();
});

afterEach(() => stack.sandbox.control.faults.clear());
afterAll(() => stack[Symbol.asyncDispose]());

const failureOf = (key: string, code = 'field_refused'): Promise<Failure> =>
  soon(async () => (await sides.failures()).find((each) => each.key === key && each.code === code));
const noFailures = () => soon(async () => (await sides.failures()).length === 0);
const idOf = async (name: string): Promise<string> =>
  (
    await sides.sql<{ id: string }>(
      "select properties ->> $1 as id from pgnotion.data_sources where table_name = 'items'",
      [name],
    )
  )[0]?.id ?? '';
const refuse = (match: FaultMatch, message: string): number =>
  stack.sandbox.control.faults.add({
    match,
    times: null,
    action: { kind: 'status', status: 400, when: 'before', code: 'validation_error', message },
  });
/** A pattern for the text itself: a property's id may hold any mark. */
const literal = (text: string): string => text.replaceAll(/[^\w"]/g, '\\$&');
const writesTo = (page: string) =>
  sides.writes().filter(({ path }) => path.replaceAll('-', '').includes(page.replaceAll('-', ''))).length;

test('invariant 16: a page is made without the option that Notion refuses; it follows once the schema has it', async () => {
  await sides.sql(`insert into items (id, name, note, stage, stock) values (1, 'one', 'kept', 'Later', 5)`);
  const page = await sides.pageOf('items', '1');
  await soon(() => sides.shown(page, 'Note') === 'kept');
  expect(sides.shown(page, 'Stock')).toBe(5);
  const failure = await failureOf('1');
  expect(failure).toMatchObject({ direction: 'to-notion', table_name: 'items', page_id: page, parked: true });
  expect(failure.reason).toContain('"Stage"');
  // The other fields go on being written, and the refused one is not sent again and again.
  await sides.sql(`update items set note = 'again' where id = 1`);
  await soon(() => sides.shown(page, 'Note') === 'again');
  await failureOf('1');
  stack.sandbox.control.addOption(await sides.source('items'), 'Stage', 'Later');
  await soon(() => sides.shown(page, 'Stage') === 'Later');
  await noFailures();
});

test('invariant 16: another value of the refused field is tried at once', async () => {
  const page = await sides.pageOf('items', '1');
  await sides.sql(`update items set stage = 'Never', stock = 6 where id = 1`);
  await soon(() => sides.shown(page, 'Stock') === 6);
  await failureOf('1');
  await sides.sql(`update items set stage = 'Done' where id = 1`);
  await soon(() => sides.shown(page, 'Stage') === 'Done');
  await noFailures();
});

test('invariant 16: a field that the refusal does not name is found by halving the request', async () => {
  await sides.sql(`insert into items (id, name) values (2, 'two')`);
  const page = await sides.pageOf('items', '2');
  await sides.rest();
  refuse({ operation: 'pages.update', id: page, body: 'poison' }, 'body failed validation: it is not right.');
  const before = writesTo(page);
  await sides.sql(
    `update items set name = 'second', note = 'n', stock = 1, price = 2, code = 'poison', city = 'c' where id = 2`,
  );
  const failure = await failureOf('2');
  expect(failure.reason).toContain('"Code"');
  expect(failure.reason).not.toContain('"City"');
  for (const [property, value] of [
    ['Name', 'second'],
    ['Note', 'n'],
    ['Stock', 1],
    ['Price', 2],
    ['City', 'c'],
  ] as const)
    expect(sides.shown(page, property)).toBe(value);
  expect(sides.shown(page, 'Code')).toBe('');
  expect(writesTo(page) - before).toBeLessThan(16);
  stack.sandbox.control.faults.clear();
  await sides.sql(`select pgnotion.retry('items', '2')`);
  await soon(() => sides.shown(page, 'Code') === 'poison');
  await noFailures();
});

test('invariant 16: a page whose refusal names no field is made all the same, and the rest follows', async () => {
  refuse({ body: 'venom' }, 'body failed validation: it is not right.');
  await sides.sql(`insert into items (id, name, note, code) values (3, 'three', 'fine', 'venom')`);
  const page = await sides.pageOf('items', '3');
  await soon(() => sides.shown(page, 'Note') === 'fine');
  const failure = await failureOf('3');
  expect(failure.reason).toContain('"Code"');
  expect(stack.sandbox.control.pages(await sides.source('items')).length).toBe(3);
  stack.sandbox.control.faults.clear();
  await sides.sql(`update items set code = 'cured' where id = 3`);
  await soon(() => sides.shown(page, 'Code') === 'cured');
  await noFailures();
});

test('invariant 16: a refusal of every field is the record’s, after a bounded number of requests', async () => {
  const page = await sides.pageOf('items', '3');
  await sides.rest();
  refuse({ operation: 'pages.update', id: page }, 'body failed validation: it is not right.');
  const before = writesTo(page);
  await sides.sql(`update items set name = 'x', note = 'y', stock = 3 where id = 3`);
  const failure = await failureOf('3', 'validation_error');
  expect(failure.parked).toBe(true);
  expect(writesTo(page) - before).toBeLessThan(30);
  stack.sandbox.control.faults.clear();
  await sides.sql(`select pgnotion.retry('items', '3')`);
  await soon(() => sides.shown(page, 'Name') === 'x');
  await noFailures();
});

test('invariant 16: a property of our own that is refused stands in the failures, once, and keeps no record', async () => {
  const id = await idOf('Last Synced');
  refuse({ body: literal(`"${id}"`) }, `${id} is not a property that exists.`);
  await sides.sql(`update items set note = 'without' where id in (1, 2)`);
  for (const key of ['1', '2']) {
    const page = await sides.pageOf('items', key);
    await soon(() => sides.shown(page, 'Note') === 'without');
  }
  const own = await soon(async () =>
    (await sides.failures()).filter(({ reason }) => reason.includes('"Last Synced"')),
  );
  expect(own).toHaveLength(1);
  expect(own[0]).toMatchObject({ table_name: 'items', key: null });
  await stack.settled();
  stack.sandbox.control.faults.clear();
  // Any change of the schema is reason to try again.
  stack.sandbox.control.addOption(await sides.source('items'), 'Stage', 'Some day');
  await noFailures();
});

test('invariants 3 and 16: a page that cannot carry its key is made once, even if the answer is lost', async () => {
  const id = await idOf('Supabase ID');
  refuse({ body: literal(`"${id}"`) }, `${id} is not a property that exists.`);
  stack.sandbox.control.faults.add({
    match: { operation: 'pages.create' },
    times: 1,
    action: { kind: 'reset', when: 'after' },
  });
  await sides.sql(`insert into items (id, name, note) values (4, 'four', 'keyless')`);
  const page = await sides.pageOf('items', '4');
  await soon(() => sides.shown(page, 'Note') === 'keyless');
  await sides.rest();
  expect(stack.sandbox.control.pages(await sides.source('items')).length).toBe(4);
  expect((await sides.sql('select from items')).length).toBe(4);
  const failure = await failureOf('4');
  expect(failure.reason).toContain('"Supabase ID"');
  stack.sandbox.control.faults.clear();
  await sides.sql(`select pgnotion.retry('items', '4')`);
  await soon(() => sides.shown(page, 'Supabase ID') === '4');
  await noFailures();
});
