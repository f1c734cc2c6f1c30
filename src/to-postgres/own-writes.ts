import { ownWrites } from '../model/merge.ts';
import { closeDoubts, doubtfulWrites } from '../state/operations.ts';
import { markRestore } from '../state/outbox.ts';
import { advanceBase, type SyncRecord } from '../state/records.ts';
import type { SyncContext } from '../sync/context.ts';
import type { Sighting } from './context.ts';

type Linked = SyncRecord & { readonly page: NonNullable<SyncRecord['page']> };

/** Our own write whose answer was lost is no edit: the page's base takes it in, and the row's value is written again. */
export async function withoutOurWrites(
  context: SyncContext,
  { table, page, image }: Sighting,
  record: Linked,
): Promise<Linked> {
  const writes = await doubtfulWrites(context.store, table.name, record.key);
  if (writes.length === 0) return record;
  const own = ownWrites(table.fields, record.basePage, image, writes);
  const fields = Object.keys(own.page);
  await context.store.transaction(async (sql) => {
    await advanceBase(sql, record, { ...own, pageEditedAt: page.lastEditedTime });
    await closeDoubts(sql, table.name, record.key, page.askedAt);
    if (fields.length > 0) await markRestore(sql, { table: table.name, key: record.key, fields });
  });
  if (fields.length > 0) context.onDirty();
  const { basePage, baseRow } = record;
  return { ...record, basePage: { ...basePage, ...own.page }, baseRow: { ...baseRow, ...own.row } };
}
