import type { LiveConflict } from '../model/conflict-lifecycle.ts';
import { isMarked, LOOK_MARK, valuesMark } from '../model/edit-command.ts';
import { goesToNotion, goesToPostgres, type ResolvedField } from '../model/mapping.ts';
import { changedOnPage } from '../model/merge.ts';
import { editDigest } from '../model/page.ts';
import { wakeIfDecided } from '../state/clearings.ts';
import { liveConflicts } from '../state/conflicts.ts';
import {
  CONFLICT_OPEN,
  conflictOpen,
  dropEdit,
  editsOf,
  parkEdit,
  type WaitingEdit,
  waitForEdit,
} from '../state/edits.ts';
import { releaseHeld } from '../state/held.ts';
import { tellOnce } from '../state/notices.ts';
import { markRestore } from '../state/outbox.ts';
import type { SyncRecord } from '../state/records.ts';
import { dropSightings, keepSightings } from '../state/sightings.ts';
import type { Sql } from '../state/sql.ts';
import { withoutMoveLosses } from '../sync/move-losses.ts';
import { valuesAt } from './actor.ts';
import { guardEdit } from './clearing.ts';
import { concludeEdit, isOurs, keepIdEdited } from './conflict.ts';
import type { InboundContext, Sighting } from './context.ts';
import { withTitles } from './kept-titles.ts';
import { isOwnEdit } from './log-read.ts';
import { ownId } from './own-id.ts';
import { withoutOurWrites } from './own-writes.ts';
import { reinsertRow } from './reinsert-row.ts';
import { isBlocked, joined, parked, type Tried } from './rejected-writes.ts';
import { type EditFailure, editWaitMs } from './rejection.ts';
import { withoutSchemaLosses } from './schema-losses.ts';
import { isSettling } from './settle.ts';

import { tryFields } from './write-fields.ts';

type Linked = SyncRecord & { readonly page: NonNullable<SyncRecord['page']> };

/**
 * Brings what a person changed on a page into its row. The caller holds the record's lock and has made sure that the
 * sighting is not older than our own last write. What PostgreSQL refuses is parked with its reason (invariant 4).
 */
export async function applyEdit(context: InboundContext, sighting: Sighting, known: Linked): Promise<void> {
  const { table, page, image } = sighting;
  const own = await withoutOurWrites(context, sighting, known);
  const home = await withoutMoveLosses(context, sighting, own);
  const intact = await withoutSchemaLosses(context, sighting, home);
  if (intact === null) return;
  const id = await ownId(context, sighting, intact);
  const { record } = id;
  const changed = changedOnPage(table.fields, record.basePage, image);
  const digest = editDigest(changed, image);
  const waiting = (await editsOf(context.store, [page.id])).get(page.id);
  const conflicts = await liveConflicts(context.store, table.name, record.key);
  if (await reinsertRow(context, sighting, record, { changed, digest, waiting, conflicts })) return;
  const decided = conflicts.filter(isOurs);
  const guarded = await guardEdit(context, sighting, {
    record,
    changed,
    decided: new Set(decided.map(({ field }) => field)),
  });
  if (changed.length === 0 && waiting === undefined && conflicts.length === 0) return;
  // Refused before, and the page is as it was: only another value, or a person's word, can change the answer.
  if (
    changed.length > 0 &&
    waiting?.parked &&
    isMarked(waiting, valuesMark(digest)) &&
    !isFree(waiting, conflicts)
  )
    return;
  const edit = { changed, digest, waiting };
  if (!conflicts.some(isOurs) && (await isSettling(context, sighting, record, edit))) return;
  if (!(await isOwnEdit(context, sighting, record, changed.filter(goesToPostgres)))) return;
  const others = changed.filter(({ property }) => id.failure === null || property !== table.idProperty);
  await putRight(context, sighting, record, others);
  const theirs = guarded.free.filter(goesToPostgres);
  const persons = theirs.filter(({ property }) => !guarded.actors.has(property));
  const applied = [...(await applyAll(context, sighting, { record, theirs: persons, decided }))];
  for (const [property, by] of guarded.actors)
    for (const field of theirs.filter((each) => each.property === property))
      applied.push(await tryFields(context, sighting, { record, fields: [field], decision: { by } }));
  const failures = [guarded.failure, id.failure].filter((each) => each !== null);
  const tried = [...failures.map((each) => ({ failure: parked(each), held: [] })), ...applied];
  await conclude(context, sighting, record, {
    changed,
    digest,
    waiting,
    tried,
    decided,
    clearing: guarded.waiting,
  });
}

/** Whether an edit waits for a decision that nobody has to make any more, because the row is back or as it was. */
const isFree = (waiting: WaitingEdit, conflicts: readonly LiveConflict[]): boolean =>
  waiting.code === CONFLICT_OPEN && conflicts.every(({ type }) => type === 'DELETED_IN_POSTGRES');

