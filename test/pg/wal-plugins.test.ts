import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { WalEvent, WalTuple } from '../../src/model/change.ts';
import { openWalStream } from '../../src/postgres/wal.ts';
import type { WalPlugin } from '../../src/postgres/wal-plugin.ts';
import { silentLog } from '../../src/runtime/log.ts';
import type { PostgresServer } from '../../src/sandbox/postgres-server.ts';
import { createDatabase } from '../support/postgres.ts';
import { startDebianPostgres15 } from '../support/servers.ts';
import { ensurePublication, record, table } from '../support/wal.ts';

let server: PostgresServer | null = null;
beforeAll(async () => {
  server = await startDebianPostgres15();
});
afterAll(async () => {
  await server?.stop();
});

const COLUMNS = `id int8, part text, n numeric, n2 numeric(10,2), f8 float8, f4 float4, b bool, by bytea, d domained, m mood,
  a int[], ta text[], j jsonb, js json, ts timestamptz, t0 timestamp, da date, ti time, iv interval, c char(5), o oid,
  bi bit(3), u uuid, ip inet, ra int4range, x xml, s smallint, big text`;
const ROW = `9223372036854775807, 'a,"b', 'NaN', 1.50, 'NaN', '-Infinity', true, '\\x00ff', '\\x01', 'ok, then',
  '{1,NULL}', array['a"b', 'c,d', null], '{"a": 12345678901234567890}', '{"b" : 1e400}', 'infinity',
  '2026-01-01 00:00:00.123456', '-infinity', '23:59:59.999999', '1 day -00:00:01', 'ab', 4000000000, '101',
  '00000000-0000-0000-0000-0000000000ff', '10.0.0.0/8', '[1,5)', '<a/>', 3, E'\\u0001 \\u2028 \\ufeff\\u00e9 "q" \\\\ \\n \\U0001F600'`;
const LONG = `(select string_agg(md5(i::text), '') from generate_series(1, 1000) i)`;

/** Everything that capture tells apart, in one session; \`w.eird\` names need escaping in a list. */
const LOAD = [
  `insert into all_types values (${ROW})`,
  `update all_types set n = 12345678901234567890.123456789012345678901234567890, n2 = -0.01, f8 = 1e308, f4 = 1e-38, b = null`,
  `update all_types set big = ${LONG}`,
  `update all_types set s = 4`,
  `update all_types set id = -9223372036854775808, part = ''`,
  `insert into all_types (id, part) values (1, E'\\ufeffmark')`,
  `delete from all_types`,
  `insert into whole values (1, 'a', ${LONG}, 'NaN')`,
  `update whole set v = 'b'`,
  `update whole set v = null`,
  `delete from whole`,
  `insert into "We ird,t*b'l" values (1, 'x'); update "We ird,t*b'l" set "c.d" = 'y'`,
  `insert into long_key select string_agg(md5(random()::text), ''), 'a' from generate_series(1, 80)`,
  `update long_key set v = 'b'`,
  `begin; insert into unpublished values (1); commit`,
  `begin; select pg_logical_emit_message(true, 'pgnotion', '{"a":"\\"b"}'); insert into whole values (2, 'm', null, 1);
   select pg_logical_emit_message(true, 'other', 'x'); select pg_logical_emit_message(false, 'pgnotion', 'alone'); commit`,
  `begin; savepoint s; insert into whole values (3, 'gone', null, 1); rollback to s; insert into whole values (4, 'stays', null, 1); commit`,
  `begin; insert into whole values (5, 'rolled back', null, 1); rollback`,
  `truncate whole, all_types`,
  `insert into whole values (99, 'end', null, 1)`,
];

const SCHEMA = `
  create type mood as enum ('sad', 'ok, then'); create domain domained as bytea;
  create table all_types (${COLUMNS}, primary key (id, part));
  alter table all_types alter big set storage external;
  create table whole (id int primary key, v text, big text, n float8);
  alter table whole replica identity full;
  alter table whole alter big set storage external;
  create table "We ird,t*b'l" (id int primary key, "c.d" text);
  create table long_key (k text primary key, v text);
  alter table long_key alter k set storage external;
  create table unpublished (id int)`;

/** As capture uses it: a value that was not sent is as one that is not there. */
const known = (tuple: WalTuple): WalTuple =>
  Object.fromEntries(Object.entries(tuple).filter(([, value]) => value !== undefined));

/** Of these types wal2json tells NaN and infinity as null, so that a null says nothing. */
const LOSSY = ['n', 'n2', 'f8', 'f4'];
const comparable = (tuple: WalTuple): WalTuple =>
  Object.fromEntries(
    Object.entries(known(tuple)).filter(
      ([name, value]) => !LOSSY.includes(name) || (value !== null && !/^(NaN|-?Infinity)$/.test(value ?? '')),
    ),
  );

