import { sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import { type RowKey, rowKey } from '../../src/model/ids.ts';
import { probeRows } from '../../src/postgres/read-failure.ts';
import { countRows, readKeys, readRows } from '../../src/postgres/read-rows.ts';
import { dependentKeys, keyCondition, tableRef } from '../../src/postgres/rows.ts';
import { createTables } from '../support/user-tables.ts';

const title = (column: string) => ({ column, type: 'title' as const, direction: 'to-notion' as const });
const text = (column: string) => ({ column, type: 'rich_text' as const });

async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const each of source) found.push(each);
  return found;
}

describe('keys of every type', () => {
  const MOOD = `create type "Mood's" as enum ('ok', 'so, so', 'b"ad');`;
  test.each<[string, readonly string[]]>([
    ['uuid', ['00000000-0000-4000-8000-000000000001', 'ffffffff-0000-4000-8000-000000000001']],
    ['int8', ['-9223372036854775808', '7', '9223372036854775807']],
    ['int2', ['-5', '0', '5']],
    ['numeric', ['-0.5', '12345678901234567890.123456789']],
    [
      'text',
      [
        '',
        ' ',
        '"quoted"',
        "it's",
        '{a,b}',
        'a,b',
        'null',
        'NULL',
        '\\',
        'a/b',
        '☃',
        '$1',
        "'; drop table t; --",
      ],
    ],
    ['varchar(30)', ['a', '[1]', 'x y']],
    ['char(5)', ['abc  ', 'abcde']],
    ['timestamptz', ['1999-12-31 23:59:59.999999+00', '2026-03-01 12:00:00+00', 'infinity']],
    ['date', ['0001-01-01 BC', '2026-03-01']],
    ['bool', ['f', 't']],
    ['bytea', ['\\x', '\\x00ff']],
    ['"Mood\'s"', ['ok', 'so, so', 'b"ad']],
  ])('%s: read by key, in order, and picked for a change', async (type, keys) => {
    await using tables = await createTables(`${MOOD} create table t (id ${type} primary key, v text)`);
    for (const key of keys)
      await tables.database.pool.query('insert into t values ($1, $2)', [key, `of ${key}`]);
    const table = await tables.one({ source: 'public.t', key: 'id', title: 'T', fields: { V: title('v') } });
    const asked = keys.map((key) => rowKey([key]));
    const rows = await readRows(tables.db, table, asked);
    expect([...rows.keys()].sort()).toEqual(asked.toSorted());
    for (const key of asked) expect(rows.get(key)).toEqual({ V: `of ${key}`, 'Supabase ID': key });
    const { rows: ordered } = await tables.database.pool.query<{ v: string }>('select v from t order by id');
    expect((await all(readKeys(tables.db, table, 2))).flat().map((key) => `of ${key}`)).toEqual(
      ordered.map((row) => row.v),
    );
    for (const key of asked) {
      const { rows: picked } = await sql<{ v: string }>`
        select v from ${tableRef(table)} where ${keyCondition(table, key)}`.execute(tables.db);
      expect(picked).toEqual([{ v: `of ${key}` }]);
    }
  });

  test('a key that is longer than its column names no row, not the one that it begins like', async () => {
    await using tables = await createTables(
      `create table t (id varchar(3) primary key, v text); insert into t values ('abc', 'x')`,
    );
    const table = await tables.one({ source: 'public.t', key: 'id', title: 'T', fields: { V: title('v') } });
    expect((await readRows(tables.db, table, ['abcd' as RowKey])).size).toBe(0);
    const { rows } =
      await sql`select 1 from ${tableRef(table)} where ${keyCondition(table, 'abcd' as RowKey)}`.execute(
        tables.db,
      );
    expect(rows).toEqual([]);
  });

  test('composite keys, in the configuration’s order, whatever their parts hold', async () => {
    await using tables = await createTables(`
      create table t (part int, name text, at timestamptz, v text, primary key (part, name, at));
      insert into t values (1, 'a,"b"', '2026-03-01Z', 'one'), (1, '{}', '2026-03-01Z', 'two'), (2, '', '2025-01-01Z', 'three')`);
    const table = await tables.one({
      source: 'public.t',
      key: ['name', 'part', 'at'],
      title: 'T',
      fields: { V: title('v') },
    });
    const key = rowKey(['a,"b"', '1', '2026-03-01 00:00:00+00']);
    const rows = await readRows(tables.db, table, [key, rowKey(['a,"b"', '2', '2026-03-01 00:00:00+00'])]);
    expect(rows).toEqual(new Map([[key, { V: 'one', 'Supabase ID': key }]]));
    const keys = (await all(readKeys(tables.db, table, 1))).flat();
    expect(keys).toHaveLength(3);
    expect([...(await readRows(tables.db, table, keys)).values()].map((row) => row.V).sort()).toEqual([
      'one',
      'three',
      'two',
    ]);
  });
});

