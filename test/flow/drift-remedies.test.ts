import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { driftEntries, driftLine, pausedTables } from '../support/drift-entries.ts';
import { inDatabase } from '../support/postgres.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

// What a role loses that owns neither the tables nor their publication, and what breaks behind a query or an expression: one entry,
// what is beside it goes on, and the statement that the entry names, run as it stands, settles it (invariants 15 and 16).

const name = { column: 'name', type: 'title' } as const;
const note = { column: 'note', type: 'rich_text' } as const;
const table = (source: string, fields: NonNullable<ConfigInput['tables'][string]>['fields'] = {}) => ({
  source: `public.${source}`,
  key: 'id',
  title: source,
  fields: { Name: name, Note: note, ...fields },
});
const config: ConfigInput = {
  publication: 'shared',
  sync: { settleSeconds: 0 },
  tables: {
    goods: table('goods', {
      Price: { column: 'price', type: 'number' },
      Label: { expression: 'labelled(id)', type: 'rich_text' },
      Other: { column: 'other_id', type: 'relation', relatedTable: 'others' },
    }),
    others: table('others'),
    shown: {
      ...table('shown'),
      query:
        'select s.id, v.name, s.note from public.shown s join public.viewed v using (id) join public.hidden using (id)',
      direction: 'to-notion',
    },
  },
};
const schema = `
  create table others (id integer primary key, name text not null, note text);
  create table goods (like others including all, price integer, other_id integer references others);
  create table shown (id integer primary key, note text);
  create table hidden (id integer primary key, name text);
  create view viewed as select id, 'shown ' || id as name from hidden;
  create function labelled(n integer) returns text language plpgsql stable as $$
    begin return (select h.name from public.hidden h where h.id = n); end $$;
  insert into others select n, 'other ' || n, 'note ' || n from generate_series(1, 4) n;
  insert into goods select n, 'good ' || n, 'note ' || n, n * 10 from generate_series(1, 4) n;
  insert into hidden select n, 'label ' || n from generate_series(1, 4) n;
  insert into shown select n, 'note ' || n from generate_series(1, 4) n;
  create publication shared for table goods, others, shown
    with (publish = 'insert, update, delete, truncate', publish_via_partition_root = true)`;

let stack: Stack;
let sides: Sides;
let role = '';

beforeAll(async () => {
  stack = await createStack({
    config,
    schema,
    pollSeconds: 0.3,
    login: async ({ name: login, url, pool }) => {
      role = login;
      await pool.query(`create role ${role} login replication password 'secret'; grant create on database ${role} to ${role};
        grant all on goods, others, shown, hidden, viewed to ${role}`);
      return inDatabase(url, role, { user: role, password: 'secret' });
    },
  });
  sides = sidesOf(stack);
  await stack.apply();
  await stack.start();
  await stack.settled();
});
afterAll(async () => {
  await stack.stop();
  await sides.sql(`reassign owned by ${role} to current_user; drop owned by ${role}; drop role ${role}`);
  await stack[Symbol.asyncDispose]();
});

const entries = async () =>
  (await driftEntries(sides)).map((entry) => `${entry.table_name} ${driftLine(entry)}`).sort();
const told = (...lines: readonly string[]) =>
  soon(async () => expect(await entries()).toEqual([...lines].sort()) ?? true);

/** Runs the statement that the entry about a table names, as it stands. */
async function asTold(about: string): Promise<string> {
  const entry = (await driftEntries(sides)).find(({ table_name: of }) => of === about);
  const [statement = ''] = /(?:ALTER|GRANT|alter publication) [^;]*;/.exec(entry?.remedy ?? '') ?? [];
  await sides.sql(statement);
  return statement;
}

let turn = 0;

/** Writes to each side, and waits until the other has it. */
async function carries(of: string, column: 'name' | 'note' = 'note'): Promise<void> {
  turn += 1;
  const page = await sides.pageOf(of, '2');
  const property = column === 'name' ? 'Name' : 'Note';
  await sides.sql(`update ${of} set ${column} = $1 where id = 2`, [`row ${turn}`]);
  await soon(() => sides.shown(page, property) === `row ${turn}`);
  sides.edit(page, { [property]: typed(column === 'name' ? 'title' : 'rich_text', `page ${turn}`) });
  await soon(
    async () => (await sides.sql(`select from ${of} where ${column} = 'page ${turn}'`)).length === 1,
  );
}

/** Changes the note of one row and, in Notion, that of another; gives what waits until each is on the other side. */
async function meanwhile(of: string): Promise<() => Promise<void>> {
  turn += 1;
  const text = `meanwhile ${turn}`;
  const [first, third] = [await sides.pageOf(of, '1'), await sides.pageOf(of, '3')];
  await sides.sql(`update ${of} set note = $1 where id = 1`, [text]);
  sides.edit(third, { Note: typed('rich_text', text) });
  return async () => {
    await soon(() => sides.shown(first, 'Note') === text);
    await soon(
      async () => (await sides.sql(`select from ${of} where id = 3 and note = $1`, [text])).length === 1,
    );
  };
}

