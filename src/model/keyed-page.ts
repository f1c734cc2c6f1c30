/** What is known of a page that belongs to no record and shows the key of one. */
export type KeyedPage = {
  /** Our own connection made it. */
  readonly ours: boolean;
  /** A row has the key. */
  readonly rowExists: boolean;
  /** The record of that key: its page is being made, is another one, or is at rest with a deleted row. */
  readonly owner: 'none' | 'creating' | 'linked' | 'resting';
  /** The page may be what a create of ours made whose answer was lost. */
  readonly fromLostCreate: boolean;
  /** It holds what the row would have it hold. */
  readonly sameValues: boolean;
  /** It was a record's page, and was deleted with its row. */
  readonly wasDeleted: boolean;
  /** What a person said of a page that pgnotion made and knows nothing of. */
  readonly decision: 'approved' | 'rejected' | null;
};

export type KeyedPageVerdict =
  /** The page becomes the row's page. */
  | 'adopt'
  /** pgnotion made the page for a record that its state does not know: it may be another row of the same key. */
  | 'review'
  /** That, and a person said that it is not this row's. */
  | 'not-this-row'
  /** The record has another page. */
  | 'duplicate'
  /** The record has another page, and both are ours. */
  | 'twin'
  /** The record's own page is being made this moment. */
  | 'later'
  /** The row comes back from its page. */
  | 'row-returns'
  | 'unknown-key';

/** What a page is that belongs to no record and shows a record's key. Nothing is ever taken over silently. */
export function judgeKeyedPage(page: KeyedPage): KeyedPageVerdict {
  const { ours, owner, rowExists, decision } = page;
  if (owner === 'linked' || (owner === 'resting' && rowExists)) {
    if (!ours) return 'duplicate';
    return decision === 'rejected' ? 'not-this-row' : 'twin';
  }
  // While our own page may come true, a person's copy of it is not taken for it: the delivery decides.
  if (owner === 'creating' && !(ours && page.fromLostCreate)) return 'later';
  if (rowExists) {
    if (!ours || owner === 'creating' || page.fromLostCreate || page.sameValues) return 'adopt';
    if (decision === null) return 'review';
    return decision === 'approved' ? 'adopt' : 'not-this-row';
  }
  return page.wasDeleted ? 'row-returns' : 'unknown-key';
}