test('invariant 12: 2,500 rows come in order, a page at a time, while others come and go', async () => {
  await using tables = await createTables(`
    create table t (part int, id int, v text, primary key (part, id));
    insert into t select i % 3, i, 'x' from generate_series(1, 2500) i`);
  const table = await tables.one({
    source: 'public.t',
    key: ['part', 'id'],
    title: 'T',
    fields: { V: title('v') },
  });
  const pages: number[] = [];
  const seen: RowKey[] = [];
  for await (const keys of readKeys(tables.db, table, 1000)) {
    if (pages.length === 0)
      await tables.database.pool.query(
        `insert into t values (0, 0, 'behind'); delete from t where part = 2 and id = 2`,
      );
    pages.push(keys.length);
    seen.push(...keys);
  }
  const { rows } = await tables.database.pool.query<{ k: string }>(
    `select json_build_array(part::text, id::text)::text as k from t where v = 'x' order by part, id`,
  );
  expect(pages).toEqual([1000, 1000, 499]);
  expect(seen.map((key) => JSON.parse(key))).toEqual(rows.map((row) => JSON.parse(row.k)));
  expect(await countRows(tables.db, table)).toBe(2500);
});

test('invariant 14: names that need quoting are quoted, wherever they stand', async () => {
  await using tables = await createTables(`
    create schema "my Schema";
    create table "my Schema"."we""ird Table" ("select" text primary key, "a""b" text, "from" int, "%s ${'$'}1 ?" text,
      "Amount in Doc. Curr." int);
    insert into "my Schema"."we""ird Table" values ('k''1', 'v', 7, 'w', 5)`);
  const table = await tables.one({
    source: 'my Schema.we"ird Table',
    key: 'select',
    title: 'T',
    fields: {
      Name: title('a"b'),
      From: { column: 'from', type: 'number' },
      'What"s $1': text('%s $1 ?'),
      Amount: { column: 'Amount in Doc. Curr.', type: 'number' },
      Sum: { expression: `"we""ird Table"."from" + "from"`, type: 'number' },
    },
  });
  const key = "k'1" as RowKey;
  await probeRows(tables.db, table);
  expect((await readRows(tables.db, table, [key])).get(key)).toEqual({
    Name: 'v',
    From: '7',
    'What"s $1': 'w',
    Amount: '5',
    Sum: '14',
    'Supabase ID': key,
  });
  expect((await all(readKeys(tables.db, table, 10))).flat()).toEqual([key]);
  expect(await countRows(tables.db, table)).toBe(1);
});

