import type { Json, RowImage } from '../model/change.ts';
import type { RowKey } from '../model/ids.ts';
import type { ResolvedField, ResolvedTable } from '../model/mapping.ts';
import { rowChangeOf } from '../model/merge.ts';
import { decideUndo, onlyFields, type Restored, type UndoDecision, type Undoing } from '../model/rollback.ts';
import { readRows } from '../postgres/read-rows.ts';
import { insertAgain } from '../postgres/restore.ts';
import { RowKeptError, RowStatementError } from '../postgres/row-statement-error.ts';
import type { UserDatabase } from '../postgres/rows.ts';
import { isSoftDeleted, setSoftDeleted } from '../postgres/soft-delete.ts';
import {
  type ColumnValues,
  changeAs,
  deleteRow,
  lockRow,
  settleConstraints,
  statementsOn,
  type UserTransaction,
  updateRow,
} from '../postgres/write.ts';
import type { Writer } from '../postgres/writer.ts';
import { beginOperation, endOperation, type Operation } from '../state/operations.ts';
import { recordsByKey } from '../state/records.ts';
import type { Sql } from '../state/sql.ts';
import { unrest } from '../state/undo.ts';

/** One record that is to become what it was. */
type UndoTask = {
  readonly table: ResolvedTable;
  /** The columns that take values. */
  readonly columns: ReadonlySet<string>;
  /** The fields that can be set. */
  readonly fields: readonly ResolvedField[];
  readonly key: RowKey;
  readonly undoing: Undoing;
  readonly force: boolean;
  readonly actor: string;
  readonly run: string;
};

/** What was done, or why PostgreSQL refused it. */
type UndoOutcome = UndoDecision | { readonly refused: string };

/**
 * Takes one record's changes back in one transaction, with an operation of its own. It is decided anew under the row's
 * lock, so nothing that came after the preview is lost. Capture takes the change for anybody's and carries it to Notion.
 */
export async function undoRecord(
  context: { readonly writer: Pick<Writer, 'run'>; readonly store: Sql },
  task: UndoTask,
): Promise<UndoOutcome> {
  const { table, key, undoing, force } = task;
  const known = (await recordsByKey(context.store, table.name, [key])).get(key);
  try {
    const to = { writer: context.writer, table: table.name };
    return await changeAs(to, { id: null, name: task.actor }, async (transaction) => {
      await lockRow(transaction, table, key);
      const row = (await readRows(transaction, table, [key])).get(key) ?? null;
      const marked = row !== null && (await isMarked(transaction, table, key, undoing));
      const decision = decideUndo(undoing, row, force, marked);
      const done = await apply(transaction, task, decision, row ?? {});
      await settleConstraints(transaction);
      if (done !== null) await note(statementsOn(transaction), task, known?.page ?? undoing.page, done);
      return decision;
    });
  } catch (error) {
    if (error instanceof KeptByPostgres) return { kind: 'nothing' };
    const refused = refusedBy(error);
    if (refused === null) throw error;
    return { refused };
  }
}

type Done = Pick<Operation, 'kind' | 'before' | 'after' | 'row'>;

async function apply(
  transaction: UserTransaction,
  task: UndoTask,
  decision: UndoDecision,
  row: RowImage,
): Promise<Done | null> {
  const { table, key, fields } = task;
  const imageNow = async () => (await readRows(transaction, table, [key])).get(key) ?? {};
  switch (decision.kind) {
    case 'nothing':
    case 'leave':
      return null;
    case 'update':
      return setBack(transaction, task, decision.changes, row);
    case 'insert': {
      const values = columnValues(fields, decision.values);
      await insertAgain(transaction, table, task.columns, { key, whole: decision.whole, values });
      const after = await imageNow();
      return {
        kind: 'create',
        before: {},
        after: onlyFields(after, fields),
        row: { before: null, after },
      };
    }
    case 'unmark': {
      const rows = await setSoftDeleted(transaction, table, { key, column: decision.column, deleted: false });
      if (rows === null) return null;
      const change = { before: row, after: await imageNow() };
      return {
        kind: 'restore',
        before: onlyColumn(rows.before, decision.column),
        after: onlyColumn(rows.after, decision.column),
        row: change,
      };
    }
    case 'delete': {
      const gone = await deleteRow(transaction, table, key);
      return gone === null
        ? null
        : { kind: 'delete', before: gone, after: {}, row: { before: row, after: null } };
    }
    default:
      return decision satisfies never;
  }
}

const onlyColumn = (row: string, column: string): Operation['after'] => ({
  [column]: (JSON.parse(row) as Record<string, Json>)[column] ?? null,
});

/** Whether the row bears the mark by which it counts as deleted. */
export const isMarked = async (
  db: UserDatabase,
  table: ResolvedTable,
  key: RowKey,
  { marked }: Undoing,
): Promise<boolean> => marked !== null && (await isSoftDeleted(db, table, key, marked)) === true;

async function setBack(
  transaction: UserTransaction,
  { table, key, fields }: UndoTask,
  changes: readonly Restored[],
  row: RowImage,
): Promise<Done> {
  const wanted = Object.fromEntries(changes.map((one) => [one.property, one.becomes]));
  const made = (await updateRow(transaction, table, key, columnValues(fields, wanted))) ?? key;
  const now = (await readRows(transaction, table, [made])).get(made) ?? {};
  // Only a trigger's own values were left, such as a time of change: setting them again would never end.
  if (!changes.some(({ property, becomes }) => now[property] === becomes)) throw new KeptByPostgres();
  const properties = table.fields.map(({ property }) => property);
  return {
    kind: 'update',
    before: Object.fromEntries(changes.map((one) => [one.property, one.now])),
    after: Object.fromEntries(changes.map(({ property }) => [property, now[property] ?? null])),
    row: rowChangeOf(row, now, properties),
  };
}

const columnValues = (
  fields: readonly ResolvedField[],
  image: Readonly<Record<string, string | null>>,
): ColumnValues =>
  Object.fromEntries(
    fields.flatMap(({ property, source }) =>
      source.kind === 'column' && property in image ? [[source.column, image[property] ?? null]] : [],
    ),
  );

async function note(sql: Sql, task: UndoTask, page: Operation['page'], done: Done): Promise<void> {
  const { table, key } = task;
  const operation = await beginOperation(sql, {
    ...done,
    direction: 'to-postgres',
    table: table.name,
    key,
    page,
    changedAt: null,
    actor: task.actor,
    batch: task.run,
  });
  await endOperation(sql, operation, { status: 'done' });
  if (done.kind === 'create' && page !== null) await unrest(sql, table.name, key, page);
}

/** Ends a transaction that came to nothing. */
class KeptByPostgres extends Error {}

/** Whatever PostgreSQL says of this record is the record's own; anything else ends the rollback. */
function refusedBy(error: unknown): string | null {
  if (error instanceof RowKeptError) return error.message;
  return error instanceof RowStatementError ? `${error.message} (${error.code})` : null;
}
