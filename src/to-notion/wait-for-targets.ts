import type { Target } from '../model/references.ts';
import { hasten, pagesComing } from '../state/outbox.ts';
import { pagesOf } from '../state/records.ts';
import { awaitTargets } from '../state/waiting.ts';
import type { SyncContext } from '../sync/context.ts';
import type { Delivered, Delivery } from './context.ts';

/**
 * What is awaited makes the record due again as soon as it has a page, or fails. This is for what was lost on the way, and
 * grows, because thousands may wait for an hour.
 */
const WAIT = { leastMs: 1_000, mostMs: 60_000 };

const waitMs = (context: SyncContext, { entry }: Delivery): number =>
  Math.min(Math.max((context.now().getTime() - entry.changedAt.getTime()) / 2, WAIT.leastMs), WAIT.mostMs);

/**
 * A page that this one points to may be on its way: then this one is made once that one is, which is as urgent. It may
 * have come since the batch looked, too. In a circle nobody waits.
 */
export async function waitForTargets(
  context: SyncContext,
  delivery: Delivery,
  missing: readonly Target[],
): Promise<Delivered | null> {
  const { table, entry } = delivery;
  const { store, tables } = context;
  const earlier = missing.filter((target) => (tables.get(target.table)?.rank ?? 0) < table.rank);
  const coming = await pagesComing(store, earlier);
  const awaited = earlier.filter((target) => coming.has(`${target.table}/${target.key}`));
  if (awaited.length > 0) {
    await store.transaction((sql) => awaitTargets(sql, table.name, entry.key, awaited));
    // In a transaction of its own: who makes their pages holds their entries, and waits for the lock of those that wait.
    if (await store.transaction((sql) => hasten(sql, awaited, entry.urgency))) context.onDirty();
    return { kind: 'postponed', ms: waitMs(context, delivery) };
  }
  // In this order: a page is tied to its record in the transaction in which the record ceases to wait.
  return (await pagesOf(store, missing)).length > 0 ? { kind: 'postponed', ms: 0 } : null;
}
