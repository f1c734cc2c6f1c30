import type { QualifiedName } from '../model/ids.ts';

/** What is asked of a table. */
export type TableRequest = {
  readonly table: QualifiedName;
  /** Columns that must exist. */
  readonly columns: readonly string[];
  /** Must be the primary key, in any order. */
  readonly key: readonly string[];
  /** Whether rows will be inserted, updated and deleted. */
  readonly writes: boolean;
};

/** What a role may do with a table as a whole. */
export type Privileges = {
  readonly owner: boolean;
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
  readonly privileges: Privileges;
  readonly rowSecurity: boolean;
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
  (SELECT coalesce(json_agg(a.attname ORDER BY k.place), '[]')
   FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, place), pg_attribute a
   WHERE i.indrelid = c.oid AND ${condition} AND k.place <= i.indnkeyatts
     AND a.attrelid = c.oid AND a.attnum = k.number)`;

const COLUMNS_OF = (numbers: string, relation = 'c.oid'): string => `
  (SELECT coalesce(json_agg(a.attname ORDER BY k.place), '[]')
   FROM unnest(${numbers}::int2[]) WITH ORDINALITY AS k (number, place), pg_attribute a
   WHERE a.attrelid = ${relation} AND a.attnum = k.number)`;

/** The table's own constraints, its unique indexes (PostgreSQL names them as constraints), its columns' domains' checks. */
const CONSTRAINTS = `
  SELECT coalesce(json_agg(json_build_object('name', name, 'kind', kind, 'columns', columns, 'definition', definition,
    'references', target)), '[]')
  FROM (
    SELECT conname AS name, contype::text AS kind, ${COLUMNS_OF('conkey')} AS columns, pg_get_constraintdef(oid) AS definition,
           (SELECT json_build_object('schema', rn.nspname, 'relation', r.relname, 'action', confdeltype::text,
                     'columns', ${COLUMNS_OF('confkey', 'confrelid')})
              FROM pg_class r JOIN pg_namespace rn ON rn.oid = r.relnamespace WHERE r.oid = confrelid) AS target
      FROM pg_constraint WHERE conrelid = c.oid AND contype IN ('c', 'f')
    UNION ALL
    SELECT x.relname, 'u', ${COLUMNS_OF('i.indkey')}, '', null FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
     WHERE i.indrelid = c.oid AND i.indisunique
    UNION ALL
    SELECT k.conname, 'c', json_build_array(u.attname), pg_get_constraintdef(k.oid), null FROM (
      WITH RECURSIVE types AS (
        SELECT a.attname, a.atttypid AS id FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        UNION SELECT types.attname, t.typbasetype FROM types JOIN pg_type t ON t.oid = types.id AND t.typtype = 'd')
      SELECT * FROM types) u
      JOIN pg_constraint k ON k.contypid = u.id AND k.contype = 'c') AS rules`;

const privilegesOf = (names: readonly string[], call: (name: string) => string): string =>
  names.map((name) => `'${name}', ${call(name)}`).join(', ');

/** Parameters: schemas, and beside them the tables' names. One JSON text, so that it can be read on a raw pool too. */
export const TABLES = `
  SELECT coalesce(json_agg(json_build_object(
    'schema', n.nspname, 'relation', c.relname, 'kind', c.relkind, 'persistence', c.relpersistence,
    'identity', c.relreplident, 'rowSecurity', row_security_active(c.oid),
    'identityColumns', ${INDEX_COLUMNS("CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident END")},
    'primaryKey', ${INDEX_COLUMNS('i.indisprimary')},
    'privileges', json_build_object('owner', pg_has_role(c.relowner, 'USAGE'),
      ${privilegesOf(['select', 'insert', 'update', 'delete'], (name) => `has_table_privilege(c.oid, '${name}')`)}),
    'constraints', (${CONSTRAINTS}),
    'columns', (SELECT json_agg(json_build_object(
        'name', a.attname, 'typeOid', a.atttypid::bigint, 'modifier', a.atttypmod,
        'formatted', format_type(a.atttypid, a.atttypmod), 'notNull', a.attnotnull,
        'hasDefault', a.atthasdef AND a.attgenerated = '', 'identity', a.attidentity,
        'generated', a.attgenerated <> '',
        ${privilegesOf(['select', 'insert', 'update'], (name) => `has_column_privilege(c.oid, a.attnum, '${name}')`)}
      ) ORDER BY a.attnum)
      FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
  )), '[]')::text AS tables
  FROM unnest($1::text[], $2::text[]) AS w (schema, relation)
  JOIN pg_namespace n ON n.nspname = w.schema
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.relation AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`;
