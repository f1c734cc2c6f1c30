import type { TableName } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import type { Target } from '../model/references.ts';
import { serverErrorOf } from '../model/server-error.ts';
import { isConnectionLost, mayPassLater } from './connection-lost.ts';
import type { UserDatabase } from './rows.ts';
import { existingKeys } from './rows.ts';

/**
 * Which of these records have no row any more, as `table/key`. Of a table that cannot be read now, since policies hide its
 * rows or it was renamed, say, nobody can tell, and that is that table's trouble alone.
 */
export async function goneAmong(
  db: UserDatabase,
  tables: ReadonlyMap<TableName, ResolvedTable>,
  wanted: readonly Target[],
): Promise<ReadonlySet<string>> {
  const gone = new Set<string>();
  for (const name of new Set(wanted.map(({ table }) => table))) {
    const table = tables.get(name);
    if (table === undefined) continue;
    const keys = [...new Set(wanted.filter((each) => each.table === name).map(({ key }) => key))];
    const there = await existingKeys(db, table, keys).catch(unlessUnreadable);
    for (const key of keys) if (there?.has(key) === false) gone.add(`${name}/${key}`);
  }
  return gone;
}

function unlessUnreadable(error: unknown): null {
  if (isConnectionLost(error) || mayPassLater(error) || serverErrorOf(error) === null) throw error;
  return null;
}
