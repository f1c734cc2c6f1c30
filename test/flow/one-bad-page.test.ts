import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import type { FaultMatch, FaultRule } from '../../src/sandbox/notion/faults.ts';
import { type Failure, type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

// Items point to many parts each, so that their pages are read by the property endpoint as well.
const schema = `
  create table parts (id integer primary key, name text not null);
  create table items (
    id integer primary key, name text not null, note text, divisor integer not null default 1, parts integer[])`;

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
      onNotionTrash: 'delete',
      fields: {
        Name: { column: 'name', type: 'title' },
        Note: { column: 'note', type: 'rich_text' },
        Share: { expression: '(100 / divisor)::integer', type: 'number', direction: 'to-notion' },
        Parts: { column: 'parts', type: 'relation', relatedTable: 'parts' },
      },
    },
  },
} satisfies ConfigInput;

const PARTS = 30;
const ITEMS = 40;

let stack: Stack;
let sides: Sides;

beforeAll(async () => {
  stack = await createStack({ config, schema, pollSeconds: 0.5 });
  sides = sidesOf(stack);
  await sides.sql(`insert into parts select i, 'part ' || i from generate_series(1, ${PARTS}) i`);
  await sides.sql(
    `insert into items (id, name, parts) select i, 'item ' || i,
       case when i = 7 then array(select generate_series(1, ${PARTS})) end from generate_series(1, ${ITEMS}) i`,
  );
  await stack.apply();
  await stack.start();
  await stack.settled();
});

afterEach(() => stack.sandbox.control.faults.clear());
afterAll(() => stack[Symbol.asyncDispose]());

const broken = (match: FaultMatch, status = 500, more: object = {}): FaultRule => ({
  match,
  times: null,
  action: { kind: 'status', status, when: 'before', ...more },
});
const noteOf = async (key: number) =>
  (await sides.sql<{ note: string | null }>('select note from items where id = $1', [key]))[0]?.note ?? null;
const failureOf = (page: string): Promise<Failure> =>
  soon(async () => (await sides.failures()).find((each) => each.page_id === page));
const isReady = async (): Promise<boolean> => (await fetch(`${stack.admin()}/readyz`)).ok;
const watermark = async () =>
  (
    await sides.sql<{ at: Date }>(
      "select watermark as at from pgnotion.data_sources where table_name = 'items'",
    )
  )[0]?.at;
/** Everything but the bad page goes on, both ways, deletions and the daemon's readiness included. */
async function othersGoOn(tag: string): Promise<void> {
  const [edited, trashed] = [await sides.pageOf('items', '20'), await sides.pageOf('items', '3')];
  sides.edit(edited, { Note: typed('rich_text', `edit ${tag}`) });
  await sides.sql(`update items set note = $1 where id = 21`, [`row ${tag}`]);
  await soon(async () => (await noteOf(20)) === `edit ${tag}`);
  const other = await sides.pageOf('items', '21');
  await soon(() => sides.shown(other, 'Note') === `row ${tag}`);
  if ((await sides.sql('select from items where id = 3')).length > 0)
    stack.sandbox.control.trashPage(trashed);
  await soon(async () => (await sides.sql('select from items where id = 3')).length === 0);
  expect(await isReady()).toBe(true);
}

test('invariant 16: a page whose property answers 500 for good stands in the failures, and all else goes on', async () => {
  const bad = await sides.pageOf('items', '7');
  const before = await watermark();
  stack.sandbox.control.faults.add(broken({ path: `pages/${bad}/properties` }));
  // Its listed part changes, so that its whole value has to be read.
  const parts = sides.shown(bad, 'Parts') as readonly string[];
  sides.edit(bad, { Parts: typed('relation', parts.slice(1)), Note: typed('rich_text', 'beside') });
  const failure = await failureOf(bad);
  expect(failure).toMatchObject({ direction: 'to-postgres', table_name: 'items', key: '7', parked: false });
  expect(failure.code).toBe('internal_server_error');
  expect(failure.reason).toContain('"Parts"');
  expect(failure.reason).toMatch(/https?:\/\/\S+/);
  expect(failure.reason.replaceAll('-', '')).toContain(bad.replaceAll('-', ''));
  // The page's other fields are not kept waiting, and what cannot be read is not taken for emptied.
  await soon(async () => (await noteOf(7)) === 'beside');
  await othersGoOn('one');
  const [row] = await sides.sql<{ n: number }>('select cardinality(parts) as n from items where id = 7');
  expect(row?.n).toBe(PARTS);
  expect((await watermark())?.getTime()).toBeGreaterThanOrEqual(before?.getTime() ?? 0);
  // The row's change of another field reaches the page; one of the field itself waits, and says so.
  await sides.sql(`update items set note = 'from the row' where id = 7`);
  await soon(() => sides.shown(bad, 'Note') === 'from the row');
  stack.sandbox.control.faults.clear();
  await sides.sql(`select pgnotion.retry('items', '7')`);
  await soon(async () => (await sides.failures()).length === 0);
  await soon(
    async () =>
      (await sides.sql<{ n: number }>('select cardinality(parts) as n from items where id = 7'))[0]?.n ===
      PARTS - 1,
  );
});

