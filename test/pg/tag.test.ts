import { sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import { parseLsn, type RowKey, tableName } from '../../src/model/ids.ts';
import { type OwnWrite, signTag, TAG_PREFIX, verifyTag } from '../../src/postgres/origin-tag.ts';
import { readRows } from '../../src/postgres/read-rows.ts';
import { insertAgain } from '../../src/postgres/restore.ts';
import {
  deleteRow,
  insertRow,
  lockRow,
  settleConstraints,
  sqlState,
  updateRow,
  writeAs,
} from '../../src/postgres/write.ts';
import { createTables, type UserTables } from '../support/user-tables.ts';

const secret = Buffer.from('0123456789abcdef0123456789abcdef');
const write: OwnWrite = { operation: 'op', table: tableName('suppliers'), key: 'k"1' as RowKey };
const tag = { secret, write, actor: { id: 'u1', name: "Ann O'Hara" } };
const VALUE = 'rich_text' as const;
const mapped = {
  source: 'public.t',
  key: 'id',
  title: 'T',
  fields: { V: { column: 'v', type: 'title' as const } },
};
const key = (text: string): RowKey => text as RowKey;
const codeOf = (error: unknown): unknown => (error as { readonly code?: unknown }).code;

describe('the tag of our own writes', () => {
  test('invariant 14: says what it was signed for, to whoever knows the secret', () => {
    expect(verifyTag(secret, signTag(secret, write))).toEqual(write);
    expect(signTag(secret, write)).not.toContain(secret.toString('base64'));
  });

  const signed = JSON.parse(signTag(secret, write)) as Record<string, string>;
  test.each<[string, string]>([
    ['no JSON', 'x'],
    ['nothing', ''],
    ['no object', '1'],
    ['null', 'null'],
    ['no signature', JSON.stringify(write)],
    ['an empty signature', JSON.stringify({ ...signed, mac: '' })],
    ['a cut signature', JSON.stringify({ ...signed, mac: signed.mac?.slice(0, 20) })],
    ['a signature that is no text', JSON.stringify({ ...signed, mac: 1 })],
    ['another table', JSON.stringify({ ...signed, table: 'products' })],
    ['another key', JSON.stringify({ ...signed, key: 'k2' })],
    ['another operation', JSON.stringify({ ...signed, operation: 'other' })],
    ['parts that are moved about', JSON.stringify({ ...signed, operation: 'op","suppliers', table: '' })],
    ['another secret', signTag(Buffer.from('another'), write)],
    ['an empty secret', signTag(Buffer.alloc(0), write)],
  ])('a forged or altered one is nobody’s: %s', (_title, content) => {
    expect(verifyTag(secret, content)).toBe(null);
  });

  test('members that were added are not taken over', () => {
    expect(verifyTag(secret, JSON.stringify({ ...signed, extra: 1 }))).toEqual(write);
  });
});

test('a write is announced in the log ahead of its rows, and names its author to triggers', async () => {
  await using tables = await createTables(`
    create table t (id int primary key, v text, actor text, actor_id text);
    create function note() returns trigger language plpgsql as $$ begin
      new.actor := current_setting('pgnotion.actor', true); new.actor_id := current_setting('pgnotion.actor_id', true);
      return new; end $$;
    create trigger note before insert or update on t for each row execute function note();
    insert into t values (1, 'old')`);
  const table = await tables.one(mapped);
  const slot = tables.database.name;
  await tables.database.pool.query(`select pg_create_logical_replication_slot($1, 'test_decoding')`, [slot]);
  await writeAs(tables.writer, tag, (transaction) => updateRow(transaction, table, key('1'), { v: 'new' }));
  const { rows } = await tables.database.pool.query<{ lsn: string; data: string }>(
    `select lsn, data from pg_logical_slot_get_changes($1, null, null) where data !~ '^(BEGIN|COMMIT)'`,
    [slot],
  );
  expect(rows.map((row) => row.data)).toEqual([
    expect.stringContaining(`prefix: ${TAG_PREFIX}`),
    expect.stringContaining("v[text]:'new'"),
  ]);
  expect(verifyTag(secret, rows[0]?.data.split('content:')[1] ?? '')).toEqual(write);
  expect(parseLsn(rows[0]?.lsn ?? '') < parseLsn(rows[1]?.lsn ?? '')).toBe(true);
  expect((await tables.database.pool.query('select * from t')).rows).toEqual([
    { id: 1, v: 'new', actor: "Ann O'Hara", actor_id: 'u1' },
  ]);
  // The name does not outlive the transaction.
  const { rows: after } = await sql<{
    actor: string;
  }>`select current_setting('pgnotion.actor', true) as actor`.execute(tables.db);
  expect(after[0]?.actor ?? '').toBe('');
});

describe('what PostgreSQL would cut is refused', () => {
  const DDL = `
    create domain code as varchar(3);
    create table t (id int primary key, v text, short varchar(3), fixed char(3), list varchar(3)[], wrapped code);
    insert into t values (1, 'x', 'abc', 'abc', '{abc}', 'abc')`;
  test.each([
    ['short', 'abcd'],
    ['fixed', 'abcd'],
    ['list', '{abc,abcd}'],
    ['wrapped', 'abcd'],
  ])('%s: %s is too long', async (column, text) => {
    await using tables = await createTables(DDL);
    const table = await tables.one({ ...mapped, fields: { ...mapped.fields, X: { column, type: VALUE } } });
    const put = (value: string) =>
      writeAs(tables.writer, tag, (transaction) =>
        updateRow(transaction, table, key('1'), { [column]: value }),
      );
    await expect(put(text)).rejects.toSatisfy((error) => codeOf(error) === '22001');
    await put(text.replace('abcd', 'xyz'));
    const insert = writeAs(tables.writer, tag, (transaction) =>
      insertRow(transaction, table, { id: '2', [column]: text }),
    );
    await expect(insert).rejects.toSatisfy((error) => codeOf(error) === '22001');
    expect((await tables.database.pool.query(`select ${column}::text as x from t`)).rows).toEqual([
      { x: text.replace('abcd', 'xyz') },
    ]);
  });
});

describe('invariant 14: what is written is a value, whatever it holds', () => {
  const EVIL = [
    `'; drop table t; --`,
    `x' or '1'='1`,
    `$1`,
    `\\`,
    `"`,
    `$$; drop table t; $$`,
    `1); delete from t; --`,
  ];
  test.each(EVIL)('%s', async (evil) => {
    await using tables = await createTables(
      `create table t (id text primary key, v text); insert into t values ('other', 'safe')`,
    );
    const table = await tables.one(mapped);
    await writeAs(
      tables.writer,
      { ...tag, write: { ...write, operation: evil, key: key(evil) }, actor: { id: evil, name: evil } },
      async (transaction) => {
        expect(await insertRow(transaction, table, { id: evil, v: evil })).toBe(evil);
        await updateRow(transaction, table, key(evil), { v: `${evil}!` });
        expect(await lockRow(transaction, table, key(evil))).toBe(true);
      },
    );
    expect((await readRows(tables.db, table, [key(evil)])).get(key(evil))).toMatchObject({ V: `${evil}!` });
    await writeAs(tables.writer, tag, (transaction) => deleteRow(transaction, table, key(evil)));
    expect((await tables.database.pool.query('select * from t')).rows).toEqual([{ id: 'other', v: 'safe' }]);
  });

  test('a key that is no value of its column is PostgreSQL’s to refuse', async () => {
    await using tables = await createTables(
      `create table t (id int primary key, v text); insert into t values (1, 'safe')`,
    );
    const table = await tables.one(mapped);
    const put = writeAs(tables.writer, tag, (transaction) =>
      updateRow(transaction, table, key('1 or true'), { v: 'x' }),
    );
    await expect(put).rejects.toSatisfy((error) => codeOf(error) === '22P02');
  });
});

describe('writing rows', () => {
  test('names that need quoting, defaults that make the key, and a row that comes back as it was deleted', async () => {
    await using tables = await createTables(
      `create table "we""ird T" ("select" int generated always as identity primary key, "a""b" text default 'd', n numeric(8,3))`,
    );
    const table = await tables.one({
      source: 'public.we"ird T',
      key: 'select',
      title: 'T',
      fields: { V: { column: 'a"b', type: 'title' } },
    });
    await writeAs(tables.writer, tag, async (transaction) => {
      expect(await insertRow(transaction, table, {})).toBe('1');
      expect(await insertRow(transaction, table, { 'a"b': null, n: '1.50' })).toBe('2');
      await updateRow(transaction, table, key('2'), { 'a"b': 'x' });
      expect(JSON.parse((await deleteRow(transaction, table, key('2'))) ?? '')).toEqual({
        select: 2,
        'a"b': 'x',
        n: 1.5,
      });
      expect(await deleteRow(transaction, table, key('2'))).toBe(null);
      expect(await lockRow(transaction, table, key('2'))).toBe(false);
      // PostgreSQL alone gives such a key, but for a row that had it.
      const former = { select: '2', 'a"b': 'x', n: '1.5' };
      expect(await insertRow(transaction, table, former, true)).toBe('2');
      await deleteRow(transaction, table, key('2'));
      const columns = new Set(table.writableColumns);
      const whole = JSON.stringify({ ...former, n: 1.5 });
      await insertAgain(transaction, table, columns, { key: key('2'), whole, values: {} });
    });
    expect((await tables.database.pool.query('select * from "we""ird T" order by 1')).rows).toEqual([
      { select: 1, 'a"b': 'd', n: null },
      { select: 2, 'a"b': 'x', n: '1.500' },
    ]);
  });

  test('invariant 4: what json holds and jsonb does not keeps no row from being deleted', async () => {
    await using tables = await createTables(
      String.raw`create table t (id int primary key, v text, j json, many json[]);
        insert into t values (1, 'a\u0000b', '{"a": "x\u0000\u0000y", "b": "\\u0000", "\\\u0000": 1}', array['"\ud800"', '"\udc00 \ud83d\ude00"', '"\ud83d\ud83d\ude00"']::json[]),
                             (2, '\ud800', '{"n": 1.50}', null)`,
    );
    const table = await tables.one(mapped);
    await writeAs(tables.writer, tag, async (transaction) => {
      expect(JSON.parse((await deleteRow(transaction, table, key('1'))) ?? '')).toEqual({
        id: 1,
        v: String.raw`a\u0000b`,
        j: { a: 'x\ufffd\ufffdy', b: String.raw`\u0000`, '\\\ufffd': 1 },
        many: ['\ufffd', '\ufffd \u{1f600}', '\ufffd\u{1f600}'],
      });
      expect(JSON.parse((await deleteRow(transaction, table, key('2'))) ?? '')).toEqual({
        id: 2,
        v: String.raw`\ud800`,
        j: { n: 1.5 },
        many: null,
      });
    });
  });

  test('composite keys come back in the configuration’s order, and pick one row', async () => {
    await using tables = await createTables(
      `create table t (a int, b text, v text, primary key (a, b)); insert into t values (1, 'x', 'one'), (1, 'y', 'two')`,
    );
    const table = await tables.one({ ...mapped, key: ['b', 'a'] });
    await writeAs(tables.writer, tag, async (transaction) => {
      expect(await insertRow(transaction, table, { a: '2', b: '"', v: 'three' })).toBe('["\\"","2"]');
      await updateRow(transaction, table, key('["y","1"]'), { v: 'TWO' });
    });
    expect((await tables.database.pool.query('select v from t order by a, b')).rows).toEqual([
      { v: 'one' },
      { v: 'TWO' },
      { v: 'three' },
    ]);
  });

  test('what fails leaves nothing of the transaction; deferred constraints speak when they are asked', async () => {
    await using tables = await createTables(`
      create table t (id int primary key, v text, parent int references t deferrable initially deferred); insert into t values (1, 'old')`);
    const table = await tables.one({
      ...mapped,
      fields: { ...mapped.fields, P: { column: 'parent', type: 'number' } },
    });
    const put = writeAs(tables.writer, tag, async (transaction) => {
      await updateRow(transaction, table, key('1'), { v: 'new', parent: '9' });
      await settleConstraints(transaction);
    });
    await expect(put).rejects.toSatisfy((error) => codeOf(error) === '23503');
    expect((await tables.database.pool.query('select v from t')).rows).toEqual([{ v: 'old' }]);
  });
});

describe('two that stand in each other’s way', () => {
  const DDL = `create table t (id int primary key, v text); insert into t values (1, ''), (2, '')`;

  test('a deadlock is tried again, and both changes are made', async () => {
    await using tables = await createTables(DDL);
    await tables.database.pool.query(`alter database ${tables.database.name} set deadlock_timeout = '50ms'`);
    const table = await tables.one(mapped);
    const ready = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let tries = 0;
    const both = (tables_: UserTables, own: number, order: readonly string[]) =>
      // With the patience of a command: on a busy machine a short wait for a lock ends before the deadlock is found.
      writeAs(tables_.writer.patient, tag, async (transaction) => {
        tries += 1;
        await sql`update t set v = v || ${String(own)} where id = ${order[0]}::int`.execute(transaction);
        ready[own]?.resolve();
        await Promise.all(ready.map((each) => each.promise));
        await sql`update t set v = v || ${String(own)} where id = ${order[1]}::int`.execute(transaction);
      });
    await Promise.all([both(tables, 0, ['1', '2']), both(tables, 1, ['2', '1'])]);
    // Once each, and the one that was ended once more; again if it met the other one's end.
    expect(tries).toBeGreaterThanOrEqual(3);
    const rows = await readRows(tables.db, table, [key('1'), key('2')]);
    expect([...rows.values()].map((row) => [...(row.V ?? '')].sort().join(''))).toEqual(['01', '01']);
  });

  const failing = (state: string) =>
    sql.raw(`do $$ begin raise exception 'no' using errcode = '${state}'; end $$`);
  test.each([
    ['40001', 4],
    ['40P01', 4],
    ['23505', 1],
    ['P0001', 1],
  ])('SQLSTATE %s is tried %i times, then it is the caller’s', async (state, most) => {
    await using tables = await createTables(DDL);
    let tries = 0;
    const put = writeAs(tables.writer, tag, async (transaction) => {
      tries += 1;
      await sql`${failing(state)}`.execute(transaction);
    });
    await expect(put).rejects.toSatisfy((error) => codeOf(error) === state);
    expect(tries).toBe(most);
  });
});

test.each([
  [Object.assign(new Error('x'), { code: '23505', severity: 'ERROR' }), '23505'],
  [Object.assign(new Error('x'), { code: 'EPIPE' }), null],
  [Object.assign(new Error('x'), { code: 'ECONNRESET' }), null],
  [Object.assign(new Error('x'), { code: 23505 }), null],
  [new Error('x'), null],
  [{ code: '23505' }, null],
  [null, null],
])('the SQLSTATE of %o is %j', (error, state) => {
  expect(sqlState(error)).toBe(state);
});
