import { type Drift, driftsOfFaults } from '../model/drift.ts';
import type { TableName } from '../model/ids.ts';
import { listed } from '../model/sentences.ts';
import { tableFailure } from '../model/table-failure.ts';
import { grantFor } from '../postgres/missing-grants.ts';
import { resolveEach } from '../postgres/resolve-each.ts';
import { shapesOf } from '../postgres/shape-digest.ts';
import { readShapes } from '../state/table-shapes.ts';
import { keepShapeFaults } from './field-faults.ts';
import { namesFor } from './named-now.ts';
import { noteGone } from './remade-columns.ts';
import type { ShapesOptions } from './shapes-options.ts';

/**
 * Why nothing of a table can be synced, if that is what a failure of reading it means, as its catalog tells it; null if it
 * means something else, empty if the table can be synced without some of its fields.
 */
export async function suspensionOf(
  options: ShapesOptions,
  name: TableName,
  error: unknown,
): Promise<readonly Drift[] | null> {
  const { store, db, mappings, strategy } = options;
  const failure = tableFailure(error);
  const mapping = mappings.find((each) => each.name === name);
  if (failure?.kind !== 'table_unreadable' || mapping === undefined) return failure && [failure];
  const present = (await shapesOf(db, [mapping.source]).catch(() => null))?.get(mapping.source);
  const found = await resolveEach(db, mappings, { strategy, tolerant: true, only: name }).catch(() => null);
  const wrong = found?.unresolved.get(name);
  if (wrong !== undefined) {
    const now = await namesFor(store, db, mapping, wrong.faults);
    const [first, ...more] = driftsOfFaults(wrong.faults, mapping, now);
    if (first === undefined) return [failure];
    const both = first.detail.includes(failure.detail)
      ? first.detail
      : listed([failure.detail, first.detail]);
    return [{ ...first, detail: both }, ...more];
  }
  const [table] = found?.tables ?? [];
  const faults = found?.paused.get(name) ?? [];
  if (table === undefined || faults.length === 0) {
    const grant = await grantFor(db, error).catch(() => null);
    return [grant === null ? failure : { ...failure, remedy: grant, remedyKind: 'sql' }];
  }
  // It goes on without the fields that hinder it; who read it as it was reads it again.
  options.replace(table);
  const known = (await readShapes(store)).get(name)?.columns ?? {};
  if (present !== undefined) await noteGone(store, mapping, known, present.columns);
  const now = await namesFor(store, db, mapping, faults);
  const { denied = [] } = table;
  await store.transaction((sql) => keepShapeFaults(sql, mapping, { paused: faults, denied, now }));
  return [];
}
