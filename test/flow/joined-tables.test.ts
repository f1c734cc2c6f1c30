import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { eventually } from '../support/eventually.ts';
import { type Sides, sidesOf } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

// Pages whose query joins other tables, and what happens in those.

const joining = (
  name: string,
  query: string,
  dependsOn: readonly { table: string; on: Record<string, string> }[],
) => ({
  source: `public.${name}`,
  query,
  dependsOn: [...dependsOn],
  key: 'id',
  title: name,
  direction: 'to-notion' as const,
  fields: {
    Name: { column: 'name', type: 'title' as const },
    Owner: { column: 'owner', type: 'rich_text' as const },
  },
});

const config: ConfigInput = {
  deleteGuard: { number: 1_000 },
  tables: {
    labels: joining(
      'labels',
      `select labels.*, coalesce(o.name, 'nobody') as owner from labels left join owners o on o.id = owner_id`,
      [{ table: 'public.owners', on: { id: 'owner_id' } }],
    ),
    // Of a chain, the query alone knows which region a row joins.
    places: joining(
      'places',
      `select p.*, coalesce(r.name, 'nowhere') || '/' || coalesce(o.name, 'nobody') as owner, o.region_id as region
         from places p left join owners o on o.id = p.owner_id left join regions r on r.id = o.region_id`,
      [
        { table: 'public.owners', on: { id: 'owner_id' } },
        { table: 'public.regions', on: { id: 'region' } },
      ],
    ),
    seats: joining(
      'seats',
      `select s.*, coalesce(c.name, 'nowhere') as owner from seats s left join cells c on (c.x, c.y) = (s.cx, s.cy)`,
      [{ table: 'public.cells', on: { y: 'cy', x: 'cx' } }],
    ),
    nodes: joining(
      'nodes',
      `select n.*, coalesce(parent.name, 'root') as owner from nodes n left join nodes parent on parent.id = n.parent_id`,
      [{ table: 'public.nodes', on: { id: 'parent_id' } }],
    ),
  },
};

const schema = `
  create table regions (id integer primary key, name text);
  create table owners (id integer primary key, name text, region_id integer);
  create table labels (id integer primary key, name text, owner_id integer);
  create table places (id integer primary key, name text, owner_id integer);
  create table cells (x integer, y text, name text, primary key (x, y)) partition by range (x);
  create table cells_low partition of cells for values from (0) to (10);
  create table cells_high partition of cells for values from (10) to (20);
  create table seats (id integer primary key, name text, cx integer, cy text);
  create table nodes (id integer primary key, name text, parent_id integer);
  alter table regions replica identity full;
  insert into regions values (1, 'north'), (2, 'south');
  insert into owners values (1, 'ann', 1), (2, 'bob', 2);
  insert into labels values (1, 'l1', 1), (2, 'l2', 2), (3, 'l3', 7);
  insert into places values (1, 'p1', 1), (2, 'p2', 2);
  insert into cells values (1, 'a', 'low'), (11, 'b', 'high');
  insert into seats values (1, 's1', 1, 'a'), (2, 's2', 11, 'b'), (3, 's3', 5, 'c');
  insert into nodes values (1, 'top', null), (2, 'middle', 1), (3, 'leaf', 2)`;

let stack: Stack;
let sides: Sides;

beforeAll(async () => {
  stack = await createStack({ config, schema, pollSeconds: 0.5 });
  sides = sidesOf(stack);
  await stack.apply();
  await stack.start();
  await stack.settled();
});
afterAll(() => stack[Symbol.asyncDispose]());

/** Waits until the pages of a table show these owners, in the order of their keys. */
async function owners(table: string, expected: readonly string[]): Promise<void> {
  const rows = await sides.sql<{ key: string; page: string }>(
    'select key, page_id as page from pgnotion.records where table_name = $1 order by key',
    [table],
  );
  await eventually(() => {
    expect(rows.map(({ page }) => sides.shown(page, 'Owner'))).toEqual(expected);
    return true;
  });
}

test('invariant 1: a joined row is inserted, renamed, gets another key and is deleted', async () => {
  await owners('labels', ['ann', 'bob', 'nobody']);
  await owners('places', ['north/ann', 'south/bob']);
  await sides.sql(`insert into owners values (7, 'eve', 1)`);
  await owners('labels', ['ann', 'bob', 'eve']);
  await sides.sql(`update owners set name = 'anna' where id = 1`);
  await owners('labels', ['anna', 'bob', 'eve']);
  await sides.sql('update owners set id = 3 where id = 1');
  await owners('labels', ['nobody', 'bob', 'eve']);
  await owners('places', ['nowhere/nobody', 'south/bob']);
  await sides.sql('update owners set id = 1 where id = 3');
  await owners('labels', ['anna', 'bob', 'eve']);
  await sides.sql('delete from owners where id = 7');
  await owners('labels', ['anna', 'bob', 'nobody']);
});

test('invariant 1: a row at the end of a chain gets another key, and is deleted', async () => {
  await owners('places', ['north/anna', 'south/bob']);
  await sides.sql('update regions set id = 3 where id = 1');
  await owners('places', ['nowhere/anna', 'south/bob']);
  await sides.sql('update regions set id = 1 where id = 3');
  await owners('places', ['north/anna', 'south/bob']);
  await sides.sql('delete from regions where id = 2');
  await owners('places', ['north/anna', 'nowhere/bob']);
  await sides.sql('update owners set region_id = 1');
  await owners('places', ['north/anna', 'north/bob']);
});

test('invariant 1: rows of a partitioned table that are joined by two columns', async () => {
  await owners('seats', ['low', 'high', 'nowhere']);
  await sides.sql(`update cells set x = 5, y = 'c' where x = 11`);
  await owners('seats', ['low', 'nowhere', 'high']);
  await sides.sql(`insert into cells values (11, 'b', 'new')`);
  await owners('seats', ['low', 'new', 'high']);
  await sides.sql('truncate cells');
  await owners('seats', ['nowhere', 'nowhere', 'nowhere']);
});

test('invariant 1: a table that joins itself', async () => {
  await owners('nodes', ['root', 'top', 'middle']);
  await sides.sql('update nodes set id = 4 where id = 2');
  await sides.pageOf('nodes', '4');
  const leaf = await sides.pageOf('nodes', '3');
  await eventually(() => sides.shown(leaf, 'Owner') === 'root');
});

test('invariant 1: a joined table is truncated', async () => {
  await sides.sql('truncate owners, regions');
  await owners('labels', ['nobody', 'nobody', 'nobody']);
  await owners('places', ['nowhere/nobody', 'nowhere/nobody']);
  await sides.rest();
  expect(await sides.failures()).toEqual([]);
});
