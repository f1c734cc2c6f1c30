import type { Fault } from './errors.ts';
import type { FieldMapping, ForeignKey, TableMapping } from './mapping.ts';

/** What of a related table decides how it is referred to. */
type RelatedTable = Pick<TableMapping, 'name' | 'source' | 'key'>;

/** How a relation's column finds the related row: by its key, or by another unique column of it. */
type ForeignReference =
  | { readonly kind: 'key' }
  | { readonly kind: 'column'; readonly by: string }
  | { readonly kind: 'refused'; readonly fault: Fault };

const BY_KEY: ForeignReference = { kind: 'key' };

/**
 * What the foreign keys of a table say of a relation's column. Where none speaks of it and of the related table, its values
 * are the related table's keys.
 */
export function foreignReference(
  mapping: Pick<TableMapping, 'name'>,
  field: Pick<FieldMapping, 'property' | 'source' | 'relatedTable'>,
  tables: readonly RelatedTable[],
  foreignKeys: readonly ForeignKey[],
): ForeignReference {
  const { source } = field;
  const related = tables.find(({ name }) => name === field.relatedTable);
  if (related === undefined || source.kind !== 'column') return BY_KEY;
  const own = foreignKeys.filter(
    ({ columns, references }) => references === related.source && columns.includes(source.column),
  );
  const single = own.filter(({ columns }) => columns.length === 1);
  const isKey = ({ referencedColumns: [column] }: ForeignKey): boolean =>
    related.key.length === 1 && related.key[0] === column;
  if (own.length === 0 || single.some(isKey)) return BY_KEY;
  const by = single[0]?.referencedColumns[0];
  if (by !== undefined) return { kind: 'column', by };
  return { kind: 'refused', fault: severalColumns(mapping, field, related, own[0]) };
}

function severalColumns(
  { name }: Pick<TableMapping, 'name'>,
  field: Pick<FieldMapping, 'property'>,
  related: RelatedTable,
  foreignKey: ForeignKey | undefined,
): Fault {
  const columns = foreignKey?.columns ?? [];
  const referencedColumns = foreignKey?.referencedColumns ?? [];
  const parts = related.key.map((column) => columns[referencedColumns.indexOf(column)]);
  const isWhole = parts.every((part) => part !== undefined) && parts.length === columns.length;
  const expression = `json_build_array(${parts.map((part) => `${part}::text`).join(', ')})::text`;
  return {
    path: `tables.${name}.fields.${field.property}`,
    message: `its column is one of the columns (${columns.join(', ')}) of a foreign key to ${related.source}, and does not tell the row by itself`,
    remedy: isWhole
      ? `map an expression instead of the column, which shows the relation and takes no edits: expression: '${expression}'`
      : `give ${related.source} and this table a foreign key of a single column, or take the relation out of the mapping`,
  };
}
