import type { Told } from './errors.ts';
import type { RowKey, TableName } from './ids.ts';

/** Why a row that is there is not synced: the query or the condition leaves it out, or it is marked as deleted. */
export type LeftOut = 'filtered' | 'soft';

const ROW_FILTERED = 'row_filtered';

/** An edit of the page of such a row: it waits, because nothing crosses until the row is back. */
export const rowFiltered = (
  { table, key }: { readonly table: TableName; readonly key: RowKey },
  property: string | null,
): {
  readonly code: string;
  readonly reason: string;
  readonly remedy: string;
  readonly told: readonly Told[];
} => ({
  code: ROW_FILTERED,
  reason: `the row ${key} of ${table} is filtered out: the query or the condition of the table leaves it out, or it is marked as deleted`,
  remedy: `change the row so that ${table} takes it again, and this edit follows by itself`,
  told: [{ property, wrong: 'waits: PostgreSQL filters this record out of the sync now' }],
});

/** A page of which no record could be made that the table takes. */
export const newRowFiltered = (
  table: TableName,
): {
  readonly code: string;
  readonly reason: string;
  readonly remedy: string;
  readonly told: readonly Told[];
} => ({
  code: ROW_FILTERED,
  reason: `the row that this page would become is filtered out by the query or the condition of ${table}, so it was not made`,
  remedy: 'change the page so that the row meets the condition',
  told: [
    {
      property: null,
      wrong: 'PostgreSQL filters a record like this out of the sync: change what it goes by',
    },
  ],
});
