import { type QualifiedName, splitQualified } from '../model/ids.ts';
import type { Queryable } from './pool.ts';

/** The labels of the enums in a table's columns, each by its number, which a renamed one keeps. */
export type EnumLabels = Readonly<Record<QualifiedName, Readonly<Record<string, string>>>>;

const LABELS = `
  SELECT w.name, json_object_agg(e.oid, e.enumlabel)::text AS labels
    FROM unnest($1::text[], $2::text[], $3::text[]) AS w (name, schema, relation)
    JOIN pg_namespace n ON n.nspname = w.schema
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.relation
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type t ON t.oid = a.atttypid
    JOIN pg_enum e ON e.enumtypid IN (t.oid, nullif(t.typelem, 0), nullif(t.typbasetype, 0))
   GROUP BY w.name`;

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
