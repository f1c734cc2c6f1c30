import type { TableName } from '../model/ids.ts';
import type { Sql } from './sql.ts';

/**
 * Tries again, and at once, what was set aside or waits after a failure: what it failed of may be over. What a person has to
 * decide is guarded again.
 */
export async function retryParked(sql: Sql, table: TableName): Promise<void> {
  await sql.query(
    `select pgnotion.wake(table_name, key) from pgnotion.outbox
      where table_name = $1 and (parked_at is not null or attempts > 0)`,
    [table],
  );
}
