import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { disagreements } from '../support/agreement.ts';
import { eventually } from '../support/eventually.ts';
import { startDebianPostgres15 } from '../support/servers.ts';
import { type Sides, sidesOf } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

const schema = `
  create schema "Odd";
  create type mood as enum ('calm', 'glad');
  create table items (id integer primary key, name text not null, code integer not null unique, mood mood default 'calm');
  create table "Odd".parts (shop text, number integer, name text not null, primary key (shop, number))
    partition by list (shop);
  create table "Odd".parts_a partition of "Odd".parts for values in ('a');
  create table "Odd".parts_b partition of "Odd".parts for values in ('b');
  create view parts as select * from "Odd".parts;
  insert into items select i, 'item ' || i, i from generate_series(1, 8) i;
  insert into "Odd".parts select s, i, 'part ' || i from unnest(array['a', 'b']) s, generate_series(1, 4) i`;

const config: ConfigInput = {
  sync: { settleSeconds: 0.2 },
  guard: { number: 100, share: 1 },
  tables: {
    items: {
      source: 'public.items',
      key: 'id',
      title: 'Items',
      fields: {
        Name: { column: 'name', type: 'title' },
        Code: { column: 'code', type: 'number' },
        Mood: { column: 'mood', type: 'select' },
      },
    },
    parts: {
      source: 'Odd.parts',
      key: ['shop', 'number'],
      title: 'Parts',
      fields: { Name: { column: 'name', type: 'title' } },
    },
  },
};

let stack: Stack;
let sides: Sides;

async function synced(serverUrl?: string): Promise<Stack> {
  const made = await createStack({
    config,
    schema,
    pollSeconds: 0.5,
    ...(serverUrl !== undefined && { serverUrl }),
  });
  await made.apply();
  await made.start();
  await agreed(made);
  return made;
}

beforeAll(async () => {
  stack = await synced();
  sides = sidesOf(stack);
});

afterAll(async () => {
  await stack[Symbol.asyncDispose]();
});

/** What the log tells of in a way that cannot be understood afterwards; then all is as it was. `k` makes it new each time. */
type Hidden = { readonly how: string; readonly change: (k: number) => string; readonly after?: string };

const HIDDEN: readonly Hidden[] = [
  {
    how: 'while the key column had another name',
    change: (k) => `alter table items rename id to ident;
      update items set name = 'renamed ${k}' where ident = (select min(ident) from items);
      delete from items where ident = (select max(ident) from items);
      insert into items (ident, name, code) values (${20 + k}, 'new', ${20 + k});
      alter table items rename ident to id`,
  },
  {
    how: 'while a column of a composite key had another name',
    change: (k) => `alter table "Odd".parts rename number to n;
      update "Odd".parts set name = 'renamed ${k}' where n = 1;
      delete from "Odd".parts where n = (select max(n) from "Odd".parts);
      insert into "Odd".parts (shop, n, name) values ('b', ${20 + k}, 'new');
      alter table "Odd".parts rename n to number`,
  },
  {
    how: 'while the table had another name',
    change: (k) => `alter table items rename to elsewhere;
      update elsewhere set name = 'elsewhere ${k}' where id = (select min(id) from elsewhere);
      delete from elsewhere where id = (select max(id) from elsewhere);
      insert into elsewhere (id, name, code) values (${30 + k}, 'new', ${30 + k});
      alter table elsewhere rename to items`,
  },
  {
    how: 'while the schema had another name',
    change: (k) => `alter schema "Odd" rename to even;
      update even.parts set name = 'even ${k}' where number = 1;
      delete from even.parts where number = (select max(number) from even.parts);
      alter schema even rename to "Odd"`,
  },
  {
    how: 'under a replica identity without the key',
    change: (k) => `alter table items replica identity using index items_code_key;
      update items set id = ${40 + k} where id = (select min(id) from items);
      delete from items where id = (select min(id) from items);
      update items set id = ${50 + k}, name = 'with both', code = ${50 + k} where id = (select min(id) from items)`,
    after: 'alter table items replica identity default',
  },
  {
    how: 'by a rewrite of the table',
    change: (k) => `alter table items alter name type varchar(${50 + k}) using name || ' ${k}'`,
  },
  {
    how: 'by a rewrite that leaves the type as it is',
    change: () => `alter table items alter code type integer using code + 100`,
  },
  {
    how: 'by a renamed label of an enum',
    change: (k) => `alter type mood rename value '${k === 1 ? 'calm' : `calm ${k - 1}`}' to 'calm ${k}'`,
  },
  {
    how: 'by a partition that came with its rows',
    change: (k) => `create table "Odd".parts_c${k}
        (shop text not null, number integer not null, name text not null, primary key (shop, number));
      insert into "Odd".parts_c${k} values ('c${k}', 1, 'came along');
      alter table "Odd".parts attach partition "Odd".parts_c${k} for values in ('c${k}')`,
  },
  {
    how: 'by a partition that left with its rows',
    change: (k) => `alter table "Odd".parts detach partition "Odd".parts_c${k}`,
  },
];

const named = HIDDEN.map((each) => [each.how, each] as const);

const KEY_OF_PART = `'["' || shop || '","' || number || '"]'`;

async function agreed(on: Stack): Promise<void> {
  await eventually(async () => {
    const items = { Name: 'name', Code: 'code', Mood: 'mood' };
    expect([
      ...(await disagreements(on, 'items', items)),
      ...(await disagreements(on, 'parts', { Name: 'name' }, KEY_OF_PART)),
    ]).toEqual([]);
    return true;
  });
}

test.each(named)(
  'invariant 1: what changed %s, between two runs, reaches Notion',
  async (_, { change, after }) => {
    await stack.stop();
    await sides.sql(change(1));
    // What cannot be published stops the start; what the log holds of the time in between stays.
    await sides.sql(after ?? 'select');
    await stack.start();
    await agreed(stack);
  },
);

test.each(named)(
  'invariant 1: what changes %s, beside the daemon, reaches Notion',
  async (_, { change, after }) => {
    await sides.sql(change(2));
    await sides.sql(after ?? 'select');
    await agreed(stack);
  },
);

test.skipIf(!inject('hasPostgres15'))('invariant 1: on PostgreSQL 15, too', async () => {
  const server = await startDebianPostgres15();
  try {
    await using old = await synced(server?.url ?? '');
    await old.stop();
    for (const { change, after } of HIDDEN) {
      await old.database.pool.query(change(1));
      await old.database.pool.query(after ?? 'select');
    }
    await old.start();
    await agreed(old);
  } finally {
    await server?.stop();
  }
});

test('invariant 5: a table of another program in the same publication has nothing compared', async () => {
  await sides.sql(
    'create table foreign_one (id integer primary key); alter publication pgnotion add table foreign_one',
  );
  await agreed(stack);
  const compares = 'select table_name, compares from pgnotion.data_sources order by 1';
  const before = await sides.sql(compares);
  await sides.sql('insert into foreign_one values (1); update foreign_one set id = 2');
  await agreed(stack);
  expect(await sides.sql(compares)).toEqual(before);
});
