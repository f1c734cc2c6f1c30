import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConfigInput, TableInput } from '../../src/config/mapping-file.ts';
import { createCliStage } from '../support/cli-stage.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

const schema = `
  create table codes (code text primary key, name text, note text);
  create table parts (id integer primary key, name text, code text references codes on update cascade);
  create table strict_parts (id integer primary key, code text references codes);
  create table kits (id integer primary key, name text, codes text[]);
  create table pairs (region text, number integer, name text, primary key (region, number));
  create table numbers (id integer primary key, name text);
  insert into codes select c, 'name of ' || c, 'note' from unnest(array['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) c;
  insert into parts values (1, 'of a', 'a'), (2, 'of b', 'b');
  insert into strict_parts values (1, 'h');
  insert into pairs values ('n', 1, 'n one'), ('n', 2, 'n two'), ('s', 1, 's one');
  insert into numbers select i, 'number ' || i from generate_series(1, 50) i;`;

const config: ConfigInput = {
  sync: { settleSeconds: 0.2 },
  guard: { number: 1, share: 0 },
  tables: {
    codes: {
      source: 'public.codes',
      key: 'code',
      title: 'Codes',
      onNotionTrash: 'delete',
      fields: {
        Code: { column: 'code', type: 'title' },
        Name: { column: 'name', type: 'rich_text' },
        Note: { column: 'note', type: 'rich_text', conflict: 'manual' },
      },
    },
    parts: {
      source: 'public.parts',
      key: 'id',
      title: 'Parts',
      fields: {
        Name: { column: 'name', type: 'title' },
        Code: { column: 'code', type: 'relation', relatedTable: 'codes' },
      },
    },
    kits: {
      source: 'public.kits',
      key: 'id',
      title: 'Kits',
      fields: {
        Name: { column: 'name', type: 'title' },
        Codes: { column: 'codes', type: 'relation', relatedTable: 'codes' },
      },
    },
    pairs: {
      source: 'public.pairs',
      key: ['region', 'number'],
      title: 'Pairs',
      fields: {
        Name: { column: 'name', type: 'title' },
        Region: { column: 'region', type: 'select' },
        Number: { column: 'number', type: 'number' },
      },
    },
    numbers: {
      source: 'public.numbers',
      key: 'id',
      title: 'Numbers',
      fields: { Name: { column: 'name', type: 'title' } },
    },
  },
};

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

const control = () => stack.sandbox.control;
const title = (text: string) => typed('title', text);
const goesBy = (page: string, key: string) => soon(async () => (await sides.keyOf(page)) === key);
/** Nothing was trashed, made or set aside on the way. */
async function samePages(table: string, count: number): Promise<void> {
  await stack.settled();
  const source = await sides.source(table);
  expect(control().pages(source)).toHaveLength(count);
  expect(control().trashedPages(source)).toEqual([]);
  expect(await sides.failures()).toEqual([]);
}

test('invariant 3: a key that is edited in Notion changes the row’s key, and the page stays the record’s', async () => {
  const page = await sides.pageOf('codes', 'a');
  sides.edit(page, { Code: title('A-1'), Name: typed('rich_text', 'renamed too') });
  await goesBy(page, 'A-1');
  expect(await sides.sql(`select * from codes where name = 'renamed too'`)).toEqual([
    { code: 'A-1', name: 'renamed too', note: 'note' },
  ]);
  await soon(() => sides.shown(page, 'Supabase ID') === 'A-1');
  const part = await sides.pageOf('parts', '1');
  expect(sides.shown(part, 'Code')).toEqual([page]);
  await samePages('codes', 8);
  // The pair goes on, in both directions.
  await sides.sql(`update codes set name = 'by SQL' where code = 'A-1'`);
  await soon(() => sides.shown(page, 'Name') === 'by SQL');
  sides.edit(page, { Name: typed('rich_text', 'by hand') });
  await soon(
    async () => (await sides.sql(`select from codes where code = 'A-1' and name = 'by hand'`)).length === 1,
  );
  const told = await sides.sql<{ detail: string }>(`select detail from pgnotion.explain('codes', 'A-1')`);
  expect(told.length).toBeGreaterThan(3);
});

