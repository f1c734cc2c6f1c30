import { type QualifiedName, splitQualified } from '../model/ids.ts';
import type { KnownColumns } from '../model/known-columns.ts';
import type { Queryable } from './pool.ts';

/**
 * Everything of the catalog that an edit may be refused on account of: columns and their types down to labels and domains'
 * checks, constraints, rules, policies, triggers with what they run, and rights. Parameters: schemas, and beside them the
 * tables' names.
 */
const SHAPES = `
  with recursive wanted as (
    select w.place, c.oid, c.relowner, c.relacl, c.relrowsecurity, c.relforcerowsecurity
      from unnest($1::text[], $2::text[]) with ordinality as w (schema, relation, place)
      join pg_namespace n on n.nspname = w.schema
      join pg_class c on c.relnamespace = n.oid and c.relname = w.relation),
  types (place, id) as (
    select w.place, a.atttypid from wanted w
      join pg_attribute a on a.attrelid = w.oid and a.attnum > 0 and not a.attisdropped
    union
    select u.place, x.id from types u join pg_type t on t.oid = u.id
     cross join lateral (values (t.typbasetype), (t.typelem)) as x (id) where x.id <> 0),
  parts (place, part) as (
    select place, concat_ws(' ', 'table', oid, relowner, relacl::text, relrowsecurity, relforcerowsecurity) from wanted
    union all
    select w.place, concat_ws(' ', 'column', a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.attgenerated, a.attidentity,
                              a.attacl::text, pg_get_expr(d.adbin, d.adrelid))
      from wanted w join pg_attribute a on a.attrelid = w.oid and a.attnum > 0 and not a.attisdropped
      left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    union all
    select u.place, concat_ws(' ', 'type', t.oid, t.typname, t.typbasetype, t.typtypmod, t.typnotnull, t.typdefault)
      from types u join pg_type t on t.oid = u.id
    union all
    select u.place, concat_ws(' ', 'label', e.enumtypid, e.enumsortorder, e.enumlabel)
      from types u join pg_enum e on e.enumtypid = u.id
    union all
    select u.place, concat_ws(' ', 'domain', k.conname, k.convalidated, pg_get_constraintdef(k.oid))
      from types u join pg_constraint k on k.contypid = u.id
    union all
    select w.place, concat_ws(' ', 'constraint', k.conname, pg_get_constraintdef(k.oid))
      from wanted w join pg_constraint k on k.conrelid = w.oid
    union all
    select w.place, concat_ws(' ', 'index', pg_get_indexdef(i.indexrelid))
      from wanted w join pg_index i on i.indrelid = w.oid and (i.indisunique or i.indisexclusion)
    union all
    select w.place, concat_ws(' ', 'trigger', g.tgname, g.tgenabled, pg_get_triggerdef(g.oid), md5(p.prosrc), p.proconfig::text)
      from wanted w join pg_trigger g on g.tgrelid = w.oid and not g.tgisinternal join pg_proc p on p.oid = g.tgfoid
    union all
    select w.place, concat_ws(' ', 'rule', r.rulename, r.ev_enabled, pg_get_ruledef(r.oid))
      from wanted w join pg_rewrite r on r.ev_class = w.oid
    union all
    select w.place, concat_ws(' ', 'policy', l.polname, l.polcmd, l.polpermissive, l.polroles::text,
                              pg_get_expr(l.polqual, l.polrelid), pg_get_expr(l.polwithcheck, l.polrelid))
      from wanted w join pg_policy l on l.polrelid = w.oid)
  select p.place::int::text as place, md5(string_agg(p.part, chr(10) order by p.part collate "C")) as digest,
         (select coalesce(jsonb_object_agg(a.attname, jsonb_build_object('id', w.oid || '/' || a.attnum,
                                                             'type', format_type(a.atttypid, a.atttypmod))), '{}')
            from wanted w join pg_attribute a on a.attrelid = w.oid and a.attnum > 0 and not a.attisdropped
           where w.place = p.place)::text as columns
    from parts p group by p.place`;

/** What the catalog says of a table. */
type TableShape = {
  /** Another one as soon as the catalog says something else of the table. */
  readonly digest: string;
  readonly columns: KnownColumns;
};

/** That of each of these tables that is there. */
export async function shapesOf(
  db: Queryable,
  tables: readonly QualifiedName[],
): Promise<ReadonlyMap<QualifiedName, TableShape>> {
  const parts = tables.map(splitQualified);
  const { rows } = await db.query<{ place: string; digest: string; columns: string }>(
    { name: 'table shapes', text: SHAPES },
    [parts.map(([schema]) => schema), parts.map(([, relation]) => relation)],
  );
  return new Map(
    rows.flatMap(({ place, digest, columns }) => {
      const table = tables[Number(place) - 1];
      if (table === undefined) return [];
      return [[table, { digest, columns: JSON.parse(columns) as KnownColumns }] as const];
    }),
  );
}
