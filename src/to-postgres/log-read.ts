import type { RowImage } from '../model/change.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { leftOutAmong } from '../postgres/left-out.ts';
import { readRows } from '../postgres/read-rows.ts';
import { lookSoon } from '../state/edits.ts';
import type { SyncRecord } from '../state/records.ts';
import { isMovePending } from '../state/rekeys.ts';
import type { InboundContext } from './context.ts';

type Linked = SyncRecord & { readonly page: NonNullable<SyncRecord['page']> };

/**
 * Whether the row of a record's key is known to be the record's own. Another row may have taken the key a moment ago, and
 * the log tells it: so where the row is gone or not as the base says, the log is read up to now before anything of the page goes
 * there. If it is not the record's own, or nobody can say, the page is looked at again soon.
 */
export async function isOwnRow(
  context: InboundContext,
  table: ResolvedTable,
  record: Linked,
): Promise<boolean> {
  const row = (await readRows(context.db, table, [record.key])).get(record.key);
  if (row !== undefined && isAsBased(table, record.baseRow, row)) return true;
  if (await isRead(context, record)) return true;
  const { key, page } = record;
  await context.store.transaction((sql) => lookSoon(sql, { table: table.name, key, page }));
  return false;
}

const isAsBased = (table: ResolvedTable, base: RowImage, row: RowImage): boolean =>
  table.fields.every(
    ({ property, source }) =>
      source.kind !== 'column' || !(property in base) || base[property] === (row[property] ?? null),
  );

async function isRead({ readLog, store }: InboundContext, { table, key }: Linked): Promise<boolean> {
  return (await readLog()) && !(await isMovePending(store, table, key));
}

/** Whether the row is there, and left out by the table's query or condition. */
export const isFiltered = async (
  { db }: InboundContext,
  table: ResolvedTable,
  { key }: SyncRecord,
): Promise<boolean> => (await leftOutAmong(db, table, [key])).get(key) === 'filtered';
