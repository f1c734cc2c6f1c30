import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

const schema = `
  create table parts (id integer primary key, name text not null);
  create table items (id integer primary key, name text not null, parts integer[])`;

const config = {
  sync: { settleSeconds: 0.2 },
  tables: {
    parts: {
      source: 'public.parts',
      key: 'id',
      title: 'Parts',
      fields: { Name: { column: 'name', type: 'title' } },
    },
    items: {
      source: 'public.items',
      key: 'id',
      title: 'Items',
      fields: {
        Name: { column: 'name', type: 'title' },
        Parts: { column: 'parts', type: 'relation', relatedTable: 'parts' },
      },
    },
  },
} satisfies ConfigInput;

const LONG = 10;
const PARTS = 40;
let ahead = 0;
let stack: Stack;
let sides: Sides;

beforeAll(async () => {
  stack = await createStack({
    config,
    schema,
    pollSeconds: 0.5,
    sandbox: { now: () => new Date(Date.now() + ahead) },
  });
  sides = sidesOf(stack);
  await sides.sql(`insert into parts select i, 'part ' || i from generate_series(1, ${PARTS}) i`);
  await sides.sql(
    `insert into items select i, 'item ' || i, array(select generate_series(1, ${PARTS - 1})) from generate_series(1, ${LONG}) i`,
  );
  await stack.apply();
  await stack.start();
  await stack.settled();
});

afterAll(() => stack[Symbol.asyncDispose]());

const longReads = () =>
  stack.sandbox.control.requests().filter(({ operation }) => operation === 'pages.properties.retrieve')
    .length;
const partsOf = async (id: number) =>
  (await sides.sql<{ n: number }>('select cardinality(parts) as n from items where id = $1', [id]))[0]?.n;

/** Notion's clock leaves the minute in which the pages were written, which an edit elsewhere shows. */
async function minutesLater(): Promise<void> {
  ahead += 180_000;
  sides.edit(await sides.pageOf('parts', '1'), { Name: typed('title', `part at ${ahead}`) });
  await soon(async () => (await sides.sql(`select from parts where name = 'part at ${ahead}'`)).length === 1);
}

test('invariant 5: pages with more relations than an answer lists cost nothing at rest', async () => {
  await minutesLater();
  await soon(async () => (await sides.sql('select from pgnotion.long_values where closed')).length === LONG);
  await sides.rest();
  const from = longReads();
  await sides.polls(15);
  expect(longReads() - from).toBe(0);
});

test('invariant 4: an edit beyond what an answer lists arrives all the same, also a second one of the same minute', async () => {
  const page = await sides.pageOf('items', '1');
  const last = await sides.pageOf('parts', String(PARTS));
  const shown = sides.shown(page, 'Parts') as readonly string[];
  sides.edit(page, { Parts: typed('relation', [...shown, last]) });
  await soon(async () => (await partsOf(1)) === PARTS);
  // Neither its time nor its listed part moves.
  sides.edit(page, {
    Parts: typed('relation', (sides.shown(page, 'Parts') as readonly string[]).slice(0, PARTS - 2)),
  });
  await soon(async () => (await partsOf(1)) === PARTS - 2);
  await minutesLater();
  await sides.rest();
  const from = longReads();
  await sides.polls(10);
  expect(longReads() - from).toBe(0);
});
