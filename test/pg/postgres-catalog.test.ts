import { expect, test } from 'vitest';
import type { PgnotionError } from '../../src/model/errors.ts';
import { describeExpressions, fromClause, listTables, readCatalog } from '../../src/postgres/catalog.ts';
import type { TableRequest } from '../../src/postgres/catalog-rows.ts';
import { createPool } from '../../src/postgres/pool.ts';
import { silentLog } from '../../src/runtime/log.ts';
import { createDatabase } from '../support/postgres.ts';
import { table } from '../support/wal.ts';

const DDL = `
  CREATE TYPE mood AS ENUM ('sad', 'ok');
  ALTER TYPE mood ADD VALUE 'glum' BEFORE 'ok';
  CREATE DOMAIN short AS varchar(12) NOT NULL DEFAULT '';
  CREATE DOMAIN shorter AS short CHECK (length(VALUE) < 5);
  CREATE DOMAIN tags AS text[];
  CREATE TABLE things (
    part int NOT NULL, id bigint GENERATED ALWAYS AS IDENTITY, name shorter, price numeric(8,2), rough numeric(3,-2),
    free numeric, code char(3), mood mood DEFAULT 'ok', moods mood[] NOT NULL, labels tags, names varchar(7)[],
    span daterange, doc jsonb, flag bool, uid uuid, at timestamptz(3), clock time, cash money, ip inet,
    twice numeric GENERATED ALWAYS AS (price * 2) STORED,
    gone int, PRIMARY KEY (id, part));
  ALTER TABLE things DROP COLUMN gone;`;

const request = (name: string, extra: Partial<TableRequest> = {}): TableRequest => ({
  table: table(name),
  columns: [],
  key: ['id'],
  writes: false,
  ...extra,
});

test('columns are described with their types down to the base', async () => {
  await using database = await createDatabase();
  await database.pool.query(DDL);
  const tables = await readCatalog(database.pool, [request('things', { key: ['part', 'id'], writes: true })]);
  const things = tables.get(table('things'));
  expect(things).toMatchObject({ kind: 'table' });
  const shapes = Object.fromEntries(
    [...(things?.columns.values() ?? [])].map((column) => [column.name, { ...column, ...column.shape }]),
  );
  expect(Object.keys(shapes)).not.toContain('gone');
  expect(shapes).toMatchObject({
    id: {
      shape: { type: 'int8', category: 'number', nullable: false },
      identity: 'always',
      hasDefault: false,
    },
    name: { shape: { type: 'varchar', category: 'text', nullable: false, maxLength: 12 }, hasDefault: true },
    price: { shape: { type: 'numeric', precision: 8, scale: 2, nullable: true } },
    rough: { shape: { precision: 3, scale: -2 } },
    free: { shape: { precision: null, scale: null } },
    code: { shape: { type: 'bpchar', maxLength: 3 } },
    mood: { shape: { type: 'mood', category: 'enum', labels: ['sad', 'glum', 'ok'] }, hasDefault: true },
    moods: { shape: { category: 'enum', array: true, nullable: false, labels: ['sad', 'glum', 'ok'] } },
    labels: { shape: { type: 'text', array: true } },
    names: { shape: { type: 'varchar', array: true, maxLength: 7 } },
    span: { shape: { type: 'daterange', category: 'range' } },
    doc: { shape: { category: 'json' } },
    flag: { shape: { category: 'boolean' } },
    uid: { shape: { category: 'uuid' } },
    at: { shape: { type: 'timestamptz', category: 'date', maxLength: null } },
    clock: { shape: { category: 'other' } },
    cash: { shape: { category: 'other' } },
    ip: { shape: { category: 'other' } },
    twice: { generated: true, hasDefault: false },
  });
  expect(things?.columns.get('moods')?.type).toBe('mood[]');
});

test('the catalog reads the same through a raw pool', async () => {
  await using database = await createDatabase();
  await database.pool.query(DDL);
  const raw = createPool({ url: database.url, max: 1, raw: true, applicationName: 't', log: silentLog() });
  const wanted = [request('things', { key: ['id', 'part'] })];
  expect(await readCatalog(raw, wanted)).toEqual(await readCatalog(database.pool, wanted));
  await raw.end();
});

