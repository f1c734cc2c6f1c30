import { sql } from 'kysely';
import type { RowKey } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { recoverably } from './read-rows.ts';
import { committedAt, keyOfRow, type TextRow, type UserDatabase } from './rows.ts';

/**
 * When these rows were committed as they are, as far as the server knows: with `track_commit_timestamp`, of rows of a table
 * that were written since it is on.
 */
export async function commitTimes(
  db: UserDatabase,
  table: ResolvedTable,
  keys: readonly RowKey[],
): Promise<ReadonlyMap<RowKey, Date>> {
  const tracked = await sql<{ on: string }>`select current_setting('track_commit_timestamp') as on`.execute(
    db,
  );
  if (tracked.rows[0]?.on !== 'on' || keys.length === 0) return new Map();
  // A view has no xmin.
  const found = await recoverably(db, () => committedAt(table, keys).execute(db));
  return new Map(
    (found?.rows ?? []).flatMap((row: TextRow) =>
      row.at == null ? [] : [[keyOfRow(table, row), new Date(Number(row.at))] as const],
    ),
  );
}
