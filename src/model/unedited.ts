const MINUTE_MS = 60_000;

type PageTimes = {
  /** Notion's time of the page's last edit, which it may round down to the minute. */
  readonly editedAt: Date;
  /** That time when the page was last known to hold nothing but what its record's base says; null if nobody knows. */
  readonly agreedAt: Date | null;
  /** Notion's time of the last complete poll; null before the first. */
  readonly polledTo: Date | null;
};

/**
 * Whether a page is known to be as nobody has edited it since it agreed with its record: its last edit is no later one. What was
 * edited in the minute of the agreement shows the same time, and has been seen by the polls since that minute was over, whatever
 * queries lag. That no poll has listed an edit proves nothing by itself: a page may have been hidden, or its query late.
 */
export function isUnedited({ editedAt, agreedAt, polledTo }: PageTimes, overlapMs: number): boolean {
  if (agreedAt === null || polledTo === null || editedAt > agreedAt) return false;
  return editedAt.getTime() + MINUTE_MS <= polledTo.getTime() - overlapMs;
}
