import pg from 'pg';
import { expect, test } from 'vitest';
import { createDatabase, inDatabase } from '../support/postgres.ts';
import { openStream, prepareStream, record, table } from '../support/wal.ts';

const VALUES = `
  CREATE TYPE mood AS ENUM ('sad', 'Ok, then');
  CREATE DOMAIN score AS numeric(6,3) CHECK (VALUE >= 0);
  CREATE TABLE kinds (
    id bigint PRIMARY KEY, at timestamptz, amount numeric, small score, yes boolean, five char(5),
    moods mood[], mood mood, words text[], doc jsonb, day date, gap interval, bytes bytea, float float8,
    span tstzrange, nothing text, total numeric GENERATED ALWAYS AS (amount * 2) STORED);
  CREATE TABLE "Odd ""name" ("Ké y" int PRIMARY KEY, "select" text);`;

test('values come as PostgreSQL writes them, whatever the role has set', async () => {
  await using database = await createDatabase();
  const role = `german_${database.name}`;
  await prepareStream(database, VALUES, [table('kinds'), table('Odd "name')]);
  await database.pool.query(`CREATE ROLE ${role} LOGIN REPLICATION PASSWORD 'x'`);
  await database.pool.query(
    `ALTER ROLE ${role} SET datestyle = 'German'; ALTER ROLE ${role} SET timezone = 'Asia/Tokyo'; ALTER ROLE ${role} SET bytea_output = 'escape'; ALTER ROLE ${role} SET extra_float_digits = -5; ALTER ROLE ${role} SET intervalstyle = 'iso_8601'`,
  );
  const stream = await openStream(database, {
    url: inDatabase(database.url, database.name, { user: role, password: 'x' }),
  });
  const recording = record(stream);
  await database.pool.query(`INSERT INTO kinds VALUES (9007199254740993, '2026-01-02 03:04:05.678901+00',
    12345678901234567890.12345678900, 1.5, true, 'ab', '{sad,"Ok, then"}', 'Ok, then', '{a,NULL,"b\\"c"}',
    '{"n": 12345678901234567890}', '2026-02-03', '1 day 02:03:04', '\\xdead', 0.1::float8 + 0.2::float8,
    '[2026-01-01 00:00+00,)', NULL)`);
  await database.pool.query(`INSERT INTO "Odd ""name" VALUES (1, 'ü😀')`);
  type Insert = { readonly row: Readonly<Record<string, unknown>> };
  const [[inserted], [odd]] = (await recording.transactions(2)) as [[Insert], [unknown]];
  // A stored generated column is in the log from PostgreSQL 18 on.
  const { total, ...row } = inserted.row;
  expect([undefined, '24691357802469135780.24691357800']).toContain(total);
  expect({ ...inserted, row }).toEqual({
    kind: 'insert',
    table: 'public.kinds',
    row: {
      id: '9007199254740993',
      at: '2026-01-02 03:04:05.678901+00',
      amount: '12345678901234567890.12345678900',
      small: '1.500',
      yes: 't',
      five: 'ab   ',
      moods: '{sad,"Ok, then"}',
      mood: 'Ok, then',
      words: '{a,NULL,"b\\"c"}',
      doc: '{"n": 12345678901234567890}',
      day: '2026-02-03',
      gap: '1 day 02:03:04',
      bytes: '\\xdead',
      float: '0.30000000000000004',
      span: '["2026-01-01 00:00:00+00",)',
      nothing: null,
    },
  });
  expect(odd).toEqual({ kind: 'insert', table: 'public.Odd "name', row: { 'Ké y': '1', select: 'ü😀' } });
  await stream.close();
  await database.pool.query(`DROP ROLE ${role}`);
});

const BIG = `
  CREATE TABLE plain (id int PRIMARY KEY, n int, big text);
  CREATE TABLE whole (id int PRIMARY KEY, n int, big text);
  ALTER TABLE plain ALTER big SET STORAGE EXTERNAL;
  ALTER TABLE whole ALTER big SET STORAGE EXTERNAL;
  ALTER TABLE whole REPLICA IDENTITY FULL;`;

