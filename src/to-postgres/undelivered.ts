import type { RowKey } from '../model/ids.ts';
import { goesToNotion, type ResolvedTable } from '../model/mapping.ts';
import { rowChangeOf } from '../model/merge.ts';
import { readRows } from '../postgres/read-rows.ts';
import { lockRow, type UserTransaction } from '../postgres/write.ts';
import { changedAtOf } from '../state/change-times.ts';
import { beginOperation, endOperation } from '../state/operations.ts';
import type { SyncRecord } from '../state/records.ts';
import { stateOn } from './context.ts';

/**
 * Notes what the row changed since both sides agreed, right before the row is deleted with its page: no delivery will
 * do it any more, and without a line nobody could bring those values back (invariant 7).
 */
export async function noteUndelivered(
  transaction: UserTransaction,
  table: ResolvedTable,
  key: RowKey,
  record: SyncRecord,
): Promise<void> {
  await lockRow(transaction, table, key);
  const row = (await readRows(transaction, table, [key])).get(key);
  if (row === undefined) return;
  const properties = table.fields.filter(goesToNotion).map((field) => field.property);
  const change = rowChangeOf(record.baseRow, row, properties);
  if (change === null) return;
  const sql = stateOn(transaction);
  const operation = await beginOperation(sql, {
    direction: 'to-notion',
    table: table.name,
    key,
    page: record.page,
    kind: 'update',
    before: Object.fromEntries(
      Object.keys(change.before).map((name) => [name, record.basePage[name] ?? null]),
    ),
    after: {},
    row: change,
    changedAt: await changedAtOf(sql, table.name, key),
  });
  await endOperation(sql, operation, { status: 'failed', error: 'not sent: the page had gone to the trash' });
}
