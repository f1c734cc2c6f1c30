import type { PageId, TableName } from '../model/ids.ts';

/**
 * When pages were last seen to hold nothing but what their records know, by `performance.now`. Notion rounds the time of
 * an edit down to the minute; an edit that a look did not show yet was made after that look.
 */
export type Looks = {
  /** All pages of a table have been compared, by a reading that began then. */
  readonly polled: (table: TableName, startedAt: number) => void;
  /** When the last such reading began; null if there was none since this process started. */
  readonly polledAt: (table: TableName) => number | null;
  /** One page has been seen, by a request that left then. */
  readonly saw: (page: PageId, askedAt: number) => void;
  /** Null if nobody has looked since this process started. */
  readonly last: (table: TableName, page: PageId) => number | null;
};

/** Pages seen one by one that are remembered: older ones go by their table's last reading (invariant 12). */
const MOST_PAGES = 10_000;

export function createLooks(most = MOST_PAGES): Looks {
  const tables = new Map<TableName, number>();
  const pages = new Map<PageId, number>();
  const later = (a: number | undefined, b: number): number => Math.max(a ?? b, b);
  return {
    polled: (table, startedAt) => void tables.set(table, later(tables.get(table), startedAt)),
    polledAt: (table) => tables.get(table) ?? null,
    saw: (page, askedAt) => {
      const at = later(pages.get(page), askedAt);
      pages.delete(page);
      pages.set(page, at);
      const [oldest] = pages.keys();
      if (pages.size > most && oldest !== undefined) pages.delete(oldest);
    },
    last: (table, page) => {
      const known = [tables.get(table), pages.get(page)].filter((at) => at !== undefined);
      return known.length === 0 ? null : Math.max(...known);
    },
  };
}
