import { rowsByFormerKey } from '../postgres/former-keys.ts';
import { rekey, voidRelationBases } from '../state/rekeys.ts';
import { compareAgain, readSources, saveKeyColumns } from '../state/sources.ts';
import type { Store } from '../state/sql.ts';
import { relationsTo } from '../to-notion/rekey.ts';
import type { Installation } from './connections.ts';

/**
 * A table whose key has other columns in the configuration than its records are known by: each row keeps its page, under its
 * new key. A column that is gone may only be called otherwise, so that nothing is moved. To be done before anything is
 * delivered or captured.
 */
export async function followKeyColumns(
  { db, tables, log }: Pick<Installation, 'db' | 'tables' | 'log'>,
  store: Store,
): Promise<void> {
  const sources = await readSources(store);
  for (const table of tables) {
    const columns = sources.get(table.name)?.keyColumns;
    if (columns === undefined || columns?.join() === table.key.join()) continue;
    const moved = columns === null ? null : await rowsByFormerKey(db, table, columns);
    const moves = [...(moved ?? [])].map(([from, to]) => ({ table: table.name, from, to }));
    await store.transaction(async (sql) => {
      if (moved !== null) {
        await rekey(sql, table.name, moves);
        for (const relation of relationsTo(table.name, tables)) await voidRelationBases(sql, moves, relation);
        await compareAgain(sql, [table.name]);
      }
      await saveKeyColumns(sql, table.name, table.key);
    });
    if (columns !== null)
      log.warn(
        { table: table.name, before: columns, now: table.key, rows: moves.length },
        'the key has other columns',
      );
  }
}
