import { messageOf } from '../model/errors.ts';
import type { RowKey, TableName } from '../model/ids.ts';
import type { UndoDecision, Undoing } from '../model/rollback.ts';

/** What a rollback tells of one value, or of a row as a whole. */
export type UndoEntry = {
  readonly table: TableName;
  readonly key: RowKey;
  /** `left`: it stays, since somebody changed it. `refused`: by PostgreSQL. */
  readonly what: 'update' | 'insert' | 'delete' | 'left' | 'refused';
  /** Null where the row as a whole is meant. */
  readonly property: string | null;
  readonly now: string | null;
  readonly becomes: string | null;
  readonly reason: string | null;
};

/** One record, with what is to be done with it. */
export type Case = { readonly key: RowKey; readonly undoing: Undoing; readonly decision: UndoDecision };

/** A line for each value that would change, and for each that stays. */
export function undoEntriesOf(table: TableName, { key, undoing, decision }: Case): UndoEntry[] {
  const line = { table, key, property: null, now: null, becomes: null, reason: null };
  const between = undoing.interrupted.map(
    (property): UndoEntry => ({
      ...line,
      what: 'left',
      property,
      reason: "somebody else's change lies between; what is older than that stays",
    }),
  );
  switch (decision.kind) {
    case 'nothing':
      return between;
    case 'update':
      return [
        ...decision.changes.map((one): UndoEntry => ({ ...line, ...one, what: 'update' })),
        ...decision.left.map((one): UndoEntry => ({ ...line, ...one, what: 'left', reason: CHANGED })),
        ...between,
      ];
    case 'unmark':
      return [{ ...line, what: 'update', property: decision.column, now: 'set', becomes: null }];
    case 'insert':
    case 'delete':
      return [{ ...line, what: decision.kind }];
    case 'leave': {
      const { left, reason } = decision;
      if (left.length === 0) return [{ ...line, what: 'left', reason }];
      return left.map((one): UndoEntry => ({ ...line, ...one, what: 'left', reason }));
    }
    default:
      return decision satisfies never;
  }
}

const CHANGED = 'somebody has changed it since';

export const refusal = (table: TableName, key: RowKey, reason: string): UndoEntry => ({
  table,
  key,
  what: 'refused',
  property: null,
  now: null,
  becomes: null,
  reason,
});

/** A table of which nothing can be taken back now. */
export const suspendedLine = (table: TableName, error: unknown): UndoEntry => ({
  table,
  key: '' as RowKey,
  what: 'left',
  property: null,
  now: null,
  becomes: null,
  reason: `nothing of this table can be written now: ${messageOf(error)}`,
});
