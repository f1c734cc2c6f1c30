import { rm } from 'node:fs/promises';
import pg from 'pg';
import { expect, test } from 'vitest';
import { PgnotionError } from '../../src/model/errors.ts';
import { type Lsn, lsn } from '../../src/model/ids.ts';
import { createPgoutputDecoder } from '../../src/postgres/pgoutput.ts';
import { inspectSlot } from '../../src/postgres/slot.ts';
import { eventually } from '../support/eventually.ts';
import { parsePgoutput } from '../support/pgoutput-reference.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { startDebianPostgres15, startOwnPostgres } from '../support/servers.ts';
import { commits, openStream, prepareStream, record, table } from '../support/wal.ts';

const ITEMS = 'CREATE TABLE items (id int PRIMARY KEY, v text)';

async function confirmed(database: TestDatabase): Promise<Lsn> {
  const slot = await inspectSlot(database.pool, database.name);
  if (!slot.exists || slot.confirmedFlush === null) throw new Error('no slot');
  return slot.confirmedFlush;
}

async function cutConnections(database: TestDatabase): Promise<void> {
  await database.pool.query(
    'SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1',
    [database.name],
  );
}

test('invariant 2: after a cut only what was not acknowledged comes again, and nothing is lost', async () => {
  await using database = await createDatabase();
  await prepareStream(database, ITEMS, [table('items')]);
  const first = await openStream(database);
  const before = record(first);
  // One round trip, so that the commits lie next to each other: where one ends the next begins.
  await database.pool.query(
    Array.from({ length: 20 }, (_, id) => `BEGIN; INSERT INTO items VALUES (${id}); COMMIT`).join(';'),
  );
  await before.transactions(20);
  const stored = commits(before)[7]?.end ?? lsn(0n);
  first.acknowledge(stored);
  await eventually(async () => (await confirmed(database)) === stored);

  await cutConnections(database);
  await eventually(() => before.ended());
  expect(before.failure()).toMatchObject({ code: 'wal_disconnected', retryable: true });

  const second = await openStream(database);
  const after = record(second);
  const again = await after.transactions(12);
  expect(again.map(([event]) => event?.kind === 'insert' && event.row.id)).toEqual(
    Array.from({ length: 12 }, (_, at) => String(at + 8)),
  );
  expect(await confirmed(database)).toBe(stored);
  await second.close();
});

test('invariant 2: a commit that begins where the acknowledged one ends is not skipped', async () => {
  await using database = await createDatabase();
  await prepareStream(database, ITEMS, [table('items')]);
  const ends: { readonly start: Lsn; readonly end: Lsn }[] = [];
  const pgoutput = createPgoutputDecoder();
  const first = await openStream(database, {
    decoder: {
      ...pgoutput,
      decode: (buffer) => {
        const message = parsePgoutput(buffer);
        if (message.tag === 'commit') ends.push({ start: message.commit, end: message.end });
        return pgoutput.decode(buffer);
      },
    },
  });
  const before = record(first);
  const [one, two] = [new pg.Client(database.url), new pg.Client(database.url)];
  await Promise.all([one.connect(), two.connect()]);
  // Another session may write between the two commits: then it is tried again.
  const id = await eventually(async () => {
    const from = ends.length;
    for (const [at, client] of [one, two].entries()) {
      await client.query('BEGIN');
      await client.query('INSERT INTO items VALUES ($1)', [from + at]);
    }
    await Promise.all([one.query('COMMIT'), two.query('COMMIT')]);
    await before.transactions(from + 2);
    const [earlier, later] = ends.slice(-2);
    return earlier && later && earlier.end === later.start && ends.length - 1;
  });
  first.acknowledge(ends[id - 1]?.end ?? lsn(0n));
  await first.close();
  const second = await eventually(() => openStream(database));
  const after = record(second);
  await after.transactions(1);
  expect(commits(after).map((commit) => commit.end)).toEqual([ends[id]?.end]);
  await second.close();
  await Promise.all([one.end(), two.end()]);
});

