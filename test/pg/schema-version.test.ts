import { expect, test } from 'vitest';
import { migrate } from '../../src/state/migrate.ts';
import { isStatePresent } from '../../src/state/schema-version.ts';
import { createStore } from '../../src/state/sql.ts';
import { createDatabase } from '../support/postgres.ts';

test('our schema is absent, present, or of another version, and is left as it is', async () => {
  await using database = await createDatabase();
  const sql = createStore(database.pool, 0);
  expect(await isStatePresent(sql)).toBe(false);
  await migrate(database.pool);
  expect(await isStatePresent(sql)).toBe(true);
  await database.pool.query(
    'delete from pgnotion.migrations where version = (select max(version) from pgnotion.migrations)',
  );
  await expect(isStatePresent(sql)).rejects.toMatchObject({
    code: 'state_other_version',
    message: expect.stringContaining('1 migrations are missing, 0 are unknown'),
  });
  await database.pool.query(`insert into pgnotion.migrations (version, name) values (9999, 'later')`);
  await expect(isStatePresent(sql)).rejects.toMatchObject({
    message: expect.stringContaining('1 are unknown'),
  });
});
