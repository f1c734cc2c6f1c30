import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { expect, inject, test } from 'vitest';
import { createPool } from '../../src/postgres/pool.ts';
import { silentLog } from '../../src/runtime/log.ts';
import { migrate, migrations } from '../../src/state/migrate.ts';
import { asAdmin, createDatabase, inDatabase, type TestDatabase } from '../support/postgres.ts';

/** Everything in our schema, by identity: what was made anew shows. */
async function contents(database: TestDatabase): Promise<string[]> {
  const { rows } = await database.pool.query<{ name: string }>(
    `select c.relkind::text || ' ' || c.relname || ' ' || c.oid as name from pg_class c
      where c.relnamespace = 'pgnotion'::regnamespace and c.relkind in ('r', 'v', 'i')
     union all select 'f ' || p.proname || '(' || oidvectortypes(p.proargtypes) || ') ' || p.oid from pg_proc p where p.pronamespace = 'pgnotion'::regnamespace
     order by 1`,
  );
  return rows.map((row) => row.name);
}

const versions = async (database: TestDatabase): Promise<number[]> =>
  (
    await database.pool.query<{ version: number }>('select version from pgnotion.migrations order by 1')
  ).rows.map((row) => row.version);

const plain = (names: readonly string[]): string[] => names.map((name) => name.replace(/ \d+$/, ''));

test('an empty database gets tables, views and functions; doing it again changes nothing', async () => {
  await using database = await createDatabase();
  await migrate(database.pool);
  const first = await contents(database);
  expect(plain(first)).toEqual(
    expect.arrayContaining([
      'r records',
      'r outbox',
      'v status',
      'v failures',
      'f fence(bigint)',
      'f retry(text, text)',
    ]),
  );
  await migrate(database.pool);
  expect(await contents(database)).toEqual(first);
});

test('several at once make it once', async () => {
  await using database = await createDatabase();
  await Promise.all([migrate(database.pool), migrate(database.pool), migrate(database.pool)]);
  expect(await versions(database)).toEqual((await migrations()).map(({ version }) => version));
  expect(new Set(plain(await contents(database))).size).toBe((await contents(database)).length);
});

test('the schema of a later version is refused, and left as it is', async () => {
  await using database = await createDatabase();
  await migrate(database.pool);
  await database.pool.query(
    `insert into pgnotion.migrations (version, name) values (9999, 'from the future')`,
  );
  await database.pool.query(`update pgnotion.settings set value = '"older"' where name = 'views'`);
  const before = await contents(database);
  await expect(migrate(database.pool)).rejects.toMatchObject({
    code: 'state_newer',
    retryable: false,
    message: expect.stringContaining('version 9999'),
  });
  expect(await contents(database)).toEqual(before);
});

test('views and functions are made anew when their file changed, and those that are gone go; tables and rows stay', async () => {
  await using database = await createDatabase();
  const { pool } = database;
  await migrate(pool);
  const before = await contents(database);
  await pool.query(`insert into pgnotion.records (table_name, key, state) values ('t', 'a', 'linked')`);
  // As an older version would have left it.
  await pool.query(`
    drop view pgnotion.queue;
    create view pgnotion.status_of_old as select * from pgnotion.status;
    create view pgnotion.queue as select 1 as another;
    create function pgnotion."Old one"(int, text) returns int language sql as 'select 1';
    update pgnotion.settings set value = '"older"' where name = 'views'`);
  await migrate(pool);
  const after = await contents(database);
  expect(plain(after)).toEqual(plain(before));
  const tables = (names: readonly string[]) => names.filter((name) => /^[ri]/.test(name));
  expect(tables(after)).toEqual(tables(before));
  expect((await pool.query('select * from pgnotion.queue')).fields.map((field) => field.name)).toContain(
    'age_seconds',
  );
  expect((await pool.query('select key from pgnotion.records')).rows).toEqual([{ key: 'a' }]);
});

test('a migration that fails leaves nothing behind', async () => {
  await using database = await createDatabase();
  // Stands where the migration wants to put something of its own.
  await database.pool.query('create schema pgnotion; create table pgnotion.outbox (mine int)');
  await expect(migrate(database.pool)).rejects.toThrow(/already exists/);
  expect(plain(await contents(database))).toEqual(['r outbox']);
});

