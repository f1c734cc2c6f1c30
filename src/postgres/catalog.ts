import pg from 'pg';
import type { ColumnShape } from '../model/codecs/codec.ts';
import { type Fault, messageOf } from '../model/errors.ts';
import { type QualifiedName, qualifiedName, splitQualified } from '../model/ids.ts';
import type { RowStatement, TableMapping } from '../model/mapping.ts';
import { checkTable } from './catalog-checks.ts';
import { type ConstraintRow, TABLES, type TableRequest, type TableRow } from './catalog-rows.ts';
import { isConnectionLost, mayPassLater } from './connection-lost.ts';
import { grantFor } from './missing-grants.ts';
import { faultsError, type Queryable, quoteQualified } from './pool.ts';
import { loadTypes, type TypeResolver } from './types.ts';

export type CatalogColumn = {
  readonly name: string;
  readonly shape: ColumnShape;
  /** `format_type`, for casts: `character varying(80)`, `public.mood[]`. */
  readonly type: string;
  /** A default, of the column or of its domain. An identity column has none. */
  readonly hasDefault: boolean;
  readonly identity: 'always' | 'by default' | null;
  /** Computed from other columns: cannot be written. */
  readonly generated: boolean;
  /** Whether its values, or the elements of its arrays, are of a composite type. */
  readonly composite: boolean;
};

export type CatalogTable = {
  readonly table: QualifiedName;
  readonly kind: 'table' | 'partitioned';
  readonly columns: ReadonlyMap<string, CatalogColumn>;
  readonly constraints: readonly ConstraintRow[];
  readonly replaced: readonly RowStatement[];
};

/** A table that was asked for, and what the role of the connection may not write of it. */
type InspectedTable = CatalogTable & { readonly denied: readonly Fault[] };

type Inspection = {
  readonly tables: ReadonlyMap<QualifiedName, InspectedTable>;
  /** What else speaks against the requests. */
  readonly faults: readonly Fault[];
};

/** A table as the catalog has it, and the same with its types resolved. */
type Described = { readonly row: TableRow; readonly table: CatalogTable };

/** What the catalog has under these names; those that it has not are missing. Works on raw pools too. */
export async function describeTables(
  db: Queryable,
  names: readonly QualifiedName[],
): Promise<ReadonlyMap<QualifiedName, Described>> {
  const parts = names.map(splitQualified);
  const { rows } = await db.query<{ tables: string }>(TABLES, [
    parts.map(([schema]) => schema),
    parts.map(([, relation]) => relation),
  ]);
  const found = JSON.parse(rows[0]?.tables ?? '[]') as readonly TableRow[];
  const resolve = await loadTypes(
    db,
    found.flatMap((row) => row.columns.map((column) => column.typeOid)),
  );
  return new Map(
    found.map((row) => {
      const name = qualifiedName(row.schema, row.relation);
      return [name, { row, table: toTable(name, row, resolve) }];
    }),
  );
}

/** Looks at tables and gives what there is and what speaks against the requests. */
async function inspectTables(db: Queryable, requests: readonly TableRequest[]): Promise<Inspection> {
  const found = await describeTables(
    db,
    requests.map((request) => request.table),
  );
  const others = requests.every((request) => found.has(request.table)) ? [] : await listTables(db);
  const all = requests.flatMap((request) =>
    checkTable(request, found.get(request.table)?.row, others).map((fault) => ({
      name: request.table,
      fault,
    })),
  );
  const denied = all.filter(({ fault }) => fault.drift === 'write_denied');
  const deniedOf = (table: QualifiedName): readonly Fault[] =>
    denied.flatMap(({ name, fault }) => (name === table ? [fault] : []));
  return {
    tables: new Map([...found].map(([name, { table }]) => [name, { ...table, denied: deniedOf(name) }])),
    faults: all.filter((each) => !denied.includes(each)).map(({ fault }) => fault),
  };
}

/**
 * As `inspectTables`. Throws PgnotionError `catalog_mismatch` that lists all that is wrong; what cannot be written is wrong too,
 * unless it is only `noted`.
 */
export async function readCatalog(
  db: Queryable,
  requests: readonly TableRequest[],
  writes: 'needed' | 'noted' = 'needed',
): Promise<ReadonlyMap<QualifiedName, InspectedTable>> {
  const { tables, faults } = await inspectTables(db, requests);
  const denied = writes === 'noted' ? [] : [...tables.values()].flatMap((table) => table.denied);
  const wrong = [...faults, ...denied];
  if (wrong.length > 0)
    throw faultsError('catalog_mismatch', 'the database does not have what the configuration names:', wrong);
  return tables;
}

