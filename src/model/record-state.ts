import type { Away } from './away.ts';

/** Where the page of a record is that rests: in the trash, archived, marked, or left as it is. */
export type RestingPage = 'trashed' | 'archived' | 'marked' | 'left';

/**
 * A record rests because its row was deleted, because the table's query or condition leaves the row out, or because the
 * row is marked as deleted (`soft`), which always takes its page to the trash.
 */
export type RestingState = `deleted_${RestingPage}` | `filtered_${RestingPage}` | 'soft_deleted';

/** All that a record's state says; every value is a legal one, and the table holds no other. */
export type RecordState = 'creating' | 'linked' | `away_${Away}` | RestingState;

export type Rest = {
  readonly kind: 'resting';
  readonly because: 'deleted' | 'filtered' | 'soft';
  readonly page: RestingPage;
};

/** What becomes of a pair of row and page. */
export type Life =
  /** Its page is being made, or may have been. */
  | { readonly kind: 'creating' }
  | { readonly kind: 'linked' }
  /** The row is kept, and its page is not among the live ones. */
  | { readonly kind: 'away'; readonly page: Away }
  /** The pair is remembered, for row or page to come back. */
  | Rest;

const LIVES: Readonly<Record<RecordState, Life>> = {
  creating: { kind: 'creating' },
  linked: { kind: 'linked' },
  away_trashed: { kind: 'away', page: 'trashed' },
  away_archived: { kind: 'away', page: 'archived' },
  away_moved: { kind: 'away', page: 'moved' },
  away_hidden: { kind: 'away', page: 'hidden' },
  deleted_trashed: { kind: 'resting', because: 'deleted', page: 'trashed' },
  deleted_archived: { kind: 'resting', because: 'deleted', page: 'archived' },
  deleted_marked: { kind: 'resting', because: 'deleted', page: 'marked' },
  deleted_left: { kind: 'resting', because: 'deleted', page: 'left' },
  filtered_trashed: { kind: 'resting', because: 'filtered', page: 'trashed' },
  filtered_archived: { kind: 'resting', because: 'filtered', page: 'archived' },
  filtered_marked: { kind: 'resting', because: 'filtered', page: 'marked' },
  filtered_left: { kind: 'resting', because: 'filtered', page: 'left' },
  soft_deleted: { kind: 'resting', because: 'soft', page: 'trashed' },
};

export const RECORD_STATES = Object.keys(LIVES) as readonly RecordState[];

export const lifeOf = (state: RecordState): Life => LIVES[state];

/** How a record rests; null if it does not. */
export function restOf(state: RecordState): Rest | null {
  const life = lifeOf(state);
  return life.kind === 'resting' ? life : null;
}

export const isResting = (state: RecordState): boolean => lifeOf(state).kind === 'resting';

/** The page left, and the row is kept. */
export const isAway = (state: RecordState): boolean => lifeOf(state).kind === 'away';

/** The row is gone, as far as anybody knows. */
export const isDeleted = (state: RecordState): boolean => restOf(state)?.because === 'deleted';

/** A page that rests where people see it. */
export const isLeftInSight = ({ page }: Rest): boolean => page === 'left' || page === 'marked';

/** Whether the state says that the record's page is not among the live ones. */
export function isPageAway(state: RecordState): boolean {
  const life = lifeOf(state);
  switch (life.kind) {
    case 'creating':
    case 'linked':
      return false;
    case 'away':
      return true;
    case 'resting':
      return !isLeftInSight(life);
    default:
      return life satisfies never;
  }
}
