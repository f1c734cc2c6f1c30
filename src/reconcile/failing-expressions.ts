import type { Fault } from '../model/errors.ts';
import type { RowKey, TableName } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { failsStill } from '../postgres/read-failure.ts';
import type { UserDatabase } from '../postgres/rows.ts';

/** A field whose expression PostgreSQL accepts, and that fails over rows because of what it calls. */
type FailingExpression = Fault & { readonly property: string; readonly key: RowKey };

/** Those of all tables, which only a row shows. */
export type FailingExpressions = Map<TableName, readonly FailingExpression[]>;

/** Those that still fail, of a table as the catalog has it, each over the row that showed it. */
export async function stillFailing(
  failing: FailingExpressions,
  rows: UserDatabase,
  table: ResolvedTable,
): Promise<readonly Fault[]> {
  const still: FailingExpression[] = [];
  for (const each of failing.get(table.name) ?? []) {
    const field = table.fields.find(({ property }) => property === each.property);
    if (field === undefined || (await failsStill(rows, table, { key: each.key, field }))) still.push(each);
  }
  if (still.length === 0) failing.delete(table.name);
  else failing.set(table.name, still);
  return still;
}

/** Notes what the failure of a row says of its fields. False if it says nothing that the table can go on without. */
export function noteFailing(
  failing: FailingExpressions,
  table: ResolvedTable,
  faults: readonly Fault[],
  key: RowKey,
): boolean {
  const known = failing.get(table.name) ?? [];
  const found = table.fields.flatMap(({ property, type }) => {
    const fault = faults.find(({ path }) => path === `${table.source} ${property}`);
    return fault === undefined || type === 'title' ? [] : [{ ...fault, property, key }];
  });
  const added = found.filter(({ property }) => known.every((each) => each.property !== property));
  if (added.length > 0) failing.set(table.name, [...known, ...added]);
  return found.length > 0;
}

/** The table without the fields that these faults are about. */
export function withoutFailing(table: ResolvedTable, faults: readonly Fault[]): ResolvedTable {
  const isFailing = (property: string): boolean =>
    faults.some(({ path }) => path === `${table.source} ${property}`);
  const left = table.fields.filter(({ property }) => isFailing(property));
  if (left.length === 0) return table;
  return {
    ...table,
    fields: table.fields.filter(({ property }) => !isFailing(property)),
    pausedFields: [...(table.pausedFields ?? []), ...left],
  };
}
