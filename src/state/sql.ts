import type pg from 'pg';
import type { Pool } from 'pg';

/** Something that runs statements: a pool, or one connection inside a transaction. */
export type Sql = {
  readonly query: <Row extends object>(text: string, values?: readonly unknown[]) => Promise<Row[]>;
};

/** Our own schema, as one daemon may use it. */
export type Store = Sql & {
  /** Runs `work` in one transaction that fails if another daemon has taken over. */
  readonly transaction: <T>(work: (sql: Sql) => Promise<T>) => Promise<T>;
  /** The number of this daemon: see `pgnotion.fence`. */
  readonly epoch: number;
};

/** Fails unless this daemon is still the one that syncs: for transactions on other connections than the state's own. */
export const fence = (sql: Sql, epoch: number): Promise<unknown> =>
  sql.query('select pgnotion.fence($1)', [epoch]);

const over = (client: Pick<pg.ClientBase, 'query'>): Sql => ({
  query: async <Row extends object>(text: string, values: readonly unknown[] = []) =>
    (await client.query<Row>(text, [...values])).rows,
});

export function createStore(pool: Pool, epoch: number): Store {
  return {
    ...over(pool as unknown as Pick<pg.ClientBase, 'query'>),
    epoch,
    // Both in one message to the server: a transaction costs no more than its commit.
    transaction: (work) => inTransaction(pool, work, `begin; select pgnotion.fence(${BigInt(epoch)})`),
  };
}

/** What stands for our schema where there is none: nothing is known, and nothing can be kept. */
export const NO_STATE: Store = {
  query: async () => [],
  transaction: () => Promise.reject(new Error('there is no schema to write to')),
  epoch: 0,
};

/** One transaction on one connection. A connection whose rollback fails is not given back to the pool. */
export async function inTransaction<T>(
  pool: Pool,
  work: (sql: Sql) => Promise<T>,
  begin = 'begin',
): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query(begin);
    const result = await work(over(client));
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch((failure: Error) => {
      broken = failure;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}

/** A transaction that met another one: PostgreSQL undid it, and the same statements may pass now. */
const MET_ANOTHER: ReadonlySet<unknown> = new Set(['40P01', '40001']);
const MOST_TRIES = 5;

/**
 * One transaction of a command, which runs beside a daemon: where the two lock the same rows in different orders, PostgreSQL
 * ends one of them, and the command begins anew. `work` has no other effect than its statements.
 */
export async function inCommandTransaction<T>(pool: Pool, work: (sql: Sql) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await inTransaction(pool, work);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : null;
      if (tries === MOST_TRIES || !MET_ANOTHER.has(code)) throw error;
    }
  }
}
