import type { RowImage } from '../model/change.ts';
import { type Clash, clashOf } from '../model/clash.ts';
import { deletionRuling, type Ruling, rowTimeOf } from '../model/conflict.ts';
import { deletionsBehind } from '../model/consequence.ts';
import { commandMark, LOOK_MARK } from '../model/edit-command.ts';
import type { PageId } from '../model/ids.ts';
import { goesToNotion, goesToPostgres, type ResolvedField, type ResolvedTable } from '../model/mapping.ts';
import { goneAmong } from '../postgres/gone.ts';
import { readRows } from '../postgres/read-rows.ts';
import { changeTimesOf } from '../state/change-times.ts';
import { applyTransitions } from '../state/conflict-transitions.ts';
import { decideConflict, holdConflict, liveConflicts, recordResolved } from '../state/conflicts.ts';
import { conflictOpen, parkEdit, waitForEdit } from '../state/edits.ts';
import { discardWrite } from '../state/held.ts';
import { markTrashed, type SyncRecord } from '../state/records.ts';
import type { Sql } from '../state/sql.ts';
import type { InboundContext } from './context.ts';

type Trashed = { readonly table: ResolvedTable; readonly page: PageId };

/** What a decision leaves behind where it is carried out. */
export type Because = {
  /** The person who decided; null for a rule. */
  readonly by: string | null;
  /** Before a request leaves. */
  readonly keep: (sql: Sql) => Promise<void>;
  /** With the change itself. */
  readonly conclude: (sql: Sql) => Promise<void>;
  /** PostgreSQL would not have it. */
  readonly refused: (sql: Sql, reason: string) => Promise<void>;
};

const nothing = async (): Promise<void> => undefined;
export const BECAUSE_SO: Because = { by: null, keep: nothing, conclude: nothing, refused: nothing };

/** Whether a trashed page takes its row along, comes back, or waits for a person because the row changed meanwhile. */
type DeleteDecision =
  | { readonly kind: 'delete' | 'restore'; readonly because: Because }
  | { readonly kind: 'held' };

/** Decides by the table's strategy if the row changed since both sides agreed. The caller holds the record's lock. */
export async function decideDeletion(
  context: InboundContext,
  { table, page }: Trashed,
  record: SyncRecord,
): Promise<DeleteDecision> {
  const lines = await liveConflicts(context.store, record.table, record.key);
  const known = lines.find(({ type }) => type === 'DELETED_IN_NOTION');
  if (known?.by != null) {
    const because: Because = {
      by: known.by,
      keep: nothing,
      conclude: async (sql) => void (await applyTransitions(sql, [known], () => ({ kind: 'carried out' }))),
      refused: async (sql, reason) =>
        void (await applyTransitions(sql, [known], () => ({ kind: 'refused', reason }))),
    };
    return { kind: known.choice === 'postgres' ? 'restore' : 'delete', because };
  }
  const row = (await readRows(context.db, table, [record.key])).get(record.key);
  // What is left of a conflict ends with the pair.
  if (row === undefined || !(await rowChangedSince(context, table, record, row)))
    return { kind: 'delete', because: BECAUSE_SO };
  const { winner, strategy } = await rule(context, { table, page }, record, row);
  const seen = { ...record, page };
  const clash = clashOf({ type: 'DELETED_IN_NOTION', field: null }, table, seen, { row, page: {} });
  if (winner === 'hold') {
    await hold(context, clash, page);
    return { kind: 'held' };
  }
  const because: Because = {
    by: null,
    keep: (sql) => decideConflict(sql, clash, winner, strategy),
    conclude: (sql) => recordResolved(sql, clash, winner, strategy),
    refused: nothing,
  };
  return { kind: winner === 'postgres' ? 'restore' : 'delete', because };
}

/** Values that the page was to get. Those of an expression change with other rows, which nobody did to this record. */
const changedSince = (table: ResolvedTable, record: SyncRecord, row: RowImage): readonly ResolvedField[] =>
  table.fields.filter(
    (field) =>
      goesToNotion(field) &&
      field.source.kind === 'column' &&
      field.property in record.baseRow &&
      (row[field.property] ?? null) !== (record.baseRow[field.property] ?? null),
  );

/** Whether the row changed by itself: what the deletion of another row did to it is a part of that deletion. */
async function rowChangedSince(
  context: InboundContext,
  table: ResolvedTable,
  record: SyncRecord,
  row: RowImage,
): Promise<boolean> {
  const { db, tables } = context;
  const changed = changedSince(table, record, row).map((field) => ({
    field,
    behind: deletionsBehind(table, [...tables.values()], { field, base: record.baseRow, row }),
  }));
  const targets = changed.flatMap(({ behind }) => behind ?? []);
  const gone = await goneAmong(db, tables, targets);
  if (targets.some(({ table: of, key }) => !gone.has(`${of}/${key}`))) return true;
  const fieldsOf = (ofDeletion: boolean): ResolvedField[] =>
    changed.filter(({ behind }) => (behind !== null) === ofDeletion).map(({ field }) => field);
  const others = fieldsOf(false);
  return others.length > 0 && !(await cameAlong(context, record, others, fieldsOf(true)));
}

/**
 * Whether the other fields are what the row's triggers and its generated columns made of that deletion, such as the time of
 * its last change: no person edits them, and they were committed at the very moment at which the row lost what it pointed to.
 */
async function cameAlong(
  { store }: InboundContext,
  record: SyncRecord,
  others: readonly ResolvedField[],
  cascaded: readonly ResolvedField[],
): Promise<boolean> {
  if (cascaded.length === 0 || others.some(goesToPostgres)) return false;
  const { fields } = await changeTimesOf(store, record.table, record.key);
  const moments = [...cascaded, ...others].map(({ property }) => fields[property]?.getTime());
  return moments.every((moment) => moment !== undefined && moment === moments[0]);
}

/** Trashing need not move a page's time: it happened at or after the last edit, and before this moment. */
async function rule(
  context: InboundContext,
  { table, page }: Trashed,
  record: SyncRecord,
  row: RowImage,
): Promise<Ruling> {
  const { lastEditedTime } = await context.notion.retrievePage(page, { priority: 'poll' });
  const now = context.now();
  const times = await changeTimesOf(context.store, record.table, record.key);
  // The last change of a value that the page was to get: a touch of any other column is nothing to this page.
  const changes = changedSince(table, record, row).map(({ property }) => rowTimeOf(times, property, true).at);
  const rowChangedAt = new Date(Math.max(...changes.map((at) => (at ?? times.now).getTime())));
  const to = new Date(Math.max(now.getTime(), lastEditedTime.getTime() + 60_000));
  return deletionRuling(table.conflict, { rowChangedAt, edit: { from: lastEditedTime, to } });
}

/** Leaves both sides as they are, until a person decides or one of them is as before. */
async function hold(context: InboundContext, clash: Clash, page: PageId): Promise<void> {
  const { table, key } = clash;
  await context.store.transaction(async (sql) => {
    const lines = await liveConflicts(sql, table, key, true);
    await markTrashed(sql, table, key, 'trashed');
    // Somebody decided this moment: the next look carries it out.
    if (lines.some(({ type, by }) => type === clash.type && by !== null))
      return waitForEdit(sql, { page, table, key, mark: LOOK_MARK }, 0, null);
    await holdConflict(sql, clash);
    await discardWrite(sql, table, key);
    await parkEdit(sql, { page, table, key, mark: commandMark('hold') }, conflictOpen([]));
  });
}
