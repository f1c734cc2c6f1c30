import type { RowImage } from './change.ts';
import { type RowKey, rowKey, type TableName } from './ids.ts';
import type { ForeignKey, ResolvedField, ResolvedTable } from './mapping.ts';
import { lookupsOver } from './page.ts';
import { targetsOf } from './plan.ts';
import type { Target } from './references.ts';

const NO_LOOKUPS = lookupsOver({ pairs: [], users: new Map() });

/**
 * The records whose deletion would explain that a field changed from `base` to `row`: what a relation no longer points
 * to, or what a foreign key let go of. Null if no deletion explains it.
 */
export function deletionsBehind(
  table: ResolvedTable,
  tables: readonly ResolvedTable[],
  { field, base, row }: { readonly field: ResolvedField; readonly base: RowImage; readonly row: RowImage },
): readonly Target[] | null {
  return field.relatedTable === undefined
    ? lostReference(table, tables, { field, base, row })
    : lostRelations(table, field, base, row);
}

function lostRelations(
  table: ResolvedTable,
  field: ResolvedField,
  base: RowImage,
  row: RowImage,
): readonly Target[] | null {
  const of = (image: RowImage): readonly Target[] =>
    targetsOf({ ...table, fields: [{ ...field, direction: 'both' }] }, image, NO_LOOKUPS);
  const before = of(base);
  const after = of(row);
  const had = new Set(before.map(({ key }) => key));
  const has = new Set(after.map(({ key }) => key));
  if (after.some(({ key }) => !had.has(key))) return null;
  const lost = before.filter(({ key }) => !has.has(key));
  return lost.length === 0 ? null : lost;
}

function lostReference(
  table: ResolvedTable,
  tables: readonly ResolvedTable[],
  { field, base, row }: { readonly field: ResolvedField; readonly base: RowImage; readonly row: RowImage },
): readonly Target[] | null {
  if (field.source.kind !== 'column') return null;
  const { column } = field.source;
  for (const key of table.foreignKeys) {
    if (!key.columns.includes(column)) continue;
    if (key.onDelete !== 'set null' && key.onDelete !== 'set default') continue;
    if (key.onDelete === 'set null' && (row[field.property] ?? null) !== null) continue;
    const target = tables.find(({ source }) => source === key.references);
    const of = target === undefined ? null : keyBefore(table, target, key, base);
    if (target !== undefined && of !== null) return [{ table: target.name, key: of }];
  }
  return null;
}

/** The tables that this one's rows refer to, and whose rows may be kept by them. */
export const referencedTables = (table: ResolvedTable, tables: Iterable<ResolvedTable>): TableName[] =>
  [...tables]
    .filter(({ source }) => table.foreignKeys.some(({ references }) => references === source))
    .map(({ name }) => name);

/** The key that the foreign key held; null if the mapping does not show all of it, or it refers to other columns. */
function keyBefore(
  table: ResolvedTable,
  target: ResolvedTable,
  key: ForeignKey,
  base: RowImage,
): RowKey | null {
  const parts = target.key.map((name) => {
    const column = key.columns[key.referencedColumns.indexOf(name)];
    const field = table.fields.find(({ source }) => source.kind === 'column' && source.column === column);
    return field === undefined ? null : (base[field.property] ?? null);
  });
  return parts.every((part) => part !== null) ? rowKey(parts) : null;
}
