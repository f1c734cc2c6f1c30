import type { Json } from '../model/change.ts';
import type { DataSourceId, TableName } from '../model/ids.ts';
import { canonicalJson, sameJson } from '../model/json.ts';
import { type KnownProperty, type KnownSchema, knownByIds } from '../model/schema/known.ts';
import type { Sql } from './sql.ts';

/** What is known of the properties that a table is mapped to in this data source; empty before the first contact. */
export async function readKnown(sql: Sql, table: TableName, dataSource: DataSourceId): Promise<KnownSchema> {
  const rows = await sql.query<KnownProperty & { property: string }>(
    `select property, id, name, type, source, target, options, default_option as "defaultOption", interruption
       from pgnotion.properties where table_name = $1 and data_source_id = $2 order by property`,
    [table, dataSource],
  );
  if (rows.length === 0) return readIdsAlone(sql, table, dataSource);
  return Object.fromEntries(rows.map(({ property, ...known }) => [property, known]));
}

/** Has nobody else settle this table's schema until the transaction ends. */
export async function lockSchema(sql: Sql, table: TableName): Promise<void> {
  await sql.query('select from pgnotion.data_sources where table_name = $1 for update', [table]);
}

/** What an older version kept: ids alone, as Notion's answers have them. */
async function readIdsAlone(sql: Sql, table: TableName, dataSource: DataSourceId): Promise<KnownSchema> {
  const [row] = await sql.query<{ properties: Record<string, string> }>(
    'select properties from pgnotion.data_sources where table_name = $1 and data_source_id = $2',
    [table, dataSource],
  );
  return knownByIds(row?.properties ?? {});
}

/** Keeps what is known now instead of `before`, and which properties can be read and written. True if anything of it is new. */
export async function saveKnown(
  sql: Sql,
  at: { readonly table: TableName; readonly dataSource: DataSourceId },
  {
    before,
    known,
    usable,
  }: {
    readonly before: KnownSchema;
    readonly known: KnownSchema;
    readonly usable: {
      readonly ids: Readonly<Record<string, string>>;
      readonly keys: Readonly<Record<string, string>>;
    };
  },
): Promise<boolean> {
  const [row] = await sql.query<{ properties: Json; keys: Json }>(
    'select properties, keys from pgnotion.data_sources where table_name = $1',
    [at.table],
  );
  const same =
    sameJson(before as unknown as Json, known as unknown as Json) &&
    sameJson(row?.properties ?? null, usable.ids) &&
    sameJson(row?.keys ?? null, usable.keys);
  if (same) return false;
  await sql.query('delete from pgnotion.properties where table_name = $1', [at.table]);
  await sql.query(
    `insert into pgnotion.properties (table_name, property, data_source_id, id, name, type, source, target, options, default_option, interruption)
     select $1, p.key, $2, k.id, k.name, k.type, k.source, k.target, k.options, k."defaultOption", k.interruption
       from jsonb_each($3::jsonb) p
       cross join lateral jsonb_to_record(p.value)
         as k(id text, name text, type text, source text, target text, options jsonb, "defaultOption" text, interruption text)`,
    [at.table, at.dataSource, canonicalJson(known as unknown as Json)],
  );
  await sql.query(
    `update pgnotion.data_sources set properties = $2, keys = $3, schema_version = schema_version + 1 where table_name = $1`,
    [at.table, JSON.stringify(usable.ids), JSON.stringify(usable.keys)],
  );
  return true;
}

/** Fields that the configuration calls otherwise now (new name -> old name) keep their bases, and what is to be restored. */
export async function moveFields(
  sql: Sql,
  table: TableName,
  moved: Readonly<Record<string, string>>,
): Promise<void> {
  if (Object.keys(moved).length === 0) return;
  const renamed = (column: string): string =>
    `(${column} - $3::text[] - $2::text[])
       || coalesce((select jsonb_object_agg(m.new, ${column} -> m.old) from unnest($2::text[], $3::text[]) as m(new, old)
                     where ${column} ? m.old), '{}')`;
  const names = [Object.keys(moved), Object.values(moved)];
  await sql.query(
    `update pgnotion.records set base_row = ${renamed('base_row')}, base_page = ${renamed('base_page')} where table_name = $1`,
    [table, ...names],
  );
  await sql.query(
    `update pgnotion.outbox o
        set restore = (select array_agg(coalesce(m.new, f)) from unnest(o.restore) f
                         left join unnest($2::text[], $3::text[]) as m(new, old) on m.old = f)
      where table_name = $1 and restore && $3::text[]`,
    [table, ...names],
  );
}
