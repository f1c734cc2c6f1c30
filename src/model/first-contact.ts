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