function reduced(event: WalEvent): unknown {
  switch (event.kind) {
    case 'insert':
      return { ...event, row: comparable(event.row), partial: undefined };
    case 'update':
      return {
        kind: event.kind,
        table: event.table,
        row: comparable(event.row),
        // A whole old row is told by one of them only if something of it differs.
        old: event.table === 'public.whole' || event.old === null ? null : comparable(event.old),
      };
    case 'delete':
      return { ...event, old: comparable(event.old) };
    default:
      return event;
  }
}

test.runIf(inject('hasWal2json'))(
  'pgoutput and wal2json give capture the same events for one load: all types, keys, TOAST, truncates, messages',
  async () => {
    await using database = await createDatabase(undefined, server?.url);
    await database.pool.query(SCHEMA);
    const tables = ['all_types', 'whole', `We ird,t*b'l`, 'long_key'].map(table);
    await ensurePublication(database.pool, { name: database.name, tables });
    const plugins: readonly WalPlugin[] = [
      { name: 'pgoutput', publication: database.name },
      { name: 'wal2json', tables },
    ];
    for (const { name } of plugins)
      await database.pool.query('select pg_create_logical_replication_slot($1, $2)', [
        `${database.name}_${name}`,
        name,
      ]);
    for (const sql of LOAD) await database.pool.query(sql);
    const read = async (plugin: WalPlugin) => {
      const slot = `${database.name}_${plugin.name}`;
      const stream = await openWalStream({ url: database.url, slot, plugin, log: silentLog() });
      const recording = record(stream);
      await expect
        .poll(() => recording.events.some((each) => each.kind === 'insert' && each.row.id === '99'), {
          timeout: 60_000,
        })
        .toBe(true);
      await stream.close();
      const transactions = recording.events.filter(
        (each) => each.kind !== 'message' || each.prefix === 'pgnotion',
      );
      return transactions.filter((each, at) => {
        // A transaction that holds nothing of ours is no more than a position.
        const next = transactions[at + 1];
        const before = transactions[at - 1];
        if (each.kind === 'begin') return next?.kind !== 'commit';
        if (each.kind === 'commit') return before?.kind !== 'begin';
        return each.kind !== 'message' || each.transactional;
      });
    };
    const [pgoutput, wal2json] = await Promise.all(plugins.map(read));
    const rows = (events: readonly WalEvent[] | undefined) =>
      (events ?? []).flatMap((each) =>
        each.kind === 'truncate' ? each.tables.map((name) => ({ kind: 'truncate', name })) : [reduced(each)],
      );
    const commits = (events: readonly WalEvent[] | undefined) =>
      (events ?? []).flatMap((each) => (each.kind === 'commit' ? [each.end] : []));
    expect(rows(wal2json)).toEqual(rows(pgoutput));
    expect(commits(wal2json)).toEqual(commits(pgoutput));
    expect(rows(pgoutput).length).toBeGreaterThan(40);
    // By hand, so that a mistake that both make cannot hide itself.
    const [first] = (wal2json ?? []).filter((each) => each.kind === 'insert');
    expect(first).toMatchObject({
      partial: true,
      row: {
        id: '9223372036854775807',
        part: 'a,"b',
        n: undefined,
        n2: '1.50',
        b: 't',
        by: '\\x00ff',
        c: 'ab   ',
        ts: 'infinity',
        j: '{"a": 12345678901234567890}',
        big: '\u0001 \u2028 \uFEFF\u00e9 "q" \\ \n \u{1F600}',
      },
    });
    const keys = (pgoutput ?? []).flatMap((each) => ('row' in each && 'k' in each.row ? [each.row.k] : []));
    expect(keys.map((key) => key?.length)).toEqual([2_560, 2_560]);
  },
);

test.runIf(inject('hasWal2json'))(
  'wal2json tells of nothing but the tables that are named: our own writes do not come back to us',
  async () => {
    await using database = await createDatabase(undefined, server?.url);
    await database.pool.query(
      'create table t (id int primary key); create schema pgnotion; create table pgnotion.outbox (id int primary key)',
    );
    const plugin: WalPlugin = { name: 'wal2json', tables: [table('t')] };
    await database.pool.query('select pg_create_logical_replication_slot($1, $2)', [
      database.name,
      'wal2json',
    ]);
    const stream = await openWalStream({ url: database.url, slot: database.name, plugin, log: silentLog() });
    const recording = record(stream);
    await database.pool.query('insert into pgnotion.outbox values (1)');
    await database.pool.query('insert into t values (1)');
    const [first] = await recording.transactions(1);
    expect(first).toMatchObject([{ kind: 'insert', table: 'public.t' }]);
    expect(recording.keepalives.length).toBeGreaterThan(0);
    await stream.close();
  },
);
