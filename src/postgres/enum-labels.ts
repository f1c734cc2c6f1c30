import { type QualifiedName, splitQualified } from '../model/ids.ts';
import type { Queryable } from './pool.ts';

/** The labels of the enums in a table's columns, each by its number, which a renamed one keeps. */
export type EnumLabels = Readonly<Record<QualifiedName, Readonly<Record<string, string>>>>;

const LABELS = `
  select w.name, json_object_agg(e.oid, e.enumlabel)::text as labels
    from unnest($1::text[], $2::text[], $3::text[]) as w (name, schema, relation)
    join pg_namespace n on n.nspname = w.schema
    join pg_class c on c.relnamespace = n.oid and c.relname = w.relation
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    join pg_type t on t.oid = a.atttypid
    join pg_enum e on e.enumtypid in (t.oid, nullif(t.typelem, 0), nullif(t.typbasetype, 0))
   group by w.name`;

/** Of the tables that are there and have any. Any role may ask. */
export async function enumLabels(db: Queryable, tables: readonly QualifiedName[]): Promise<EnumLabels> {
  const parts = tables.map(splitQualified);
  const { rows } = await db.query<{ name: string; labels: string }>(LABELS, [
    tables,
    parts.map(([schema]) => schema),
    parts.map(([, relation]) => relation),
  ]);
  return Object.fromEntries(
    rows.map(({ name, labels }) => [name, JSON.parse(labels) as Readonly<Record<string, string>>]),
  );
}
