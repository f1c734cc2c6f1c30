import { type History, type PageVersion, type RowVersion, SETS } from './history.ts';

/** Values that come once, so that a page that shows one shows that of the row. */
const UNIQUE: ReadonlySet<string> = new Set(['Name', 'Amount', 'Seen', 'Title', 'Note', 'Qty', 'Due']);

/**
 * Rule 9: what an application wrote, no page had shown yet, and a person's edit replaced, both sides changed: the conflict is
 * on record. An operation alone would let it pass for an edit of what the person had before them.
 */
export function judgeConflicts({ rows, pages, lines, conflicts }: History): string[] {
  const told = new Set(conflicts.map(({ page, property }) => `${page}/${property}`));
  const pagesOf = (line: string): PageVersion[] =>
    pages.filter(({ page }) => lines.get(page)?.has(line) === true);
  return [...Map.groupBy(rows, ({ line }) => line).entries()].flatMap(([line, versions]) =>
    versions.flatMap((now, at) => {
      const replaced = unseenIn(versions, at).filter((property) => !SETS.has(property));
      if (replaced.length === 0) return [];
      const own = pagesOf(line);
      return replaced
        .filter((property) => {
          const value = versions[at - 1]?.values?.[property];
          const isShown = own.some((page) => page.at <= now.at && page.values[property] === value);
          return !isShown && !own.some(({ page }) => told.has(`${page}/${property}`));
        })
        .map(
          (property) =>
            `conflict: ${property} of ${now.table}/${now.key} was ${versions[at - 1]?.values?.[property]}, which no page had shown, and pgnotion replaced it without a conflict`,
        );
    }),
  );
}

/** What pgnotion replaced in this version, and the application had written. */
function unseenIn(versions: readonly RowVersion[], at: number): string[] {
  const [old, now] = [versions[at - 1], versions[at]];
  if (!old?.values || !now?.values || now.by !== 'pgnotion' || now.cascaded) return [];
  return Object.keys(old.values).filter(
    (property) =>
      UNIQUE.has(property) &&
      old.values?.[property] !== null &&
      old.values?.[property] !== now.values?.[property] &&
      writerOf(versions.slice(0, at), property) === 'application',
  );
}

/** Who wrote the value that the last of these versions holds. */
function writerOf(versions: readonly RowVersion[], property: string): RowVersion['by'] | undefined {
  const value = versions.at(-1)?.values?.[property];
  const before = versions.findLastIndex(({ values }) => values?.[property] !== value);
  return versions[before + 1]?.by;
}
