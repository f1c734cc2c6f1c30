import type { PageImage, SqlText } from '../model/change.ts';
import type { PageId, RowKey, TableName } from '../model/ids.ts';
import { type FieldMapping, goesToNotion, type ResolvedField, type ResolvedTable } from '../model/mapping.ts';
import type { SyncRecord } from './records.ts';
import { compareAgain } from './sources.ts';
import type { Sql } from './sql.ts';

/**
 * Voids the base of these fields for all records of a table, because the life of their properties was interrupted: what a
 * page shows or lacks there now is nobody's edit. All rows are compared, so that PostgreSQL's values are written again. A
 * field that only comes from Notion keeps the row's side of its base, or gets one: by that `mergeField` tells a void base
 * from a first contact. Belongs at the end of a transaction, since it locks many records.
 */
export async function voidBase(
  sql: Sql,
  { name, fields: mapped }: Pick<ResolvedTable, 'name' | 'fields'>,
  fields: readonly string[],
): Promise<void> {
  const concerned = mapped.filter(({ property }) => fields.includes(property));
  if (concerned.length === 0) return;
  const written = concerned.filter(goesToNotion).map(({ property }) => property);
  const read = concerned.filter((field) => !goesToNotion(field)).map(({ property }) => property);
  await sql.query(
    `update pgnotion.records
        set base_page = base_page - $2::text[] - $3::text[],
            base_row = (select coalesce(jsonb_object_agg(f, null::text), '{}') from unnest($3::text[]) f where base_page ? f)
                       || (base_row - $2::text[])
      where table_name = $1 and base_page <> '{}'`,
    [name, written, read],
  );
  await compareAgain(sql, [name]);
}

/** Voids the base of these fields for one record, by the same rule. */
export async function voidRecord(
  sql: Sql,
  { table, key }: Pick<SyncRecord, 'table' | 'key'>,
  mapped: readonly ResolvedField[],
  fields: readonly string[],
): Promise<void> {
  const written = mapped
    .filter((field) => goesToNotion(field) && fields.includes(field.property))
    .map(({ property }) => property);
  await sql.query(
    `update pgnotion.records set base_row = base_row - $3::text[], base_page = base_page - $4::text[], synced_at = clock_timestamp()
      where table_name = $1 and key = $2`,
    [table, key, written, fields],
  );
}

/**
 * The page shows nothing in these fields, by nobody's edit, and their rows' values belong there. What is typed from now on is an
 * edit. For fields that stand still: `blank` is what their properties hold.
 */
export async function settleBlank(
  sql: Sql,
  { table, key }: Pick<SyncRecord, 'table' | 'key'>,
  mapped: readonly FieldMapping[],
  blank: PageImage,
): Promise<void> {
  const written = mapped.filter((field) => goesToNotion(field) && field.property in blank);
  await sql.query(
    `update pgnotion.records set base_row = base_row - $3::text[], base_page = base_page || $4::jsonb
      where table_name = $1 and key = $2`,
    [table, key, written.map(({ property }) => property), JSON.stringify(blank)],
  );
}

/**
 * Fields of both directions that can be synced again, which rows and pages were made without meanwhile: a row that was made from
 * its page, and is still empty there, takes what the page shows (see `mergeField`). What has a base keeps it.
 */
export async function beginBase(sql: Sql, table: TableName, fields: readonly string[]): Promise<void> {
  for (const field of fields)
    await sql.query(
      `update pgnotion.records set base_row = base_row || jsonb_build_object($2::text, null)
        where table_name = $1 and state = 'linked' and not base_page ? $2 and not base_row ? $2`,
      [table, field],
    );
}

/**
 * Leaves a field of these records to what their pages show, because its column is another one by now and holds nothing of theirs.
 * `text` is what the rows hold there, null or the column's default: by a base of it and of an empty page, what the page shows is
 * news for the row. A page that shows nothing is left alone, and so is a row that has taken what its page shows since a time of
 * PostgreSQL's clock: what it lacks by now, somebody has emptied. Returns how many records that is about.
 */
export async function leaveToPages(
  sql: Sql,
  table: TableName,
  field: string,
  { keys, text, since }: { readonly keys: readonly RowKey[]; readonly text: SqlText; readonly since: number },
): Promise<number> {
  if (keys.length === 0) return 0;
  const left = await sql.query(
    `update pgnotion.records r
        set base_row = base_row || jsonb_build_object($2::text, $4::text),
            base_page = base_page || jsonb_build_object($2::text, null)
      where table_name = $1 and key = any($3::text[])
        and base_page -> $2 not in ('null', '""', '[]', 'false')
        and not exists (select from pgnotion.operations o
                         where o.table_name = r.table_name and o.key = r.key and o.direction = 'to-postgres'
                           and o.status = 'done' and $2 = any(o.fields) and o.started_at >= to_timestamp($5 / 1000.0))
      returning 1`,
    [table, field, keys, text, since],
  );
  return left.length;
}

/**
 * Voids the base of relations that show a page which is given up: what their rows refer to gets another page, or none, though
 * their values read the same. Reads all records, so it is for single pages.
 */
export const voidShowing = (sql: Sql, page: PageId): Promise<unknown> =>
  sql.query(
    `with showing as (
       select r.table_name, r.key, array_agg(e.key) as fields
         from pgnotion.records r cross join jsonb_each(r.base_page) as e (key, value)
        where r.state = 'linked' and jsonb_typeof(e.value) = 'array' and e.value ? $1 group by 1, 2),
     voided as (
       update pgnotion.records r set base_row = r.base_row - s.fields from showing s
        where r.table_name = s.table_name and r.key = s.key returning r.table_name, r.key)
     select pgnotion.enqueue(array_agg(table_name), array_agg(key), 'write') from voided having count(*) > 0`,
    [page],
  );
