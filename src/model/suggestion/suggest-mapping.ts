import type { TableName } from '../ids.ts';
import type { TableMapping } from '../mapping.ts';
import type {
  ColumnFacts,
  LeftOut,
  SourceFacts,
  SuggestedField,
  SuggestedTable,
  Suggestion,
} from './facts.ts';
import { type ChosenTable, fieldsOf } from './fields.ts';
import { displayName, tableNames, takenNames } from './names.ts';

/**
 * Suggests how tables are mapped. Those that cannot be synced as they are come back with the reason, and no relation of
 * another one points to them. `mapped` are those that have a name already. Pure: what the catalog says decides everything.
 */
export function suggestMapping(
  sources: readonly SourceFacts[],
  mapped: readonly Pick<TableMapping, 'name' | 'source'>[] = [],
): Suggestion {
  const suitable = sources.filter(({ faults }) => faults.length === 0);
  const names = tableNames(suitable, new Map(mapped.map(({ name, source }) => [source, name])));
  const chosen = suitable.map(
    ({ source, key }, at): ChosenTable => ({ name: nameAt(names, at), source, key }),
  );
  const titles = takenNames([]);
  return {
    tables: suitable.map((table, at) =>
      tableOf(table, chosen, {
        name: nameAt(names, at),
        title: titles.take(
          displayName(table.relation) || `Table ${at + 1}`,
          `${displayName(table.relation)} (${table.schema})`,
        ),
      }),
    ),
    unsuitable: sources
      .filter(({ faults }) => faults.length > 0)
      .map(({ source, rows, faults }) => ({ source, rows, faults })),
  };
}

const nameAt = (names: readonly TableName[], at: number): TableName => {
  const name = names[at];
  if (name === undefined) throw new TypeError('each table has a name');
  return name;
};

function tableOf(
  table: SourceFacts,
  chosen: readonly ChosenTable[],
  { name, title }: Pick<SuggestedTable, 'name' | 'title'>,
): SuggestedTable {
  const { fields, leftOut } = fieldsOf(table, chosen);
  return {
    name,
    source: table.source,
    key: table.key,
    title,
    direction: table.writeGrant === null ? null : 'to-notion',
    rows: table.rows,
    comment: table.comment,
    fields,
    leftOut,
    remarks: remarksOf(table, fields, leftOut),
  };
}

function remarksOf(
  table: SourceFacts,
  fields: readonly SuggestedField[],
  leftOut: readonly LeftOut[],
): readonly string[] {
  const remarks: string[] = [];
  if (table.writeGrant !== null)
    remarks.push(
      `it goes to Notion only, because this role may not write it; for both ways: ${table.writeGrant}`,
    );
  else {
    const missing = requiredOf(table, fields, leftOut);
    if (missing.length > 0)
      remarks.push(
        `a page that is made in Notion cannot become a row: nobody there can give ${missing.join(' and ')}, NOT NULL without a default`,
      );
  }
  const policies = table.policies.length === 0 ? '' : ` (${table.policies.join(', ')})`;
  if (table.rowSecurity)
    remarks.push(
      `row-level security${policies} does not apply to pgnotion's role: whoever sees the database in Notion sees every row`,
    );
  return remarks;
}

/** Columns that an INSERT must give, and that no property takes from Notion. */
function requiredOf(
  { columns }: SourceFacts,
  fields: readonly SuggestedField[],
  leftOut: readonly LeftOut[],
): readonly string[] {
  const given = (column: ColumnFacts): boolean =>
    column.shape.nullable || column.hasDefault || column.computed !== null;
  const isOut = (name: string): boolean =>
    leftOut.some(({ column }) => column === name) ||
    fields.some(({ column, direction }) => column === name && direction === 'to-notion');
  return columns.filter((column) => !given(column) && isOut(column.name)).map(({ name }) => name);
}
