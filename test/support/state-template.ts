import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { createPool } from '../../src/postgres/pool.ts';
import { silentLog } from '../../src/runtime/log.ts';
import { migrate } from '../../src/state/migrate.ts';
import { asAdmin, inDatabase } from './postgres.ts';

export type StateTemplate = { readonly name: string; readonly drop: () => Promise<void> };

/** Makes a database with our schema that others can be copied from. A copy takes a fifth of what the migrations do. */
export async function createStateTemplate(serverUrl: string): Promise<StateTemplate> {
  const name = `t_${process.pid}_state_${randomBytes(4).toString('hex')}`;
  const quoted = pg.escapeIdentifier(name);
  await asAdmin(serverUrl, (admin) => admin.query(`CREATE DATABASE ${quoted}`));
  const url = inDatabase(serverUrl, name);
  const pool = createPool({ url, max: 1, raw: false, applicationName: 'pgnotion test', log: silentLog() });
  // A database that somebody is connected to cannot be copied.
  await migrate(pool).finally(() => pool.end());
  return {
    name,
    drop: async () => {
      await asAdmin(serverUrl, (admin) => admin.query(`DROP DATABASE IF EXISTS ${quoted} WITH (FORCE)`));
    },
  };
}
