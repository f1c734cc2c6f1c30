import type { QualifiedName } from '../model/ids.ts';
import { type Queryable, splitQualified } from './pool.ts';

/**
 * Tells one state of a publication from another. Whatever changes what it publishes changes its seal, even if it has
 * been changed back since: changes that were made in between are in no log.
 */
export type PublicationSeal = {
  /** Null if there is no publication. Another one of the same name differs. */
  readonly made: string | null;
  /** Differs after each change of what kinds it publishes. */
  readonly kinds: string;
  /** Null for a table that is not there or not published; another table of the same name differs. */
  readonly tables: Readonly<Record<QualifiedName, string | null>>;
};

const SEAL = `
  SELECT jsonb_build_object(
    'made', (SELECT oid::text FROM pg_publication WHERE pubname = $1),
    'kinds', coalesce((SELECT xmin::text FROM pg_publication WHERE pubname = $1), ''),
    'tables', coalesce(jsonb_object_agg(w.name, c.oid || '/' || coalesce(r.oid::text, 'all'))
      FILTER (WHERE r.oid IS NOT NULL OR p.puballtables), '{}'))::text AS seal
  FROM unnest($2::text[], $3::text[], $4::text[]) AS w (name, schema, relation)
  JOIN pg_namespace n ON n.nspname = w.schema
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.relation
  LEFT JOIN pg_publication p ON p.pubname = $1
  LEFT JOIN pg_publication_rel r ON r.prpubid = p.oid AND r.prrelid = c.oid`;

/** The seal of a publication, as far as these tables go. Any role may ask. */
export async function publicationSeal(
  db: Queryable,
  name: string,
  tables: readonly QualifiedName[],
): Promise<PublicationSeal> {
  const parts = tables.map(splitQualified);
  const columns = [tables, parts.map(([schema]) => schema), parts.map(([, relation]) => relation)];
  const { rows } = await db.query<{ seal: string }>(SEAL, [name, ...columns]);
  const seal = JSON.parse(rows[0]?.seal ?? '{}') as PublicationSeal;
  return { ...seal, tables: Object.fromEntries(tables.map((table) => [table, seal.tables[table] ?? null])) };
}
