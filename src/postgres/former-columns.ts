import { type QualifiedName, qualifiedName, splitQualified } from '../model/ids.ts';
import type { KnownColumns, NamedNow } from '../model/known-columns.ts';
import type { Queryable } from './pool.ts';

type Present = {
  readonly id: string;
  readonly schema: string;
  readonly relation: string;
  readonly gone: boolean | string;
  readonly name: string | null;
};

/**
 * What the columns that were known of a table are called now, and the table itself. Where another table has its name by now, the
 * columns of the former one say nothing: what this one lacks of them is gone.
 */
export async function namedNow(db: Queryable, source: QualifiedName, known: KnownColumns): Promise<NamedNow> {
  const ids = Object.values(known).map(({ id }) => id);
  const { rows } = await db.query<Present>(
    `with own as (select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $2 and c.relname = $3)
     select k.id, n.nspname as schema, c.relname as relation, coalesce(a.attname, b.attname) as name,
            not exists (select from pg_namespace where nspname = $2) as gone
       from unnest($1::text[], $4::text[]) as k (id, called)
       left join own on true
       join pg_class c on c.oid = coalesce(own.oid, split_part(k.id, '/', 1)::oid) join pg_namespace n on n.oid = c.relnamespace
       left join pg_attribute a on a.attrelid = split_part(k.id, '/', 1)::oid and a.attrelid = c.oid
                               and a.attnum = split_part(k.id, '/', 2)::int and not a.attisdropped
       left join pg_attribute b on split_part(k.id, '/', 1)::oid <> c.oid and b.attrelid = c.oid and b.attname = k.called
                               and b.attnum > 0 and not b.attisdropped`,
    [ids, ...splitQualified(source), Object.keys(known)],
  );
  const byId = new Map(rows.map((row) => [row.id, row]));
  const columns = Object.entries(known).flatMap(([column, { id, type }]) => {
    const now = byId.get(id);
    return type === '' || now === undefined || now.name === column
      ? []
      : [[column, { name: now.name, type }] as const];
  });
  const [first] = rows;
  const table = first === undefined ? source : qualifiedName(first.schema, first.relation);
  return {
    table: table === source ? null : table,
    // As text through a raw pool.
    isSchemaGone: first?.gone === true || first?.gone === 't',
    columns: Object.fromEntries(columns),
  };
}
