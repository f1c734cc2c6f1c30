import type { PageId } from '../model/ids.ts';
import { goesToNotion, type ResolvedTable } from '../model/mapping.ts';
import { awaitingDelivery } from '../state/due.ts';
import type { SyncRecord } from '../state/records.ts';
import type { InboundContext } from './context.ts';

/**
 * Pages that were linked a moment ago and not delivered to yet: without a base there is nothing to compare them with, and
 * the delivery, which waits in the outbox, looks at each by itself. A field that only comes from Notion is looked at here.
 */
export async function awaitingFirstLook(
  { store }: InboundContext,
  table: ResolvedTable,
  records: ReadonlyMap<PageId, SyncRecord>,
): Promise<ReadonlySet<PageId>> {
  if (!table.fields.every(goesToNotion)) return new Set();
  const unbased = [...records].filter(
    ([, { state, basePage }]) => state === 'linked' && Object.keys(basePage).length === 0,
  );
  if (unbased.length === 0) return new Set();
  const keys = await awaitingDelivery(
    store,
    table.name,
    unbased.map(([, { key }]) => key),
  );
  return new Set(
    unbased.flatMap(([page, { key, table: own }]) => (own === table.name && keys.has(key) ? [page] : [])),
  );
}