test('an unchanged TOAST value is undefined under the default identity and filled in under FULL', async () => {
  await using database = await createDatabase();
  await prepareStream(database, BIG, [table('plain'), table('whole')]);
  const stream = await openStream(database);
  const recording = record(stream);
  const big = 'x'.repeat(10_000);
  for (const name of ['plain', 'whole']) {
    await database.pool.query(`INSERT INTO ${name} VALUES (1, 1, $1)`, [big]);
    await database.pool.query(`UPDATE ${name} SET n = 2`);
    await database.pool.query(`UPDATE ${name} SET big = NULL`);
  }
  const found = await recording.transactions(6);
  expect(found[1]).toEqual([
    { kind: 'update', table: 'public.plain', row: { id: '1', n: '2', big: undefined }, old: null },
  ]);
  expect(found[2]?.[0]).toMatchObject({ row: { big: null } });
  expect(found[4]).toEqual([
    {
      kind: 'update',
      table: 'public.whole',
      row: { id: '1', n: '2', big },
      old: { id: '1', n: '1', big },
    },
  ]);
  expect(found[5]?.[0]).toMatchObject({ row: { big: null }, old: { big } });
  await stream.close();
});

test('a changed key shows the old one, a delete its key, a truncate its tables', async () => {
  await using database = await createDatabase();
  await prepareStream(
    database,
    'CREATE TABLE a (id int, part int, v text, PRIMARY KEY (id, part)); CREATE TABLE b (id int PRIMARY KEY)',
    [table('a'), table('b')],
  );
  const stream = await openStream(database);
  const recording = record(stream);
  await database.pool.query(`INSERT INTO a VALUES (1, 1, 'x')`);
  await database.pool.query('UPDATE a SET id = 2');
  await database.pool.query('DELETE FROM a');
  await database.pool.query('TRUNCATE a, b');
  const found = await recording.transactions(4);
  expect(found.slice(1)).toEqual([
    [
      {
        kind: 'update',
        table: 'public.a',
        row: { id: '2', part: '1', v: 'x' },
        old: { id: '1', part: '1' },
      },
    ],
    [{ kind: 'delete', table: 'public.a', old: { id: '2', part: '1' } }],
    [{ kind: 'truncate', tables: ['public.a', 'public.b'] }],
  ]);
  await stream.close();
});

test('partitions come under the name of their root, columns that were added are seen', async () => {
  await using database = await createDatabase();
  await prepareStream(
    database,
    `CREATE TABLE root (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
     CREATE TABLE low PARTITION OF root FOR VALUES FROM (0) TO (10);
     CREATE TABLE high PARTITION OF root FOR VALUES FROM (10) TO (20);`,
    [table('root')],
  );
  const stream = await openStream(database);
  const recording = record(stream);
  await database.pool.query(`INSERT INTO root VALUES (1, 'x')`);
  await database.pool.query('UPDATE root SET id = 11');
  await database.pool.query('ALTER TABLE root ADD extra int DEFAULT 7');
  await database.pool.query(`INSERT INTO root VALUES (2, 'y')`);
  const found = await recording.transactions(3);
  expect(found[0]).toMatchObject([{ kind: 'insert', table: 'public.root' }]);
  expect(found[1]).toMatchObject([
    { kind: 'delete', table: 'public.root', old: { id: '1' } },
    { kind: 'insert', table: 'public.root', row: { id: '11', v: 'x' } },
  ]);
  expect(found[2]).toMatchObject([{ row: { id: '2', v: 'y', extra: '7' } }]);
  await stream.close();
});

test('messages come in their place: with their transaction, or at once', async () => {
  await using database = await createDatabase();
  await prepareStream(database, 'CREATE TABLE a (id int PRIMARY KEY)', [table('a')]);
  const stream = await openStream(database);
  const recording = record(stream);
  const client = new pg.Client(database.url);
  await client.connect();
  await client.query('BEGIN');
  await client.query(`SELECT pg_logical_emit_message(true, 'pgnotion', 'first ü')`);
  await client.query('INSERT INTO a VALUES (1)');
  await client.query(`SELECT pg_logical_emit_message(false, 'loose', 'now')`);
  await client.query('COMMIT');
  await client.end();
  await recording.transactions(1);
  expect(recording.events).toMatchObject([
    { kind: 'message', transactional: false, prefix: 'loose', content: 'now' },
    { kind: 'begin' },
    { kind: 'message', transactional: true, prefix: 'pgnotion', content: 'first ü' },
    { kind: 'insert' },
    { kind: 'commit' },
  ]);
  await stream.close();
});
