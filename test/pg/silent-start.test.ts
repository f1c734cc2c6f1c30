import { expect, test } from 'vitest';
import { openInstallation } from '../../src/app/connections.ts';
import { readEnvironment } from '../../src/config/environment.ts';
import { parseConfig } from '../../src/config/mapping-file.ts';
import { silentLog } from '../../src/runtime/log.ts';
import { createDatabase } from '../support/postgres.ts';
import { shopConfig, shopSchema } from '../support/shop.ts';

test('a PostgreSQL that falls silent on the way up is given up, with every connection, and tells what it was asked', async () => {
  await using database = await createDatabase();
  await database.pool.query(shopSchema);
  const config = parseConfig(shopConfig);
  const environment = readEnvironment({ DATABASE_URL: database.url, NOTION_API_KEY: 'secret' }, config);
  const open = (migrationMs?: number) =>
    openInstallation(config, environment, silentLog(), migrationMs === undefined ? {} : { migrationMs });
  await (await open()).close();

  const holder = await database.pool.connect();
  await holder.query('select pg_advisory_lock(7420001)');
  await expect(open(2_000)).rejects.toThrow(
    'bringing the schema pgnotion up to date: no answer within 2000 ms',
  );
  const { rows } = await holder.query(
    `select from pg_stat_activity where datname = current_database() and application_name like 'pgnotion%'
        and application_name <> 'pgnotion test' and state <> 'active'`,
  );
  expect(rows).toEqual([]);
  await holder.query('select pg_advisory_unlock(7420001)');
  holder.release();
  await (await open()).close();
});
