import { type Drift, driftsOfFields, FIELD_FAULTS } from '../model/drift.ts';
import type { Fault } from '../model/errors.ts';
import type { NamedNow } from '../model/known-columns.ts';
import { goesBothWays, pausedNames, type ResolvedTable, type TableMapping } from '../model/mapping.ts';
import { driftEntries, keepDrifts } from '../state/drift.ts';
import { compareAgain, forgetWatermark } from '../state/sources.ts';
import type { Sql, Store } from '../state/sql.ts';
import { askSweep } from '../state/sweeps.ts';
import { beginBase } from '../state/void-base.ts';

/**
 * Keeps which fields of a table stand still because of their columns. What was made without those that are back gets a base,
 * all rows are compared, and all pages are read: what was typed into their properties meanwhile nobody has looked at.
 * Gives the fields that are back.
 */
export async function keepFieldFaults(
  sql: Sql,
  { name: table, fields }: Pick<TableMapping, 'name' | 'fields'>,
  drifts: readonly Drift[],
): Promise<readonly string[]> {
  const present = new Set(drifts.map(({ field }) => field));
  const before = await driftEntries(sql, table);
  const back = before.flatMap(({ kind, property }) =>
    FIELD_FAULTS.includes(kind) && !present.has(property) ? [property] : [],
  );
  await keepDrifts(sql, table, FIELD_FAULTS, drifts);
  if (back.length === 0) return [];
  const bothWays = new Set(fields.filter(goesBothWays).map(({ property }) => property));
  await beginBase(
    sql,
    table,
    back.filter((field) => bothWays.has(field)),
  );
  await forgetWatermark(sql, table);
  await askSweep(sql, table);
  await compareAgain(sql, [table]);
  return back;
}

type ShapeFaults = {
  readonly paused?: readonly Fault[];
  readonly denied?: readonly Fault[];
  readonly now?: NamedNow;
};

/** The same, and what of the table cannot be written: edits of that are refused one by one, and everything else goes on. */
export async function keepShapeFaults(
  sql: Sql,
  table: TableMapping,
  { paused = [], denied = [], now }: ShapeFaults,
): Promise<void> {
  await keepDrifts(sql, table.name, ['write_denied'], driftsOfFields(denied, table));
  await keepFieldFaults(sql, table, driftsOfFields(paused, table, now));
}

/** To be done before a table goes without fields: whoever waits for a row that goes to Notion without them has to know. */
export async function beforeFieldsGo(
  store: Store,
  { name }: TableMapping,
  drifts: readonly Drift[],
): Promise<void> {
  if (drifts.length > 0) await store.transaction((sql) => keepDrifts(sql, name, [], drifts));
}

/**
 * To be done before a table is synced with fields that it went without: what polls have read without them says nothing of what
 * people typed there, nor rows that were made without them of what their pages show.
 */
export async function beforeFieldsGoOn(
  store: Store,
  before: ResolvedTable,
  after: ResolvedTable,
): Promise<void> {
  const paused = new Set(pausedNames(after));
  const back = (before.pausedFields ?? []).filter(({ property }) => !paused.has(property));
  if (back.length === 0) return;
  const begun = back.filter(goesBothWays).map(({ property }) => property);
  await store.transaction(async (sql) => {
    await forgetWatermark(sql, after.name);
    await beginBase(sql, after.name, begun);
  });
}
