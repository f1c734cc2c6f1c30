import { heldRow } from '../model/match-failures.ts';
import { BACKFILL } from '../model/urgency.ts';
import { rowsHeld } from '../state/guarded-changes.ts';
import { pagesHolding, reopenRow } from '../state/matches.ts';
import type { Deletion, DeliverContext, Delivered, Delivery } from './context.ts';

/**
 * Whether the row has to wait because a page may be its page: one that it matches, or any of a database that was met with
 * pages. Null if it may get a new one.
 */
export async function waitForMatch(
  { store }: DeliverContext,
  { entry, table }: Pick<Delivery, 'entry' | 'table'>,
): Promise<Delivered | null> {
  if (table.match.length === 0) return waitForGuard({ store }, { entry, table });
  const pages = await pagesHolding(store, table.name, entry.key);
  if (pages.length === 0) return waitForGuard({ store }, { entry, table });
  // What the row holds by now may match something else, or nothing.
  if (entry.urgency !== BACKFILL) await store.transaction((sql) => reopenRow(sql, table.name, entry.key));
  return { kind: 'parked', failure: heldRow(table, pages, entry.key) };
}

/** Whether the first sync would make so many pages in a database that has some that a person has to say so. */
async function waitForGuard(
  { store }: Pick<DeliverContext, 'store'>,
  { entry, table }: Pick<Delivery, 'entry' | 'table'>,
): Promise<Delivered | null> {
  // What changes by itself is no part of a mass.
  if (entry.urgency !== BACKFILL) return null;
  const failure = await rowsHeld(store, table.name);
  return failure === null ? null : { kind: 'parked', failure };
}

/** Pages may wait because this row holds what they show. */
export async function noteRowGone(
  { store }: DeliverContext,
  { entry, table }: Pick<Deletion, 'entry' | 'table'>,
): Promise<void> {
  if (table.match.length > 0) await store.transaction((sql) => reopenRow(sql, table.name, entry.key));
}
