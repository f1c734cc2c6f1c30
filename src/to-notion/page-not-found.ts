import type { LiveConflict } from '../model/conflict-lifecycle.ts';
import type { PageId } from '../model/ids.ts';
import type { SyncRecord } from '../state/records.ts';
import { hidden, moved } from './away.ts';
import type { DeliverContext, Delivered, Delivery } from './context.ts';
import type { PrereadResult } from './preread.ts';
import { away } from './set-aside.ts';

type Linked = SyncRecord & { readonly page: PageId };

/** The row changed, and its page is not a live one of its table: nothing is written to it. */
export async function pageNotFound(
  context: DeliverContext,
  delivery: Delivery,
  {
    record,
    found,
    conflicts,
  }: {
    readonly record: Linked;
    readonly found: Exclude<PrereadResult, { kind: 'here' }>;
    readonly conflicts: readonly LiveConflict[];
  },
): Promise<Delivered> {
  if (found.kind === 'hidden') return hidden(delivery.entry);
  if (found.away === 'moved') return moved(context, delivery.entry, found.page);
  return away(context, delivery, record, conflicts);
}
