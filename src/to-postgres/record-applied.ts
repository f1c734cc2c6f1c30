import type { PageImage, RowImage } from '../model/change.ts';
import { earliestOf } from '../model/conflict.ts';
import type { LiveConflict } from '../model/conflict-lifecycle.ts';
import { goesToNotion, isWhole, type ResolvedField } from '../model/mapping.ts';
import { changedOnPage, rowChangeOf } from '../model/merge.ts';
import { pick } from '../model/pick.ts';
import { RowKeptError } from '../postgres/row-statement-error.ts';
import type { Actor } from '../postgres/write.ts';
import type { EditTimes } from '../state/edit-times.ts';
import { beginOperation, endOperation } from '../state/operations.ts';
import { markRestore } from '../state/outbox.ts';
import { advanceBase, type SyncRecord } from '../state/records.ts';
import type { Sql } from '../state/sql.ts';
import type { Sighting } from './context.ts';
import type { MergeResult } from './merge-edit.ts';

/** An edit that has been written to its row, in the transaction that is still open. */
type AppliedEdit = {
  readonly sighting: Sighting;
  readonly record: SyncRecord;
  readonly before: RowImage;
  /** The row as it is after the write and its triggers. */
  readonly after: RowImage;
  readonly merged: MergeResult;
  /** The record's conflicts that are not over. */
  readonly conflicts: readonly LiveConflict[];
  readonly actor: Actor;
  readonly times: Pick<EditTimes, 'page'>;
  /** Fields of which the row holds something else than the page says. */
  readonly altered: readonly string[];
  /** PostgreSQL gave no error, and left the row as it was. */
  readonly isKept: boolean;
};

/** Base, outbox entry and audit line of an applied edit; they commit with the row. */
export async function recordApplied(sql: Sql, edit: AppliedEdit): Promise<void> {
  const { sighting, record, after, merged } = edit;
  const taken = merged.taken.map((field) => field.property);
  const row = { ...pickAll(after, taken), ...Object.fromEntries(merged.merged) };
  const page = pick(sighting.image, taken);
  const base = { ...record.basePage, ...page };
  const { table } = sighting;
  const rests = isWhole(table) && changedOnPage(table.fields, base, sighting.image).length === 0;
  await advanceBase(sql, record, { row, page, pageEditedAt: sighting.page.lastEditedTime, rests });
  const written = merged.taken.filter(
    ({ source }) => source.kind === 'column' && source.column in merged.values,
  );
  await writeBack(sql, edit, { ...record.baseRow, ...row });
  if (written.length > 0) await audit(sql, edit, written);
}

/** What the page has to get now: fields that the row wins, and what triggers made of it. */
async function writeBack(
  sql: Sql,
  { sighting, record, after, merged, conflicts, altered }: AppliedEdit,
  base: Readonly<Record<string, string | null>>,
): Promise<void> {
  // A trigger that made something else of a value, or refused it silently: the page shows what the row really holds.
  const beside = merged.taken.filter((field) => showsFormer(field, sighting.image));
  const back = [...[...merged.kept, ...beside].map((field) => field.property), ...altered];
  if (back.length > 0) await markRestore(sql, { table: record.table, key: record.key, fields: back }, false);
  const held = new Set([
    ...merged.held.map(({ property }) => property),
    ...conflicts.map(({ field }) => field),
  ]);
  const news = sighting.table.fields.some(
    (field) =>
      goesToNotion(field) &&
      !held.has(field.property) &&
      !back.includes(field.property) &&
      (after[field.property] ?? null) !== base[field.property],
  );
  // A line that waits already keeps the time of its change, which last write wins goes by.
  if (news) await markRestore(sql, { table: record.table, key: record.key, fields: [] });
}

/** Whether a relation of one key shows the page that was chosen beside a former one, which would come back with it. */
const showsFormer = (field: ResolvedField, image: PageImage): boolean => {
  const shown = image[field.property];
  return (
    field.type === 'relation' &&
    goesToNotion(field) &&
    !field.shape.array &&
    Array.isArray(shown) &&
    shown.length > 1
  );
};

async function audit(sql: Sql, edit: AppliedEdit, written: readonly ResolvedField[]): Promise<void> {
  const { sighting, record, before, after, actor, times } = edit;
  const edited = written.map((field) => field.property);
  const columns = sighting.table.fields.filter(({ source }) => source.kind === 'column');
  const operation = await beginOperation(sql, {
    direction: 'to-postgres',
    table: record.table,
    key: record.key,
    page: record.page,
    kind: 'update',
    before: pickAll(before, edited),
    after: pickAll(after, edited),
    // Triggers' work included: what of it goes back to the page is a consequence of this edit, not a change by itself.
    row: rowChangeOf(
      before,
      after,
      columns.map((field) => field.property),
    ),
    changedAt: earliestOf(edited.map((name) => times.page(name, sighting.image[name] ?? null))),
    actor: actor.name,
    actorId: actor.id,
    candidates: actor.candidates ?? [],
  });
  const { source } = sighting.table;
  await endOperation(
    sql,
    operation,
    edit.isKept
      ? { status: 'failed', error: new RowKeptError('update', source).message }
      : { status: 'done' },
  );
}

/** These members of an image; one that it lacks is null. */
const pickAll = <T>(image: Readonly<Record<string, T>>, names: readonly string[]): Record<string, T | null> =>
  Object.fromEntries(names.map((name) => [name, image[name] ?? null]));
