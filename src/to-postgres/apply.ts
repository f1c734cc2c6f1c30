import type { RowImage } from '../model/change.ts';
import { rowFiltered } from '../model/filtered.ts';
import { goesToNotion, goesToPostgres, type ResolvedField } from '../model/mapping.ts';
import { changedOnPage } from '../model/merge.ts';
import { editDigest } from '../model/page.ts';
import { readRows } from '../postgres/read-rows.ts';
import { RowKeptError } from '../postgres/row-statement-error.ts';
import { type ColumnValues, lockRow, writeAs } from '../postgres/write.ts';
import { wakeIfDecided } from '../state/clearings.ts';
import { type LiveConflict, liveConflicts } from '../state/conflicts.ts';
import { editTimesOf } from '../state/edit-times.ts';
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
import { FENCE, type Sql } from '../state/sql.ts';
import { actorFor, valuesAt } from './actor.ts';
import { bringBack } from './reinsert-row.ts';
import { choose } from './merge-edit.ts';
import { guardEdit } from './clearing.ts';
import { concludeApplied, concludeEdit, isOurs, keepIdEdited } from './conflict.ts';
import {
  decodeAll,
  type InboundContext,
  inboundLookups,
  lookupsWithRows,
  type Sighting,
  stateOn,
} from './context.ts';
import { withTitles } from './kept-titles.ts';
import { isOwnRow } from './log-read.ts';
import { ownId } from './own-id.ts';
import { withoutOurWrites } from './own-writes.ts';
import { type EditTrouble, editTroubleOf, editWaitMs, rowGone, toldKept } from './rejection.ts';
import { remember } from './record-applied.ts';
import { withoutMoveLosses, withoutSchemaLosses } from './schema-losses.ts';
import { isSettling } from './settle.ts';
import { isBlocked, joined, mayBeOutdated, parked, problemOf, type Tried } from './rejected-writes.ts';
import { writeChosen } from './write-row.ts';

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
  const lines = await liveConflicts(context.store, table.name, record.key);
  if (await bringBack(context, sighting, record, { changed, digest, waiting, lines })) return;
  const decided = lines.filter(isOurs);
  const guarded = await guardEdit(
    context,
    sighting,
    record,
    changed,
    new Set(decided.map(({ field }) => field)),
  );
  if (changed.length === 0 && waiting === undefined && lines.length === 0) return;
  // Refused before, and the page is as it was: only another value, or a person's word, can change the answer.
  if (changed.length > 0 && waiting?.parked && waiting.digest === digest && !isFree(waiting, lines)) return;
  const edit = { changed, digest, waiting };
  if (!lines.some(isOurs) && (await isSettling(context, sighting, record, edit))) return;
  if (changed.some(goesToPostgres) && !(await isOwnRow(context, table, record))) return;
  const others = changed.filter(({ property }) => id.trouble === null || property !== table.idProperty);
  await putRight(context, sighting, record, others);
  const theirs = guarded.free.filter(goesToPostgres);
  const persons = theirs.filter(({ property }) => !guarded.actors.has(property));
  const applied = [...(await applyAll(context, sighting, record, persons, decided))];
  for (const [property, by] of guarded.actors)
    for (const field of theirs.filter((each) => each.property === property))
      applied.push(await tryFields(context, sighting, record, [field], { by }));
  const troubles = [guarded.trouble, id.trouble].filter((each) => each !== null);
  const tried = [...troubles.map((each) => ({ trouble: parked(each), held: [] })), ...applied];
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
const isFree = (waiting: WaitingEdit, lines: readonly LiveConflict[]): boolean =>
  waiting.code === CONFLICT_OPEN && lines.every(({ type }) => type === 'DELETED_IN_POSTGRES');

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
    await markRestore(sql, record.table, record.key, ours, false);
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
  const trouble =
    (await titled(context, sighting, record, tried)) ?? (held.length > 0 ? parked(conflictOpen(held)) : null);
  const fields = seen.changed.filter(goesToPostgres).map((field) => field.property);
  const edit = { page: page.id, table: table.name, key: record.key, digest, fields };
  await context.store.transaction(async (sql) => {
    const refusals = tried.flatMap(({ refusal }) => refusal ?? []);
    const undone = await concludeEdit(sql, sighting, record, { changed, refusals, tried: seen.decided });
    if (undone) await waitForEdit(sql, { ...edit, digest: '' }, 0, null);
    else if (trouble === null) await closeEdit(sql, record);
    if (trouble === null && told.length > 0) await tellOnce(sql, edit, told);
    const open = trouble === null ? kept : seen.changed.filter(goesToPostgres);
    await dropSightings(sql, page.id, changed);
    await keepSightings(sql, context, record, page, valuesAt(sighting.image, open));
    if (undone || trouble === null) return;
    if (trouble.kind === 'wait')
      await waitForEdit(sql, edit, editWaitMs(trouble.trouble, waiting, digest), trouble.trouble);
    else await parkEdit(sql, edit, trouble.trouble);
    await wakeIfDecided(sql, edit, seen.clearing);
  });
  if (trouble?.kind !== 'park') return;
  const what =
    trouble.trouble.code === CONFLICT_OPEN ? 'a conflict waits' : 'an edit made in Notion was refused';
  context.log.warn({ table: table.name, key: record.key, ...trouble.trouble }, what);
}