test('values stay PostgreSQL’s own text, and NULL stays NULL', async () => {
  await using tables = await createTables(`
    create table t (id int primary key, n numeric, f float8, b bool, j jsonb, a text[], at timestamptz, d date, r tstzrange, y bytea, i interval);
    insert into t values (1, 1.50, 'NaN', true, '{"b":1, "a":[1.0]}', '{x,"a b",NULL}', '2026-03-01 13:00:00.5+01', '2026-03-01',
      '[2026-03-01 00:00Z,)', '\\x00ff', '1 day 02:00');
    insert into t values (2)`);
  const columns = ['n', 'f', 'b', 'j', 'a', 'at', 'd', 'r', 'y', 'i'];
  const fields = Object.fromEntries(columns.map((column) => [column, text(column)]));
  const table = await tables.one({
    source: 'public.t',
    key: 'id',
    title: 'T',
    fields: { ...fields, T: title('n') },
  });
  const rows = await readRows(tables.db, table, ['1', '2', '3'] as RowKey[]);
  expect(rows.get('1' as RowKey)).toMatchObject({
    n: '1.50',
    f: 'NaN',
    b: 't',
    j: '{"a": [1.0], "b": 1}',
    a: '{x,"a b",NULL}',
    at: '2026-03-01 12:00:00.5+00',
    d: '2026-03-01',
    r: '["2026-03-01 00:00:00+00",)',
    y: '\\x00ff',
    i: '1 day 02:00:00',
  });
  expect(rows.get('2' as RowKey)).toMatchObject(Object.fromEntries(columns.map((column) => [column, null])));
  expect(rows.has('3' as RowKey)).toBe(false);
});

const JOINED = `
  create table users (id uuid, region text, name text, primary key (region, id));
  create table t (id int primary key, user_region text, user_id uuid, v text);
  insert into users values ('00000000-0000-4000-8000-000000000001', 'eu', 'Ann'), ('00000000-0000-4000-8000-000000000002', 'a,"b"', 'Bob');
  insert into t select i, u.region, u.id, 'v' || i from generate_series(1, 4) i left join users u on (i % 2 = 0) = (u.region = 'eu') where i < 4;
  insert into t values (4, null, null, 'lonely')`;

test('a query joins other tables; who depends on a joined row is found by its key', async () => {
  await using tables = await createTables(JOINED);
  const table = await tables.one({
    source: 'public.t',
    key: 'id',
    title: 'T',
    query:
      'select t.*, u.name as user_name from t left join users u on u.region = t.user_region and u.id = t.user_id -- a comment',
    dependsOn: [{ table: 'public.users', on: { region: 'user_region', id: 'user_id' } }],
    fields: {
      Name: { column: 'v', type: 'title' },
      User: { ...text('user_name'), direction: 'to-notion' },
      Shout: { expression: 'upper(t.user_name)', type: 'rich_text' },
    },
  });
  const rows = await readRows(tables.db, table, ['1', '2', '4'] as RowKey[]);
  expect(Object.fromEntries(rows)).toEqual({
    1: { Name: 'v1', User: 'Bob', Shout: 'BOB', 'Supabase ID': '1' },
    2: { Name: 'v2', User: 'Ann', Shout: 'ANN', 'Supabase ID': '2' },
    4: { Name: 'lonely', User: null, Shout: null, 'Supabase ID': '4' },
  });
  expect((await all(readKeys(tables.db, table, 3))).flat()).toEqual(['1', '2', '3', '4']);
  const [dependency] = table.dependsOn;
  if (dependency === undefined) expect.fail('a dependency');
  const found = await dependentKeys(tables.db, table, dependency, [
    ['a,"b"', '00000000-0000-4000-8000-000000000002'],
    ['a,"b"', '00000000-0000-4000-8000-000000000002'],
    ['nowhere', '00000000-0000-4000-8000-000000000001'],
  ]);
  expect(found.toSorted()).toEqual(['1', '3']);
});

test('a column that is gone shows in a probe as it would in reading', async () => {
  await using tables = await createTables('create table t (id int primary key, v text)');
  const table = await tables.one({ source: 'public.t', key: 'id', title: 'T', fields: { V: title('v') } });
  await probeRows(tables.db, table);
  await tables.database.pool.query('alter table t drop column v');
  await expect(probeRows(tables.db, table)).rejects.toMatchObject({ code: '42703' });
  expect(await readRows(tables.db, table, [])).toEqual(new Map());
});
