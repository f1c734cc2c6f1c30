import pg from 'pg';
import { type Fault, messageOf, type PgnotionError } from '../model/errors.ts';
import type { TableName } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { fromClause } from './catalog.ts';
import { isConnectionLost, mayPassLater } from './connection-lost.ts';
import { errorCode, faultsError, type Queryable } from './pool.ts';

/** What speaks against a table's query and joins, as far as that can be told without reading a row. */
export async function queryFaults(db: Queryable, table: ResolvedTable): Promise<Fault[]> {
  const faults = table.query === null ? [] : await columnFaults(db, table);
  return faults.length > 0 ? faults : joinFaults(db, table);
}

const from = ({ source, query }: Pick<ResolvedTable, 'source' | 'query'>): string =>
  fromClause(source, query);

async function columnFaults(db: Queryable, table: ResolvedTable): Promise<Fault[]> {
  const { fields } = await db.query(`select * from ${from(table)} limit 0`);
  const path = `tables.${table.name}.query`;
  const read = table.fields.flatMap(({ source }) => (source.kind === 'column' ? [source.column] : []));
  const joined = table.dependsOn.flatMap(({ columns }) => columns.map(({ to }) => to));
  const faults = [...new Set([...table.key, ...read, ...joined])].flatMap((column): Fault[] => {
    const given = fields.filter(({ name }) => name === column).length;
    if (given === 1) return [];
    const name = JSON.stringify(column);
    const why = table.key.includes(column) ? ', which the key is made of' : '';
    return given === 0
      ? [{ path, message: `it gives no column ${name}${why}`, remedy: `add ${name} to the query` }]
      : [
          {
            path,
            message: `it gives ${given} columns called ${name}${why}`,
            remedy: `name the columns one by one instead of with *, and only one of them ${name}`,
          },
        ];
  });
  if (faults.length > 0) return faults;
  const types = await keyTypes(db, table, fields);
  return types.flatMap(({ column, own, given }): Fault[] =>
    spellsAlike(own, given)
      ? []
      : [
          {
            path,
            message: `its key column ${JSON.stringify(column)} is ${given}, and that of ${table.source} is ${own}, so that keys would not be the same`,
            remedy: `give the key column as it is, without a cast or an expression`,
          },
        ],
  );
}

type KeyType = { readonly column: string; readonly own: string; readonly given: string };

/** The types that key columns have in the table and in its query, domains as what they are made of. */
async function keyTypes(
  db: Queryable,
  table: ResolvedTable,
  fields: readonly pg.FieldDef[],
): Promise<readonly KeyType[]> {
  const given = table.key.map((column) => fields.find(({ name }) => name === column)?.dataTypeID ?? 0);
  const own = await db.query(
    `select ${table.key.map((column) => pg.escapeIdentifier(column)).join(', ')} from ${from({ ...table, query: null })} limit 0`,
  );
  const { rows } = await db.query<{ own: string; given: string }>(
    `with recursive base as (
       select oid as type, oid as at from pg_type where oid = any ($1::oid[] || $2::oid[])
       union all select type, typbasetype from base join pg_type t on t.oid = at where t.typtype = 'd'),
     bare as (select type, format_type(at, null) as name from base join pg_type t on t.oid = at where t.typtype <> 'd')
     select o.name as own, g.name as given from unnest($1::oid[], $2::oid[]) with ordinality as w (own, given, n)
       join bare o on o.type = w.own join bare g on g.type = w.given order by n`,
    [own.fields.map(({ dataTypeID }) => dataTypeID), given],
  );
  return rows.map((row, at) => ({ column: table.key[at] ?? '', ...row }));
}

const ALIKE = [
  ['smallint', 'integer', 'bigint'],
  ['text', 'character varying'],
];

/** Whether both types compare, and write the same value as the same text: 1 is not 1.0. */
const spellsAlike = (own: string, given: string): boolean =>
  own === given || ALIKE.some((types) => types.includes(own) && types.includes(given));

async function joinFaults(db: Queryable, table: ResolvedTable): Promise<Fault[]> {
  const faults: Fault[] = [];
  for (const { table: joined, columns } of table.dependsOn)
    for (const { from: column, to, type } of columns) {
      const path = `tables.${table.name}.dependsOn ${joined}`;
      const probe = `select 1 from ${from(table)} where ${pg.escapeIdentifier(to)} = null::${type} limit 0`;
      const error = await db.query(probe).then(
        () => null,
        (failure: unknown) => failure,
      );
      if (error === null) continue;
      if (isConnectionLost(error) || mayPassLater(error)) throw error;
      faults.push({
        path,
        message: `${JSON.stringify(to)} cannot be compared with ${JSON.stringify(column)} of ${joined}: ${messageOf(error)}`,
        remedy: 'map the joined column to the column of this table or query that holds its value',
      });
    }
  return faults;
}

const SAMPLE = 10_000;

/**
 * What a sample of the rows says of each query: several rows for one key, or rows without a key. A query that cannot be read
 * now, or not in time, says nothing here: its rows are failures of their own.
 */
export async function sampleFaults(
  db: Queryable,
  tables: readonly ResolvedTable[],
): Promise<ReadonlyMap<TableName, Fault>> {
  const faults = new Map<TableName, Fault>();
  for (const table of tables) {
    if (table.query === null) continue;
    const fault = await sampleFault(db, table);
    if (fault !== null) faults.set(table.name, fault);
  }
  return faults;
}

async function sampleFault(db: Queryable, table: ResolvedTable): Promise<Fault | null> {
  const key = table.key.map((column) => pg.escapeIdentifier(column)).join(', ');
  const isNull = table.key.map((column) => `${pg.escapeIdentifier(column)} is null`).join(' or ');
  const found = await db
    .query<{ empty: string; key: string; n: string }>(
      `select (${isNull})::text as empty, concat_ws(', ', ${key}) as key, count(*)::text as n
         from (select ${key} from ${from(table)} limit ${SAMPLE}) as pgnotion_sample
        group by ${key} having count(*) > 1 or ${isNull} order by 1, 2 limit 1`,
    )
    .catch((error: unknown) => {
      if (isConnectionLost(error) || errorCode(error) === '') throw error;
      return { rows: [] };
    });
  const [row] = found.rows;
  if (row === undefined) return null;
  return {
    path: `tables.${table.name}.query`,
    message:
      row.empty === 'true'
        ? 'it gives rows whose key is NULL, which are rows of no record'
        : `it gives ${row.n} rows for the key ${row.key}, and one page cannot show them all`,
    remedy:
      'make it give one row for each key of the table: join on a unique column, aggregate, or use DISTINCT ON; begin with the table itself, and LEFT JOIN the others',
  };
}

export const notUnique = (faults: ReadonlyMap<TableName, Fault>): PgnotionError =>
  faultsError('query_not_unique', 'these queries do not give one row for each key:', [...faults.values()]);