async function settled(): Promise<void> {
  await told();
  await stack.settled();
  expect(await pausedTables(sides)).toEqual([]);
  expect(await sides.failures()).toEqual([]);
}

test('invariant 16: a column that the role may not read any more pauses its field alone', async () => {
  await sides.sql(
    `revoke select on goods from ${role}; grant select (id, name, price, other_id) on goods to ${role}`,
  );
  await told('goods Note column_unreadable postgres field sql');
  await carries('goods', 'name');
  await carries('others');
  expect(await pausedTables(sides)).toEqual([]);
  const arrives = await meanwhile('goods');
  expect(await asTold('goods')).toBe(`GRANT SELECT ("note") ON "public"."goods" TO ${role};`);
  await arrives();
  await settled();
  await sides.sql(`grant select on goods to ${role}`);
});

test('invariant 16: a table that the role may not read any more stands still alone', async () => {
  await sides.sql(`revoke select on goods from ${role}`);
  await told('goods  table_changed postgres table sql');
  await carries('others');
  expect(await pausedTables(sides)).toEqual(['goods']);
  const arrives = await meanwhile('goods');
  expect(await asTold('goods')).toBe(`GRANT SELECT ON "public"."goods" TO ${role};`);
  await arrives();
  await settled();
});

test('invariant 16: a column that is another one, of a table that may not be read, keeps no other table from taking what its pages show', async () => {
  await sides.sql(
    `begin; alter table goods drop note, add note text; revoke select on goods from ${role}; commit`,
  );
  await told('goods  table_changed postgres table sql');
  await sides.sql('alter table others drop note, add note text');
  await soon(async () => (await sides.sql('select from others where note is null')).length === 0);
  await sides.sql(`grant select on goods to ${role}`);
  await soon(async () => (await sides.sql('select from goods where note is null')).length === 0);
  await settled();
});

test('invariant 4: what the role may not write pauses nothing, at the next start either, and what was refused is carried out', async () => {
  await sides.sql(
    `revoke update, delete on goods from ${role}; grant update (name, price, other_id) on goods to ${role}`,
  );
  const lines = ['goods  write_denied postgres nothing sql', 'goods Note write_denied postgres nothing sql'];
  await told(...lines);
  await carries('goods', 'name');
  const page = await sides.pageOf('goods', '3');
  sides.edit(page, { Note: typed('rich_text', 'not yet') });
  await soon(async () =>
    (await sides.failures()).some(({ key, code }) => key === '3' && code === 'sql_42501'),
  );
  await stack.stop();
  await stack.start();
  await told(...lines);
  expect(await pausedTables(sides)).toEqual([]);
  await sides.sql(`update goods set note = 'to Notion as ever' where id = 1`);
  await sides.shows('goods', '1', 'Note', 'to Notion as ever');
  await sides.sql(`GRANT DELETE ON "public"."goods" TO ${role};`);
  await told('goods Note write_denied postgres nothing sql');
  expect(await asTold('goods')).toBe(`GRANT UPDATE ("note") ON "public"."goods" TO ${role};`);
  await soon(
    async () => (await sides.sql(`select from goods where id = 3 and note = 'not yet'`)).length === 1,
  );
  await settled();
  await sides.sql(`grant all on goods to ${role}`);
});

test('invariant 1: policies that hide rows stop the table alone, and all that they hid arrives', async () => {
  await sides.sql('alter table goods enable row level security');
  await told('goods  rows_hidden postgres table sql');
  await carries('others');
  const arrives = await meanwhile('goods');
  expect(await asTold('goods')).toBe(`ALTER ROLE ${role} BYPASSRLS;`);
  await arrives();
  await settled();
  await sides.sql(`alter table goods disable row level security; alter role ${role} nobypassrls`);
});

test('invariant 1: a row that came to point to a table whose key was renamed shows its page afterwards', async () => {
  await sides.sql('alter table others rename id to number');
  await told('others  table_unpublishable postgres table sql');
  await carries('goods');
  await sides.sql(`update goods set other_id = 1, note = 'points to it' where id = 3`);
  await sides.shows('goods', '3', 'Note', 'points to it');
  expect(await asTold('others')).toBe('ALTER TABLE public.others RENAME COLUMN "number" TO "id";');
  await sides.shows('goods', '3', 'Other', [await sides.pageOf('others', '1')]);
  await settled();
});

