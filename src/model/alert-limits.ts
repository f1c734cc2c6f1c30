/** When alerts are raised; null switches one off. */
export type AlertLimits = {
  /** So many records that are set aside. */
  readonly failures: number | null;
  /** Conflicts of the last hour as a share of its changes, exceeded. */
  readonly conflictRate: number | null;
  /** So many entries that wait, beside first syncs and tables that stand still. */
  readonly backlogEntries: number | null;
  /** So long that the oldest of them waits. */
  readonly backlogMinutes: number | null;
  /** So many requests within ten minutes that Notion put off, or that a live change had to wait long for. */
  readonly limitedRequests: number | null;
  readonly slotLagMinutes: number | null;
  readonly slotRetainedMegabytes: number | null;
  readonly drift: boolean;
  readonly verifyDifferences: boolean;
  readonly guardedChanges: boolean;
  readonly suspendedTables: boolean;
  /** Hours after which an alert that lasts is told again; null: never. */
  readonly repeatHours: number | null;
};

export const ALERT_DEFAULTS: AlertLimits = {
  failures: 1,
  conflictRate: 0.01,
  backlogEntries: 10_000,
  backlogMinutes: 15,
  limitedRequests: 5,
  slotLagMinutes: 5,
  slotRetainedMegabytes: 1_024,
  drift: true,
  verifyDifferences: true,
  guardedChanges: true,
  suspendedTables: true,
  repeatHours: null,
};
