import { sql } from 'kysely';
import { type RowKey, rowKey } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { quoteQualified } from './pool.ts';
import { RowKeptError } from './row-statement-error.ts';
import { keyTextsOf, tableRef, type UserDatabase } from './rows.ts';
import type { ColumnValues } from './write.ts';

/**
 * The row of an INSERT that gave none, because a trigger put it elsewhere, as into a child table: it is found by the key that
 * was given, or drawn for it. Throws RowKeptError if it is not there.
 */
export async function redirectedRow(
  transaction: UserDatabase,
  table: ResolvedTable,
  values: ColumnValues,
): Promise<RowKey> {
  const drawn = (column: string) =>
    sql`currval(pg_get_serial_sequence(${quoteQualified(table.source)}, ${column})::regclass)`;
  const given = (column: string, at: number) =>
    sql`${values[column] ?? null}::${sql.raw(table.keyTypes[at] ?? 'text')}`;
  const { rows: sequences } = await sql<{ column: string }>`
    select k as column from unnest(${table.key}::text[]) as k
     where pg_get_serial_sequence(${quoteQualified(table.source)}, k) is not null`.execute(transaction);
  const drawable = new Set(sequences.map(({ column }) => column));
  if (!table.key.every((column) => column in values || drawable.has(column)))
    throw new RowKeptError('insert', table.source);
  const same = table.key.map(
    (column, at) => sql`${sql.id(column)} = ${column in values ? given(column, at) : drawn(column)}`,
  );
  const { rows } = await sql<Readonly<Record<string, string>>>`
    select ${sql.join(keyTextsOf(table))} from ${tableRef(table)} where ${sql.join(same, sql` and `)}`.execute(
    transaction,
  );
  const [row, ...others] = rows;
  if (row === undefined || others.length > 0) throw new RowKeptError('insert', table.source);
  return rowKey(table.key.map((_, at) => row[`k${at}`] ?? ''));
}
