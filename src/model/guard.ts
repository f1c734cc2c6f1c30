/** When deletions stop crossing by themselves (invariant 10). */
export type DeleteGuard = {
  /** This many of one table and side, within the window, always cross. */
  readonly number: number;
  /** More than `number` cross as long as they are at most this share of the table's records. */
  readonly share: number;
  readonly windowMinutes: number;
};

export type DeletionLoad = {
  /** Deletions of this table and side that crossed within the window. */
  readonly crossed: number;
  /** Those that are about to, this one included. */
  readonly coming: number;
  /** Records of the table that have a page. */
  readonly records: number;
};

/** Whether a deletion belongs to more than people delete one by one: then all that are coming wait for a person. */
export function isMassDeletion({ crossed, coming, records }: DeletionLoad, guard: DeleteGuard): boolean {
  const all = crossed + coming;
  return all > guard.number && all > guard.share * (records + crossed);
}
