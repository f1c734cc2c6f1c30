import type { TableName } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import type { UserDatabase } from '../postgres/rows.ts';
import { vanishedNames } from '../postgres/vanished-names.ts';
import type { PendingChanges } from './pending-changes.ts';

/** The tables whose rows have to be compared, because what is held does not say which of them changed. */
export async function unreadableTables(
  { db, tables }: { readonly db: UserDatabase; readonly tables: readonly ResolvedTable[] },
  pending: PendingChanges,
): Promise<readonly TableName[]> {
  const found = new Set(pending.compared);
  // A table of ours was called so while it changed: which one, nobody can say any more.
  if ((await vanishedNames(db, [...pending.strangers])).length > 0)
    for (const { name } of tables) found.add(name);
  return [...found];
}
