import { sql } from 'kysely';
import { type RowKey, splitQualified } from '../model/ids.ts';
import { type ResolvedTable, softDeleteColumn } from '../model/mapping.ts';
import { keptRow } from './kept-row.ts';
import { RowKeptError } from './row-statement-error.ts';
import { existingKeys, keyCondition, tableRef, type UserDatabase } from './rows.ts';
import type { UserTransaction } from './write.ts';

/** A row as JSON text, whole: what brings it back (invariant 7). */
type RowText = string;

/** Whether the row is marked as deleted; null if there is none. */
export async function isSoftDeleted(
  db: UserDatabase,
  table: ResolvedTable,
  key: RowKey,
  column: string,
): Promise<boolean | null> {
  const set =
    table.columnTypes[column] === 'boolean'
      ? sql`${sql.id(column)} is true`
      : sql`${sql.id(column)} is not null`;
  const { rows } = await sql<{ set: string }>`
    select (${set})::text as set from ${tableRef(table)} where ${keyCondition(table, key)}`.execute(db);
  return rows[0] === undefined ? null : rows[0].set === 'true';
}

/** Of these keys those whose rows are marked as deleted. */
export async function softDeletedKeys(
  db: UserDatabase,
  table: ResolvedTable,
  keys: readonly RowKey[],
): Promise<ReadonlySet<RowKey>> {
  const column = softDeleteColumn(table);
  if (column === null) return new Set();
  const set = sql.id(splitQualified(table.source)[1], column);
  const is = table.columnTypes[column] === 'boolean' ? sql`${set} is true` : sql`${set} is not null`;
  return existingKeys(db, table, keys, is);
}

/**
 * Marks a row as deleted, or takes that back, and returns it as it was before and is now; null if there is none or if
 * nothing was to be done. The caller holds the row's lock.
 */
export async function setSoftDeleted(
  transaction: UserTransaction,
  table: ResolvedTable,
  { key, column, deleted }: { readonly key: RowKey; readonly column: string; readonly deleted: boolean },
): Promise<{ readonly before: RowText; readonly after: RowText } | null> {
  if ((await isSoftDeleted(transaction, table, key, column)) === deleted) return null;
  const isBoolean = table.columnTypes[column] === 'boolean';
  const value = isBoolean ? sql`${deleted}::boolean` : deleted ? sql`now()` : sql`null`;
  const condition = keyCondition(table, key);
  const read = async (): Promise<RowText | undefined> =>
    (
      await sql<{ row: RowText }>`
        select ${keptRow('present')} as row from ${tableRef(table)} as present where ${condition}`.execute(
        transaction,
      )
    ).rows[0]?.row;
  const before = await read();
  if (before === undefined) return null;
  await sql`update ${tableRef(table)} set ${sql.id(column)} = ${value} where ${condition}`.execute(
    transaction,
  );
  if ((await isSoftDeleted(transaction, table, key, column)) !== deleted)
    throw new RowKeptError('update', table.source);
  return { before, after: (await read()) ?? before };
}
