// Notion has no idempotency key, so a request that makes something must not be repeated while an earlier one may still be
// carried out. What to do about one that nobody has answered is decided here, for pages, comments and reports alike.

/** What a look in Notion has shown of the thing that an unanswered request may have made. */
export type Seen<Thing> =
  | { readonly kind: 'found'; readonly thing: Thing }
  | { readonly kind: 'absent' }
  /** Nothing can be told now, because what the thing is found by is missing. */
  | { readonly kind: 'not visible' };

export const ABSENT = { kind: 'absent' } as const;
export const NOT_VISIBLE = { kind: 'not visible' } as const;

export type NextStep<Thing> =
  | { readonly kind: 'send' }
  | { readonly kind: 'look'; readonly sentAgoMs: number }
  | { readonly kind: 'take'; readonly thing: Thing }
  /** Nothing is sent: after `ms` is the time for another look. */
  | { readonly kind: 'wait'; readonly ms: number };

/**
 * The age from which a request can have no effect that a look does not show. The look was asked for `lookAgeMs` ago; for
 * `graceMs` after a request has left, Notion may still carry it out, and its queries may not show that yet.
 */
export const settledAgeMs = (graceMs: number, lookAgeMs = 0): number => graceMs + lookAgeMs;

/**
 * `sentAgoMs`: how long ago a request left that nobody has answered, read before the look; null if there is none. `seen`:
 * what the look has shown; null before it. A thing that is not found is no proof until the grace is over (invariant 3).
 */
export function nextStep<Thing>(
  sentAgoMs: number | null,
  seen: Seen<Thing> | null,
  graceMs: number,
): NextStep<Thing> {
  if (sentAgoMs === null) return { kind: 'send' };
  if (seen === null) return { kind: 'look', sentAgoMs };
  switch (seen.kind) {
    case 'found':
      return { kind: 'take', thing: seen.thing };
    case 'absent': {
      const leftMs = settledAgeMs(graceMs) - sentAgoMs;
      return leftMs < 0
        ? { kind: 'send' }
        : { kind: 'wait', ms: Math.min(lookAgainMs(sentAgoMs), leftMs + 1) };
    }
    case 'not visible':
      return { kind: 'wait', ms: lookAgainMs(sentAgoMs) };
    default:
      return seen satisfies never;
  }
}

export const FIRST_LOOK_MS = 3_000;
const LONGEST_LOOK_MS = 60_000;

/** Ever more seldom: what has not come for a while is the less likely to come in the next moment. */
const lookAgainMs = (sentAgoMs: number): number =>
  Math.min(Math.max(FIRST_LOOK_MS, sentAgoMs / 2), LONGEST_LOOK_MS);

/** What a request that failed leaves behind. */
export type Aftermath =
  /** It was carried out: Notion has said what it made. */
  | { readonly kind: 'made'; readonly id: string }
  /** It may have been, or may still be. */
  | { readonly kind: 'unanswered' }
  | { readonly kind: 'nothing' };

export function aftermathOf(failure: {
  readonly effect: 'none' | 'saved' | 'unknown';
  /** What it made, if the failure says so. */
  readonly committedId: string | null;
}): Aftermath {
  switch (failure.effect) {
    case 'none':
      return { kind: 'nothing' };
    case 'saved':
    case 'unknown':
      return failure.committedId === null
        ? { kind: 'unanswered' }
        : { kind: 'made', id: failure.committedId };
    default:
      return failure.effect satisfies never;
  }
}