test('a role that owns nothing but the schema is enough', async () => {
  const user = `owner ${randomBytes(4).toString('hex')}`;
  const role = pg.escapeIdentifier(user);
  try {
    await using database = await createDatabase();
    await database.pool.query(`
      create role ${role} login password 'secret';
      create schema pgnotion authorization ${role}`);
    const pool = createPool({
      url: inDatabase(database.url, database.name, { user, password: 'secret' }),
      max: 2,
      raw: false,
      applicationName: 'least privilege',
      log: silentLog(),
    });
    try {
      await migrate(pool);
      await pool.query(`update pgnotion.settings set value = '"older"' where name = 'views'`);
      await migrate(pool);
      expect((await pool.query('select * from pgnotion.status')).rows).toEqual([]);
    } finally {
      await pool.end();
    }
  } finally {
    await asAdmin(inject('postgresUrl'), (admin) => admin.query(`drop role if exists ${role}`));
  }
});

test('a number that was left out is made up for, though a later one is there', async () => {
  await using database = await createDatabase();
  await migrate(database.pool);
  const [first] = await migrations();
  // As if another branch's migrations had come to this database before that one.
  await database.pool.query('delete from pgnotion.migrations where version = $1', [first?.version]);
  await expect(migrate(database.pool)).rejects.toThrow('relation "settings" already exists');
  await database.pool.query(`
    drop schema pgnotion cascade; create schema pgnotion;
    create table pgnotion.migrations (version integer primary key, name text not null, at timestamptz not null default now())`);
  await migrate(database.pool);
  expect(await versions(database)).toEqual((await migrations()).map(({ version }) => version));
});

test('what was granted on views and functions stays granted when they are made anew', async () => {
  const name = `reader "${randomBytes(4).toString('hex')}`;
  const role = pg.escapeIdentifier(name);
  try {
    await using database = await createDatabase();
    const { pool } = database;
    await migrate(pool);
    await pool.query(`
      create role ${role};
      grant select on pgnotion.status to ${role} with grant option;
      grant select on pgnotion.queue to public;
      revoke execute on function pgnotion.pause(text) from public;
      grant execute on function pgnotion.pause(text) to ${role};
      revoke execute on function pgnotion.resume(text) from public;
      create view pgnotion.gone as select 1 as one;
      grant select on pgnotion.gone to ${role};
      update pgnotion.settings set value = '"older"' where name = 'views'`);
    await migrate(pool);
    const { rows } = await pool.query(
      `select has_table_privilege($1, 'pgnotion.status', 'select with grant option') as status,
              has_table_privilege($1, 'pgnotion.failures', 'select') as failures,
              has_table_privilege($1, 'pgnotion.queue', 'select') as queue,
              has_function_privilege($1, 'pgnotion.pause(text)', 'execute') as pause,
              has_function_privilege($1, 'pgnotion.resume(text)', 'execute') as resume,
              has_function_privilege($1, 'pgnotion.retry(text, text)', 'execute') as retry`,
      [name],
    );
    expect(rows).toEqual([
      { status: true, failures: false, queue: true, pause: true, resume: false, retry: true },
    ]);
  } finally {
    await asAdmin(inject('postgresUrl'), (admin) => admin.query(`drop role if exists ${role}`));
  }
});

test.each([
  ['a view', `create view public.board as select * from pgnotion.status`, 'view board'],
  [
    'a view that calls a function',
    `create view public.story as select * from pgnotion.explain('a', 'b')`,
    'view story',
  ],
  [
    'a function that gives the rows of a view',
    `create function public.rows() returns setof pgnotion.queue language sql as 'select * from pgnotion.queue'`,
    'function rows()',
  ],
])('%s of the users that is built on ours is named, and nothing changes', async (_, made, named) => {
  await using database = await createDatabase();
  const { pool } = database;
  await migrate(pool);
  await pool.query(`${made}; update pgnotion.settings set value = '"older"' where name = 'views'`);
  const before = await contents(database);
  await expect(migrate(pool)).rejects.toMatchObject({
    code: 'state_views_used',
    message: expect.stringContaining(named),
  });
  expect(await contents(database)).toEqual(before);
});
