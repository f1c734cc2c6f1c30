import { atomsOf, EMPTY, type History, type PageVersion, SETS, type Texts } from './history.ts';

/**
 * Rule 10: sets are merged element by element. No change of the one side takes away what only the other side has: an element
 * of a row that no page had shown, or one that a person put on a page and that no row ever had.
 */
export const judgeSets = (history: History): string[] => [...lostByRows(history), ...lostByPages(history)];

/** The elements of each set that one version has and the next one lacks. */
const removed = (old: Texts, now: Texts): { readonly property: string; readonly atom: string }[] =>
  [...SETS]
    .filter((property) => property in old && property in now)
    .flatMap((property) => {
      const left = atomsOf(property, now[property]);
      return atomsOf(property, old[property])
        .filter((atom) => atom !== EMPTY && !left.includes(atom))
        .map((atom) => ({ property, atom }));
    });

function lostByRows({ rows, pages, lines }: History): string[] {
  return [...Map.groupBy(rows, ({ line }) => line).entries()].flatMap(([line, versions]) =>
    versions.flatMap((now, at) => {
      const old = versions[at - 1]?.values;
      if (!old || !now.values || now.by !== 'pgnotion' || now.cascaded) return [];
      const own = pages.filter(({ page, at: then }) => then <= now.at && lines.get(page)?.has(line) === true);
      return removed(old, now.values)
        .filter(
          ({ property, atom }) =>
            !own.some((page) => atomsOf(property, page.values[property]).includes(atom)),
        )
        .map(
          ({ property, atom }) =>
            `sets: ${property} of ${now.table}/${now.key} lost ${atom} to pgnotion, which no page had shown`,
        );
    }),
  );
}

function lostByPages({ rows, pages, lines, operations, taken }: History): string[] {
  const ofLine = Map.groupBy(rows, ({ line }) => line);
  const typed = new Set<string>();
  /** Pages that went away, and properties whose life was interrupted, are written anew. */
  const anew = new Set<string>(taken);
  const unmet = foreign(pages, operations);
  return pages.flatMap((version) => {
    const { page, by, before, values, inTrash } = version;
    if (inTrash) anew.add(page);
    if (by === 'schema') interrupted(version).forEach((name) => void anew.add(name));
    if (by === 'person')
      for (const { property, atom } of removed(values, before)) typed.add(`${page}/${property}=${atom}`);
    if (by !== 'pgnotion' || anew.has(page)) return [];
    if (unmet.has(page)) {
      if (Object.entries(values).some(([property, value]) => before[property] !== value)) unmet.delete(page);
      return [];
    }
    const held = [...(lines.get(page) ?? [])].flatMap((line) => ofLine.get(line) ?? []);
    return removed(before, values)
      .filter(
        ({ property, atom }) => typed.has(`${page}/${property}=${atom}`) && !anew.has(`${page}/${property}`),
      )
      .filter(({ property, atom }) =>
        // What came after the last look is nobody's decision.
        operations.some(
          (each) => each.page === page && atomsOf(property, each.before[property]).includes(atom),
        ),
      )
      .filter(
        ({ property, atom }) => !held.some((row) => atomsOf(property, row.values?.[property]).includes(atom)),
      )
      .map(
        ({ property, atom }) =>
          `sets: ${property} of page ${page} lost ${atom} to pgnotion, which a person had put there and no row ever had`,
      );
  });
}

/**
 * Pages that people made, a copy of another page say, and that no row was made of: a row that gets such a page for its own is
 * linked to it for the first time, where the default of `firstLink` is that the page gets the row's values.
 */
const foreign = (pages: readonly PageVersion[], operations: History['operations']): Set<string> =>
  new Set(
    pages
      .filter(({ isNew, by }) => isNew && by === 'person')
      .map(({ page }) => page)
      .filter((page) => !operations.some((each) => each.page === page && each.kind === 'create')),
  );

const interrupted = ({ page, before, values }: PageVersion): string[] =>
  [...SETS]
    .filter((property) => before[property] !== values[property])
    .map((property) => `${page}/${property}`);