test('an acknowledgement never goes backwards nor beyond what was received', async () => {
  await using database = await createDatabase();
  await prepareStream(database, ITEMS, [table('items')]);
  const stream = await openStream(database);
  const recording = record(stream);
  await database.pool.query('INSERT INTO items VALUES (1)');
  await database.pool.query('INSERT INTO items VALUES (2)');
  await recording.transactions(2);
  const [first, second] = commits(recording).map((commit) => commit.end);
  if (first === undefined || second === undefined) throw new Error('two commits');
  stream.acknowledge(lsn(second + 0x1000000n));
  stream.acknowledge(second);
  stream.acknowledge(first);
  await stream.close();
  expect(await confirmed(database)).toBe(second);
});

test('close sends the last acknowledgement, and events end without an error', async () => {
  await using database = await createDatabase();
  await prepareStream(database, ITEMS, [table('items')]);
  const stream = await openStream(database);
  const recording = record(stream);
  await database.pool.query('INSERT INTO items VALUES (1)');
  await recording.transactions(1);
  const end = commits(recording)[0]?.end ?? lsn(0n);
  stream.acknowledge(end);
  await stream.close();
  await stream.close();
  await eventually(() => recording.ended());
  expect(recording.failure()).toBeNull();
  await eventually(async () => (await confirmed(database)) === end);
});

test('acknowledged keepalives carry the slot on while only other tables are written', async () => {
  await using database = await createDatabase();
  await using other = await createDatabase();
  await prepareStream(database, `${ITEMS}; CREATE TABLE unseen (v text)`, [table('items')]);
  await other.pool.query('CREATE TABLE elsewhere (v text)');
  const stream = await openStream(database);
  const recording = record(stream);
  const start = await confirmed(database);
  await database.pool.query(`INSERT INTO unseen SELECT repeat('x', 100) FROM generate_series(1, 10000)`);
  await other.pool.query(`INSERT INTO elsewhere SELECT repeat('x', 100) FROM generate_series(1, 10000)`);
  await eventually(async () => {
    const last = recording.keepalives.at(-1);
    if (last) stream.acknowledge(last.walEnd);
    return (await confirmed(database)) > start + 1_000_000n;
  });
  expect(recording.events.filter((event) => event.kind === 'insert')).toEqual([]);
  await stream.close();
});

test('a slot that is in use is refused as busy, and free again once its stream is closed', async () => {
  await using database = await createDatabase();
  await prepareStream(database, ITEMS, [table('items')]);
  const first = await openStream(database);
  await expect(openStream(database)).rejects.toMatchObject({ code: 'slot_busy', retryable: true });
  await first.close();
  const second = await eventually(() => openStream(database));
  await second.close();
});

test('a slot that is not there is refused as missing', async () => {
  await using database = await createDatabase();
  await prepareStream(database, ITEMS, [table('items')]);
  await expect(openStream(database, { slot: 'no_such_slot' })).rejects.toMatchObject({
    code: 'slot_missing',
  });
});

test('a consumer that stops reading stays connected beyond wal_sender_timeout, in bounded memory', async () => {
  await using database = await createDatabase();
  await prepareStream(database, ITEMS, [table('items')]);
  const rows = 200_000;
  let decoded = 0;
  const pgoutput = createPgoutputDecoder();
  const stream = await openStream(database, {
    senderTimeoutMs: 2_000,
    decoder: {
      ...pgoutput,
      decode: (buffer) => {
        decoded += 1;
        return pgoutput.decode(buffer);
      },
    },
  });
  await database.pool.query(
    `INSERT INTO items SELECT n, repeat('x', 200) FROM generate_series(1, ${rows}) n`,
  );
  const started = Date.now();
  await eventually(() => decoded >= 10_000);
  await eventually(() => Date.now() - started > 6_000);
  expect(decoded).toBeLessThan(20_000);
  const recording = record(stream);
  const [inserts] = await recording.transactions(1);
  expect(inserts?.length).toBe(rows);
  await stream.close();
});

