import { SUSPENDING } from '../model/drift.ts';
import type { DataSourceId } from '../model/ids.ts';
import { pausedNames, type ResolvedTable } from '../model/mapping.ts';
import type { Difference } from '../model/schema/differences.ts';
import type { Identified } from '../model/schema/identify.ts';
import {
  DEVIATIONS,
  driftsOf,
  type KnownProperty,
  type KnownSchema,
  ownEntry,
} from '../model/schema/known.ts';
import { labelled, withOptions } from '../model/schema/options.ts';
import { schemaDigest } from '../model/schema-digest.ts';
import type { NotionDataSource } from '../notion/client.ts';
import { planUpdate, type Sources } from '../notion/schema.ts';
import { hasDrift, keepDrifts } from '../state/drift.ts';
import { lockSchema, moveFields, readKnown, saveKnown } from '../state/properties.ts';
import { releaseRefused } from '../state/refused-fields.ts';
import { retryParked } from '../state/retry-parked.ts';
import { readSource, saveSource } from '../state/sources.ts';
import type { Sql } from '../state/sql.ts';
import { voidBase } from '../state/void-base.ts';

type Settled = {
  readonly identified: Identified;
  /** Whether a base became void, so that what was read before must not be acted on. */
  readonly voided: boolean;
};

/**
 * Takes over what a data source is now: how its properties are found, which bases are void, and how it deviates from the
 * configuration. `interrupted` names fields that a page answer has shown to be out of order, though all is well by now.
 * `mapping` is given at start-up only, when the configuration may have changed.
 */
export async function settleSchema(
  sql: Sql,
  {
    table,
    actual,
    sources,
  }: { readonly table: ResolvedTable; readonly actual: NotionDataSource; readonly sources: Sources },
  more: { readonly mapping?: string; readonly interrupted?: ReadonlySet<string> } = {},
): Promise<Settled> {
  const at = { table: table.name, dataSource: actual.id };
  await lockSchema(sql, table.name);
  const before = await readKnown(sql, table.name, actual.id);
  const { identified } = planUpdate(table, actual, sources, before);
  const { keys, moved, deviations } = identified;
  // A field that the table goes without for now is found again by what was known of it.
  const resting = Object.fromEntries(
    Object.entries(before).filter(([property]) => pausedNames(table).includes(property)),
  );
  const known = { ...resting, ...identified.known };
  const ids = { ...idsOf(resting), ...identified.ids };
  const { mapping } = more;
  if (mapping !== undefined) {
    const place = { ...at, database: actual.databaseId, reads: table.source, properties: ids };
    await saveSource(sql, { ...place, mapping });
    // What was said of it before it had a database.
    if ((await readSource(sql, table.name))?.pausedBy === null)
      await keepDrifts(sql, table.name, SUSPENDING, []);
  }
  await moveFields(sql, table.name, moved);
  const changed = await saveKnown(sql, at, { before, known, usable: { ids, keys } });
  await keepDrifts(sql, table.name, DEVIATIONS, driftsOf(deviations));
  const interrupted = [...(more.interrupted ?? [])].filter((name) => Object.hasOwn(ids, name));
  const voided = [...new Set([...identified.voided, ...interrupted])];
  if (voided.length > 0) await voidBase(sql, table, voided);
  // What Notion refused may have been about what is different now.
  if (changed && Object.keys(before).length > 0) {
    await releaseRefused(sql, table.name, schemaDigest(actual));
    await retryParked(sql, table.name);
  }
  return { identified, voided: voided.length > 0 };
}

const idsOf = (known: KnownSchema): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(known).flatMap(([property, { id, interruption }]) =>
      interruption === null ? [[property, id]] : [],
    ),
  );

/** The table as it can be synced now: without the fields that are out of order, and with options known by their ids. */
export function syncable(table: ResolvedTable, known: KnownSchema): ResolvedTable {
  const usable = (property: string | null): string | null =>
    property !== null && ownEntry(known, property)?.interruption === null ? property : null;
  return {
    ...table,
    fields: table.fields.flatMap((field) => {
      const property = ownEntry(known, field.property);
      return property?.interruption === null ? [withOptions(field, property.options)] : [];
    }),
    lastSyncedProperty: usable(table.lastSyncedProperty),
    statusProperty: usable(table.statusProperty),
  };
}

/** Whether something stands still: a property is out of order, or was never there, as the mapping may have gained its field. */
export function isIncomplete(table: ResolvedTable, known: KnownSchema): boolean {
  const own = [table.lastSyncedProperty, table.statusProperty].filter((property) => property !== null);
  const wanted = [...table.fields.map(({ property }) => property), ...own];
  return (
    Object.values(known).some(({ interruption }) => interruption !== null) ||
    wanted.some((property) => ownEntry(known, property) === undefined)
  );
}

/**
 * Keeps options that page answers have shown and nobody knew, such as those that a write of ours has made. False if only the
 * schema can tell what they are: the label has another option, or was said to lack one.
 */
export async function learnOptions(
  sql: Sql,
  table: ResolvedTable,
  dataSource: DataSourceId,
  learned: readonly Difference[],
): Promise<boolean> {
  const at = { table: table.name, dataSource };
  await lockSchema(sql, table.name);
  const before = await readKnown(sql, table.name, dataSource);
  const known: Record<string, KnownProperty> = { ...before };
  for (const { property, what: id, name = '' } of learned) {
    const [was, field] = [ownEntry(known, property), table.fields.find((each) => each.property === property)];
    if (was === undefined || field === undefined) continue;
    // Pages that were answered while it was being learned have shown it again.
    if (ownEntry(was.options, id)?.name === name) continue;
    const option = labelled(field, {}, [{ id, name }])[id];
    if (option === undefined) continue;
    if (Object.values(was.options).some(({ label }) => label === option.label)) return false;
    known[property] = { ...was, options: { ...was.options, [id]: option } };
  }
  const source = await readSource(sql, table.name);
  if (source !== null)
    await saveKnown(sql, at, { before, known, usable: { ids: source.properties, keys: source.keys } });
  return !(await hasDrift(sql, table.name, 'option_missing'));
}
