import { type RowKey, rowKey } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { errorCode } from './pool.ts';
import { keyOfRow, keysBeside, partsOf, type UserDatabase } from './rows.ts';

const PAGE = 5_000;
const UNDEFINED_COLUMN = '42703';

/**
 * The rows whose key is another one than these columns would give, each with both. A row whose former key others would have
 * as well is left out. Null if the table has not all of these columns any more.
 */
export async function rowsByFormerKey(
  db: UserDatabase,
  table: ResolvedTable,
  columns: readonly string[],
): Promise<ReadonlyMap<RowKey, RowKey> | null> {
  const found = new Map<RowKey, RowKey>();
  try {
    for (let after: readonly string[] | null = null; ; ) {
      const { rows } = await keysBeside(table, columns, after, PAGE).execute(db);
      for (const row of rows) {
        const former = columns.map((_, at) => row[`o${at}`] ?? null);
        const key = keyOfRow(table, row);
        if (former.every((part) => part !== null) && rowKey(former) !== key) found.set(rowKey(former), key);
      }
      const last = rows.at(-1);
      if (last === undefined || rows.length < PAGE) return found;
      after = partsOf(table, last);
    }
  } catch (error) {
    if (errorCode(error) === UNDEFINED_COLUMN) return null;
    throw error;
  }
}
