import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import type { PgnotionError } from '../../src/model/errors.ts';
import { eventually } from '../support/eventually.ts';
import { type Sides, sidesOf, typed } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';
import { createTables } from '../support/user-tables.ts';

// Relations whose column is spelled otherwise than the key, or refers to another unique column, or to nothing.

const named = (name: string, key: string | string[] = 'id') => ({
  source: `public.${name}`,
  key,
  title: name,
  fields: { Name: { column: 'name', type: 'title' as const } },
});

const relating = (name: string, column: string, relatedTable: string) => ({
  ...named(name),
  fields: {
    Name: { column: 'name', type: 'title' as const },
    Of: { column, type: 'relation' as const, relatedTable },
  },
});

const config: ConfigInput = {
  sync: { settleSeconds: 0.1 },
  deleteGuard: { number: 1_000 },
  tables: {
    makers: named('makers'),
    goods: relating('goods', 'maker_code', 'makers'),
    padded: named('padded', 'code'),
    of_padded: relating('of_padded', 'ref', 'padded'),
    folded: named('folded', 'code'),
    of_folded: relating('of_folded', 'ref', 'folded'),
    counted: named('counted'),
    of_counted: relating('of_counted', 'ref', 'counted'),
    plain: named('plain'),
    loose: relating('loose', 'ref', 'plain'),
  },
};

const schema = `
  create collation folding (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
  create table makers (id integer primary key, code integer unique not null, name text);
  create table goods (id integer primary key, name text, maker_code integer references makers (code) deferrable);
  create table padded (code varchar(8) primary key, name text);
  create table of_padded (id integer primary key, name text, ref char(8) references padded);
  create table folded (code text collate folding primary key, name text);
  create table of_folded (id integer primary key, name text, ref text collate folding references folded);
  create table counted (id numeric(6, 2) primary key, name text);
  create table plain (id integer primary key, name text);
  create table of_counted (id integer primary key, name text, ref integer references counted);
  create table loose (id integer primary key, name text, ref integer);
  insert into makers values (1, 2, 'of code 2'), (2, 1, 'of code 1'), (3, 30, 'of code 30');
  insert into goods values (1, 'g1', 1), (2, 'g2', 2), (3, 'g3', null);
  insert into padded values ('ab', 'ab'), ('cd', 'cd');
  insert into of_padded values (1, 'p1', 'ab');
  insert into folded values ('Key', 'key'), ('other', 'other');
  insert into of_folded values (1, 'f1', 'kEY');
  insert into counted values (7, 'seven'), (8, 'eight');
  insert into plain values (8, 'eight');
  insert into of_counted values (1, 'c1', 7);
  insert into loose values (1, 'l1', 99), (2, 'l2', 8)`;

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

/** The names of the pages that a record's page relates to. */
async function related(table: string, key: string): Promise<unknown[]> {
  const page = await sides.pageOf(table, key);
  return (sides.shown(page, 'Of') as string[]).map((id) => sides.shown(id, 'Name'));
}

const shows = (table: string, key: string, names: readonly string[]): Promise<true> =>
  eventually(async () => {
    expect(await related(table, key)).toEqual(names);
    return true;
  });

test('invariant 5: a foreign key to a unique column relates the row that has the value, not the one with that key', async () => {
  await shows('goods', '1', ['of code 1']);
  await shows('goods', '2', ['of code 2']);
  await shows('goods', '3', []);
  await sides.sql('update goods set maker_code = 30 where id = 1');
  await shows('goods', '1', ['of code 30']);
});

test('invariant 4: a person’s choice is written as the value of the referenced column', async () => {
  const page = await sides.pageOf('goods', '3');
  sides.edit(page, { Of: typed('relation', [await sides.pageOf('makers', '2')]) });
  await eventually(
    async () => (await sides.sql('select from goods where id = 3 and maker_code = 1')).length === 1,
  );
  sides.edit(page, { Of: typed('relation', []) });
  await eventually(
    async () => (await sides.sql('select from goods where id = 3 and maker_code is null')).length === 1,
  );
  await sides.rest();
  expect(
    await sides.failures().then((all) => all.filter(({ table_name }) => table_name === 'goods')),
  ).toEqual([]);
});

test('invariant 1: two related rows that swap the referenced value swap their relations', async () => {
  await sides.sql(`insert into makers values (4, 40, 'of code 40'), (5, 50, 'of code 50')`);
  await sides.sql(`insert into goods values (4, 'g4', 40)`);
  await shows('goods', '4', ['of code 40']);
  await sides.sql(`begin; set constraints all deferred; update makers set code = 41 where id = 4;
    update makers set code = 40 where id = 5; commit`);
  await shows('goods', '4', ['of code 50']);
});

test('invariant 5: two values are the same key exactly when PostgreSQL says so', async () => {
  await shows('of_padded', '1', ['ab']);
  await shows('of_folded', '1', ['key']);
  await shows('of_counted', '1', ['seven']);
  await sides.sql(
    `update of_padded set ref = 'cd'; update of_folded set ref = 'OTHER'; update of_counted set ref = 8`,
  );
  await shows('of_padded', '1', ['cd']);
  await shows('of_folded', '1', ['other']);
  await shows('of_counted', '1', ['eight']);
  const page = await sides.pageOf('of_padded', '1');
  sides.edit(page, { Of: typed('relation', [await sides.pageOf('padded', 'ab')]) });
  await eventually(async () => (await sides.sql(`select from of_padded where ref = 'ab'`)).length === 1);
});

test('invariant 1: a reference that finds no row is told, and related once the row is there', async () => {
  await shows('loose', '2', ['eight']);
  const failure = await eventually(async () =>
    (await sides.failures()).find(({ table_name, key }) => table_name === 'loose' && key === '1'),
  );
  expect(failure).toMatchObject({ code: 'relation_target_missing', parked: true });
  expect(failure?.reason).toContain('plain 99');
  await sides.sql(`insert into plain values (99, 'ninety-nine')`);
  await shows('loose', '1', ['ninety-nine']);
  await eventually(async () => !(await sides.failures()).some(({ table_name }) => table_name === 'loose'));
});

test('a column of a composite foreign key is refused with an expression that shows the relation', async () => {
  await using tables = await createTables(`
    create table parts (tenant integer, no integer, name text, primary key (tenant, no));
    create table uses (id integer primary key, name text, tenant integer, part integer,
      foreign key (tenant, part) references parts (tenant, no));
    insert into parts values (1, 2, 'p')`);
  const parts = named('parts', ['tenant', 'no']);
  const refused = await tables.resolve({ parts, uses: relating('uses', 'part', 'parts') }).then(
    () => null,
    (error: PgnotionError) => error,
  );
  expect(refused?.message).toContain('foreign key to public.parts');
  expect(refused?.remedy).toContain(`json_build_array(tenant::text, part::text)::text`);
});
