import type { ChangeTimes } from '../model/conflict.ts';
import type { RowKey, TableName } from '../model/ids.ts';
import type { Sql } from './sql.ts';

/** When the row's change that still waits here was committed; null if none waits. */
export async function changedAtOf(sql: Sql, table: TableName, key: RowKey): Promise<Date | null> {
  return (await changeTimesOf(sql, table, key)).changedAt;
}

/** The same, field by field as far as the log told it, and what PostgreSQL's clock shows. */
export async function changeTimesOf(
  sql: Sql,
  table: TableName,
  key: RowKey,
): Promise<ChangeTimes & { readonly now: Date }> {
  // As numbers, because the users' own connections leave times as they are.
  const [row] = await sql.query<{ now: number; at: number | null; fields: string | null }>(
    `select (extract(epoch from clock_timestamp()) * 1000)::float8 as now,
            (extract(epoch from o.changed_at) * 1000)::float8 as at, o.field_times::text as fields
       from (select) as one
       left join pgnotion.outbox o on o.table_name = $1 and o.key = $2 and o.kind = 'write'`,
    [table, key],
  );
  const times = JSON.parse(row?.fields ?? '{}') as Record<string, { readonly at: string }>;
  return {
    now: new Date(Number(row?.now)),
    changedAt: row?.at == null ? null : new Date(Number(row.at)),
    fields: Object.fromEntries(Object.entries(times).map(([name, { at }]) => [name, new Date(at)])),
  };
}

/** When changes of these rows were committed that the log told of and that wait. */
export async function capturedTimes(
  sql: Sql,
  table: TableName,
  keys: readonly RowKey[],
): Promise<ReadonlyMap<RowKey, Date>> {
  const rows = await sql.query<{ key: RowKey; at: number }>(
    `select key, (extract(epoch from changed_at) * 1000)::float8 as at from pgnotion.outbox
      where table_name = $1 and key = any($2::text[]) and kind = 'write' and lsn is not null`,
    [table, keys],
  );
  return new Map(rows.map(({ key, at }) => [key, new Date(Number(at))]));
}
