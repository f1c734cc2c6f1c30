import type { QualifiedName } from '../model/ids.ts';
import type { RowStatement } from '../model/mapping.ts';

/** What is asked of a table. */
export type TableRequest = {
  readonly table: QualifiedName;
  /** Columns that must exist. */
  readonly columns: readonly string[];
  /** Must be the primary key, in any order. */
  readonly key: readonly string[];
  /** Whether rows will be inserted, updated and deleted. */
  readonly writes: boolean;
  /** Of a table that is read by a query: the columns that are written, with the property that each comes from. */
  readonly writtenBy?: ReadonlyMap<string, string>;
};

/** What a role may do with a table as a whole. */
type Privileges = {
  readonly select: boolean;
  readonly insert: boolean;
  readonly update: boolean;
  readonly delete: boolean;
};

/** How the catalog answers, before types are resolved. */
export type TableRow = {
  readonly schema: string;
  readonly relation: string;
  /** `pg_class.relkind`. */
  readonly kind: string;
  /** `pg_class.relpersistence`: p permanent, u unlogged, t temporary. */
  readonly persistence: string;
  readonly identity: 'd' | 'f' | 'i' | 'n';
  readonly identityColumns: readonly string[];
  readonly primaryKey: readonly string[];
  /** The role of the connection, quoted where it has to be. */
  readonly role: string;
  /** Whether that role has USAGE on the table's schema. */
  readonly usage: boolean;
  readonly privileges: Privileges;
  readonly columns: readonly {
    readonly name: string;
    readonly typeOid: number;
    readonly modifier: number;
    readonly formatted: string;
    readonly notNull: boolean;
    readonly hasDefault: boolean;
    readonly identity: '' | 'a' | 'd';
    readonly generated: boolean;
    readonly select: boolean;
    readonly insert: boolean;
    readonly update: boolean;
  }[];
  readonly constraints: readonly ConstraintRow[];
  readonly replaced: readonly RowStatement[];
};

/** A rule that PostgreSQL names when it refuses a row. `kind`: c check (a domain's too), f foreign key, u unique. */
export type ConstraintRow = {
  readonly name: string;
  readonly kind: 'c' | 'f' | 'u';
  readonly columns: readonly string[];
  readonly definition: string;
  /** Of a foreign key. */
  readonly references: ReferenceRow | null;
};

/** `action`: `pg_constraint.confdeltype`. */
export type ReferenceRow = {
  readonly schema: string;
  readonly relation: string;
  readonly columns: readonly string[];
  readonly action: 'a' | 'r' | 'c' | 'n' | 'd';
};

const INDEX_COLUMNS = (condition: string): string => `
  (select coalesce(json_agg(a.attname order by k.place), '[]')
   from pg_index i, unnest(i.indkey::int2[]) with ordinality as k (number, place), pg_attribute a
   where i.indrelid = c.oid and ${condition} and k.place <= i.indnkeyatts
     and a.attrelid = c.oid and a.attnum = k.number)`;

const COLUMNS_OF = (numbers: string, relation = 'c.oid'): string => `
  (select coalesce(json_agg(a.attname order by k.place), '[]')
   from unnest(${numbers}::int2[]) with ordinality as k (number, place), pg_attribute a
   where a.attrelid = ${relation} and a.attnum = k.number)`;

/** The table's own constraints, its unique indexes (PostgreSQL names them as constraints), its columns' domains' checks. */
const CONSTRAINTS = `
  select coalesce(json_agg(json_build_object('name', name, 'kind', kind, 'columns', columns, 'definition', definition,
    'references', target)), '[]')
  from (
    select conname as name, contype::text as kind, ${COLUMNS_OF('conkey')} as columns, pg_get_constraintdef(oid) as definition,
           (select json_build_object('schema', rn.nspname, 'relation', r.relname, 'action', confdeltype::text,
                     'columns', ${COLUMNS_OF('confkey', 'confrelid')})
              from pg_class r join pg_namespace rn on rn.oid = r.relnamespace where r.oid = confrelid) as target
      from pg_constraint where conrelid = c.oid and contype in ('c', 'f')
    union all
    select x.relname, 'u', ${COLUMNS_OF('i.indkey')}, '', null from pg_index i join pg_class x on x.oid = i.indexrelid
     where i.indrelid = c.oid and i.indisunique
    union all
    select k.conname, 'c', json_build_array(u.attname), pg_get_constraintdef(k.oid), null from (
      with recursive types as (
        select a.attname, a.atttypid as id from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        union select types.attname, t.typbasetype from types join pg_type t on t.oid = types.id and t.typtype = 'd')
      select * from types) u
      join pg_constraint k on k.contypid = u.id and k.contype = 'c') as rules`;

const privilegesOf = (names: readonly string[], call: (name: string) => string): string =>
  names.map((name) => `'${name}', ${call(name)}`).join(', ');

/** Parameters: schemas, and beside them the tables' names. One JSON text, so that it can be read on a raw pool too. */
export const TABLES = `
  select coalesce(json_agg(json_build_object(
    'schema', n.nspname, 'relation', c.relname, 'kind', c.relkind, 'persistence', c.relpersistence,
    'identity', c.relreplident,
    'identityColumns', ${INDEX_COLUMNS("case c.relreplident when 'd' then i.indisprimary when 'i' then i.indisreplident end")},
    'primaryKey', ${INDEX_COLUMNS('i.indisprimary')},
    'role', quote_ident(current_user), 'usage', has_schema_privilege(n.oid, 'usage'),
    'privileges', json_build_object(${privilegesOf(['select', 'insert', 'update', 'delete'], (name) => `has_table_privilege(c.oid, '${name}')`)}),
    'constraints', (${CONSTRAINTS}),
    'replaced', (select coalesce(json_agg(distinct case r.ev_type when '2' then 'update' when '3' then 'insert' else 'delete' end), '[]')
      from pg_rewrite r where r.ev_class = c.oid and r.is_instead and r.ev_type in ('2', '3', '4') and r.ev_enabled <> 'D'),
    'columns', (select json_agg(json_build_object(
        'name', a.attname, 'typeOid', a.atttypid::bigint, 'modifier', a.atttypmod,
        'formatted', format_type(a.atttypid, a.atttypmod), 'notNull', a.attnotnull,
        'hasDefault', a.atthasdef and a.attgenerated = '', 'identity', a.attidentity,
        'generated', a.attgenerated <> '',
        ${privilegesOf(['select', 'insert', 'update'], (name) => `has_column_privilege(c.oid, a.attnum, '${name}')`)}
      ) order by a.attnum)
      from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)
  )), '[]')::text as tables
  from unnest($1::text[], $2::text[]) as w (schema, relation)
  join pg_namespace n on n.nspname = w.schema
  join pg_class c on c.relnamespace = n.oid and c.relname = w.relation and c.relkind in ('r', 'p', 'v', 'm', 'f')`;
