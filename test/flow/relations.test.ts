import { expect, test } from 'vitest';
import lithiumbuy from '../../examples/lithiumbuy/pgnotion.config.ts';
import { seed } from '../../examples/lithiumbuy/seed.ts';
import type { ConfigInput, TableInput } from '../../src/config/mapping-file.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { createStack, lithiumbuySchema, type Stack } from '../support/stack.ts';

const key = 'id';
const label = { column: 'label', type: 'title' } as const;
const to = (column: string, relatedTable: string) => ({ column, type: 'relation', relatedTable }) as const;

const mapping = (name: string, fields: TableInput['fields']): TableInput => ({
  source: `public.${name}`,
  key,
  title: name,
  fields: { Label: label, ...fields },
});

async function started(
  config: ConfigInput,
  schema: string,
  fill?: (stack: Stack) => Promise<unknown>,
): Promise<Stack> {
  const stack = await createStack({ config, schema, pollSeconds: 0.3 });
  await fill?.(stack);
  await stack.apply();
  await stack.start();
  await stack.settled();
  return stack;
}

const shows = (sides: Sides, page: string, property: string, pages: readonly string[]) =>
  soon(() => {
    expect(sides.shown(page, property)).toEqual([...pages].sort());
    return true;
  });

test("LithiumBuy's first sync makes parents before children: every page is written once", async () => {
  await using stack = await started(lithiumbuy, await lithiumbuySchema(), (made) =>
    seed((text, params) => made.database.pool.query(text, params)),
  );
  const sides = sidesOf(stack);
  const writes = sides.writes().filter(({ operation }) => operation.startsWith('pages.'));
  expect(writes.filter(({ operation }) => operation !== 'pages.create')).toEqual([]);
  const [row] = await sides.sql<{ n: number }>('select count(*)::int as n from pgnotion.records');
  expect(writes).toHaveLength(row?.n ?? 0);
  const orders = await sides.sql<{ id: string; supplier: string; quote: string }>(
    'select id, supplier_id as supplier, quote_id as quote from orders where quote_id is not null limit 5',
  );
  for (const order of orders) {
    const page = await sides.pageOf('orders', order.id);
    expect(sides.shown(page, 'Supplier')).toEqual([await sides.pageOf('suppliers', order.supplier)]);
    expect(sides.shown(page, 'Quote')).toEqual([await sides.pageOf('quotes', order.quote)]);
  }
});

const CIRCLE = `
  create table a (id integer primary key, label text not null, b_id integer);
  create table b (id integer primary key, label text not null, a_id integer references a deferrable initially deferred);
  alter table a add foreign key (b_id) references b deferrable initially deferred;
  create table tree (id integer primary key, label text not null, parent_id integer references tree)`;

const circle: ConfigInput = {
  tables: {
    a: mapping('a', { B: to('b_id', 'b') }),
    b: mapping('b', { A: to('a_id', 'a') }),
    tree: mapping('tree', { Parent: to('parent_id', 'tree') }),
  },
};

test('rows that point to each other, or to themselves, end right with a second write of as few as possible', async () => {
  await using stack = await started(circle, CIRCLE, (made) =>
    made.database.pool.query(`begin;
      insert into a select n, 'a' || n, n from generate_series(1, 5) n;
      insert into b select n, 'b' || n, n from generate_series(1, 5) n;
      insert into tree values (1, 'itself', 1), (2, 'child', 3), (3, 'parent', null);
      commit`),
  );
  const sides = sidesOf(stack);
  for (let n = 1; n <= 5; n += 1) {
    const [a, b] = [await sides.pageOf('a', String(n)), await sides.pageOf('b', String(n))];
    await shows(sides, a, 'B', [b]);
    await shows(sides, b, 'A', [a]);
  }
  const itself = await sides.pageOf('tree', '1');
  await shows(sides, itself, 'Parent', [itself]);
  await shows(sides, await sides.pageOf('tree', '2'), 'Parent', [await sides.pageOf('tree', '3')]);
  await sides.rest();
  const updated = sides.writes().filter(({ operation }) => operation === 'pages.update');
  // Of each pair one page is made first and needs a second write; itself and perhaps the child do too.
  expect(updated.length).toBeLessThanOrEqual(5 * 2 + 2);
  expect(new Set(updated.map(({ path }) => path)).size).toBe(updated.length);
  expect(await sides.sql('select from pgnotion.waiting')).toEqual([]);
});

test('a circle made by one live transaction, children first, ends right', async () => {
  await using stack = await started(circle, CIRCLE);
  const sides = sidesOf(stack);
  await sides.sql(`with b as (insert into b values (1, 'b', 1)) insert into a values (1, 'a', 1)`);
  const [a, b] = [await sides.pageOf('a', '1'), await sides.pageOf('b', '1')];
  await shows(sides, a, 'B', [b]);
  await shows(sides, b, 'A', [a]);
  await sides.sql('update a set b_id = null');
  await shows(sides, a, 'B', []);
  sides.edit(a, { B: typed('relation', [b]) });
  await soon(async () => (await sides.sql('select from a where b_id = 1')).length === 1);
});

