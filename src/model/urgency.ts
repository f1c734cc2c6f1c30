/**
 * Who waits for an outbox entry. Live: a person, because the change stands alone. Bulk: one of many changes that were
 * made together. Backfill: the first sync or a resync. As it is stored; a lower number overtakes a higher one.
 */
export type Urgency = 0 | 1 | 2;
export const LIVE = 0;
export const BULK = 1;
export const BACKFILL = 2;

/** A transaction that changes more rows of a table than a person changes by hand is bulk for that table. */
export const MOST_ALONE = 20;

/** The urgency of a change whose transaction changes so many rows of its table. */
export const urgencyOfMany = (rows: number): Urgency => (rows > MOST_ALONE ? BULK : LIVE);
