import { type QualifiedName, splitQualified } from '../model/ids.ts';
import type { Queryable } from './pool.ts';

/**
 * What a column holds in the rows that were there before it was added, as its text: the default that it was added with, or null.
 * A default that was computed for each row stands in the rows, and cannot be told from what somebody wrote.
 */
export async function defaultFill(
  db: Queryable,
  table: QualifiedName,
  column: string,
): Promise<string | null> {
  const [schema, relation] = splitQualified(table);
  const { rows } = await db.query<{ fill: string | null }>(
    `select (a.attmissingval::text::text[])[1] as fill
       from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = $1 and c.relname = $2 and a.attname = $3 and a.attnum > 0`,
    [schema, relation, column],
  );
  return rows[0]?.fill ?? null;
}
