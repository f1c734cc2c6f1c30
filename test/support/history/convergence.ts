import type { Texts } from './history.ts';

/** A field of which a row and its page hold different values. */
export type Difference = {
  readonly property: string;
  readonly row: string | null;
  readonly page: string | null;
};

/**
 * Rule 4: both sides hold the same in every field that is in sync. A relation is compared by the keys of the records that
 * it leads to; `keyOf` gives null for a page that is no record's.
 */
export function differencesOf(
  row: Texts,
  page: Texts,
  relations: ReadonlySet<string>,
  keyOf: (page: string) => string | null,
): Difference[] {
  return Object.keys(row).flatMap((property) => {
    if (!(property in page)) return [];
    const wanted = row[property] ?? null;
    const shown = page[property] ?? null;
    const there = relations.has(property) ? keysOf(shown, keyOf) : shown;
    return wanted === there ? [] : [{ property, row: wanted, page: there }];
  });
}

function keysOf(text: string | null, keyOf: (page: string) => string | null): string | null {
  const pages = JSON.parse(text ?? '[]') as string[];
  return pages.length === 0 ? null : pages.map((page) => keyOf(page) ?? page).join(', ');
}
