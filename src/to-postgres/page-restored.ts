import type { PageImage } from '../model/change.ts';
import { isMarked, valuesMark } from '../model/edit-command.ts';
import { moverOf } from '../model/editor.ts';
import { rowFiltered } from '../model/filtered.ts';
import {
  goesToPostgres,
  type ResolvedField,
  type ResolvedTable,
  softDeleteColumn,
} from '../model/mapping.ts';
import { changedOnPage } from '../model/merge.ts';
import { digestOf } from '../model/page.ts';
import { isLeftInSight, type Rest } from '../model/record-state.ts';
import { leftOutAmong } from '../postgres/left-out.ts';
import { setSoftDeleted } from '../postgres/soft-delete.ts';
import { lockRow, settleConstraints, writeAs } from '../postgres/write.ts';
import { movedSince } from '../state/edit-times.ts';
import { dropEdit, editsOf, parkEdit, type WaitingEdit, waitForEdit } from '../state/edits.ts';
import { beginOperation, endOperation } from '../state/operations.ts';
import { markRestore } from '../state/outbox.ts';
import { markLinked, type SyncRecord } from '../state/records.ts';
import { fence } from '../state/sql.ts';
import { releaseWaiting } from '../state/waiting.ts';
import { actorOf } from './actor.ts';
import { adopt } from './adopt-page.ts';
import { type InboundContext, type Sighting, stateOn } from './context.ts';
import { receiveNew, rowExists } from './new-page.ts';
import { editFailureOf, editWaitMs } from './rejection.ts';

/** A record that rests, and how. */
export type Resting = { readonly record: SyncRecord; readonly rest: Rest };

/**
 * Whether a resting record's page, seen among the live ones, needs no look: it rests there by policy, its row cannot be
 * made from here, or it holds what was refused when it came back.
 */
export function restsQuietly(
  { table, image }: Sighting,
  { record, rest }: Resting,
  edit: WaitingEdit | undefined,
): boolean {
  const isRefused = edit !== undefined && !edit.due && isMarked(edit, valuesMark(digestOf(image)));
  const isShown = isLeftInSight(rest);
  if (rest.because === 'filtered')
    return isRefused || (isShown && edit === undefined && typedOn(table, record, image).length === 0);
  if (isShown) return true;
  if (table.direction === 'to-notion' && rest.because !== 'soft') return true;
  return isRefused;
}

/** What a person has typed on the page of such a record, and would have gone to its row. */
const typedOn = (table: ResolvedTable, { basePage }: SyncRecord, image: PageImage): ResolvedField[] =>
  changedOnPage(table.fields.filter(goesToPostgres), basePage, image);

/**
 * A person took a page back out of the trash or the archive: its row comes back under the same key. The caller holds
 * the record's lock, and has seen by a GET that the page is among the living.
 */
export async function pageRestored(
  context: InboundContext,
  sighting: Sighting,
  resting: Resting,
): Promise<void> {
  const { record, rest } = resting;
  if (rest.because === 'soft' && softDeleteColumn(sighting.table) !== null)
    return takeBack(context, sighting, record);
  if (rest.because === 'filtered') return keepFiltered(context, sighting, resting);
  // The row came back as well, or first.
  if (await rowExists(context, sighting, record.key)) return adopt(context, sighting, record.key, null);
  return receiveNew(context, sighting, record.key);
}

/**
 * The row is there and filtered out, so that neither the page's coming back nor an edit of it can reach the row: that is
 * told, and waits for the row to be back.
 */
async function keepFiltered(
  context: InboundContext,
  sighting: Sighting,
  { record, rest }: Resting,
): Promise<void> {
  const { table, page, image } = sighting;
  const leftOut = await leftOutAmong(context.db, table, [record.key]);
  // The row is back, or gone for good: the delivery of that change puts the page right.
  if (!leftOut.has(record.key)) return;
  const [typed] = typedOn(table, record, image);
  const isBack = !isLeftInSight(rest);
  await context.store.transaction(async (sql) => {
    if (typed === undefined && !isBack) return dropEdit(sql, page.id);
    const edit = { page: page.id, table: table.name, key: record.key, mark: valuesMark(digestOf(image)) };
    await parkEdit(sql, edit, rowFiltered(record, typed?.property ?? null));
  });
}

/** The row was only marked: the mark goes, and the pair goes on from its base. */
async function takeBack(context: InboundContext, sighting: Sighting, record: SyncRecord): Promise<void> {
  const { table, page, image } = sighting;
  const { key } = record;
  const column = softDeleteColumn(table) ?? '';
  const actor = await actorOf(context, moverOf(page.lastEditedBy, context.botId));
  const write = { operation: page.id, table: table.name, key };
  try {
    const found = await writeAs(
      context.writer,
      { secret: context.tagSecret, write, actor },
      async (transaction) => {
        const sql = stateOn(transaction);
        await fence(sql, context.store.epoch);
        if (!(await lockRow(transaction, table, key))) return false;
        const rows = await setSoftDeleted(transaction, table, { key, column, deleted: false });
        await settleConstraints(transaction);
        await markLinked(sql, table.name, key);
        await dropEdit(sql, page.id);
        await releaseWaiting(sql, table.name, key);
        await markRestore(sql, { table: table.name, key, fields: [] });
        if (rows === null) return true;
        const operation = await beginOperation(sql, {
          direction: 'to-postgres',
          table: table.name,
          key,
          page: page.id,
          kind: 'restore',
          before: { [column]: JSON.parse(rows.before)[column] },
          after: { [column]: JSON.parse(rows.after)[column] },
          changedAt: await movedSince(sql, context, { table: table.name, page: page.id }),
          actor: actor.name,
          candidates: actor.candidates ?? [],
        });
        await endOperation(sql, operation, { status: 'done' });
        return true;
      },
    );
    if (!found) return await receiveNew(context, sighting, key);
  } catch (error) {
    const failure = editFailureOf(error);
    if (failure === null) throw error;
    const edit = { page: page.id, table: table.name, key, mark: valuesMark(digestOf(image)) };
    await context.store.transaction(async (sql) => {
      if (failure.kind === 'park') return parkEdit(sql, edit, failure.cause);
      const waiting = (await editsOf(sql, [page.id])).get(page.id);
      return waitForEdit(sql, edit, editWaitMs(failure.cause, waiting, edit.mark), failure.cause);
    });
  }
  context.onDirty();
}
