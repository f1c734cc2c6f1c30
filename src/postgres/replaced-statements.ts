import { type RawBuilder, sql } from 'kysely';
import { keyParts, type RowKey, rowKey } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { keptRow } from './kept-row.ts';
import { existingKeys, keyCondition, tableRef, type UserDatabase } from './rows.ts';
import type { ColumnValues } from './write.ts';

/**
 * An INSTEAD rule, even one whose condition leaves most rows alone, makes each statement with RETURNING fail that the
 * application's own pass without. What a statement did is asked for afterwards there.
 */
export async function updateReplaced(
  transaction: UserDatabase,
  table: ResolvedTable,
  key: RowKey,
  { update, values }: { readonly update: RawBuilder<unknown>; readonly values: ColumnValues },
): Promise<RowKey | null> {
  const { numAffectedRows } = await update.execute(transaction);
  if (numAffectedRows === 0n) return null;
  const parts = keyParts(key, table.key.length);
  const now = rowKey(table.key.map((column, at) => values[column] ?? parts[at] ?? ''));
  const [found] = await existingKeys(transaction, table, [now]);
  return found ?? key;
}

/** Deletes a row and gives it as JSON text; where a rule may replace the statement, the row may be there still. */
export async function deleteAndKeep(
  transaction: UserDatabase,
  table: ResolvedTable,
  key: RowKey,
): Promise<string | undefined> {
  const condition = keyCondition(table, key);
  const kept = sql<{ row: string }>`${keptRow('gone')} as row`;
  if (!table.replaced.includes('delete')) {
    const { rows } = await sql<{ row: string }>`
      delete from ${tableRef(table)} as gone where ${condition} returning ${kept}`.execute(transaction);
    return rows[0]?.row;
  }
  const { rows } = await sql<{ row: string }>`
    select ${kept} from ${tableRef(table)} as gone where ${condition} for update`.execute(transaction);
  await sql`delete from ${tableRef(table)} where ${condition}`.execute(transaction);
  return rows[0]?.row;
}
