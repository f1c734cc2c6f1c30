import type { RowKey } from '../model/ids.ts';
import { type ResolvedTable, softDeleteColumn } from '../model/mapping.ts';
import { isMassChange } from '../model/mass-change.ts';
import { cascadedBy } from '../postgres/cascade.ts';
import { deletionLoad, massCascade } from '../state/guarded-changes.ts';
import type { Failure } from '../state/outbox.ts';
import type { SyncContext } from '../sync/context.ts';

/** Why a row is not deleted without a decision that would take too many rows of other tables along; null if it may. */
export async function tooManyCascaded(
  { store, db, tables, guards }: SyncContext,
  table: ResolvedTable,
  key: RowKey,
): Promise<Failure | null> {
  if (softDeleteColumn(table) !== null) return null;
  const along = await cascadedBy(db, tables, table, key);
  for (const name of new Set(along.map((each) => each.table))) {
    const coming = along.filter((each) => each.table === name).length;
    const load = await deletionLoad(store, name, 'to-postgres', guards.deletion.windowMinutes);
    const all = { ...load, coming };
    if (isMassChange(all, guards.deletion)) return massCascade(all, name);
  }
  return null;
}
