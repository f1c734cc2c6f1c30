import { type RawBuilder, sql } from 'kysely';
import { keyParts, type RowKey, splitQualified } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { quoteQualified } from './pool.ts';
import { RowKeptError } from './row-statement-error.ts';
import { tableRef, type UserDatabase } from './rows.ts';
import type { ColumnValues, UserTransaction } from './write.ts';

/** The table's columns that take values: all but the generated ones. */
export async function writableColumns(db: UserDatabase, table: ResolvedTable): Promise<ReadonlySet<string>> {
  const [schema, relation] = splitQualified(table.source);
  const { rows } = await sql<{ name: string }>`
    select a.attname as name from pg_attribute a
      join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = ${schema} and c.relname = ${relation}
       and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''`.execute(db);
  return new Set(rows.map((row) => row.name));
}

type LostRow = {
  readonly key: RowKey;
  /** All columns as `to_jsonb` gave them; null if only `values` are known: the others get their defaults. */
  readonly whole: string | null;
  readonly values: ColumnValues;
};

/**
 * Inserts a row that was deleted, with the key that it had, even where the key is always an identity. The JSON is taken
 * apart by PostgreSQL alone, so that no value passes through a number of ours.
 */
export async function insertAgain(
  transaction: UserTransaction,
  table: ResolvedTable,
  columns: ReadonlySet<string>,
  row: LostRow,
): Promise<void> {
  const known: ReadonlyMap<string, RawBuilder<unknown>> = new Map([
    ...namesIn(row.whole).map((name) => [name, sql`lost.${sql.id(name)}`] as const),
    ...Object.entries(row.values).map(
      ([name, text]) => [name, sql`${text}::${sql.raw(table.columnTypes[name] ?? 'text')}`] as const,
    ),
    ...keyParts(row.key, table.key.length).map((part, at) => {
      const type = sql.raw(table.keyTypes[at] ?? 'text');
      return [table.key[at] ?? '', sql`${part}::${type}`] as const;
    }),
  ]);
  const taken = [...known].filter(([name]) => columns.has(name));
  const { numAffectedRows } = await sql`
    insert into ${tableRef(table)} (${sql.join(taken.map(([name]) => sql.id(name)))}) overriding system value
    select ${sql.join(taken.map(([, value]) => value))}
      from jsonb_populate_record(null::${tableRef(table)}, ${row.whole ?? '{}'}::jsonb) as lost`.execute(
    transaction,
  );
  if (numAffectedRows === 0n) throw new RowKeptError('insert', table.source);
  await passSequences(transaction, table, row.key);
}

/**
 * A sequence that was set back since the row was deleted would give its key to the application's next row, whose INSERT
 * would fail (invariant 17). Not for a key in the upper half of the range: nobody knows that it came from the sequence,
 * and what lies beyond it may soon be used up.
 */
export async function passSequences(
  transaction: UserTransaction,
  table: ResolvedTable,
  key: RowKey,
): Promise<void> {
  const integers = table.keyTypes.flatMap((type, at) =>
    ['smallint', 'integer', 'bigint'].includes(type) ? [at] : [],
  );
  for (const at of integers)
    await sql`
      select case when has_sequence_privilege(s.seqrelid, 'UPDATE') and has_sequence_privilege(s.seqrelid, 'SELECT')
        then case when coalesce(pg_sequence_last_value(s.seqrelid), s.seqstart - 1) < k.value
          then setval(s.seqrelid, k.value)::text end end
        from (select ${keyParts(key, table.key.length)[at]}::bigint as value) as k
        join pg_sequence s
          on s.seqrelid = pg_get_serial_sequence(${quoteQualified(table.source)}, ${table.key[at]})::regclass
       where s.seqincrement > 0 and k.value < s.seqmax / 2`.execute(transaction);
}

/** The names alone: the values are PostgreSQL's to read. */
const namesIn = (json: string | null): string[] =>
  json === null ? [] : Object.keys(JSON.parse(json) as Readonly<Record<string, unknown>>);