/** What a person may not change in Notion is written again. */
async function putRight(
  context: InboundContext,
  sighting: Sighting,
  record: Linked,
  changed: readonly ResolvedField[],
): Promise<void> {
  const ours = changed
    .filter((field) => !goesToPostgres(field) && goesToNotion(field))
    .map((field) => field.property);
  if (ours.length === 0) return;
  await context.store.transaction(async (sql) => {
    const { idProperty } = sighting.table;
    // Without a base, what the page lacks or shows there is nobody's edit.
    if (ours.includes(idProperty) && idProperty in record.basePage) await keepIdEdited(sql, sighting, record);
    await markRestore(sql, { table: record.table, key: record.key, fields: ours }, false);
  });
  context.onDirty();
}

/** Keeps what became of an edit: that it is over, what it waits for, or why it was refused. */
async function conclude(
  context: InboundContext,
  sighting: Sighting,
  record: Linked,
  seen: {
    readonly changed: readonly ResolvedField[];
    readonly digest: string;
    readonly waiting: WaitingEdit | undefined;
    readonly tried: readonly Tried[];
    readonly decided: readonly LiveConflict[];
    /** Emptied fields that wait for a person. */
    readonly clearing: readonly string[];
  },
): Promise<void> {
  const { table, page } = sighting;
  const { digest, waiting, tried } = seen;
  const changed = seen.changed.map((field) => field.property);
  const held = tried.flatMap((each) => each.held);
  const told = tried.flatMap((each) => each.told ?? []);
  // The page shows these until they have been written: the next look must not take them for a later edit.
  const kept = table.fields.filter(({ property }) => tried.some((each) => each.kept?.includes(property)));
  const failure =
    (await titled(context, sighting, record, tried)) ?? (held.length > 0 ? parked(conflictOpen(held)) : null);
  const fields = seen.changed.filter(goesToPostgres).map((field) => field.property);
  const edit = { page: page.id, table: table.name, key: record.key, mark: valuesMark(digest), fields };
  await context.store.transaction(async (sql) => {
    const refusals = tried.flatMap(({ refusal }) => refusal ?? []);
    const undone = await concludeEdit(sql, sighting, record, { changed, refusals, tried: seen.decided });
    if (undone) await waitForEdit(sql, { ...edit, mark: LOOK_MARK }, 0, null);
    else if (failure === null) await closeEdit(sql, record);
    if (failure === null && told.length > 0) await tellOnce(sql, edit, told);
    const open = failure === null ? kept : seen.changed.filter(goesToPostgres);
    await dropSightings(sql, page.id, changed);
    await keepSightings(sql, context, record, { seen: page, values: valuesAt(sighting.image, open) });
    if (undone || failure === null) return;
    if (failure.kind === 'wait')
      await waitForEdit(sql, edit, editWaitMs(failure.cause, waiting, edit.mark), failure.cause);
    else await parkEdit(sql, edit, failure.cause);
    await wakeIfDecided(sql, edit, seen.clearing);
  });
  if (failure?.kind !== 'park') return;
  const what =
    failure.cause.code === CONFLICT_OPEN ? 'a conflict waits' : 'an edit made in Notion was refused';
  context.log.warn({ table: table.name, key: record.key, ...failure.cause }, what);
}

async function closeEdit(sql: Sql, { table, key, page }: Linked): Promise<void> {
  await dropEdit(sql, page);
  await releaseHeld(sql, table, key);
}

/** What a person decided goes alone and in that person's name; all else goes together. */
async function applyAll(
  context: InboundContext,
  sighting: Sighting,
  {
    record,
    theirs,
    decided,
  }: {
    readonly record: Linked;
    readonly theirs: readonly ResolvedField[];
    readonly decided: readonly LiveConflict[];
  },
): Promise<readonly Tried[]> {
  const tried: Tried[] = [];
  for (const conflict of decided) {
    const pool = conflict.choice === 'value' ? sighting.table.fields.filter(goesToPostgres) : theirs;
    const field = pool.find(({ property }) => property === conflict.field);
    if (field !== undefined)
      tried.push(await tryFields(context, sighting, { record, fields: [field], decision: conflict }));
  }
  const rest = theirs.filter(({ property }) => !decided.some(({ field }) => field === property));
  return rest.length === 0 ? tried : [...tried, ...(await applyFields(context, sighting, record, rest))];
}

async function applyFields(
  context: InboundContext,
  sighting: Sighting,
  record: Linked,
  fields: readonly ResolvedField[],
): Promise<readonly Tried[]> {
  const outcome = await tryFields(context, sighting, { record, fields });
  // What waits for a lock would wait for it with each field.
  if (outcome.failure === null || fields.length === 1 || isBlocked(outcome.failure)) return [outcome];
  // Together they cannot go in; what can stand alone goes on, so that one bad value holds back no other.
  const each: Tried[] = [];
  for (const field of fields) each.push(await tryFields(context, sighting, { record, fields: [field] }));
  return each;
}

async function titled(
  context: InboundContext,
  { table }: Sighting,
  record: Linked,
  tried: readonly Tried[],
): Promise<EditFailure | null> {
  const all = joined(tried);
  if (all?.kind !== 'park' || all.cause.told === undefined) return all;
  const row = tried.find(({ refusal }) => refusal !== undefined)?.refusal?.row ?? record.baseRow;
  const told = await withTitles(context, table, row, all.cause.told);
  return { ...all, cause: { ...all.cause, told } };
}
