import type { RowImage, SqlText } from '../model/change.ts';
import type { RowKey, TableName } from '../model/ids.ts';
import { sameJson } from '../model/json.ts';
import { type KnownColumns, knownAfter, remadeFields } from '../model/known-columns.ts';
import type { FieldMapping, ResolvedField, ResolvedTable, TableMapping } from '../model/mapping.ts';
import { defaultFill } from '../postgres/default-fills.ts';
import type { Queryable } from '../postgres/pool.ts';
import { readEach, readKeys } from '../postgres/read-rows.ts';
import type { UserDatabase } from '../postgres/rows.ts';
import type { Log } from '../runtime/log.ts';
import { keysWrittenFrom, timeOf } from '../state/operations.ts';
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

/** Whether the columns that a table reads are those that are known. */
export const isAsKnown = (mapping: TableMapping, known: KnownColumns, present: KnownColumns): boolean =>
  sameJson(known, knownAfter(mapping, known, present, new Set()));

/** Keeps which columns a table lacks, before anybody is told to add them. */
export async function noteGone(
  store: Store,
  mapping: TableMapping,
  known: KnownColumns,
  present: KnownColumns,
): Promise<void> {
  const next = knownAfter(mapping, known, present, new Set(Object.keys(present)));
  if (!sameJson(known, next)) await saveColumns(store, mapping.name, next);
}

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
  for (const field of fields) {
    const id = present[columnOf(field)]?.id ?? '';
    if (live !== undefined && (await isBusyWith(context, live, { field, id }))) later.add(columnOf(field));
  }
  const next = knownAfter(mapping, known, present, later);
  if (sameJson(known, next)) return;
  await context.store.transaction(async (sql) => {
    // All pages are read once it is over, also what a process has left to them that ended before.
    if (fields.length > 0) await askSweep(sql, mapping.name);
    await saveColumns(sql, mapping.name, next);
  });
}

/** Leaves the field's empty rows to their pages; `id` is that of its column. Whether they have to be looked at again. */
async function isBusyWith(
  context: Remade,
  table: ResolvedTable,
  { field, id: column }: { readonly field: ResolvedField; readonly id: string },
): Promise<boolean> {
  const { store, noticed, keysReadFrom } = context;
  const id = `${table.name} ${column}`;
  const first = noticed.get(id) ?? { at: await timeOf(store), steadyMs: performance.now(), underWay: null };
  // A delivery that has read its row and waits for its turn is on record only once its request leaves.
  const busy = [
    ...keysReadFrom(table.name, first.steadyMs),
    ...(await keysWrittenFrom(store, table.name, first.at)),
  ];
  const underWay = new Set([...(first.underWay ?? []), ...busy]);
  const isBusy = busy.length > 0;
  const isFilled = first.underWay !== null;
  noticed.set(id, isFilled ? { ...first, underWay } : first);
  if (isBusy && isFilled && !context.isAsked) return true;
  // What any other row lacks by now, somebody has emptied since.
  if (!(await fillFromPages(context, table, field, { only: isFilled ? underWay : null, since: first.at })))
    return true;
  if (isBusy) noticed.set(id, { ...first, underWay });
  else noticed.delete(id);
  return isBusy;
}

const columnOf = ({ source }: FieldMapping): string => (source.kind === 'column' ? source.column : '');

/**
 * When a column was first seen to be another one, on PostgreSQL's clock and by `performance.now`. `underWay` are the rows whose
 * base may be stored again from what was read of the former column; null until all rows have been left to their pages once.
 */
export type Noticed = {
  readonly at: number;
  readonly steadyMs: number;
  readonly underWay: ReadonlySet<RowKey> | null;
};

type Remade = {
  readonly store: Store;
  readonly db: Queryable;
  readonly rows: UserDatabase;
  readonly log: Log;
  readonly noticed: Map<string, Noticed>;
  /** The rows that deliveries of a table have in hand which began to read before a time of `performance.now`. */
  readonly keysReadFrom: (table: TableName, before: number) => readonly RowKey[];
  /** Somebody waits for the bases to be right this moment. */
  readonly isAsked: boolean;
  readonly isStopping: () => boolean;
};

/**
 * The column of a field is another one by now, which a DROP and an ADD leave behind, or two renames: what a row lacks there is
 * nobody's change, so that it takes what its page shows instead of emptying it (invariant 15). What stands in a row counts as
 * before. All rows, or `only` these. False if it was stopped before its end.
 */
async function fillFromPages(
  { store, db, rows, log, isStopping }: Remade,
  table: ResolvedTable,
  field: ResolvedField,
  { only, since }: { readonly only: ReadonlySet<RowKey> | null; readonly since: number },
): Promise<boolean> {
  const own = { ...table, query: null };
  const column = columnOf(field);
  const fill = await defaultFill(db, table.source, column);
  let left = 0;
  for await (const keys of only === null ? readKeys(rows, own, BATCH) : chunksOf(only)) {
    if (isStopping()) return false;
    const read = await readEach(rows, { ...own, fields: [field] }, keys);
    for (const text of new Set([null, fill]))
      left += await leaveToPages(store, table.name, field.property, {
        keys: holding(read.rows, field, text),
        text,
        since,
      });
  }
  if (left === 0) return true;
  await askSweep(store, table.name);
  const what = { table: table.name, field: field.property, column, rows: left };
  log.warn(what, 'the column is another one: rows that hold nothing there take what their pages show');
  return true;
}

function* chunksOf(keys: ReadonlySet<RowKey>): Iterable<readonly RowKey[]> {
  const all = [...keys];
  for (let at = 0; at < all.length; at += BATCH) yield all.slice(at, at + BATCH);
}

const holding = (
  rows: ReadonlyMap<RowKey, RowImage>,
  { property }: ResolvedField,
  text: SqlText,
): readonly RowKey[] => [...rows].flatMap(([key, row]) => ((row[property] ?? null) === text ? [key] : []));
