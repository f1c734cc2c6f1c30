import type { Target } from '../model/references.ts';
import { BACKFILL, LIVE } from '../model/urgency.ts';
import { pagesComing } from '../state/outbox.ts';
import { pagesOf } from '../state/records.ts';
import { awaitTargets, liftTargets, type Waiter } from '../state/waiting.ts';
import type { SyncContext } from '../sync/context.ts';
import type { DeliverContext, Delivered, Delivery } from './context.ts';

/**
 * What is awaited makes the record due again as soon as it has a page, or fails. This is for what was lost on the way, and
 * grows, because thousands may wait for an hour; those of a first sync would have the database do little else.
 */
const WAIT = { leastMs: 1_000, mostMs: 60_000, ofAge: 0.5 };
const PATIENT_WAIT = { leastMs: 5_000, mostMs: 300_000, ofAge: 1 };

function waitMs(context: SyncContext, { entry }: Delivery): number {
  const { leastMs, mostMs, ofAge } = entry.urgency === BACKFILL ? PATIENT_WAIT : WAIT;
  const age = context.now().getTime() - entry.changedAt.getTime();
  return Math.min(Math.max(age * ofAge, leastMs), mostMs);
}

/**
 * A page that this one points to may be on its way: then this one is made once that one is, which is as urgent. It may
 * have come since the batch looked, too. In a circle nobody waits.
 */
export async function waitForTargets(
  context: DeliverContext,
  delivery: Delivery,
  missing: readonly Target[],
): Promise<Delivered | null> {
  const { table, entry } = delivery;
  const { store, tables } = context;
  const earlier = missing.filter((target) => (tables.get(target.table)?.rank ?? 0) < table.rank);
  const coming = await pagesComing(store, earlier);
  const awaited = earlier.filter((target) => coming.has(`${target.table}/${target.key}`));
  if (awaited.length > 0) {
    const lifts = await store.transaction((sql) => awaitTargets(sql, entry, awaited));
    if (lifts) await hastenTargets(context, entry);
    return { kind: 'postponed', ms: waitMs(context, delivery) };
  }
  // In this order: a page is tied to its record in the transaction in which the record ceases to wait.
  return (await pagesOf(store, missing)).length > 0 ? { kind: 'postponed', ms: 0 } : null;
}

/** What a record waits for is as urgent as the record itself, and so is what that waits for. */
export async function hastenTargets(
  { store, onDirty, inHand }: Pick<DeliverContext, 'store' | 'onDirty' | 'inHand'>,
  { table, key }: Pick<Waiter, 'table' | 'key'>,
): Promise<void> {
  const lifted = await store.transaction((sql) => liftTargets(sql, { of: { table, key } }));
  if (lifted.length === 0) return;
  inHand.hasten(lifted.filter(({ urgency }) => urgency === LIVE));
  onDirty();
}
