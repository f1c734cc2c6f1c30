import type { TableName } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import type { Target } from '../model/references.ts';
import type { UserDatabase } from './rows.ts';
import { existingKeys } from './rows.ts';

/** Which of these records have no row any more, as `table/key`. */
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
    const there = await existingKeys(db, table, keys);
    for (const key of keys) if (!there.has(key)) gone.add(`${name}/${key}`);
  }
  return gone;
}