test('invariants 7 and 16: a value that cannot be read is not overwritten, while the rest of the record is written', async () => {
  const bad = await sides.pageOf('items', '7');
  stack.sandbox.control.faults.add(broken({ path: `pages/${bad}/properties` }));
  await sides.sql(`update items set name = 'renamed', parts = array[1, 2] where id = 7`);
  await soon(() => sides.shown(bad, 'Name') === 'renamed');
  const failure = await soon(async () =>
    (await sides.failures()).find((each) => each.direction === 'to-notion' && each.key === '7'),
  );
  expect(failure.reason).toContain('"Parts"');
  expect((sides.shown(bad, 'Parts') as readonly string[]).length).toBe(PARTS - 1);
  stack.sandbox.control.faults.clear();
  await sides.sql(`select pgnotion.retry('items', '7')`);
  await soon(() => (sides.shown(bad, 'Parts') as readonly string[]).length === 2);
  await soon(async () => (await sides.failures()).length === 0);
});

test('invariant 16: a page that cannot be fetched at all keeps neither the absent pages nor the due edits waiting', async () => {
  const bad = await sides.pageOf('items', '9');
  stack.sandbox.control.faults.add(broken({ method: 'GET', path: `pages/${bad}` }));
  // Moved out of sight: only a GET tells what became of it.
  stack.sandbox.control.trashPage(bad);
  const failure = await failureOf(bad);
  expect(failure).toMatchObject({ table_name: 'items', key: '9', parked: false });
  await othersGoOn('two');
  expect(await noteOf(9)).toBe(null);
  expect((await sides.sql('select from items where id = 9')).length).toBe(1);
  stack.sandbox.control.faults.clear();
  await sides.sql(`select pgnotion.retry('items', '9')`);
  await soon(async () => (await sides.sql('select from items where id = 9')).length === 0);
  await soon(async () => (await sides.failures()).length === 0);
});

test('invariant 16: a page that fails is tried again with growing waits, and once it answers it is forgotten', async () => {
  const bad = await sides.pageOf('items', '11');
  stack.sandbox.control.faults.add(broken({ method: 'GET', path: `pages/${bad}` }));
  stack.sandbox.control.trashPage(bad);
  const waits = () =>
    sides.sql<{ attempts: number; seconds: number }>(
      `select attempts, extract(epoch from next_at - clock_timestamp())::float8 as seconds
         from pgnotion.page_failures where page_id = $1`,
      [bad],
    );
  const second = await soon(async () => (await waits()).find(({ attempts }) => attempts >= 2));
  expect(second.seconds).toBeLessThan(10);
  stack.sandbox.control.faults.clear();
  // By itself, without anybody's word.
  await soon(async () => (await sides.sql('select from items where id = 11')).length === 0);
  await soon(async () => (await waits()).length === 0);
});

test('invariant 16: an expression that fails for one row is that record’s failure', async () => {
  await sides.sql('update items set divisor = 0 where id = 12');
  await sides.sql(`update items set note = 'same batch' where id between 13 and 18`);
  const failure = await soon(async () =>
    (await sides.failures()).find((each) => each.direction === 'to-notion' && each.key === '12'),
  );
  expect(failure.code).toBe('sql_22012');
  expect(failure.reason).toContain('division by zero');
  for (const key of ['13', '18']) {
    const page = await sides.pageOf('items', key);
    await soon(() => sides.shown(page, 'Note') === 'same batch');
  }
  await othersGoOn('three');
  // A comparison of all rows passes by it as well.
  await sides.sql(`select pgnotion.resync('items')`);
  await soon(
    async () =>
      (await sides.sql("select from pgnotion.status where table_name = 'items' and backfilled")).length === 1,
  );
  await sides.sql('update items set divisor = 5 where id = 12');
  const page = await sides.pageOf('items', '12');
  await soon(() => sides.shown(page, 'Share') === 20);
  await soon(async () => (await sides.failures()).length === 0);
});
