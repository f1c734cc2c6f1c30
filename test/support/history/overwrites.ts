import type { PageVersion, Texts } from './history.ts';

/** What the audit trail and the requests tell of the daemon's writes. */
export type Writes = {
  readonly written: readonly { readonly page: string; readonly at: number; readonly before: Texts }[];
  /** When the last write came to a page that may have had an effect at that time. */
  readonly leftBefore: (page: string, at: number) => number;
  /** When the page was looked at before a write that was decided at that time. */
  readonly lookedBefore: (page: string, at: number) => number;
};

export type Overwrites = {
  readonly faults: readonly string[];
  readonly overwritten: number;
  readonly raced: number;
};

/** Pages that came back are written anew, and so is a property whose life was interrupted. */
type Life = { readonly interrupted: Set<string>; readonly away: Set<string> };

/**
 * Rule 3 on Notion's side as well: pgnotion replaces no value by one that a row tells apart from it in nothing, such as a
 * number by what the column rounds it to, or a text by the same without its formatting (invariant 6).
 */
export function judgeDegraded(pages: readonly PageVersion[], taken: ReadonlySet<string>): string[] {
  const life: Life = { interrupted: new Set(), away: new Set(taken) };
  const last = new Map<string, PageVersion>();
  return pages.flatMap((version) => {
    const { page, by, before, values, exact, inTrash, index } = version;
    const was = last.get(page);
    last.set(page, version);
    if (inTrash) life.away.add(page);
    if (by === 'schema')
      for (const property of new Set([...Object.keys(before), ...Object.keys(values)]))
        if (before[property] !== values[property]) life.interrupted.add(`${page}/${property}`);
    if (by !== 'pgnotion' || was === undefined || life.away.has(page)) return [];
    return Object.keys(values)
      .filter((property) => property !== 'Supabase ID' && values[property] !== null)
      .filter((property) => before[property] === values[property] && was.exact[property] !== exact[property])
      .filter((property) => !life.interrupted.has(`${page}/${property}`))
      .map(
        (property) =>
          `invariant 6: ${property} of page ${page} was ${was.exact[property]} and became ${exact[property]} in commit ${index}, which no row tells apart`,
      );
  });
}

/** What both sides write with values of their own. */
const TRACKED: ReadonlySet<string> = new Set([
  'Name',
  'Amount',
  'Seen',
  'Tags',
  'Docs',
  'Title',
  'Note',
  'Qty',
  'Due',
  'Updated',
]);

/**
 * Rule 3 on Notion's side: a value that pgnotion replaced on a page stands in an operation. The documented rest are values
 * typed after the daemon's last look at the page before the write left; a write whose answer was lost may land much later
 * than it left.
 */
export function judgeOverwrites(pages: readonly PageVersion[], writes: Writes): Overwrites {
  const kept = new Set(
    writes.written.flatMap(({ page, before }) =>
      Object.entries(before).map(([property, text]) => `${page}/${property}=${text}`),
    ),
  );
  // A look between the intent and the request is another flow's.
  const decided = (page: string, left: number): number => {
    const before = writes.written.filter((each) => each.page === page && each.at <= left);
    return before.length === 0 ? left : Math.max(...before.map(({ at }) => at));
  };
  const setAt = new Map<string, number>();
  const faults: string[] = [];
  let [overwritten, raced] = [0, 0];
  for (const { page, by, at, table, before, values } of pages) {
    if (table === null) continue;
    for (const property of new Set([...Object.keys(before), ...Object.keys(values)])) {
      const old = before[property] ?? null;
      if (old === (values[property] ?? null)) continue;
      const oldAt = setAt.get(`${page}/${property}`);
      setAt.set(`${page}/${property}`, at);
      if (by !== 'pgnotion' || old === null || oldAt === undefined || !TRACKED.has(property)) continue;
      overwritten += 1;
      if (kept.has(`${page}/${property}=${old}`)) continue;
      const since = writes.lookedBefore(page, decided(page, writes.leftBefore(page, at)));
      if (oldAt >= since) raced += 1;
      else
        faults.push(
          `invariant 7: ${property} of page ${page} was ${old} (${at - oldAt} ms old, looked ${at - since} ms before) and is in no operation`,
        );
    }
  }
  return { faults, overwritten, raced };
}
