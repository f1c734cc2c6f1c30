import type { RowImage } from '../model/change.ts';
import { type Clash, type ConflictType, clashOf } from '../model/clash.ts';
import type { LiveConflict } from '../model/conflict-lifecycle.ts';
import type { ResolvedField } from '../model/mapping.ts';
import { applyTransitions } from '../state/conflict-transitions.ts';
import { decideConflict, holdConflict, liveConflicts, recordResolved } from '../state/conflicts.ts';
import { type Failure, markRestore } from '../state/outbox.ts';
import type { SyncRecord } from '../state/records.ts';
import type { Sql } from '../state/sql.ts';
import type { Sighting } from './context.ts';
import type { MergeResult } from './merge-edit.ts';

/** Whether the way back has to carry out what a person decided here. */
export const isOurs = ({ by, choice, field }: LiveConflict): boolean =>
  by !== null && field !== null && (choice === 'notion' || choice === 'value');

/** What stands against what in an edit. */
export const editClash = (
  type: ConflictType,
  { table, page, image }: Sighting,
  {
    record,
    row,
    field,
  }: {
    readonly record: Pick<SyncRecord, 'key' | 'baseRow' | 'basePage'>;
    readonly row: RowImage;
    readonly field: string | null;
  },
): Clash => clashOf({ type, field }, table, { ...record, page: page.id }, { row, page: image });

/** Holds, resolves and ends conflicts as an edit is applied, in the row's own transaction and before its outbox entry. */
export async function concludeApplied(
  sql: Sql,
  sighting: Sighting,
  record: SyncRecord,
  {
    row,
    merged,
    conflicts,
  }: { readonly row: RowImage; readonly merged: MergeResult; readonly conflicts: readonly LiveConflict[] },
): Promise<void> {
  const of = (field: ResolvedField) => conflicts.filter((conflict) => conflict.field === field.property);
  for (const field of merged.held) {
    await applyTransitions(sql, of(field), () => ({ kind: 'held' }));
    // A decision that is on its way to the page holds the field as well.
    if (of(field).some(({ by }) => by !== null)) continue;
    await holdConflict(sql, editClash('CONCURRENT_UPDATE', sighting, { record, row, field: field.property }));
  }
  for (const field of merged.taken) {
    const why = merged.overruled.get(field.property);
    if (why !== undefined) {
      const clash = editClash('CONCURRENT_UPDATE', sighting, { record, row, field: field.property });
      await recordResolved(sql, { ...clash, times: why }, 'notion', why.strategy);
    }
    const wrote = field.source.kind === 'column' && field.source.column in merged.values;
    await applyTransitions(sql, of(field), () => ({ kind: 'applied', wrote }));
  }
}

/** A refusal of PostgreSQL's, of one field. */
export type Refusal = { readonly field: string; readonly failure: Failure; readonly row: RowImage };

/**
 * Ends the conflicts over fields that the page holds as the base says, and keeps each refusal as a conflict of its own
 * or, where a person's decision was refused, opens that one again. True if a decision came in the meantime and is
 * still to be carried out. Belongs at the start of its transaction.
 */
export async function concludeEdit(
  sql: Sql,
  sighting: Sighting,
  record: SyncRecord,
  seen: {
    readonly changed: readonly string[];
    readonly refusals: readonly Refusal[];
    /** Conflicts whose decisions were tried by now. */
    readonly tried: readonly LiveConflict[];
  },
): Promise<boolean> {
  const conflicts = await liveConflicts(sql, record.table, record.key, true);
  const freed = await applyTransitions(sql, conflicts, ({ field }) =>
    field !== null && seen.changed.includes(field) ? null : { kind: 'page at base' },
  );
  for (const { field, failure, row } of seen.refusals) {
    const mine = conflicts.filter((conflict) => conflict.field === field);
    const asked = mine.find((conflict) => isOurs(conflict) || conflict.type === 'CONCURRENT_UPDATE');
    if (asked !== undefined)
      await applyTransitions(sql, [asked], () => ({ kind: 'refused', reason: failure.reason }));
    else {
      const clash = editClash('REFUSED_EDIT', sighting, { record, row, field });
      await holdConflict(sql, { ...clash, note: failure.reason });
    }
  }
  // The page gave way, so the row's change is one of its own.
  if (freed) await markRestore(sql, { table: record.table, key: record.key, fields: [] });
  const tried = new Set(seen.tried.map(({ id }) => id));
  return conflicts.some(
    (conflict) =>
      isOurs(conflict) &&
      !tried.has(conflict.id) &&
      (conflict.choice === 'value' || (conflict.field !== null && seen.changed.includes(conflict.field))),
  );
}

/** A person typed over the key: the delivery writes it again, and the line says so. */
export async function keepIdEdited(sql: Sql, sighting: Sighting, record: SyncRecord): Promise<void> {
  const { idProperty } = sighting.table;
  const clash = editClash('ID_EDITED', sighting, {
    record,
    row: { [idProperty]: record.key },
    field: idProperty,
  });
  const note = 'the key of a record cannot be changed in Notion: the property gets it back';
  await decideConflict(sql, { ...clash, note }, 'postgres', 'postgres');
}