/** All tables that could be synced, for suggestions and for introspection. */
export async function listTables(db: Queryable): Promise<readonly QualifiedName[]> {
  const { rows } = await db.query<{ schema: string; relation: string }>(`
    select n.nspname as schema, c.relname as relation from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence = 'p'
      and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\\_%'
    order by 1, 2`);
  return rows.map((row) => qualifiedName(row.schema, row.relation));
}

function toTable(table: QualifiedName, row: TableRow, resolve: TypeResolver): CatalogTable {
  const columns = row.columns.map((column): CatalogColumn => {
    const { shape, hasDefault, composite } = resolve(column.typeOid, column.modifier, column.notNull);
    return {
      name: column.name,
      shape,
      type: column.formatted,
      hasDefault: column.hasDefault || hasDefault,
      identity: column.identity === '' ? null : column.identity === 'a' ? 'always' : 'by default',
      generated: column.generated,
      composite,
    };
  });
  return {
    table,
    kind: row.kind === 'p' ? 'partitioned' : 'table',
    columns: new Map(columns.map((column) => [column.name, column])),
    constraints: row.constraints,
    replaced: row.replaced,
  };
}

/**
 * The FROM of everything that is read for a synced table: the table, or its query under the table's name, so
 * that an expression may be written with or without that name.
 */
export function fromClause(source: QualifiedName, query: string | null): string {
  const [, relation] = splitQualified(source);
  return query === null ? quoteQualified(source) : `(${query}\n) as ${pg.escapeIdentifier(relation)}`;
}

/** What is read in the table's place; null reads the table itself. The condition holds for a query's rows as well. */
export function queryOf({
  source,
  query,
  where,
}: Pick<TableMapping, 'source' | 'query' | 'where'>): string | null {
  return where === null ? query : `select * from ${fromClause(source, query)} where (${where}\n)`;
}

/**
 * Types of expressions over a table or a query, by name. All are taken as nullable. Throws PgnotionError
 * `expression_invalid` that lists every expression that PostgreSQL does not accept.
 */
export async function describeExpressions(
  db: Queryable,
  source: { readonly table: QualifiedName; readonly query: string | null },
  expressions: readonly { readonly name: string; readonly sql: string }[],
): Promise<ReadonlyMap<string, ColumnShape>> {
  const from = fromClause(source.table, source.query);
  const select = (sqls: readonly string[]): Promise<pg.QueryResult> =>
    db.query(`select ${sqls.map((sql, at) => `(${sql}\n) as c${at}`).join(', ')} from ${from} limit 0`);
  const probe = (sqls: readonly string[], remedy: string): Promise<Omit<Fault, 'path'> | null> =>
    select(sqls).then(
      () => null,
      async (error: unknown) => {
        if (isConnectionLost(error) || mayPassLater(error)) throw error;
        return { message: messageOf(error), remedy: (await grantFor(db, error)) ?? remedy };
      },
    );

  const broken = await probe(
    [],
    'give back in SQL what the message names, or correct the query in the configuration (in psql it must run by itself, without a semicolon at its end)',
  );
  if (broken !== null)
    throw faultsError('expression_invalid', 'PostgreSQL does not accept this source:', [
      { path: source.table, ...broken },
    ]);
  if (expressions.length === 0) return new Map();
  try {
    const { fields } = await select(expressions.map(({ sql }) => sql));
    const resolve = await loadTypes(
      db,
      fields.map((field) => field.dataTypeID),
    );
    return new Map(
      fields.map((field, at) => [
        expressions[at]?.name ?? field.name,
        { ...resolve(field.dataTypeID, field.dataTypeModifier, false).shape, nullable: true },
      ]),
    );
  } catch (error) {
    if (isConnectionLost(error) || mayPassLater(error)) throw error;
    const faults: Fault[] = [];
    for (const { name, sql } of expressions) {
      const wrong = await probe([sql], remedyOf(sql));
      if (wrong !== null) faults.push({ path: `${source.table} ${name}`, ...wrong });
    }
    throw faultsError('expression_invalid', 'PostgreSQL does not accept these expressions:', faults);
  }
}

const remedyOf = (expression: string): string =>
  `give back in SQL what the message names, or correct the column or expression in the configuration: ${expression}`;
