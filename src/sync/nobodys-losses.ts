import type { PageImage } from '../model/change.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { fieldsAndPaused } from '../model/paused-losses.ts';
import { pick, without } from '../model/pick.ts';
import type { SyncRecord } from '../state/records.ts';
import type { Store } from '../state/sql.ts';
import { settleBlank, voidRecord } from '../state/void-base.ts';

/** What a page lost by nobody's edit. `blank` is what it shows instead of the fields that stand still. */
type Losses = { readonly lost: readonly string[]; readonly blank: PageImage };

/**
 * The record as it counts once its page has lost these fields by nobody's edit: their rows' values are written again. Of those that
 * stand still, nobody could say later how they were lost, so that this is kept with the record until they are back.
 */
export async function withoutLosses<R extends SyncRecord>(
  store: Store,
  table: ResolvedTable,
  record: R,
  { lost, blank }: Losses,
): Promise<R> {
  if (lost.length === 0) return record;
  const synced = lost.filter((property) => !(property in blank));
  const paused = pick(blank, lost);
  await store.transaction(async (sql) => {
    if (synced.length > 0) await voidRecord(sql, record, table.fields, synced);
    if (synced.length < lost.length) await settleBlank(sql, record, fieldsAndPaused(table), paused);
  });
  return { ...record, basePage: { ...without(record.basePage, synced), ...paused } };
}
