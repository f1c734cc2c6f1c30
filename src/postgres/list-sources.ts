import { type QualifiedName, qualifiedName } from '../model/ids.ts';
import type { Queryable } from './pool.ts';

/** A relation that may be a table to sync. */
export type SourceListing = {
  readonly source: QualifiedName;
  readonly schema: string;
  readonly relation: string;
  /** `pg_class.relkind`: r, p, v, m or f. */
  readonly kind: string;
  /** Null if nothing was ever counted: see ANALYZE. */
  readonly rows: number | null;
  readonly comment: string | null;
  /** Whether it belongs to an extension or to the platform that hosts the database. */
  readonly foreign: boolean;
};

/** Schemas that platforms and extensions keep for themselves. */
const OF_PLATFORMS = [
  'auth',
  'cron',
  'extensions',
  'graphql',
  'graphql_public',
  'hdb_catalog',
  'net',
  'pgbouncer',
  'pgsodium',
  'pgsodium_masks',
  'realtime',
  'storage',
  'supabase_functions',
  'supabase_migrations',
  'tiger',
  'topology',
  'vault',
];

/** A partitioned table has as many rows as its partitions; `pg_partition_tree` would wait for whoever alters one. */
const LISTING = `
  select n.nspname as schema, c.relname as relation, c.relkind::text as kind,
    case when c.relkind = 'p' then (
      with recursive below as (
        select h.inhrelid as id from pg_inherits h where h.inhparent = c.oid
        union select h.inhrelid from pg_inherits h join below on h.inhparent = below.id)
      select sum(x.reltuples) filter (where x.reltuples >= 0 and x.relkind <> 'p')
        from below join pg_class x on x.oid = below.id)
    when c.relkind in ('r', 'm') and c.reltuples >= 0 then c.reltuples end::text as rows,
    obj_description(c.oid, 'pg_class') as comment,
    (n.nspname = any ($1) or n.nspname like '\\_timescaledb%' or exists (
      select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'))::text as foreign
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition and c.relpersistence <> 't'
    and n.nspname not in ('information_schema', 'pgnotion') and n.nspname not like 'pg\\_%'
  order by n.nspname <> 'public', 1, 2`;

/** Everything that looks like a table: partitioned ones by their root, views too. Any role may ask. */
export async function listSources(db: Queryable): Promise<readonly SourceListing[]> {
  type Row = Readonly<Record<'schema' | 'relation' | 'kind' | 'foreign', string>> & {
    readonly rows: string | null;
    readonly comment: string | null;
  };
  const { rows } = await db.query<Row>(LISTING, [OF_PLATFORMS]);
  return rows.map((row) => ({
    source: qualifiedName(row.schema, row.relation),
    schema: row.schema,
    relation: row.relation,
    kind: row.kind,
    rows: row.rows === null ? null : Math.round(Number(row.rows)),
    comment: row.comment,
    foreign: row.foreign === 'true',
  }));
}

/** The partitioned table that each of these is a part of, as far as they are. */
export async function rootsOf(
  db: Queryable,
  names: readonly (readonly [schema: string, relation: string])[],
): Promise<readonly (QualifiedName | null)[]> {
  const { rows } = await db.query<{ schema: string | null; relation: string | null }>(
    `select rn.nspname as schema, r.relname as relation
       from unnest($1::text[], $2::text[]) with ordinality as w (schema, relation, place)
       left join pg_namespace n on n.nspname = w.schema
       left join pg_class c on c.relnamespace = n.oid and c.relname = w.relation and c.relispartition
       left join pg_class r on r.oid = pg_partition_root(c.oid) and r.oid <> c.oid
       left join pg_namespace rn on rn.oid = r.relnamespace
      order by place`,
    [names.map(([schema]) => schema), names.map(([, relation]) => relation)],
  );
  return rows.map(({ schema, relation }) =>
    schema === null || relation === null ? null : qualifiedName(schema, relation),
  );
}
