import pg from 'pg';
import type { Fault } from '../model/errors.ts';
import { qualifiedName } from '../model/ids.ts';
import type { TableRequest, TableRow } from './catalog-rows.ts';
import { quoteQualified } from './pool.ts';

/**
 * What the role of the connection may not do with a table, each with the statement that lets it. A privilege on the table or on
 * each column that is used will do. What only one column lacks is about that column alone, and what cannot be written can be
 * read all the same.
 */
export function checkPrivileges(request: TableRequest, row: TableRow): readonly Fault[] {
  const { table, columns, key } = request;
  const used = row.columns.filter(({ name }) => columns.includes(name) || key.includes(name));
  const unreadable = row.privileges.select ? [] : used.filter(({ select }) => !select);
  const without =
    unreadable.length === used.length || unreadable.some(({ name }) => key.includes(name)) ? unreadable : [];
  const writes = request.writes ? lackingWrites(request, row) : { table: [], columns: [] };
  const schema: Fault[] = row.usage
    ? []
    : [
        {
          path: table,
          message: `the role ${row.role} has no USAGE on its schema`,
          remedy: `GRANT USAGE ON SCHEMA ${pg.escapeIdentifier(row.schema)} TO ${row.role};`,
        },
      ];
  if (without.length > 0) return [...schema, onTable(['SELECT', ...writes.table], request, row)];
  return [
    ...schema,
    ...unreadable.map(
      ({ name }): Fault => ({ ...onColumn(['SELECT'], name, request, row), drift: 'column_unreadable' }),
    ),
    ...(writes.table.length === 0
      ? []
      : [{ ...onTable(writes.table, request, row), drift: 'write_denied' as const }]),
    ...writes.columns.map(
      ({ name, lacks }): Fault => ({ ...onColumn(lacks, name, request, row), drift: 'write_denied' }),
    ),
  ];
}

type LackingWrites = {
  /** What no column of those that are written has. */
  readonly table: readonly string[];
  readonly columns: readonly { readonly name: string; readonly lacks: readonly string[] }[];
};

const BY_COLUMN = ['insert', 'update'] as const;

function lackingWrites({ columns }: TableRequest, { columns: all, privileges }: TableRow): LackingWrites {
  const writable = all.filter(({ name, generated }) => columns.includes(name) && !generated);
  const whole = BY_COLUMN.filter((one) => !privileges[one] && writable.every((column) => !column[one]));
  const single = BY_COLUMN.filter((one) => !privileges[one] && !whole.includes(one));
  const lacking = writable.map((column) => ({
    name: column.name,
    lacks: single.filter((one) => !column[one]).map((one) => one.toUpperCase()),
  }));
  return {
    table: [...whole.map((one) => one.toUpperCase()), ...(privileges.delete ? [] : ['DELETE'])],
    columns: lacking.filter(({ lacks }) => lacks.length > 0),
  };
}

const onTable = (lacks: readonly string[], { table }: TableRequest, row: TableRow): Fault => ({
  path: table,
  message: `the role ${row.role} has no ${lacks.join(', ')} on it`,
  remedy: `GRANT ${lacks.join(', ')} ON ${nameOf(row)} TO ${row.role};`,
});

const onColumn = (
  lacks: readonly string[],
  column: string,
  { table }: TableRequest,
  row: TableRow,
): Fault => ({
  path: `${table}.${column}`,
  message: `the role ${row.role} has no ${lacks.join(', ')} on it`,
  remedy: `GRANT ${lacks.map((one) => `${one} (${pg.escapeIdentifier(column)})`).join(', ')} ON ${nameOf(row)} TO ${row.role};`,
});

const nameOf = ({ schema, relation }: TableRow): string => quoteQualified(qualifiedName(schema, relation));
