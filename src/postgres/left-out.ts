import type { LeftOut } from '../model/filtered.ts';
import type { RowKey } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { isConnectionLost } from './connection-lost.ts';
import { presentEach } from './read-rows.ts';
import { existingKeys, type UserDatabase } from './rows.ts';
import { softDeletedKeys } from './soft-delete.ts';

/**
 * Of these keys those whose rows are there and not to be synced. A row may come between two questions: it is none then, and
 * neither is one for which the condition itself fails, since reading that row says so.
 */
export async function leftOutAmong(
  db: UserDatabase,
  table: ResolvedTable,
  keys: readonly RowKey[],
): Promise<ReadonlyMap<RowKey, LeftOut>> {
  const found = new Map<RowKey, LeftOut>();
  if (table.query !== null)
    for (const key of await filteredAmong(db, table, keys)) found.set(key, 'filtered');
  for (const key of await softDeletedKeys(db, table, keys)) found.set(key, 'soft');
  return found;
}

async function filteredAmong(
  db: UserDatabase,
  table: ResolvedTable,
  keys: readonly RowKey[],
): Promise<readonly RowKey[]> {
  try {
    const there = [...(await existingKeys(db, table, keys))];
    const { present, broken } = await presentEach(db, table, there);
    return there.filter((key) => !present.has(key) && !broken.has(key));
  } catch (error) {
    if (isConnectionLost(error)) throw error;
    if (keys.length <= 1) return [];
    const half = Math.ceil(keys.length / 2);
    const left = await filteredAmong(db, table, keys.slice(0, half));
    return [...left, ...(await filteredAmong(db, table, keys.slice(half)))];
  }
}
