import type { PgnotionError } from '../model/errors.ts';
import type { LeftOut } from '../model/filtered.ts';
import type { RowKey } from '../model/ids.ts';
import { type ResolvedTable, softDeleteColumn } from '../model/mapping.ts';
import { leftOutAmong } from './left-out.ts';
import { readEach } from './read-rows.ts';
import type { UserDatabase } from './rows.ts';

type RowStates = Awaited<ReturnType<typeof readEach>> & {
  /** Rows that are there and not to be synced: see `leftOutAmong`. */
  readonly leftOut: ReadonlyMap<RowKey, LeftOut>;
};

/**
 * Rows as `readEach` gives them. Throws while somebody has the table locked: then nothing is known of any row, and nothing
 * is wrong with one.
 */
export async function readUnlocked(
  db: UserDatabase,
  table: ResolvedTable,
  keys: readonly RowKey[],
): Promise<RowStates> {
  const { rows, broken } = await readEach(db, table, keys);
  const locked = [...broken.values()].find(isLocked);
  if (locked !== undefined) throw locked;
  // A row that was read is not filtered out, and may be marked as deleted.
  const asked = softDeleteColumn(table) === null ? keys.filter((key) => !rows.has(key)) : keys;
  return { rows, broken, leftOut: await leftOutAmong(db, table, asked) };
}

const isLocked = ({ code }: PgnotionError): boolean => code === 'sql_55P03';
