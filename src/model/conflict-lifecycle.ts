import type { ConflictType } from './clash.ts';
import type { Choice } from './conflict.ts';

/** A conflict that is not over: open, or decided and not carried out yet. */
export type LiveConflict = {
  readonly id: string;
  readonly type: ConflictType;
  /** Null for a conflict of the whole record. */
  readonly field: string | null;
  readonly choice: Choice | null;
  /** The row's value that was chosen instead of both, as JSON text: parsing it would round long numbers. */
  readonly value: string | null;
  /** Who decided; null if nobody has, or a rule did. */
  readonly by: string | null;
  /** It came with the first link of its record, and waits for a person whatever the rule of its field says. */
  readonly review?: boolean;
};

/** Whether a field waits for a person since the first link of its record. */
export const isInReview = (conflicts: readonly LiveConflict[], field: string): boolean =>
  conflicts.some((each) => each.field === field && each.review === true && each.by === null);

/** What a flow has seen or done that a conflict may end by. */
export type ConflictEvent =
  /** A delivery found row and page where they belong. `field`: what it made of the conflict's field. */
  | {
      readonly kind: 'delivered';
      readonly field: 'agreed' | 'written' | 'held' | 'contested' | 'untouched';
    }
  /** An edit was taken over: both sides hold the same. `wrote`: the row changed by it. */
  | { readonly kind: 'applied'; readonly wrote: boolean }
  /** The field of an edit waits for a person, whatever else was open over it. */
  | { readonly kind: 'held' }
  /** The page holds what both sides agreed on: there is no edit any more. */
  | { readonly kind: 'page at base' }
  /** The row holds what both sides agreed on: it has no change any more. */
  | { readonly kind: 'row at base' }
  /** The row of a deletion is there again. */
  | { readonly kind: 'row back' }
  /** The page of a deleted row holds what both sides agreed on: nothing speaks against the deletion any more. */
  | { readonly kind: 'edit gone' }
  /** The page is out of the trash again. */
  | { readonly kind: 'page back' }
  /** The page of a deleted row went to the trash. */
  | { readonly kind: 'page deleted' }
  /** A person's decision was carried out. */
  | { readonly kind: 'carried out' }
  /** PostgreSQL refused what a person had decided. */
  | { readonly kind: 'refused'; readonly reason: string };

/** What becomes of a conflict. `frees`: what waited because of it is looked at again. */
export type Transition =
  | { readonly to: 'stays' }
  /** As was decided or, where nobody had decided, in favour of `winner`. */
  | { readonly to: 'resolved'; readonly winner: 'postgres' | 'notion' | null; readonly frees: boolean }
  /** It has lost its object. */
  | { readonly to: 'outdated'; readonly frees: boolean }
  /** Somebody has to decide anew. */
  | { readonly to: 'open'; readonly note: string };

const STAYS = { to: 'stays' } as const;
const OUTDATED = { to: 'outdated', frees: false } as const;
const RESOLVED = { to: 'resolved', winner: null, frees: false } as const;

/** The life of a conflict: what each event makes of it, for every type. A conflict that is over has no next state. */
export function next(conflict: LiveConflict, event: ConflictEvent): Transition {
  switch (event.kind) {
    case 'delivered':
      return conflict.field === null ? recordDelivered(conflict) : fieldDelivered(conflict, event.field);
    case 'applied':
      return applied(conflict, event.wrote);
    case 'held':
      // Since the row changed too, the question is another one.
      return conflict.type === 'REFUSED_EDIT' && conflict.by === null ? OUTDATED : STAYS;
    case 'page at base':
      return pageAtBase(conflict);
    case 'row at base':
      return conflict.type === 'DELETED_IN_NOTION' && conflict.by === null
        ? { to: 'outdated', frees: true }
        : STAYS;
    case 'row back':
    case 'edit gone':
      return conflict.type === 'DELETED_IN_POSTGRES' ? OUTDATED : STAYS;
    case 'page back':
      if (conflict.type !== 'DELETED_IN_NOTION') return STAYS;
      return conflict.choice === 'postgres' ? RESOLVED : OUTDATED;
    case 'page deleted':
      return conflict.type === 'DELETED_IN_POSTGRES' && conflict.choice === 'postgres' ? RESOLVED : STAYS;
    case 'carried out':
      return RESOLVED;
    case 'refused':
      return { to: 'open', note: event.reason };
    default:
      return event satisfies never;
  }
}

/** Row and page are both there: a deletion is no question any more, and what waited for its answer goes on. */
function recordDelivered({ type, choice }: LiveConflict): Transition {
  const wanted = type === 'DELETED_IN_NOTION' ? 'postgres' : 'notion';
  return choice === wanted ? { ...RESOLVED, frees: true } : { to: 'outdated', frees: true };
}

function fieldDelivered(
  { type, choice, by }: LiveConflict,
  field: (ConflictEvent & { kind: 'delivered' })['field'],
): Transition {
  switch (field) {
    case 'agreed':
    case 'written': {
      const agreed = field === 'agreed';
      // A chosen value goes to the row first.
      if (choice === 'value') return STAYS;
      if (choice === 'postgres') return RESOLVED;
      if (choice === 'notion') return agreed ? RESOLVED : OUTDATED;
      return type === 'REFUSED_EDIT' && !agreed ? { ...RESOLVED, winner: 'postgres' } : OUTDATED;
    }
    case 'held':
      return type === 'REFUSED_EDIT' && by === null ? OUTDATED : STAYS;
    case 'contested':
      return STAYS;
    case 'untouched':
      // The row is back at its base, so the page's edit goes on.
      if (type !== 'CONCURRENT_UPDATE' || choice === 'notion' || choice === 'value') return STAYS;
      return { to: 'outdated', frees: true };
    default:
      return field satisfies never;
  }
}

function applied({ type, choice, by }: LiveConflict, wrote: boolean): Transition {
  const asDecided = choice === 'notion' || choice === 'value' || (!wrote && choice !== null);
  if (by !== null && asDecided) return RESOLVED;
  return type === 'REFUSED_EDIT' && wrote ? { ...RESOLVED, winner: 'notion' } : OUTDATED;
}

function pageAtBase({ type, field, choice }: LiveConflict): Transition {
  // The deletion is another's business; a delivery ends what goes to the page, and a value goes to the row anyhow.
  if (type === 'DELETED_IN_POSTGRES' || choice === 'value') return STAYS;
  if (field !== null && choice === 'postgres') return STAYS;
  const frees = type === 'CONCURRENT_UPDATE';
  return choice === 'postgres' ? { ...RESOLVED, frees } : { to: 'outdated', frees };
}

/** Whether what waited because of a conflict is looked at again. */
export const frees = (transition: Transition): boolean => 'frees' in transition && transition.frees;
