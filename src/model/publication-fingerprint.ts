import type { QualifiedName } from './ids.ts';

/** What was published of a table, and which columns it had, when all that was not in the log had been compared. */
export type TableFingerprint = {
  /** Differs after whatever may leave changes out of the log, even if it has been undone since. */
  readonly mark: string;
  /** Number and type of each column that is read. */
  readonly columns: Readonly<Record<string, string>>;
};

export type PublicationFingerprint = {
  /** Null if there is no publication. Another one of the same name differs. */
  readonly made: string | null;
  /** Differs after each change of what it publishes: `wait_for` relies on none. Absent in the state of older versions. */
  readonly published?: string | null;
  /** Null for a table that is not there or not published. */
  readonly tables: Readonly<Record<QualifiedName, TableFingerprint | null>>;
};

/**
 * Why the log may lack changes of a table that is published now; null if it has all since `known`. Columns that were added
 * hold nothing that was known; a known one that is gone, or is another one by now, may hold other values. `columns` are all
 * that the table has, since a column may only have left the mapping.
 */
export function gapSince(
  known: TableFingerprint | null | undefined,
  now: TableFingerprint,
  columns: TableFingerprint['columns'],
): string | null {
  if (known === null || known === undefined) return 'it was not published';
  if (known.mark !== now.mark)
    return 'the table or its publication was changed (renamed, rewritten, made anew, taken out, another partition)';
  const other = Object.entries(known.columns).find(([name, column]) => columns[name] !== column);
  return other === undefined ? null : `its column ${other[0]} is another one`;
}