const LOOSE = `
  create table parents (id integer primary key, label text not null);
  create table children (id integer primary key, label text not null, parent_id integer, parents integer[] not null default '{}')`;

const loose: ConfigInput = {
  tables: {
    parents: mapping('parents', {}),
    children: mapping('children', { Parent: to('parent_id', 'parents'), Parents: to('parents', 'parents') }),
  },
  sync: { settleSeconds: 0 },
};

test('a relation to a row that does not exist yet is filled once that row has its page', async () => {
  await using stack = await started(loose, LOOSE);
  const sides = sidesOf(stack);
  await sides.sql(`insert into parents values (2, 'there')`);
  await sides.sql(`insert into children values (1, 'early', 1, '{1,2}')`);
  const child = await sides.pageOf('children', '1');
  const there = await sides.pageOf('parents', '2');
  await shows(sides, child, 'Parents', [there]);
  expect(sides.shown(child, 'Parent')).toEqual([]);
  await sides.rest();
  // That a part of it could not be shown is no edit of a person's.
  expect(await sides.sql('select parent_id, parents from children')).toEqual([
    { parent_id: 1, parents: [1, 2] },
  ]);
  await sides.sql(`insert into parents values (1, 'late')`);
  const late = await sides.pageOf('parents', '1');
  await shows(sides, child, 'Parent', [late]);
  await shows(sides, child, 'Parents', [there, late]);
  await sides.rest();
  expect(await sides.sql('select parent_id, parents from children')).toEqual([
    { parent_id: 1, parents: [1, 2] },
  ]);
  expect(await sides.failures()).toEqual([]);
});

test("a person's relation to a page that is no row yet waits for it, and holds back no other field", async () => {
  await using stack = await started(loose, LOOSE, (made) =>
    made.database.pool.query(`insert into children values (1, 'child', null)`),
  );
  const sides = sidesOf(stack);
  const parent = stack.sandbox.control.createPage(await sides.source('parents'), {}).id;
  const child = await sides.pageOf('children', '1');
  sides.edit(child, { Parent: typed('relation', [parent]), Label: typed('title', 'Renamed') });
  await soon(async () => (await sides.sql(`select from children where label = 'Renamed'`)).length === 1);
  const waiting = await soon(async () =>
    (await sides.failures()).find((one) => one.code === 'related_page_unknown'),
  );
  expect(waiting).toMatchObject({ table_name: 'children', key: '1', parked: false });
  expect(waiting.reason).toContain('Parent');
  // The key has no default here, so nothing but PostgreSQL can make the parent's row; it is found by its page.
  await sides.sql(`insert into parents values (7, 'made')`);
  sides.edit(child, { Parent: typed('relation', [await sides.pageOf('parents', '7')]) });
  await soon(async () => (await sides.sql('select from children where parent_id = 7')).length === 1);
  stack.sandbox.control.trashPage(parent);
  await sides.rest();
  expect(await sides.failures()).toEqual([]);
});

test('invariant 6: more related pages than an answer shows are read whole, and none is lost', async () => {
  await using stack = await started(loose, LOOSE, async (made) => {
    await made.database.pool.query(`insert into parents select n, 'p' || n from generate_series(1, 60) n`);
    await made.database.pool.query(
      `insert into children values (1, 'many', null, array(select generate_series(40, 1, -1)))`,
    );
  });
  const sides = sidesOf(stack);
  const child = await sides.pageOf('children', '1');
  const page = async (n: number) => sides.pageOf('parents', String(n));
  const pages = await Promise.all(Array.from({ length: 40 }, (_, n) => page(n + 1)));
  await shows(sides, child, 'Parents', pages);
  const asked = () =>
    stack.sandbox.control.requests().filter(({ operation }) => operation === 'pages.properties.retrieve');
  await soon(() => asked().length > 0);
  sides.edit(child, { Label: typed('title', 'still many') });
  await sides.rest();
  const descending = Array.from({ length: 40 }, (_, n) => 40 - n);
  expect(await sides.sql('select label, parents from children')).toEqual([
    { label: 'still many', parents: descending },
  ]);
  sides.edit(child, {
    Parents: typed('relation', [...pages.filter((id) => id !== pages[4]), await page(60)]),
  });
  await soon(async () => {
    expect(await sides.sql('select parents from children')).toEqual([
      { parents: [...descending.filter((n) => n !== 5), 60] },
    ]);
    return true;
  });
  await sides.sql('update children set parents = parents || 59');
  await shows(sides, child, 'Parents', [
    ...pages.filter((id) => id !== pages[4]),
    await page(60),
    await page(59),
  ]);
});