test('an idle stream outlives wal_sender_timeout and its own watchdog', async () => {
  await using database = await createDatabase();
  await prepareStream(database, ITEMS, [table('items')]);
  const stream = await openStream(database, { senderTimeoutMs: 1_500 });
  const recording = record(stream);
  const started = Date.now();
  await eventually(() => Date.now() - started > 5_000);
  await database.pool.query('INSERT INTO items VALUES (1)');
  await recording.transactions(1);
  await stream.close();
});

test('a message that cannot be read stops the stream before what follows it', async () => {
  await using database = await createDatabase();
  await prepareStream(database, ITEMS, [table('items')]);
  const pgoutput = createPgoutputDecoder();
  const stream = await openStream(database, {
    decoder: {
      ...pgoutput,
      decode: (buffer) => {
        if (!buffer.includes('bad')) return pgoutput.decode(buffer);
        return pgoutput.decode(buffer.subarray(0, buffer.length - 2));
      },
    },
  });
  const recording = record(stream);
  await database.pool.query(`INSERT INTO items VALUES (1, 'good')`);
  await database.pool.query(`INSERT INTO items VALUES (2, 'bad')`);
  await database.pool.query(`INSERT INTO items VALUES (3, 'good')`);
  await eventually(() => recording.ended());
  expect(recording.failure()).toBeInstanceOf(PgnotionError);
  expect(recording.failure()).toMatchObject({ code: 'wal_undecodable', retryable: false });
  const ids = recording.events.flatMap((event) => (event.kind === 'insert' ? [event.row.id] : []));
  expect(ids).toEqual(['1']);
});

const SMALL_WAL = { max_slot_wal_keep_size: '1MB', min_wal_size: '32MB', max_wal_size: '32MB' };

test.each([
  ['the present PostgreSQL', () => startOwnPostgres(SMALL_WAL), 'wal_removed'],
  ['PostgreSQL 15', () => startDebianPostgres15(SMALL_WAL), null],
])('a slot of %s whose WAL was removed is lost, which no retry mends', async (_, start, reason) => {
  const server = await start();
  if (server === null) return;
  try {
    await using database = await createDatabase(undefined, server.url);
    await prepareStream(database, `${ITEMS}; CREATE TABLE filler (v text)`, [table('items')]);
    await eventually(async () => {
      await database.pool.query(`INSERT INTO filler SELECT repeat('x', 1000) FROM generate_series(1, 10000)`);
      await database.pool.query('SELECT pg_switch_wal()');
      await database.pool.query('CHECKPOINT');
      const slot = await inspectSlot(database.pool, database.name);
      return slot.exists && slot.walStatus === 'lost';
    });
    const lost = { code: 'slot_lost', retryable: false };
    await expect(openStream(database)).rejects.toMatchObject(lost);
    expect(await inspectSlot(database.pool, database.name)).toMatchObject({
      walStatus: 'lost',
      invalidationReason: reason,
    });
  } finally {
    await server.stop();
  }
});

test('a killed server ends the stream with an error that may pass; close does not wait for it', async () => {
  const server = await startOwnPostgres({}, { persistent: true });
  const database = await createDatabase(undefined, server.url);
  await prepareStream(database, ITEMS, [table('items')]);
  const stream = await openStream(database);
  const recording = record(stream);
  await database.pool.end();
  await server.kill9();
  await eventually(() => recording.ended());
  expect(recording.failure()).toMatchObject({ code: 'wal_disconnected', retryable: true });
  const before = Date.now();
  await stream.close();
  expect(Date.now() - before).toBeLessThan(2000);
  await expect(openStream(database)).rejects.toMatchObject({ code: 'postgres_refused', retryable: true });
  await rm(server.dir, { recursive: true, force: true });
});