test('invariant 3: a key that SQL changes keeps its page, with what points to it', async () => {
  const [page, part] = [await sides.pageOf('codes', 'b'), await sides.pageOf('parts', '2')];
  await sides.sql(`update codes set code = 'B.1', note = 'with it' where code = 'b'`);
  await goesBy(page, 'B.1');
  await soon(() => sides.shown(page, 'Code') === 'B.1' && sides.shown(page, 'Note') === 'with it');
  await soon(() => sides.shown(page, 'Supabase ID') === 'B.1');
  expect(sides.shown(part, 'Code')).toEqual([page]);
  await samePages('codes', 8);
  expect(
    await sides.sql(
      `select from pgnotion.operations where table_name = 'codes' and kind in ('create', 'delete') and started_at > now() - interval '1 second' and key = 'B.1'`,
    ),
  ).toEqual([]);
});

test('invariant 3: rows that swap their keys in one transaction keep their pages', async () => {
  const [c, d] = [await sides.pageOf('codes', 'c'), await sides.pageOf('codes', 'd')];
  await sides.sql(`begin; update codes set code = 'tmp' where code = 'c'; update codes set code = 'c' where code = 'd';
    update codes set code = 'd' where code = 'tmp'; commit`);
  await goesBy(c, 'd');
  await goesBy(d, 'c');
  await soon(() => sides.shown(c, 'Code') === 'd' && sides.shown(d, 'Code') === 'c');
  expect(sides.shown(c, 'Name')).toBe('name of c');
  await samePages('codes', 8);
});

test('invariant 3: a whole table that is renumbered keeps its pages, and costs an update each', async () => {
  const pages = new Map<string, string>();
  for (const id of ['1', '2', '50']) pages.set(id, await sides.pageOf('numbers', id));
  await sides.sql('update numbers set id = id + 1000');
  for (const [id, page] of pages) await goesBy(page, String(Number(id) + 1000));
  await samePages('numbers', 50);
});

test('a composite key changes from either side', async () => {
  const [one, two] = [await sides.pageOf('pairs', '["n","1"]'), await sides.pageOf('pairs', '["n","2"]')];
  sides.edit(one, { Region: typed('select', 'west') });
  await goesBy(one, '["west","1"]');
  await sides.sql(`update pairs set number = 7 where name = 'n two'`);
  await goesBy(two, '["n","7"]');
  await soon(() => sides.shown(two, 'Number') === 7);
  await samePages('pairs', 3);
});

test('invariant 4: a key that PostgreSQL refuses is told, and nothing else changes', async () => {
  const [page, kept] = [await sides.pageOf('codes', 'e'), await sides.pageOf('codes', 'h')];
  sides.edit(page, { Code: title('f') });
  await soon(async () =>
    (await sides.failures()).some(({ key, code }) => key === 'e' && code === 'sql_23505'),
  );
  sides.edit(kept, { Code: title('H') });
  await soon(async () =>
    (await sides.failures()).some(({ key, code }) => key === 'h' && code === 'sql_23503'),
  );
  expect(await sides.keyOf(page)).toBe('e');
  expect(await sides.keyOf(kept)).toBe('h');
  sides.edit(page, { Code: title('e') });
  sides.edit(kept, { Code: title('h') });
  await soon(async () => (await sides.failures()).length === 0);
  await samePages('codes', 8);
});

test('a conflict goes along with the key of its record', async () => {
  const page = await sides.pageOf('codes', 'g');
  await sides.pause('codes');
  await sides.sql(`update codes set note = 'by SQL' where code = 'g'`);
  sides.edit(page, { Note: typed('rich_text', 'by hand') });
  await sides.sql(`select pgnotion.resume('codes')`);
  const open = () =>
    sides.sql<{ id: string; record_id: string }>('select id::text, record_id from pgnotion.open_conflicts');
  await soon(async () => (await open()).length === 1);
  await sides.sql(`update codes set code = 'G' where code = 'g'`);
  await goesBy(page, 'G');
  expect((await open()).map(({ record_id }) => record_id)).toEqual(['G']);
  await sides.sql(`select pgnotion.resolve_conflict($1::bigint, 'notion')`, [(await open())[0]?.id]);
  await soon(
    async () => (await sides.sql(`select from codes where code = 'G' and note = 'by hand'`)).length === 1,
  );
  await samePages('codes', 8);
});

