import { Kysely, PostgresDialect } from 'kysely';
import { type ConfigInput, parseConfig } from '../../src/config/mapping-file.ts';
import type { ResolvedTable } from '../../src/model/mapping.ts';
import { createPool } from '../../src/postgres/pool.ts';
import { resolveTables } from '../../src/postgres/resolve.ts';
import type { UserDatabase } from '../../src/postgres/rows.ts';
import { createWriter, type Writer } from '../../src/postgres/writer.ts';
import { silentLog } from '../../src/runtime/log.ts';
import { createDatabase, type TestDatabase } from './postgres.ts';

/** A database with a user's tables, reached as the daemon reaches them: values stay text. */
export type UserTables = {
  readonly database: TestDatabase;
  readonly db: UserDatabase;
  readonly writer: Writer;
  /** Joins the mapping of these tables with the catalog. */
  readonly resolve: (tables: ConfigInput['tables']) => Promise<readonly ResolvedTable[]>;
  readonly one: (table: ConfigInput['tables'][string]) => Promise<ResolvedTable>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

/** `serverUrl`: another server than the run's. */
export async function createTables(ddl: string, serverUrl?: string): Promise<UserTables> {
  const database = await createDatabase(undefined, serverUrl);
  await database.pool.query(ddl);
  const pool = createPool({
    url: database.url,
    max: 5,
    raw: true,
    applicationName: 'user tables',
    log: silentLog(),
  });
  const db: UserDatabase = new Kysely({ dialect: new PostgresDialect({ pool }) });
  const resolve: UserTables['resolve'] = (tables) => resolveTables(pool, parseConfig({ tables }).tables);
  return {
    database,
    db,
    writer: createWriter(db),
    resolve,
    one: async (table) => {
      const [resolved] = await resolve({ one: table });
      if (resolved === undefined) throw new Error('resolved no table');
      return resolved;
    },
    [Symbol.asyncDispose]: async () => {
      await db.destroy();
      await database.drop();
    },
  };
}