async function closeEdit(sql: Sql, { table, key, page }: Linked): Promise<void> {
  await dropEdit(sql, page);
  await releaseHeld(sql, table, key);
}

/** What a person decided goes alone and in that person's name; all else goes together. */
async function applyAll(
  context: InboundContext,
  sighting: Sighting,
  record: Linked,
  theirs: readonly ResolvedField[],
  decided: readonly LiveConflict[],
): Promise<readonly Tried[]> {
  const tried: Tried[] = [];
  for (const line of decided) {
    const pool = line.choice === 'value' ? sighting.table.fields.filter(goesToPostgres) : theirs;
    const field = pool.find(({ property }) => property === line.field);
    if (field !== undefined) tried.push(await tryFields(context, sighting, record, [field], line));
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
  const outcome = await tryFields(context, sighting, record, fields);
  // What waits for a lock would wait for it with each field.
  if (outcome.trouble === null || fields.length === 1 || isBlocked(outcome.trouble)) return [outcome];
  // Together they cannot go in; what can stand alone goes on, so that one bad value holds back no other.
  const each: Tried[] = [];
  for (const field of fields) each.push(await tryFields(context, sighting, record, [field]));
  return each;
}

async function titled(
  context: InboundContext,
  { table }: Sighting,
  record: Linked,
  tried: readonly Tried[],
): Promise<EditTrouble | null> {
  const all = joined(tried);
  if (all?.kind !== 'park' || all.trouble.told === undefined) return all;
  const row = tried.find(({ refusal }) => refusal !== undefined)?.refusal?.row ?? record.baseRow;
  const told = await withTitles(context, table, row, all.trouble.told);
  return { ...all, trouble: { ...all.trouble, told } };
}

/** What the table was when the page was read refuses nothing: it is looked at again first. */
async function tryFields(
  context: InboundContext,
  sighting: Sighting,
  record: Linked,
  fields: readonly ResolvedField[],
  decision?: Pick<LiveConflict, 'by'>,
): Promise<Tried> {
  const tried = await tryAsSeen(context, sighting, record, fields, decision);
  if (!mayBeOutdated(tried)) return tried;
  const table = await context.shapes.refresh(sighting.table.name);
  if (table === undefined || table === sighting.table) return tried;
  const names = new Set(fields.map(({ property }) => property));
  const fresh = table.fields.filter(({ property }) => names.has(property));
  if (fresh.length < fields.length) return tried;
  return tryAsSeen(context, { ...sighting, table }, record, fresh, decision);
}

async function tryAsSeen(
  context: InboundContext,
  sighting: Sighting,
  record: Linked,
  fields: readonly ResolvedField[],
  decision?: Pick<LiveConflict, 'by'>,
): Promise<Tried> {
  const { table, page, image } = sighting;
  const seen = await inboundLookups(context, fields, image, record.basePage, sighting.away);
  const times = await editTimesOf(context.store, context, record, page);
  const actor = await actorFor(context, sighting, fields, times, decision);
  const write = { operation: page.id, table: table.name, key: record.key };
  let row: RowImage = record.baseRow;
  let sent: ColumnValues = {};
  try {
    return await writeAs(context.writer, { secret: context.tagSecret, write, actor }, async (transaction) => {
      const sql = stateOn(transaction);
      await sql.query(FENCE, [context.store.epoch]);
      const lines = await liveConflicts(sql, table.name, record.key, true);
      if (!(await lockRow(transaction, table, record.key)))
        return { trouble: parked(rowGone(record)), held: [] };
      const present = (await readRows(transaction, table, [record.key])).get(record.key);
      if (present === undefined)
        return { trouble: parked(rowFiltered(record, fields[0]?.property ?? null)), held: [] };
      row = present;
      const ends = { db: transaction, tables: context.tables, sql };
      const lookups = await lookupsWithRows(ends, seen, table, [row, record.baseRow]);
      const decoded = decodeAll(fields, image, lookups, row);
      const chosen = choose({ sighting, record, row, times, lookups, lines }, decoded);
      const problem = problemOf(chosen.problems);
      sent = chosen.values;
      if (problem !== null) return refused(fields, row, problem);
      const wrote = await writeChosen(transaction, sighting, record.key, chosen, { row, lookups });
      // Which of several it is that PostgreSQL does not take, each alone shows.
      if (wrote.isKept && !(fields.length === 1 && fields.every(goesToNotion)))
        throw new RowKeptError('update', table.source);
      await concludeApplied(sql, sighting, record, row, chosen, lines);
      await remember(sql, { sighting, record, before: row, ...wrote, chosen, lines, actor });
      const names = (some: readonly ResolvedField[]) => some.map(({ property }) => property);
      const told = wrote.isKept ? toldKept(fields, row) : [];
      return { trouble: null, held: names(chosen.held), kept: names(chosen.kept), told };
    });
  } catch (error) {
    const trouble = editTroubleOf(error, { table, fields, present: row, sent });
    if (trouble === null) throw error;
    return refused(fields, row, trouble);
  } finally {
    context.onDirty();
  }
}

function refused(fields: readonly ResolvedField[], row: RowImage, trouble: EditTrouble): Tried {
  const [only, ...others] = fields;
  const single = trouble.kind === 'park' && only !== undefined && others.length === 0;
  const refusal = { field: only?.property ?? '', trouble: trouble.trouble, row };
  return { trouble, held: [], ...(single ? { refusal } : {}) };
}
