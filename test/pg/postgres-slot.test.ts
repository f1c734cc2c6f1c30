import pg from 'pg';
import { expect, test } from 'vitest';
import type { PgnotionError } from '../../src/model/errors.ts';
import { createPool, describeConnectError } from '../../src/postgres/pool.ts';
import { inspectServer, preflight } from '../../src/postgres/preflight.ts';
import { dropSlot, endReader, identifySystem, inspectSlot } from '../../src/postgres/slot.ts';
import { silentLog } from '../../src/runtime/log.ts';
import { eventually } from '../support/eventually.ts';
import { createDatabase, inDatabase, type TestDatabase } from '../support/postgres.ts';
import { startOwnPostgres } from '../support/servers.ts';
import { ensurePublication, makeSlotOf, openStream, prepareStream, record, table } from '../support/wal.ts';

/** A role with a login, and a pool of its own. */
async function withRole(
  database: TestDatabase,
  attributes: string,
  work: (role: { readonly name: string; readonly url: string; readonly pool: pg.Pool }) => Promise<void>,
): Promise<void> {
  const name = `role_${database.name}`;
  await database.pool.query(`CREATE ROLE ${name} LOGIN PASSWORD 'secret' ${attributes}`);
  const url = inDatabase(database.url, database.name, { user: name, password: 'secret' });
  const pool = createPool({ url, max: 2, raw: true, applicationName: 'role', log: silentLog() });
  try {
    await work({ name, url, pool });
  } finally {
    await pool.end();
    await database.pool.query(
      `REASSIGN OWNED BY ${name} TO CURRENT_USER; DROP OWNED BY ${name}; DROP ROLE ${name}`,
    );
  }
}

test('a slot is made, cannot be made twice, and is dropped', async () => {
  await using database = await createDatabase();
  expect(await inspectSlot(database.pool, database.name)).toEqual({ exists: false });
  const position = await makeSlotOf(database);
  await expect(makeSlotOf(database)).rejects.toMatchObject({ code: 'slot_busy', retryable: true });
  expect(await inspectSlot(database.pool, database.name)).toMatchObject({
    exists: true,
    active: false,
    plugin: 'pgoutput',
    walStatus: 'reserved',
    confirmedFlush: position,
    invalidationReason: null,
    kind: 'logical',
    temporary: false,
    twoPhase: false,
  });
  await dropSlot(database.pool, database.name);
  await dropSlot(database.pool, database.name);
  expect(await inspectSlot(database.pool, database.name)).toEqual({ exists: false });
});

test('a session that may not be ended is waited for, and named if it goes on reading the slot', async () => {
  await using database = await createDatabase();
  await prepareStream(database, 'create table items (id integer primary key)', [table('items')]);
  await withRole(database, 'REPLICATION', async ({ pool }) => {
    const stream = await openStream(database);
    await expect(endReader(pool, database.name, silentLog())).rejects.toMatchObject({
      code: 'slot_busy',
      retryable: true,
      message: expect.stringContaining('may not be ended by this role'),
    });
    const ended = endReader(pool, database.name, silentLog());
    await stream.close();
    await ended;
  });
});

const SOON = { firstMs: 50, everyMs: 50 };

/** Makes a slot beside what is open, and gives what was told of the wait so far. */
function making(database: TestDatabase, signal = new AbortController().signal) {
  const told: (readonly string[])[] = [];
  const onWait = async (_: Date, transactions: readonly string[]): Promise<void> => {
    told.push(transactions);
  };
  return { told, made: makeSlotOf(database, { signal, onWait, timing: SOON }) };
}

test('invariant 17: a slot that an open transaction holds up names it again and again, and is made once it has ended', async () => {
  await using database = await createDatabase();
  const writer = new pg.Client({ connectionString: database.url, application_name: 'slow import' });
  await writer.connect();
  // The role's own time-out does not end the wait.
  await database.pool.query(`ALTER DATABASE "${database.name}" SET lock_timeout = '100ms'`);
  await writer.query('BEGIN; CREATE TABLE held (id int)');
  const { told, made } = making(database);
  await eventually(() => told.length >= 3);
  // Transactions of other databases of the server hold it up too.
  const ours = expect.stringMatching(/^pid \d+ of \S+ \(slow import\), open since \d{4}-/);
  expect(told.at(-1)).toContainEqual(ours);
  await writer.query('COMMIT');
  await writer.end();
  expect(await made).toBeGreaterThan(0n);
  expect(await inspectSlot(database.pool, database.name)).toMatchObject({ exists: true });
});

