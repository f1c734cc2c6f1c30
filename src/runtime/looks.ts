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
  /** All live pages of a table have been listed, by a reading that began then: it shows what left or came back as well. */
  readonly readWhole: (table: TableName, startedAt: number) => void;
  /** One page has been seen, by a request that left then. */
  readonly saw: (page: PageId, askedAt: number) => void;
  /** Null if nobody has looked since this process started. */
  readonly last: (table: TableName, page: PageId) => number | null;
  /**
   * When it was last seen whether a page is among the live ones. Moving it to the trash and back leaves the time of its last
   * edit as it is, so a reading of the edited pages shows neither. Null if nobody has looked since this process started.
   */
  readonly lastPlace: (table: TableName, page: PageId) => number | null;
};

/** Pages seen one by one that are remembered: older ones go by their table's last reading (invariant 12). */
const MOST_PAGES = 10_000;

export function createLooks(most = MOST_PAGES): Looks {
  const tables = new Map<TableName, number>();
  const wholes = new Map<TableName, number>();
  const pages = new Map<PageId, number>();
  const later = (a: number | undefined, b: number): number => Math.max(a ?? b, b);
  const latest = (...times: readonly (number | undefined)[]): number | null => {
    const known = times.filter((at) => at !== undefined);
    return known.length === 0 ? null : Math.max(...known);
  };
  return {
    polled: (table, startedAt) => void tables.set(table, later(tables.get(table), startedAt)),
    polledAt: (table) => tables.get(table) ?? null,
    readWhole: (table, startedAt) => void wholes.set(table, later(wholes.get(table), startedAt)),
    saw: (page, askedAt) => {
      const at = later(pages.get(page), askedAt);
      pages.delete(page);
      pages.set(page, at);
      const [oldest] = pages.keys();
      if (pages.size > most && oldest !== undefined) pages.delete(oldest);
    },
    last: (table, page) => latest(tables.get(table), pages.get(page)),
    lastPlace: (table, page) => latest(wholes.get(table), pages.get(page)),
  };
}