test('invariant 9: keys that change while nobody is there keep their pages, whatever is read twice', async () => {
  const [page, other] = [await sides.pageOf('codes', 'e'), await sides.pageOf('codes', 'f')];
  await stack.stop();
  await sides.sql(`begin; update codes set code = 'x' where code = 'e'; update codes set code = 'e' where code = 'f';
    update codes set code = 'f' where code = 'x'; commit`);
  sides.edit(page, { Name: typed('rich_text', 'typed meanwhile') });
  await stack.start();
  await goesBy(page, 'f');
  await goesBy(other, 'e');
  await soon(
    async () =>
      (await sides.sql(`select from codes where code = 'f' and name = 'typed meanwhile'`)).length === 1,
  );
  await samePages('codes', 8);
});

test('invariant 7: a key that was edited in Notion is taken back by a rollback, and the page stays', async () => {
  await using stage = await createCliStage({
    config: { sync: { settleSeconds: 0.2 }, tables: { pairs: config.tables.pairs as TableInput } },
    schema,
  });
  const own = sidesOf(stage);
  await stage.apply();
  await stage.start();
  const page = await own.pageOf('pairs', '["s","1"]');
  own.edit(page, { Region: typed('select', 'south') });
  await soon(async () => (await own.keyOf(page)) === '["south","1"]');
  await stage.settled();
  const { code, stdout } = await stage.run(['rollback', '--record', 'pairs', '["south","1"]']);
  expect([code, stdout]).toEqual([0, expect.stringContaining('changed 1 value')]);
  await soon(async () => (await own.keyOf(page)) === '["s","1"]' && own.shown(page, 'Region') === 's');
  expect(await own.sql(`select region from pairs where name = 's one'`)).toEqual([{ region: 's' }]);
});

