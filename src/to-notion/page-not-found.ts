import type { PageId } from '../model/ids.ts';
import type { LiveConflict } from '../state/conflicts.ts';
import type { SyncRecord } from '../state/records.ts';
import { hidden, moved } from './away.ts';
import type { DeliverContext, Delivered, Delivery } from './context.ts';
import type { Found } from './preread.ts';
import { away } from './set-aside.ts';

type Linked = SyncRecord & { readonly page: PageId };

/** The row changed, and its page is not a live one of its table: nothing is written to it. */
export async function notHere(
  context: DeliverContext,
  delivery: Delivery,
  record: Linked,
  found: Exclude<Found, { kind: 'here' }>,
  lines: readonly LiveConflict[],
): Promise<Delivered> {
  if (found.kind === 'hidden') return hidden(delivery.line);
  if (found.away === 'moved') return moved(context, delivery.line, found.page);
  return away(context, delivery, record, lines);
}
