import { readFile } from 'node:fs/promises';
import { migrations } from '../../src/state/migrate.ts';
import { createDatabase, type TestDatabase } from './postgres.ts';

/** A database whose state the migrations up to `version` made, as an installation of that time left it. */
export async function createOlderState(version: number): Promise<TestDatabase> {
  const database = await createDatabase();
  const { pool } = database;
  await pool.query(`create schema pgnotion;
    create table pgnotion.migrations (version integer primary key, name text not null, at timestamptz not null default now())`);
  for (const each of (await migrations()).filter((one) => one.version <= version)) {
    await pool.query(await readFile(new URL(`../../sql/${each.file}`, import.meta.url), 'utf8'));
    await pool.query('insert into pgnotion.migrations (version, name) values ($1, $2)', [
      each.version,
      each.file,
    ]);
  }
  // The views of that time, which this version makes anew.
  await pool.query(`create view pgnotion.queue as select * from pgnotion.outbox;
    create view pgnotion.status as select r.*, e.digest from pgnotion.records r left join pgnotion.edits e using (page_id);
    insert into pgnotion.settings (name, value) values ('views', '"older"')`);
  return database;
}
