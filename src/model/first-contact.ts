import { type Guard, isMassChange } from './mass-change.ts';
import { CAUTIOUS } from './probe/assumptions.ts';

/** How a data source was met: made by `apply` a moment ago, or found, with pages that may be anybody's. */
export type Origin = 'made' | 'found';

/** What is known of a first contact that is not over. Ages are milliseconds on PostgreSQL's clock. */
export type Contact = {
  readonly origin: Origin;
  /** It had been known before its schema changed. */
  readonly knownBefore: boolean;
  /** Since the first reading began: what was done right before it may not be shown yet. */
  readonly ageMs: number;
  /** Whole readings, the one under way included. */
  readonly readings: number;
  /** Since the last reading began; null if there was none. */
  readonly beganMs: number | null;
  /** Since the last reading ended; null if there was none, or it is under way. */
  readonly endedMs: number | null;
};

/** What a whole reading showed. */
export type Reading = {
  readonly pages: number;
  /** Pages that the reading before did not show, showed with another record id, or showed alone. */
  readonly differences: number;
};

type ContactVerdict = 'over' | 'read-again' | 'over-without-agreement';

/** `apply` and `start` follow each other within this time, or somebody may have put pages into the new database. */
export const MADE_JUST_NOW_MS = 600_000;
/**
 * Of a database that was known, a change of the schema hides pages for a moment only, and all but those that a person
 * made just then are linked already: new rows must not wait longer than that for their pages.
 */
const BLACKOUT_MS = CAUTIOUS.blackoutMs;

/** How long a listing of this data source may leave pages out. */
const lagOf = ({ knownBefore }: Contact, lagMs: number, blackoutMs: number): number =>
  knownBefore ? Math.min(lagMs, blackoutMs) : lagMs;
/** A database in which people keep changing record ids never gives two equal readings: after this many lags it is taken as it is. */
const PATIENCE = 10;
/** Two readings that agree are at least this part of the assumed lag apart. */
const SPACING = 0.25;

/**
 * When the next reading is due. One that begins a whole lag after the first shows all that was there at the first, if the
 * assumed lag is right; the one before it, some time earlier, must show the same, in case it is not.
 */
export function readingDueMs(contact: Contact, assumedLagMs: number, blackoutMs = BLACKOUT_MS): number {
  const lagMs = lagOf(contact, assumedLagMs, blackoutMs);
  const { readings, ageMs, beganMs, endedMs } = contact;
  if (readings === 0 || beganMs === null || endedMs === null) return 0;
  const spacingMs = lagMs * SPACING;
  // Readings before the first of the two that count would only cost requests.
  const first = ageMs - beganMs >= lagMs - spacingMs;
  return Math.max(0, first ? Math.max(spacingMs - endedMs, lagMs - ageMs) : lagMs - spacingMs - ageMs);
}

/** Whether the data source is known by now, after a reading that has just ended. */
export function contactVerdict(
  contact: Contact,
  reading: Reading,
  assumedLagMs: number,
  blackoutMs = BLACKOUT_MS,
): ContactVerdict {
  const lagMs = lagOf(contact, assumedLagMs, blackoutMs);
  const beganAt = contact.ageMs - (contact.beganMs ?? 0);
  if ((contact.origin === 'made' && reading.pages === 0) || lagMs === 0) return 'over';
  if (contact.readings > 1 && reading.differences === 0 && beganAt >= lagMs) return 'over';
  return contact.ageMs > PATIENCE * lagMs ? 'over-without-agreement' : 'read-again';
}

/** What a first contact found, as far as it decides about rows that have no page. */
export type MetSides = {
  /** `apply` made the database: its pages are no older than pgnotion. */
  readonly made: boolean;
  readonly isMatched: boolean;
  /** Pages of the database. */
  readonly pages: number;
  /** Those of them that belong to no record. */
  readonly unlinked: number;
  readonly rows: number;
  /** Rows that have no page, and match none. */
  readonly coming: number;
};

/**
 * Whether the new pages that the first sync would make wait for a person (invariant 10). Without `match` any page without a
 * record may be the page of any row, and each new page a second one; where all pages are those of records, rows without one
 * are new. Pages that people put into a database of `apply`'s are theirs, unless there are so many that they were brought.
 */
export function holdsRows(
  { made, isMatched, pages, unlinked, rows, coming }: MetSides,
  guard: Guard,
): boolean {
  const load = { crossed: 0, waiting: 0, records: rows };
  const mayBeTheirs = isMatched
    ? pages > 0
    : unlinked > 0 && (!made || isMassChange({ ...load, coming: unlinked }, guard));
  return mayBeTheirs && isMassChange({ ...load, coming }, guard);
}