test('invariant 17: the wait for a slot can be ended, and leaves no slot and no session', async () => {
  await using database = await createDatabase();
  const writer = new pg.Client({ connectionString: database.url });
  await writer.connect();
  await writer.query('BEGIN; CREATE TABLE held (id int)');
  const stop = new AbortController();
  const { told, made } = making(database, stop.signal);
  await eventually(() => told.length > 0);
  stop.abort();
  expect(await made).toBeNull();
  expect(await inspectSlot(database.pool, database.name)).toEqual({ exists: false });
  const { rows } = await database.pool.query(
    `SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'pgnotion replication'`,
  );
  expect(rows).toEqual([]);
  await writer.query('ROLLBACK');
  await writer.end();
});

test('the system is identified', async () => {
  await using database = await createDatabase();
  const { rows } = await database.pool.query('SELECT system_identifier::text AS id FROM pg_control_system()');
  const identity = await identifySystem(database.url);
  expect(identity.systemId).toBe(rows[0]?.id);
  expect(identity.timeline).toBeGreaterThanOrEqual(1);
  expect(identity.position).toBeGreaterThan(0n);
});

test('preflight passes on a ready server and names a role without REPLICATION', async () => {
  await using database = await createDatabase();
  expect(await preflight(database.pool, database.name)).toMatchObject({
    walLevel: 'logical',
    canReplicate: true,
  });
  await withRole(database, 'NOREPLICATION', async ({ name, url, pool }) => {
    const failure = (await preflight(pool).catch((error: unknown) => error)) as PgnotionError;
    expect(failure).toMatchObject({ code: 'postgres_not_ready', retryable: false });
    expect(failure.remedy).toContain(
      `ALTER ROLE ${name} REPLICATION`.replace(name, pg.escapeIdentifier(name)),
    );
    await expect(makeSlotOf({ pool, url, name: database.name })).rejects.toMatchObject({
      code: 'postgres_privilege',
    });
    await database.pool.query(`ALTER ROLE ${name} REPLICATION`);
    expect(await preflight(pool)).toMatchObject({ canReplicate: true });
    expect(await makeSlotOf({ pool, url, name: database.name })).not.toBeNull();
  });
});

test('preflight tells all that a server lacks at once', async () => {
  const server = await startOwnPostgres({
    wal_level: 'replica',
    max_replication_slots: '1',
    max_wal_senders: '1',
  });
  const pool = createPool({ url: server.url, max: 1, raw: false, applicationName: 't', log: silentLog() });
  try {
    await pool.query(`SELECT pg_create_physical_replication_slot('taken')`);
    const { faults } = await inspectServer(pool, 'ours');
    expect(faults.map((fault) => fault.path)).toEqual(['wal_level', 'max_replication_slots']);
    await expect(preflight(pool, 'ours')).rejects.toThrow(/must be logical[\s\S]*all 1 replication slots/);
    expect((await inspectServer(pool, 'taken')).faults.map((fault) => fault.path)).toEqual(['wal_level']);
  } finally {
    await pool.end();
    await server.stop();
  }
});

test('a publication follows the wanted tables', async () => {
  await using database = await createDatabase();
  await database.pool.query(
    'CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); CREATE SCHEMA "S x"; CREATE TABLE "S x"."c-d" (id int PRIMARY KEY)',
  );
  const name = 'Pub "x"';
  const odd = 'S x.c-d' as ReturnType<typeof table>;
  const ensureTables = (...tables: ReturnType<typeof table>[]) =>
    ensurePublication(database.pool, { name, tables });
  expect(await ensureTables(table('a'))).toEqual({ created: true, added: ['public.a'], removed: [] });
  expect(await ensureTables(table('a'))).toEqual({ created: false, added: [], removed: [] });
  expect(await ensureTables(table('b'), odd)).toEqual({
    created: false,
    added: ['public.b', 'S x.c-d'],
    removed: ['public.a'],
  });
  await database.pool.query(
    `ALTER PUBLICATION "Pub ""x""" SET (publish = 'insert', publish_via_partition_root = false)`,
  );
  await ensureTables(table('b'), odd);
  const { rows } = await database.pool.query(
    'SELECT pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot FROM pg_publication',
  );
  expect(rows).toEqual([
    { pubinsert: true, pubupdate: true, pubdelete: true, pubtruncate: true, pubviaroot: true },
  ]);
  await makeSlotOf(database);
  const stream = await openStream(database, { plugin: { name: 'pgoutput', publication: name } });
  const recording = record(stream);
  await database.pool.query('INSERT INTO "S x"."c-d" VALUES (1)');
  expect(await recording.transactions(1)).toMatchObject([[{ table: 'S x.c-d' }]]);
  await stream.close();
});