test('`apply` says which keys may be edited in Notion', async () => {
  const { parts: _, ...tables } = config.tables;
  await using stage = await createCliStage({ config: { ...config, tables }, schema });
  const { code, stdout } = await stage.run(['apply']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/# codes: warning: Code is of the primary key and may be edited in Notion, which/);
  expect(stdout).toMatch(/# pairs: warning: Region and Number are of the primary key/);
  expect(stdout).not.toMatch(/# numbers: warning/);
});

test('invariant 1: a row that refers to another record by the key that its former one had shows the new one', async () => {
  await sides.sql(`insert into codes values ('p', 'former'), ('q', 'later')`);
  await sides.sql(`insert into parts values (9, 'of p', 'p')`);
  await stack.settled();
  const [former, later, part] = [
    await sides.pageOf('codes', 'p'),
    await sides.pageOf('codes', 'q'),
    await sides.pageOf('parts', '9'),
  ];
  expect(sides.shown(part, 'Code')).toEqual([former]);
  await stack.stop();
  await sides.sql(`update codes set code = 'r' where code = 'p'`);
  await sides.sql(`update parts set code = 'q' where id = 9`);
  await sides.sql(`update codes set code = 'p' where code = 'q'`);
  expect(await sides.sql('select code from parts where id = 9')).toEqual([{ code: 'p' }]);
  await stack.start();
  await soon(() => JSON.stringify(sides.shown(part, 'Code')) === JSON.stringify([later]));
  await stack.settled();
  expect([await sides.keyOf(former), await sides.keyOf(later)]).toEqual(['r', 'p']);
});

test('invariant 1: arrays of keys show the records that have the keys now, also if they read the same as before', async () => {
  await sides.sql(`insert into codes values ('s', 'former'), ('t', 'stays'), ('u', 'later')`);
  await sides.sql(
    `insert into kits values (1, 'reads the same', '{s,t}'), (2, 'follows', '{s,t}'), (3, 'late', '{t}')`,
  );
  await stack.settled();
  const [former, stays, later] = await Promise.all(
    ['s', 't', 'u'].map((code) => sides.pageOf('codes', code)),
  );
  const kits = await Promise.all(['1', '2', '3'].map((id) => sides.pageOf('kits', id)));
  const shown = () => kits.map((kit) => (sides.shown(kit, 'Codes') as string[]).toSorted());
  expect(shown()).toEqual([[former, stays].sort(), [former, stays].sort(), [stays]]);
  await stack.stop();
  // No foreign key holds an array: the application changes it by hand.
  await sides.sql(`update codes set code = 'v' where code = 's'`);
  await sides.sql(`update kits set codes = '{v,t}' where id = 2`);
  await sides.sql(`update codes set code = 's' where code = 'u'`);
  // Somebody adds the record that goes from s to v while nobody is there.
  sides.edit(kits[2] ?? '', { Codes: typed('relation', [stays ?? '', former ?? '']) });
  await stack.start();
  await soon(() => {
    expect(shown()).toEqual([[later, stays].sort(), [former, stays].sort(), [stays, former].sort()]);
    return true;
  });
  await soon(async () => (await sides.sql(`select from kits where id = 3 and codes = '{t,v}'`)).length === 1);
  await stack.settled();
  expect(await sides.sql('select codes from kits order by id')).toEqual([
    { codes: ['s', 't'] },
    { codes: ['v', 't'] },
    { codes: ['t', 'v'] },
  ]);
  expect((await sides.failures()).filter(({ table_name }) => table_name === 'kits')).toEqual([]);
});

test('invariant 1: rows that refer to a deleted record’s key, which another record has got, show that one', async () => {
  await sides.sql(`insert into codes values ('gone', 'deleted'), ('came', 'later')`);
  await sides.sql(
    `insert into parts values (91, 'of gone', 'gone'); insert into kits values (41, 'of gone', '{gone}'), (42, 'of came', '{came}')`,
  );
  await stack.settled();
  const later = await sides.pageOf('codes', 'came');
  const referring = [
    [await sides.pageOf('parts', '91'), 'Code'],
    [await sides.pageOf('kits', '41'), 'Codes'],
    [await sides.pageOf('kits', '42'), 'Codes'],
  ] as const;
  await stack.stop();
  // No foreign key holds an array: the application leaves one as it is.
  await sides.sql(`update parts set code = null where id = 91; delete from codes where code = 'gone'`);
  await sides.sql(`update codes set code = 'gone' where code = 'came'`);
  await sides.sql(
    `update parts set code = 'gone' where id = 91; update kits set codes = '{gone}' where id = 42`,
  );
  await stack.start();
  await soon(() => {
    for (const [page, property] of referring) expect(sides.shown(page, property)).toEqual([later]);
    return true;
  });
  await stack.settled();
  expect(await sides.sql('select code from parts where id = 91')).toEqual([{ code: 'gone' }]);
  expect(await sides.sql('select codes from kits where id in (41, 42)')).toEqual([
    { codes: ['gone'] },
    { codes: ['gone'] },
  ]);
});

test('invariant 4: a page that is chosen while its record’s key changes is written as the key that the record has then', async () => {
  await sides.sql(`insert into codes values ('w', 'former'), ('x', 'later')`);
  await sides.sql(`insert into kits values (4, 'chosen', '{}')`);
  await stack.settled();
  const [former, kit] = [await sides.pageOf('codes', 'w'), await sides.pageOf('kits', '4')];
  const client = await stack.database.pool.connect();
  try {
    // The log is read, and what it says of keys cannot be stored.
    await client.query('begin; lock table pgnotion.rekeys in exclusive mode');
    await sides.sql(`update codes set code = 'y' where code = 'w'`);
    await sides.sql(`update codes set code = 'w' where code = 'x'`);
    sides.edit(kit, { Codes: typed('relation', [former]) });
    await sides.polls(5);
    expect(await sides.sql('select codes from kits where id = 4')).toEqual([{ codes: [] }]);
  } finally {
    await client.query('commit');
    client.release();
  }
  await soon(async () => (await sides.sql(`select from kits where id = 4 and codes = '{y}'`)).length === 1);
  await stack.settled();
  expect(sides.shown(kit, 'Codes')).toEqual([former]);
});

test('invariant 1: a row that got another key and then went, where no log tells of it, loses its page', async () => {
  const [row] = await sides.sql<{ id: string }>('select max(id)::text as id from numbers');
  const key = row?.id ?? '';
  const page = await sides.pageOf('numbers', key);
  await stack.stop();
  // The former daemon had stored that the key changed; then its slot was lost, and with it the deletion.
  await sides.sql(
    `insert into pgnotion.rekeys (table_name, old_key, new_key, xid, commit_at, place)
                   select 'numbers', $1, '900001', txid_current(), now(), 1`,
    [key],
  );
  await sides.sql('delete from numbers where id = $1', [key]);
  await sides.sql(
    'select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = current_database()',
  );
  await stack.start();
  await soon(() => control().page(page).in_trash);
  await stack.settled();
  expect(await sides.failures()).toEqual([]);
});
