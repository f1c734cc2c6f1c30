import { readdir, readFile } from 'node:fs/promises';
import pg, { type Pool } from 'pg';
import { messageOf, PgnotionError } from '../model/errors.ts';
import { LOCKS } from './locks.ts';
import { inTransaction, type Sql } from './sql.ts';
import { takeDownViews } from './views.ts';

const FOLDER = new URL('../../sql/', import.meta.url);
/** The views and functions, made anew in this order whenever one of these files changes. */
const VIEWS = [
  'outbox.sql',
  'edits.sql',
  'row-failures.sql',
  'record-counts.sql',
  'views.sql',
  'actions.sql',
  'functions.sql',
  'explain.sql',
  'guarded.sql',
  'conflict-functions.sql',
];

type Migration = { readonly version: number; readonly file: string };

/** In the order of their numbers. Numbers may be left out: each database is given those that it has not had yet. */
export async function migrations(): Promise<readonly Migration[]> {
  return (await readdir(FOLDER))
    .filter((name) => /^\d{4}_.+\.sql$/.test(name))
    .sort()
    .map((file) => ({ version: Number.parseInt(file, 10), file }));
}

/**
 * Brings our schema up to this version, in one transaction under a lock, and makes the views anew if their file
 * changed. Throws `state_newer` if the database was already used by a later version of pgnotion, and `state_views_used`
 * if the views are to be made anew and something of the users' is built on them.
 */
export async function migrate(pool: Pool): Promise<void> {
  const known = await migrations();
  const parts = await Promise.all(VIEWS.map((file) => readFile(new URL(file, FOLDER), 'utf8')));
  const work = async (sql: Sql): Promise<void> => {
    await sql.query('select pg_advisory_xact_lock($1)', [LOCKS.migration]);
    await createBookkeeping(sql);
    const rows = await sql.query<{ version: number }>('select version from pgnotion.migrations');
    const present = rows.map((row) => row.version);
    refuseNewer(Math.max(0, ...present), known.at(-1)?.version ?? 0);
    // Before the migrations: a column that a view shows cannot be changed.
    const makeViews = await takeDownViews(sql, parts.join('\n'));
    for (const { version, file } of known) {
      if (present.includes(version)) continue;
      await sql.query(await readFile(new URL(file, FOLDER), 'utf8'));
      await sql.query('insert into pgnotion.migrations (version, name) values ($1, $2)', [version, file]);
    }
    await makeViews();
  };
  await inTransaction(pool, work).catch((error: unknown) => {
    throw error instanceof pg.DatabaseError && error.code === '42501' ? notAllowed(error) : error;
  });
}

const notAllowed = (error: unknown): PgnotionError =>
  new PgnotionError({
    code: 'state_privilege',
    message: `the schema pgnotion, which holds pgnotion's own tables, cannot be made or changed: ${messageOf(error)}`,
    remedy:
      'as a superuser: run sql/grants.sql, which makes a role with all that pgnotion needs; or GRANT CREATE ON DATABASE ... TO the role of DATABASE_URL. If another role made the schema, connect as that one',
    cause: error,
  });

async function createBookkeeping(sql: Sql): Promise<void> {
  const [found] = await sql.query<{ schema: boolean; there: boolean }>(
    `select to_regnamespace('pgnotion') is not null as schema, to_regclass('pgnotion.migrations') is not null as there`,
  );
  if (found?.there) return;
  // `if not exists` asks for the right to create schemas even where there is nothing to create.
  if (!found?.schema) await sql.query('create schema pgnotion');
  await sql.query(
    'create table pgnotion.migrations (version integer primary key, name text not null, at timestamptz not null default now())',
  );
}

function refuseNewer(present: number, known: number): void {
  if (present <= known) return;
  throw new PgnotionError({
    code: 'state_newer',
    message: `the schema pgnotion is at version ${present}; this pgnotion knows ${known}`,
    remedy: 'run the pgnotion version that made it, or a later one',
  });
}
