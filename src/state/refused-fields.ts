import type { RowKey, TableName } from '../model/ids.ts';
import type { RefusedField } from '../model/refused-field.ts';
import type { Sql } from './sql.ts';

/** Why a line is parked one of whose fields Notion refused. */
export const FIELD_REFUSED = 'field_refused';

/** Stands for all records: a refusal of the property itself. */
const ALL = '';

/** The refused fields of a record, those of the whole table among them, as JSON: a part of another statement. */
export const refusedFieldsJson = (table: string, key: string): string =>
  `(select coalesce(jsonb_agg(jsonb_build_object('field', f.field, 'own', f.own, 'value', nullif(f.value, ''),
             'reason', f.reason, 'remedy', f.remedy)), '[]')
      from pgnotion.refused_fields f where f.table_name = ${table} and f.key in (${key}, '${ALL}'))`;

/** Those that Notion refuses to all records of a table. */
export const refusedOfTable = (sql: Sql, table: TableName): Promise<Pick<RefusedField, 'field' | 'own'>[]> =>
  sql.query('select field, own from pgnotion.refused_fields where table_name = $1 and key = $2', [
    table,
    ALL,
  ]);

/** `key` null: the property is refused to all records of the table. */
export async function keepRefusedField(
  sql: Sql,
  refused: RefusedField & {
    readonly table: TableName;
    readonly key: RowKey | null;
    readonly code: string;
    /** Tells the schema under which it was refused; null if it is not known. */
    readonly schema: string | null;
  },
): Promise<void> {
  await sql.query(
    `insert into pgnotion.refused_fields as r (table_name, key, field, own, value, schema, code, reason, remedy)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
     on conflict (table_name, key, field) do update
       set own = excluded.own, value = excluded.value, schema = excluded.schema, code = excluded.code,
           reason = excluded.reason, remedy = excluded.remedy`,
    [
      refused.table,
      refused.key ?? ALL,
      refused.field,
      refused.own,
      refused.value ?? '',
      refused.schema,
      refused.code,
      refused.reason,
      refused.remedy,
    ],
  );
}

/** They were written, or it was not about them after all. */
export async function dropRefusedFields(
  sql: Sql,
  table: TableName,
  key: RowKey,
  fields: readonly string[],
): Promise<void> {
  await sql.query(
    'delete from pgnotion.refused_fields where table_name = $1 and key = $2 and field = any($3::text[])',
    [table, key, fields],
  );
}

/** The schemas under which fields of a table stand refused; empty if none does. */
export async function refusingSchemas(sql: Sql, table: TableName): Promise<readonly (string | null)[]> {
  const rows = await sql.query<{ schema: string | null }>(
    'select distinct schema from pgnotion.refused_fields where table_name = $1',
    [table],
  );
  return rows.map(({ schema }) => schema);
}

/** Keeps the schema for what was refused while it could not be read. */
export async function noteSchema(sql: Sql, table: TableName, schema: string): Promise<void> {
  await sql.query('update pgnotion.refused_fields set schema = $2 where table_name = $1 and schema is null', [
    table,
    schema,
  ]);
}

/** The schema is another one: all that was refused under the old one is tried again. */
export async function releaseRefused(sql: Sql, table: TableName, schema: string): Promise<void> {
  await sql.query(
    'delete from pgnotion.refused_fields where table_name = $1 and schema is distinct from $2',
    [table, schema],
  );
  await sql.query(
    `select pgnotion.wake(table_name, key) from pgnotion.outbox
      where table_name = $1 and code = $2 and parked_at is not null`,
    [table, FIELD_REFUSED],
  );
}
