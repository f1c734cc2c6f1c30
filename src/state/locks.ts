/**
 * The numbers of pgnotion's advisory locks. Advisory locks belong to one database, and so does the schema pgnotion, so
 * fixed numbers are enough; all of them are listed here so that none is used twice.
 */
export const LOCKS = {
  /** One process migrates the schema. Held for a transaction. */
  migration: 7_420_001,
  /** One daemon is at work. Held for a session. */
  lease: 7_420_002,
  /** Whoever links a page and whoever waits for one see each other. Held for a transaction. */
  waiting: 7_420_003,
  /** One guard counts the clearings of a side of a table, whose name is the second number. Held for a transaction. */
  clearings: 7_420_004,
  /** One rollback is at work. Held for a session. */
  rollback: 7_420_050,
  /** One probe of Notion is at work. Held for a session. */
  probe: 7_420_060,
} as const;
