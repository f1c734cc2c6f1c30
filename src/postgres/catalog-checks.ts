import pg from 'pg';
import type { Fault } from '../model/errors.ts';
import type { QualifiedName } from '../model/ids.ts';
import { nearest } from '../model/nearest.ts';
import type { TableRequest, TableRow } from './catalog-rows.ts';
import { quoteQualified } from './pool.ts';
import { checkPrivileges } from './privilege-checks.ts';

/** What speaks against syncing a table as it is asked for. `others` are the tables that there are. */
export function checkTable(
  request: TableRequest,
  row: TableRow | undefined,
  others: readonly QualifiedName[],
): readonly Fault[] {
  if (!row) return [unknownTable(request.table, others)];
  const wrongKind = checkKind(request.table, row);
  if (wrongKind) return [wrongKind];
  return [...checkColumns(request, row), ...checkKey(request, row), ...checkPrivileges(request, row)];
}

export function unknownTable(table: QualifiedName, others: readonly QualifiedName[]): Fault {
  const near = nearest(table, others);
  return {
    path: table,
    drift: 'table_missing',
    message: 'there is no such table (or its schema is not visible to this role)',
    remedy:
      near.length > 0
        ? `did you mean ${near.join(' or ')}?`
        : 'write it as schema.table, as the catalog spells it',
  };
}

const KINDS: Readonly<Record<string, string>> = {
  v: 'a view',
  m: 'a materialized view',
  f: 'a foreign table',
};

function checkKind(table: QualifiedName, row: TableRow): Fault | null {
  const kind = KINDS[row.kind];
  if (kind !== undefined) {
    const remedy =
      "only a table's changes are in the log: give the table as the source and the view's SELECT as its query";
    return { path: table, message: `it is ${kind}`, remedy };
  }
  if (row.persistence === 'p') return null;
  const remedy = `its changes are not logged: ALTER TABLE ${quoteQualified(table)} SET LOGGED;`;
  return { path: table, message: row.persistence === 'u' ? 'it is unlogged' : 'it is temporary', remedy };
}

function checkColumns({ table, columns, key, writtenBy }: TableRequest, row: TableRow): readonly Fault[] {
  const present = row.columns.map((column) => column.name);
  return [...new Set([...columns, ...key])]
    .filter((column) => !present.includes(column))
    .map((column) => {
      const near = nearest(column, present);
      const hint = near.length > 0 ? `did you mean ${near.join(' or ')}? ` : '';
      const property = writtenBy?.get(column);
      if (property !== undefined)
        return {
          path: `${table}.${column}`,
          message: `the field ${JSON.stringify(property)} writes this column, and the table itself has none of that name: what a query takes from another table can only be read`,
          remedy: `set direction: 'to-notion' on the field ${JSON.stringify(property)}; or, if a column of the table is meant: ${hint}it has: ${present.join(', ')}`,
        };
      return {
        path: `${table}.${column}`,
        message: 'there is no such column',
        remedy: `${hint}it has: ${present.join(', ')}`,
      };
    });
}

function checkKey({ table, key }: TableRequest, row: TableRow): readonly Fault[] {
  const same = (columns: readonly string[]): boolean =>
    columns.length === key.length && columns.every((column) => key.includes(column));
  const target = quoteQualified(table);
  if (row.identity === 'n') {
    const remedy = `ALTER TABLE ${target} REPLICA IDENTITY DEFAULT;`;
    return [
      {
        path: table,
        message: 'its replica identity is NOTHING: once published, UPDATE and DELETE would fail',
        remedy,
      },
    ];
  }
  if (row.primaryKey.length === 0 && !(row.identity === 'i' && same(row.identityColumns))) {
    const remedy = `a record needs a key that never repeats: ALTER TABLE ${target} ADD PRIMARY KEY (${key.map(pg.escapeIdentifier).join(', ')});`;
    return [{ path: table, message: 'it has no primary key', remedy }];
  }
  if (!same(row.primaryKey) && !(row.identity === 'i' && same(row.identityColumns))) {
    const remedy = `set its key to ${JSON.stringify(row.primaryKey)} in the configuration`;
    return [
      {
        path: table,
        message: `its primary key is (${row.primaryKey.join(', ')}), not (${key.join(', ')})`,
        remedy,
      },
    ];
  }
  const shown = row.identity === 'f' || key.every((column) => row.identityColumns.includes(column));
  if (shown) return [];
  const remedy = `ALTER TABLE ${target} REPLICA IDENTITY DEFAULT; (or FULL, if another consumer needs more)`;
  return [
    {
      path: table,
      message: 'its replica identity leaves out the key, so that a DELETE would not tell which row',
      remedy,
    },
  ];
}
