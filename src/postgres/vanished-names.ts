import { sql } from 'kysely';
import { type QualifiedName, splitQualified } from '../model/ids.ts';
import type { UserDatabase } from './rows.ts';

/** Those of the names that no table has now. */
export async function vanishedNames(
  db: UserDatabase,
  names: readonly QualifiedName[],
): Promise<readonly QualifiedName[]> {
  if (names.length === 0) return [];
  const wanted = names.map((name) => {
    const [schema, relation] = splitQualified(name);
    return { name, schema, relation };
  });
  const { rows } = await sql<{ name: QualifiedName }>`
    select w.name from jsonb_to_recordset(${JSON.stringify(wanted)}::jsonb) as w (name text, schema text, relation text)
     where not exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                        where n.nspname = w.schema and c.relname = w.relation)`.execute(db);
  return rows.map(({ name }) => name);
}
