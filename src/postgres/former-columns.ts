import { type QualifiedName, qualifiedName } from '../model/ids.ts';
import type { KnownColumns, NamedNow } from '../model/known-columns.ts';
import type { Queryable } from './pool.ts';

type Present = {
  readonly id: string;
  readonly schema: string;
  readonly relation: string;
  readonly name: string | null;
};

/** What the columns that were known of a table are called now, and the table itself. */
export async function namedNow(db: Queryable, source: QualifiedName, known: KnownColumns): Promise<NamedNow> {
  const ids = Object.values(known).map(({ id }) => id);
  const { rows } = await db.query<Present>(
    `select k.id, n.nspname as schema, c.relname as relation, a.attname as name
       from unnest($1::text[]) as k (id)
       join pg_class c on c.oid = split_part(k.id, '/', 1)::oid join pg_namespace n on n.oid = c.relnamespace
       left join pg_attribute a on a.attrelid = c.oid and a.attnum = split_part(k.id, '/', 2)::int and not a.attisdropped`,
    [ids],
  );
  const byId = new Map(rows.map((row) => [row.id, row]));
  const columns = Object.entries(known).flatMap(([column, { id, type }]) => {
    const now = byId.get(id);
    return now === undefined || now.name === column ? [] : [[column, { name: now.name, type }] as const];
  });
  const [first] = rows;
  const table = first === undefined ? source : qualifiedName(first.schema, first.relation);
  return { table: table === source ? null : table, columns: Object.fromEntries(columns) };
}
