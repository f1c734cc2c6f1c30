import { goesToPostgres, softDeleteColumn, type TableMapping } from '../model/mapping.ts';
import type { TableRequest } from './catalog-rows.ts';

/** What a mapping asks of the catalog: of its own table, and of those that its query joins. */
export function requestsOf(mapping: TableMapping): TableRequest[] {
  // With a query, a column that is only read may come from a joined table; what is written must be the table's own.
  const columns = mapping.fields.flatMap((field) =>
    field.source.kind === 'column' && (mapping.query === null || goesToPostgres(field))
      ? [field.source.column]
      : [],
  );
  const softDelete = softDeleteColumn(mapping);
  const own: TableRequest = {
    table: mapping.source,
    columns: softDelete === null ? columns : [...columns, softDelete],
    key: mapping.key,
    writes: mapping.direction !== 'to-notion',
    ...(mapping.query !== null && { writtenBy: propertiesWriting(mapping) }),
  };
  const joined = mapping.dependsOn.map(({ table, on }) => ({
    table,
    columns: [],
    key: Object.keys(on),
    writes: false,
  }));
  return [own, ...joined];
}

const propertiesWriting = ({ fields }: TableMapping): ReadonlyMap<string, string> =>
  new Map(
    fields.flatMap((field) =>
      field.source.kind === 'column' && goesToPostgres(field) ? [[field.source.column, field.property]] : [],
    ),
  );
