import type { Pool } from 'pg';
import { whyCopied } from '../model/installation-marker.ts';
import { dropPublication } from '../postgres/publication.ts';
import { changesOn } from '../postgres/publication-change.ts';
import { readPublication } from '../postgres/publication-facts.ts';
import { currentDatabase } from '../postgres/server-identity.ts';
import { dropSlot, inspectSlot } from '../postgres/slot.ts';
import { failpoint } from '../runtime/failpoints.ts';
import { forgetInstallation, readInstallation } from '../state/installation.ts';
import { isDaemonAtWork, pairsOfEach, slotsRead } from '../state/reset.ts';
import { createStore, inCommandTransaction } from '../state/sql.ts';
import type { Installation } from './connections.ts';
import { presentBinding } from './installation-identity.ts';

/** What becomes of something in PostgreSQL that pgnotion has made outside of its schema. */
export type Fate =
  | { readonly name: string; readonly kind: 'drop' }
  | { readonly name: string; readonly kind: 'none' }
  | { readonly name: string; readonly kind: 'leave'; readonly why: string };

/** What there is to forget. */
export type Known = {
  /** How many records of each table have, or may have, a page. */
  readonly pairs: ReadonlyMap<string, number>;
  readonly slots: readonly Fate[];
  readonly publication: Fate;
};

/** Changes nothing. */
export async function whatIsKnown(installation: Installation): Promise<Known> {
  const { pool, config } = installation;
  const sql = createStore(pool, 0);
  const stored = await readInstallation(sql);
  const copied = stored === null ? null : whyCopied(stored.bound, await presentBinding(installation));
  const read = await slotsRead(sql, config.slot);
  const slots: Fate[] = [];
  for (const name of read) slots.push(await slotFate(pool, name, copied));
  if (!read.includes(config.slot) && (await inspectSlot(pool, config.slot)).exists)
    slots.push({ name: config.slot, kind: 'leave', why: 'this installation did not make it' });
  const publication = await publicationFate(pool, config.publication, read.length > 0);
  return { pairs: await pairsOfEach(sql), slots, publication };
}

const none = (name: string): Fate => ({ name, kind: 'none' });

/** The state of a copy names the original's slot, which somebody else's may be called like, too. */
async function slotFate(pool: Pool, name: string, copied: string | null): Promise<Fate> {
  const found = await inspectSlot(pool, name);
  if (!found.exists) return none(name);
  if (copied !== null) return { name, kind: 'leave', why: `this database is a copy: ${copied}` };
  if (found.kind === 'physical' || found.temporary || found.database !== (await currentDatabase(pool)))
    return { name, kind: 'leave', why: `it is not a slot of this database` };
  return { name, kind: 'drop' };
}

/** Who has read no slot has published nothing. */
async function publicationFate(pool: Pool, name: string, hasRead: boolean): Promise<Fate> {
  const { state } = await readPublication(pool, name, []);
  if (state === null) return none(name);
  if (!hasRead) return { name, kind: 'leave', why: 'this installation has not used it' };
  return state.owned
    ? { name, kind: 'drop' }
    : { name, kind: 'leave', why: 'another role owns it, and it may serve others too' };
}

/**
 * Forgets everything that ties this database to Notion. Slot and publication go first: whoever is interrupted has a state
 * that is whole, and a slot that is made anew. No daemon starts meanwhile. Null if one is at work. Throws PgnotionError
 * `slot_busy` while a slot is read.
 */
export function forgetAll({ pool }: Installation, known: Known): Promise<Known | null> {
  return inCommandTransaction(pool, async (sql) => {
    if (await isDaemonAtWork(sql)) return null;
    for (const { name, kind } of known.slots) if (kind === 'drop') await dropSlot(pool, name);
    failpoint('reset.slot-dropped');
    const publication = await dropped(pool, known.publication);
    await forgetInstallation(sql);
    return { ...known, publication };
  });
}

async function dropped(pool: Pool, fate: Fate): Promise<Fate> {
  if (fate.kind !== 'drop') return fate;
  const denial = await dropPublication(changesOn(pool), fate.name);
  return denial === null ? fate : { name: fate.name, kind: 'leave', why: denial.message };
}
