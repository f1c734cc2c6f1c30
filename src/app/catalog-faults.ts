import { type Fault, messageOf, PgnotionError } from '../model/errors.ts';
import type { ConflictStrategy, TableMapping } from '../model/mapping.ts';
import { briefQueries } from '../postgres/brief-queries.ts';
import { createPool, describeConnectError, severPool } from '../postgres/pool.ts';
import { everythingWrong } from '../postgres/resolve-each.ts';
import { ping } from '../postgres/server-identity.ts';
import { silentLog } from '../runtime/log.ts';
import { within } from '../runtime/retry.ts';

const PATIENCE_MS = 15_000;
const GOODBYE_MS = 3_000;

/**
 * What the database says against the tables of a configuration that has other faults, so that all are told in one round.
 * A database that cannot be reached is a fault of the address. Changes nothing.
 */
export async function databaseFaults(
  url: string,
  tables: readonly TableMapping[],
  strategy: ConflictStrategy,
): Promise<readonly Fault[]> {
  const pool = createPool({ url, max: 1, raw: false, applicationName: 'pgnotion state', log: silentLog() });
  try {
    await ping(pool).catch((error: unknown) => {
      throw describeConnectError(error, url);
    });
    const looking = everythingWrong(briefQueries(pool), tables, strategy);
    return (await within(PATIENCE_MS, 'reading the catalog', looking))?.faults ?? [];
  } catch (error) {
    const remedy =
      error instanceof PgnotionError ? error.remedy : 'check that PostgreSQL answers at that address';
    return [{ path: 'DATABASE_URL', message: messageOf(error), remedy }];
  } finally {
    await within(GOODBYE_MS, 'the good-bye', pool.end()).catch(() => severPool(pool));
  }
}
