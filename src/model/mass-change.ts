/** What may be too much to cross by itself (invariant 10). */
type GuardedKind = 'deletion' | 'clearing' | 'creation';
/** What waits for a person in the same list. An adoption or a pairing is asked about whatever its number. */
export type ListedKind = GuardedKind | 'adoption' | 'pairing';
export const LISTED_KINDS: readonly ListedKind[] = [
  'deletion',
  'clearing',
  'creation',
  'adoption',
  'pairing',
];

/** Above what number and share the changes of one kind wait for a person's decision. */
export type Guard = {
  /** Up to this many changes of one table and side cross within the window, whatever their share. */
  readonly number: number;
  /** More than `number` cross as long as they are at most this share of the table's records. */
  readonly share: number;
  readonly windowMinutes: number;
};

export type Guards = Readonly<Record<GuardedKind, Guard>>;

/** What a table and side have seen within the window. What a person approved counts in none of these. */
export type GuardLoad = {
  /** Changes that crossed. */
  readonly crossed: number;
  /** Changes that wait for a decision. */
  readonly waiting: number;
  /** Changes that are about to cross, the one in question included, and that `waiting` does not count. */
  readonly coming: number;
  /** Records of the table before all of these. */
  readonly records: number;
};

/** All changes of the window together: a mass that is seen in portions is one mass. */
export const changesIn = ({ crossed, waiting, coming }: GuardLoad): number => crossed + waiting + coming;

/** Whether a change belongs to more than people do one by one: then it waits with the others of its kind. */
export function isMassChange(load: GuardLoad, guard: Guard): boolean {
  const all = changesIn(load);
  return all > guard.number && all > guard.share * load.records;
}