test('invariant 17: a table whose updates would begin to fail is not published', async () => {
  await using database = await createDatabase();
  await database.pool.query(`
    CREATE TABLE fine (id int PRIMARY KEY);
    CREATE TABLE keyless (id int);
    CREATE TABLE silent (id int PRIMARY KEY);
    ALTER TABLE silent REPLICA IDENTITY NOTHING;
    CREATE TABLE whole (id int);
    ALTER TABLE whole REPLICA IDENTITY FULL;
    CREATE TABLE root (id int) PARTITION BY RANGE (id);
    CREATE TABLE leaf PARTITION OF root FOR VALUES FROM (0) TO (9);`);
  const wanted = ['fine', 'keyless', 'silent', 'whole', 'root'].map(table);
  const failure = (await ensurePublication(database.pool, { name: 'p', tables: wanted }).catch(
    (error: unknown) => error,
  )) as PgnotionError;
  expect(failure.code).toBe('replica_identity');
  expect(failure.remedy).toContain(
    'ALTER TABLE public.keyless ADD COLUMN pgnotion_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY;',
  );
  expect(failure.remedy).not.toContain('...');
  expect(failure.remedy).toContain('ALTER TABLE public.silent REPLICA IDENTITY DEFAULT');
  expect(failure.message).toContain('public.leaf has neither');
  expect(failure.message).not.toMatch(/fine|whole/);
  expect((await database.pool.query('SELECT FROM pg_publication')).rowCount).toBe(0);
  await database.pool.query('UPDATE keyless SET id = 1');
  await expect(
    ensurePublication(database.pool, { name: 'p', tables: [table('none')] }),
  ).rejects.toMatchObject({
    code: 'unknown_table',
  });
});

test('a role that does not own the tables is told what their owner can run', async () => {
  await using database = await createDatabase();
  await database.pool.query('CREATE TABLE a (id int PRIMARY KEY)');
  await withRole(database, '', async ({ pool }) => {
    const failure = (await ensurePublication(pool, { name: 'p', tables: [table('a')] }).catch(
      (error: unknown) => error,
    )) as PgnotionError;
    expect(failure.code).toBe('publication_privilege');
    const statement = failure.remedy.split('\n').find((line) => line.includes('create publication')) ?? '';
    await database.pool.query(statement);
    // What another role has made as it should be needs no privilege.
    expect(await ensurePublication(pool, { name: 'p', tables: [table('a')] })).toMatchObject({
      created: false,
    });
  });
});

test('connection failures say what to do and never show the password', async () => {
  await using database = await createDatabase();
  const attempt = async (url: string): Promise<PgnotionError> => {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 3000 });
    const error = await client.connect().then(
      () => new Error('connected'),
      (reason: unknown) => reason,
    );
    return describeConnectError(error, url);
  };
  const wrong = await attempt(
    inDatabase(database.url, database.name, { user: 'nobody', password: 'hush-hush' }),
  );
  expect(wrong).toMatchObject({ code: 'postgres_login', retryable: false });
  expect(wrong.message).toContain(`nobody@`);
  expect(`${wrong.message}${wrong.remedy}`).not.toContain('hush-hush');
  expect(await attempt(inDatabase(database.url, 'no_such_database'))).toMatchObject({
    code: 'postgres_no_database',
  });
  expect(await attempt('postgres://u:hush-hush@127.0.0.1:1/d')).toMatchObject({
    code: 'postgres_refused',
    retryable: true,
  });
  expect(await attempt('postgres://u:hush-hush@no-such-host.invalid/d')).toMatchObject({
    code: 'postgres_unknown_host',
  });
  const plain = new URL(database.url);
  plain.searchParams.set('sslmode', 'no-verify');
  expect(await attempt(plain.href)).toMatchObject({ code: 'postgres_no_ssl' });
});

test('every session of a pool has the pinned settings, whatever options the URL has, and outlives a cut', async () => {
  await using database = await createDatabase();
  const url = new URL(database.url);
  url.searchParams.set('options', '-c datestyle=German -c work_mem=5MB');
  const pool = createPool({ url: url.href, max: 1, raw: true, applicationName: 'mine', log: silentLog() });
  const read = `SELECT now()::date = date '2000-01-01' AS no, '2026-01-02 03:04:05.6+09'::timestamptz AS at, 1::int8 AS n,
    current_setting('work_mem') AS mem, pg_backend_pid() AS pid`;
  const { rows } = await pool.query(read);
  expect(rows[0]).toMatchObject({ no: 'f', at: '2026-01-01 18:04:05.6+00', n: '1', mem: '5MB' });
  await database.pool.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
  await expect
    .poll(() => pool.query('SELECT 1 AS one').then((result) => result.rows, String))
    .toEqual([{ one: '1' }]);
  await pool.end();
});

test('a slot and a stream work for a role without privileges on the table', async () => {
  await using database = await createDatabase();
  await prepareStream(database, 'CREATE TABLE a (id int PRIMARY KEY)', [table('a')]);
  await withRole(database, 'REPLICATION', async ({ url }) => {
    const stream = await openStream(database, { url });
    const recording = record(stream);
    await database.pool.query('INSERT INTO a VALUES (1)');
    expect(await recording.transactions(1)).toMatchObject([[{ kind: 'insert' }]]);
    await stream.close();
  });
});
