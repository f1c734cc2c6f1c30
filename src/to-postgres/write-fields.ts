import type { RowImage } from '../model/change.ts';
import type { LiveConflict } from '../model/conflict-lifecycle.ts';
import { rowFiltered } from '../model/filtered.ts';
import { goesToNotion, type ResolvedField } from '../model/mapping.ts';
import { readRows } from '../postgres/read-rows.ts';
import { RowKeptError } from '../postgres/row-statement-error.ts';
import { type ColumnValues, lockRow, writeAs } from '../postgres/write.ts';
import { liveConflicts } from '../state/conflicts.ts';
import { editTimesOf } from '../state/edit-times.ts';
import type { SyncRecord } from '../state/records.ts';
import { fence } from '../state/sql.ts';
import { lookupsWithRows } from '../sync/row-lookups.ts';
import { actorFor } from './actor.ts';
import { concludeApplied } from './conflict.ts';
import { decodeAll, type InboundContext, inboundLookups, type Sighting, stateOn } from './context.ts';
import { mergeEdit } from './merge-edit.ts';
import { recordApplied } from './record-applied.ts';
import { mayBeOutdated, parked, problemOf, refusedTogether, type Tried } from './rejected-writes.ts';
import { editFailureOf, rowGone, toldKept } from './rejection.ts';
import { writeChosen } from './write-row.ts';

type Linked = SyncRecord & { readonly page: NonNullable<SyncRecord['page']> };

type WantedFields = {
  readonly record: Linked;
  readonly fields: readonly ResolvedField[];
  readonly decision?: Pick<LiveConflict, 'by'> | undefined;
};

/** What the table was when the page was read refuses nothing: it is looked at again first. */
export async function tryFields(
  context: InboundContext,
  sighting: Sighting,
  { record, fields, decision }: WantedFields,
): Promise<Tried> {
  const tried = await tryAsSeen(context, sighting, { record, fields, decision });
  if (!mayBeOutdated(tried)) return tried;
  const table = await context.shapes.refresh(sighting.table.name);
  if (table === undefined || table === sighting.table) return tried;
  const names = new Set(fields.map(({ property }) => property));
  const fresh = table.fields.filter(({ property }) => names.has(property));
  if (fresh.length < fields.length) return tried;
  return tryAsSeen(context, { ...sighting, table }, { record, fields: fresh, decision });
}

async function tryAsSeen(
  context: InboundContext,
  sighting: Sighting,
  { record, fields, decision }: WantedFields,
): Promise<Tried> {
  const { table, page, image } = sighting;
  const seen = await inboundLookups(context, { fields, image }, record.basePage, sighting.away);
  const times = await editTimesOf(context.store, context, record, page);
  const actor = await actorFor(context, sighting, fields, { ...times, decision });
  const write = { operation: page.id, table: table.name, key: record.key };
  let row: RowImage = record.baseRow;
  let sent: ColumnValues = {};
  try {
    return await writeAs(context.writer, { secret: context.tagSecret, write, actor }, async (transaction) => {
      const sql = stateOn(transaction);
      await fence(sql, context.store.epoch);
      const conflicts = await liveConflicts(sql, table.name, record.key, true);
      if (!(await lockRow(transaction, table, record.key)))
        return { failure: parked(rowGone(record)), held: [] };
      const present = (await readRows(transaction, table, [record.key])).get(record.key);
      if (present === undefined)
        return { failure: parked(rowFiltered(record, fields[0]?.property ?? null)), held: [] };
      row = present;
      const ends = { db: transaction, tables: context.tables, sql };
      const lookups = await lookupsWithRows(ends, seen, table, [row, record.baseRow]);
      const decoded = decodeAll(fields, image, lookups, row);
      const merged = mergeEdit({ sighting, record, row, times, lookups, conflicts }, decoded);
      const problem = problemOf(merged.problems);
      sent = merged.values;
      if (problem !== null) return refusedTogether(fields, row, problem);
      const chosen = { ...sighting, key: record.key };
      const wrote = await writeChosen(transaction, chosen, merged, { row, lookups });
      // Which of several it is that PostgreSQL does not take, each alone shows.
      if (wrote.isKept && !(fields.length === 1 && fields.every(goesToNotion)))
        throw new RowKeptError('update', table.source);
      await concludeApplied(sql, sighting, record, { row, merged, conflicts });
      const applied = { ...wrote, merged, conflicts, actor, times };
      await recordApplied(sql, { sighting, record, before: row, ...applied });
      const names = (some: readonly ResolvedField[]) => some.map(({ property }) => property);
      const told = wrote.isKept ? toldKept(fields, row) : [];
      return { failure: null, held: names(merged.held), kept: names(merged.kept), told };
    });
  } catch (error) {
    const failure = editFailureOf(error, { table, fields, present: row, sent });
    if (failure === null) throw error;
    return refusedTogether(fields, row, failure);
  } finally {
    context.onDirty();
  }
}
