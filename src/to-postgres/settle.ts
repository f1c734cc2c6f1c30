import { isMarked, valuesMark } from '../model/edit-command.ts';
import { editSettleMs } from '../model/edit-settle.ts';
import type { PageId } from '../model/ids.ts';
import { goesToPostgres, type ResolvedField } from '../model/mapping.ts';
import { type WaitingEdit, waitForEdit } from '../state/edits.ts';
import type { SyncRecord } from '../state/records.ts';
import { keepSightings } from '../state/sightings.ts';
import { valuesAt } from './actor.ts';
import type { InboundContext, Sighting } from './context.ts';

/**
 * Whether an edit may be half-typed, and waits: it is applied when two looks, as far apart as the table asks for, show the
 * same. The wait is stored, so it goes on after a restart.
 */
export async function isSettling(
  context: InboundContext,
  { table, page, image, hinted = false }: Sighting,
  record: SyncRecord & { readonly page: PageId },
  edit: {
    readonly changed: readonly ResolvedField[];
    readonly digest: string;
    readonly waiting: WaitingEdit | undefined;
  },
): Promise<boolean> {
  const { changed, digest, waiting } = edit;
  if (!changed.some(goesToPostgres)) return false;
  // A wait without a reason is one that a look before this one began.
  const began = waiting !== undefined && waiting.code === null && waiting.mark.kind === 'values';
  const mark = valuesMark(digest);
  const quietMs = waiting !== undefined && isMarked(waiting, mark) ? waiting.quietMs : 0;
  const leftMs = editSettleMs(table.settleSeconds, hinted || began) - quietMs;
  if (leftMs <= 0) return false;
  const wait = { page: page.id, table: table.name, key: record.key, mark };
  await context.store.transaction(async (sql) => {
    await waitForEdit(sql, wait, leftMs, null);
    await keepSightings(sql, context, record, {
      seen: page,
      values: valuesAt(image, changed.filter(goesToPostgres)),
    });
  });
  return true;
}
