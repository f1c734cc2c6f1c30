/** Notion tells of an edit within a second or so, when the person may still be typing. */
const AFTER_WEBHOOK_MS = 5_000;

/**
 * For how long an edit must have stayed as it is. A table that says nothing waits after a webhook's hint only: a poll comes
 * late enough.
 */
export const editSettleMs = (settleSeconds: number | null, hinted: boolean): number =>
  settleSeconds === null ? (hinted ? AFTER_WEBHOOK_MS : 0) : settleSeconds * 1_000;
