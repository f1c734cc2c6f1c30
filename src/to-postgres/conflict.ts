import type { RowImage } from '../model/change.ts';
import type { ResolvedField } from '../model/mapping.ts';
import {
  type Clash,
  type ConflictType,
  decideConflict,
  endConflict,
  holdConflict,
  type LiveConflict,
  liveConflicts,
  recordResolved,
  reopenConflict,
} from '../state/conflicts.ts';
import { type Failure, markRestore } from '../state/outbox.ts';
import type { SyncRecord } from '../state/records.ts';
import type { Sql } from '../state/sql.ts';
import type { Sighting } from './context.ts';
import type { MergeResult } from './merge-edit.ts';

/** Whether the way back has to carry out what a person decided here. */
export const isOurs = ({ by, choice, field }: LiveConflict): boolean =>
  by !== null && field !== null && (choice === 'notion' || choice === 'value');

/** Both sides of one field, or (without one) of a whole record. */
export function clashOf(
  type: ConflictType,
  { table, page, image }: Sighting,
  record: Pick<SyncRecord, 'key' | 'baseRow' | 'basePage'>,
  row: RowImage,
  field: string | null,
): Clash {
  const names = field === null ? table.fields.map(({ property }) => property) : [field];
  return {
    type,
    table: table.name,
    key: record.key,
    page: page.id,
    field,
    base: { row: pick(record.baseRow, names), page: pick(record.basePage, names) },
    local: pick(row, names),
    remote: pick(image, names),
  };
}

const pick = <T>(image: Readonly<Record<string, T>>, names: readonly string[]): Record<string, T> =>
  Object.fromEntries(names.flatMap((name) => (name in image ? [[name, image[name] as T]] : [])));

/** Holds, resolves and ends conflicts as an edit is applied, in the row's own transaction and before its outbox line. */
export async function concludeApplied(
  sql: Sql,
  sighting: Sighting,
  record: SyncRecord,
  row: RowImage,
  merged: MergeResult,
  conflicts: readonly LiveConflict[],
): Promise<void> {
  const of = (field: ResolvedField) => conflicts.filter((conflict) => conflict.field === field.property);
  for (const field of merged.held) {
    for (const line of of(field))
      if (line.type === 'REFUSED_EDIT' && line.by === null) await endConflict(sql, line.id, 'outdated');
    // A decision that is on its way to the page holds the field as well.
    if (of(field).some(({ by }) => by !== null)) continue;
    await holdConflict(sql, clashOf('CONCURRENT_UPDATE', sighting, record, row, field.property));
  }
  for (const field of merged.taken) {
    const why = merged.overruled.get(field.property);
    if (why !== undefined) {
      const clash = clashOf('CONCURRENT_UPDATE', sighting, record, row, field.property);
      await recordResolved(sql, { ...clash, times: why }, 'notion', why.strategy);
    }
    const written = field.source.kind === 'column' && field.source.column in merged.values;
    for (const line of of(field)) await endTaken(sql, line, written);
  }
}

/** Both sides hold the same from now on: as was decided, or because the conflict lost its object. */
async function endTaken(sql: Sql, conflict: LiveConflict, written: boolean): Promise<void> {
  const asDecided =
    conflict.choice === 'notion' || conflict.choice === 'value' || (!written && conflict.choice !== null);
  if (conflict.by !== null && asDecided) await endConflict(sql, conflict.id, 'resolved');
  else if (conflict.type === 'REFUSED_EDIT' && written)
    await endConflict(sql, conflict.id, 'resolved', 'notion');
  else await endConflict(sql, conflict.id, 'outdated');
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
  let freed = false;
  for (const conflict of conflicts) {
    if (conflict.field !== null && seen.changed.includes(conflict.field)) continue;
    // The deletion is another's business; a delivery ends what goes to the page, and a value goes to the row anyhow.
    if (conflict.type === 'DELETED_IN_POSTGRES' || conflict.choice === 'value') continue;
    if (conflict.field !== null && conflict.choice === 'postgres') continue;
    freed ||= conflict.type === 'CONCURRENT_UPDATE';
    await endConflict(sql, conflict.id, conflict.choice === 'postgres' ? 'resolved' : 'outdated');
  }
  for (const { field, failure, row } of seen.refusals) {
    const mine = conflicts.filter((conflict) => conflict.field === field);
    const asked = mine.find((conflict) => isOurs(conflict) || conflict.type === 'CONCURRENT_UPDATE');
    if (asked !== undefined) await reopenConflict(sql, asked.id, failure.reason);
    else {
      const clash = clashOf('REFUSED_EDIT', sighting, record, row, field);
      await holdConflict(sql, { ...clash, note: failure.reason });
    }
  }
  // The page gave way, so the row's change is one of its own.
  if (freed) await markRestore(sql, record.table, record.key, []);
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
  const clash = clashOf('ID_EDITED', sighting, record, { [idProperty]: record.key }, idProperty);
  const note = 'the key of a record cannot be changed in Notion: the property gets it back';
  await decideConflict(sql, { ...clash, note }, 'postgres', 'postgres');
}
