import type { RowImage, SqlText } from '../model/change.ts';
import type { RowKey } from '../model/ids.ts';
import { sameJson } from '../model/json.ts';
import { type KnownColumns, knownAfter, remadeFields } from '../model/known-columns.ts';
import type { FieldMapping, ResolvedField, ResolvedTable, TableMapping } from '../model/mapping.ts';
import { defaultFill } from '../postgres/default-fills.ts';
import type { Queryable } from '../postgres/pool.ts';
import { readEach, readKeys } from '../postgres/read-rows.ts';
import type { UserDatabase } from '../postgres/rows.ts';
import type { Log } from '../runtime/log.ts';
import { hasWritesFrom, timeOf } from '../state/operations.ts';
import type { Store } from '../state/sql.ts';
import { askSweep } from '../state/sweeps.ts';
import { saveColumns } from '../state/table-shapes.ts';
import { leaveToPages } from '../state/void-base.ts';

const BATCH = 1_000;

type Noted = {
  readonly mapping: TableMapping;
  /** As it can be synced now; absent if it cannot. */
  readonly live: ResolvedTable | undefined;
  readonly known: KnownColumns;
  readonly present: KnownColumns;
};

/**
 * Keeps which columns a table reads, once what other columns than the known ones mean has been carried out, and nothing is under
 * way any more that was read from those: its base would be stored afterwards.
 */
export async function noteColumns(context: Remade, { mapping, live, known, present }: Noted): Promise<void> {
  const remade = remadeFields(mapping, known, present);
  const fields = (live?.fields ?? []).filter(({ property }) =>
    remade.some((field) => field.property === property),
  );
  const isLive = ({ property }: FieldMapping): boolean => fields.some((field) => field.property === property);
  // What stands still for another reason is looked at once it goes on.
  const later = new Set(remade.filter((field) => !isLive(field)).map(columnOf));
  for (const field of fields)
    if (live !== undefined && (await isBusyWith(context, live, field))) later.add(columnOf(field));
  const next = knownAfter(mapping, known, present, later);
  if (!sameJson(known, next)) await saveColumns(context.store, mapping.name, next);
}

/** Leaves the field's empty rows to their pages. Whether they have to be looked at again. */
async function isBusyWith(context: Remade, table: ResolvedTable, field: ResolvedField): Promise<boolean> {
  const { store, noticed } = context;
  const id = `${table.name} ${columnOf(field)}`;
  const since = noticed.get(id) ?? (await timeOf(store));
  noticed.set(id, since);
  const isBusy = await hasWritesFrom(store, table.name, since);
  await fillFromPages(context, table, field);
  if (!isBusy) noticed.delete(id);
  return isBusy;
}

const columnOf = ({ source }: FieldMapping): string => (source.kind === 'column' ? source.column : '');

type Remade = {
  readonly store: Store;
  readonly db: Queryable;
  readonly rows: UserDatabase;
  readonly log: Log;
  /** When a column was first seen to be another one, in milliseconds of PostgreSQL's clock. */
  readonly noticed: Map<string, number>;
};

/**
 * The column of a field is another one by now, which a DROP and an ADD leave behind, or two renames: what a row lacks there is
 * nobody's change, so that it takes what its page shows instead of emptying it (invariant 15). What stands in a row counts as
 * before.
 */
async function fillFromPages(
  { store, db, rows, log }: Remade,
  table: ResolvedTable,
  field: ResolvedField,
): Promise<void> {
  const own = { ...table, query: null };
  const column = columnOf(field);
  const fill = await defaultFill(db, table.source, column);
  let left = 0;
  for await (const keys of readKeys(rows, own, BATCH)) {
    const read = await readEach(rows, { ...own, fields: [field] }, keys);
    for (const text of new Set([null, fill]))
      left += await leaveToPages(store, table.name, field.property, {
        keys: holding(read.rows, field, text),
        text,
      });
  }
  if (left === 0) return;
  await askSweep(store, table.name);
  const what = { table: table.name, field: field.property, column, rows: left };
  log.warn(what, 'the column is another one: rows that hold nothing there take what their pages show');
}

const holding = (
  rows: ReadonlyMap<RowKey, RowImage>,
  { property }: ResolvedField,
  text: SqlText,
): readonly RowKey[] => [...rows].flatMap(([key, row]) => ((row[property] ?? null) === text ? [key] : []));