test('all that is wrong is told at once, each with its mend', async () => {
  await using database = await createDatabase();
  await database.pool.query(`
    CREATE TABLE suppliers (id int PRIMARY KEY, name text, rating int);
    CREATE TABLE keyless (id int);
    CREATE TABLE mute (id int PRIMARY KEY);
    ALTER TABLE mute REPLICA IDENTITY NOTHING;
    CREATE TABLE other (id int PRIMARY KEY, code int NOT NULL UNIQUE);
    ALTER TABLE other REPLICA IDENTITY USING INDEX other_code_key;
    CREATE UNLOGGED TABLE quick (id int PRIMARY KEY);
    CREATE VIEW shown AS SELECT * FROM suppliers;`);
  const failure = (await readCatalog(database.pool, [
    request('supplier'),
    request('suppliers', { columns: ['nmae', 'rating'], key: ['id', 'name'] }),
    request('keyless'),
    request('mute'),
    request('other'),
    request('quick'),
    request('shown'),
  ]).catch((error: unknown) => error)) as PgnotionError;
  expect(failure.code).toBe('catalog_mismatch');
  for (const text of [
    'public.supplier: did you mean public.suppliers?',
    'public.suppliers.nmae: did you mean name? it has: id, name, rating',
    'public.suppliers: set its key to ["id"]',
    'public.keyless: a record needs a key',
    'public.mute: ALTER TABLE "public"."mute" REPLICA IDENTITY DEFAULT',
    'public.other: ALTER TABLE "public"."other" REPLICA IDENTITY DEFAULT',
    'public.quick: its changes are not logged',
    'public.shown: only a table',
  ])
    expect(failure.remedy).toContain(text);
});

test('a role is told which privileges it lacks; those on columns will do', async () => {
  await using database = await createDatabase();
  const role = `reader_${database.name}`;
  await database.pool.query(`CREATE TABLE a (id int PRIMARY KEY, v text, w text); CREATE ROLE ${role}`);
  const wanted = [request('a', { columns: ['v'], writes: true })];
  const client = await database.pool.connect();
  await client.query(`SET ROLE ${role}`);
  await expect(readCatalog(client, wanted)).rejects.toThrow('SELECT, INSERT, UPDATE, DELETE');
  await database.pool.query(
    `GRANT SELECT (id, v), INSERT (v), UPDATE (v) ON a TO ${role}; GRANT DELETE ON a TO ${role}`,
  );
  expect((await readCatalog(client, wanted)).has(table('a'))).toBe(true);
  client.release(true);
  await database.pool.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
});

test('expressions are described over a table or a query, and all broken ones are listed', async () => {
  await using database = await createDatabase();
  await database.pool.query(DDL);
  const shapes = await describeExpressions(database.pool, { table: table('things'), query: null }, [
    { name: 'label', sql: "name || ' -- ' || things.code -- a remark" },
    { name: 'rounded', sql: 'price::numeric(5,1)' },
    { name: 'all', sql: 'array_agg(mood) OVER ()' },
    { name: 'own', sql: 'code' },
  ]);
  expect(Object.fromEntries(shapes)).toMatchObject({
    label: { type: 'text', nullable: true },
    rounded: { type: 'numeric', precision: 5, scale: 1 },
    all: { category: 'enum', array: true, labels: ['sad', 'glum', 'ok'] },
    own: { type: 'bpchar', maxLength: 3 },
  });
  const query = 'SELECT t.*, count(*) OVER () AS many FROM things t -- a remark';
  const source = { table: table('things'), query };
  const many = await describeExpressions(database.pool, source, [{ name: 'n', sql: 'things.many' }]);
  expect(many.get('n')).toMatchObject({ type: 'int8' });
  expect(fromClause(source.table, query)).toContain('as "things"');
  const failure = (await describeExpressions(database.pool, source, [
    { name: 'good', sql: 'name' },
    { name: 'bad', sql: 'nmae' },
    { name: 'worse', sql: 'many +' },
  ]).catch((error: unknown) => error)) as PgnotionError;
  expect(failure.code).toBe('expression_invalid');
  expect(failure.message).toMatch(/bad: column "nmae" does not exist/);
  expect(failure.message).toMatch(/worse: syntax error/);
  expect(failure.message).not.toContain('good');
  await expect(
    describeExpressions(database.pool, { table: table('things'), query: 'SELECT nothing' }, []),
  ).rejects.toMatchObject({ code: 'expression_invalid' });
});

test('tables that could be synced are listed, partitions and system tables left out', async () => {
  await using database = await createDatabase();
  await database.pool.query(`
    CREATE TABLE b (id int); CREATE SCHEMA "Other"; CREATE TABLE "Other".a (id int); CREATE VIEW v AS SELECT 1;
    CREATE TABLE root (id int) PARTITION BY RANGE (id); CREATE TABLE leaf PARTITION OF root FOR VALUES FROM (0) TO (9)`);
  expect(await listTables(database.pool)).toEqual(['Other.a', 'public.b', 'public.root']);
});
