import { type Drift, FIELD_FAULTS } from '../model/drift.ts';
import type { TableName } from '../model/ids.ts';
import { driftEntries, keepDrifts } from '../state/drift.ts';
import { compareAgain } from '../state/sources.ts';
import type { Sql } from '../state/sql.ts';
import { askSweep } from '../state/sweeps.ts';
import { beginBase } from '../state/void-base.ts';

/**
 * Keeps which fields of a table stand still because of their columns. What was made without those that are back gets a base,
 * all rows are compared, and all pages are read: what was typed into their properties meanwhile nobody has looked at.
 * Gives the fields that are back.
 */
export async function keepFieldFaults(
  sql: Sql,
  table: TableName,
  drifts: readonly Drift[],
): Promise<readonly string[]> {
  const present = new Set(drifts.map(({ field }) => field));
  const before = await driftEntries(sql, table);
  const back = before.flatMap(({ kind, property }) =>
    FIELD_FAULTS.includes(kind) && !present.has(property) ? [property] : [],
  );
  await keepDrifts(sql, table, FIELD_FAULTS, drifts);
  if (back.length === 0) return [];
  for (const field of back) await beginBase(sql, table, field);
  await askSweep(sql, table);
  await compareAgain(sql, [table]);
  return back;
}