test('invariant 1: a table whose key was dropped stands still alone until its rows have their keys again', async () => {
  const rows = await sides.sql<{ place: string; id: number }>('select ctid::text as place, id from others');
  await sides.sql('alter table others drop id cascade');
  await told('others  table_unpublishable postgres table sql');
  const [entry] = await driftEntries(sides);
  expect(entry?.detail).toContain('id, of its key, is gone');
  const [whole = '', ...back] = entry?.remedy.match(/ALTER [^;]*;/g) ?? [];
  expect(back).toHaveLength(2);
  await carries('goods');
  expect(await pausedTables(sides)).toEqual(['others']);
  await sides.sql(`${whole} alter table others add id integer`);
  for (const { place, id } of rows)
    await sides.sql('update others set id = $1 where ctid = $2::tid', [id, place]);
  await sides.sql(back.join(' '));
  await settled();
  await carries('others');
});

test('invariant 16: what a function lacks that an expression calls pauses its field alone', async () => {
  await sides.sql(`revoke execute on function labelled(integer) from public`);
  await told('goods Label expression_broken postgres field config');
  await carries('goods');
  expect(await asTold('goods')).toBe(`GRANT EXECUTE ON ROUTINE public.labelled(n integer) TO ${role};`);
  await settled();
  // PostgreSQL accepts the expression, and each row fails.
  await sides.sql('alter table hidden rename column name to called');
  await sides.sql(`update goods set note = 'beside it' where id = 4`);
  await told('goods Label expression_broken postgres field config');
  await sides.shows('goods', '4', 'Note', 'beside it');
  await carries('goods');
  await sides.sql(
    'update hidden set called = upper(called); alter table hidden rename column called to name',
  );
  await sides.shows('goods', '1', 'Label', 'LABEL 1');
  await settled();
});

test('invariant 16: what a query may not read stops its table alone, and the entry names the statement', async () => {
  await sides.sql(`revoke select on viewed from ${role}`);
  await told('shown  table_changed postgres table sql');
  await carries('goods');
  await sides.sql(`update shown set note = 'after the view' where id = 2`);
  expect(await asTold('shown')).toBe(`GRANT SELECT ON public.viewed TO ${role};`);
  await sides.shows('shown', '2', 'Note', 'after the view');
  await settled();
});

test('invariant 16: a table of which no row can be read, for what its catalog does not tell, stops alone', async () => {
  await sides.sql('alter table hidden enable row level security');
  await told('shown  table_unreadable postgres table sql');
  await carries('goods');
  await sides.sql(`update shown set note = 'after the policies' where id = 2`);
  expect(await asTold('shown')).toBe(`ALTER ROLE ${role} BYPASSRLS;`);
  await sides.shows('shown', '2', 'Note', 'after the policies');
  await settled();
  await sides.sql(`alter table hidden disable row level security; alter role ${role} nobypassrls`);
});

test('invariant 16: a table that is locked at the start is unreadable alone, and goes on by itself', async () => {
  await stack.stop();
  const locker = await stack.database.pool.connect();
  await locker.query('begin; lock table goods');
  await stack.start();
  await told('goods  table_unreadable postgres table nothing');
  const [entry] = await driftEntries(sides);
  expect(entry?.remedy).toMatch(/^nothing to do/);
  await carries('others');
  await locker.query(`update goods set note = 'behind the lock' where id = 1; commit`);
  locker.release();
  await sides.shows('goods', '1', 'Note', 'behind the lock');
  await settled();
});

test('invariant 16: a schema that the role may not use: one statement for all of its tables', async () => {
  await sides.sql('revoke usage on schema public from public');
  await told(...['goods', 'others', 'shown'].map((of) => `${of}  table_changed postgres table sql`));
  const arrives = await meanwhile('goods');
  expect(await asTold('goods')).toBe(`GRANT USAGE ON SCHEMA "public" TO ${role};`);
  await arrives();
  await settled();
});

const publicationEntries = () =>
  sides.sql<{ table_name: string; pauses: string; remedy_kind: string; remedy: string }>(
    `select * from pgnotion.drift where kind = 'publication'`,
  );

test('invariant 1: a publication that its owner changes and mends: what was missed is compared, which pauses nothing and goes by itself', async () => {
  await sides.sql('alter publication shared drop table goods');
  await told('goods  table_unpublishable postgres table sql');
  await carries('others');
  const arrives = await meanwhile('goods');
  await sides.sql('select pgnotion.pause($1)', ['goods']);
  const statement = await asTold('goods');
  expect(statement).toBe('alter publication "shared" add table only "public"."goods";');
  const [entry] = await soon(async () => {
    const found = await publicationEntries();
    return found.length > 0 && found;
  });
  expect(entry).toMatchObject({ table_name: 'goods', pauses: 'nothing', remedy_kind: 'nothing' });
  expect(entry?.remedy).toMatch(/^nothing to do/);
  await carries('others');
  await sides.sql('select pgnotion.resume($1)', ['goods']);
  await arrives();
  await soon(async () => (await publicationEntries()).length === 0);
  await settled();
});
