import { isMinuteOver, type LongValues, listedDigest, stillStands } from '../model/long-values.ts';
import type { ResolvedField, ResolvedTable } from '../model/mapping.ts';
import { readPage } from '../model/page.ts';
import type { NotionPage } from '../notion/client.ts';
import { type CompletePage, readWhole } from '../notion/pages.ts';
import { forgetLongValues, keepLongValues } from '../state/long-values.ts';
import type { PageFailure } from '../state/page-failures.ts';
import type { Source } from '../state/sources.ts';
import type { SyncContext } from '../sync/context.ts';

/** How listed pages are looked at. */
export type Inspection = Partial<Pick<Beforehand, 'afresh'>> & {
  /** Called for each page that is not as its record says. */
  readonly onUnknown?: () => void;
};

/** What is known of a listed page before it is read. */
export type Beforehand = {
  readonly long: LongValues | undefined;
  readonly failed: PageFailure | undefined;
  /** What was read before does not count: a sweep finds what moves neither a page's time nor what its answer lists. */
  readonly afresh: boolean;
};

/**
 * The values of a page that a query gave. Those that the answer cuts short take a request each, and are asked for only
 * if the page may have changed since they were last read, so that pages at rest cost nothing (invariant 5).
 */
export async function readListed(
  context: SyncContext,
  {
    table,
    source,
    page,
  }: { readonly table: ResolvedTable; readonly source: Source; readonly page: NotionPage },
  { long, failed, afresh }: Beforehand,
  ask: { readonly priority: 'poll' },
): Promise<CompletePage> {
  const { truncated } = readPage(table, source.properties, page.properties);
  const known = { values: {}, skip: failed?.due === false ? failed.fields : [] };
  if (truncated.length === 0) {
    if (long !== undefined) await context.store.transaction((sql) => forgetLongValues(sql, page.id));
    return readWhole(context.notion, table, { ids: source.properties, page, ask }, known);
  }
  // Taken first: an edit during the reading is not covered by it.
  const now = context.clock.atLeast();
  const listed = listedDigest(partsOf(page, source, truncated));
  if (!afresh && stillStands(long, { editedAt: page.lastEditedTime, listed }, now))
    return readWhole(
      context.notion,
      table,
      { ids: source.properties, page, ask },
      { ...known, values: long.whole },
    );
  const read = await readWhole(context.notion, table, { ids: source.properties, page, ask }, known);
  const names = truncated.map(({ property }) => property);
  if (names.every((name) => name in read.image)) {
    const whole = Object.fromEntries(names.map((name) => [name, read.image[name] ?? null]));
    const closed = isMinuteOver(page.lastEditedTime, now);
    const editedAt = page.lastEditedTime;
    await context.store.transaction((sql) =>
      keepLongValues(sql, { page: page.id, table: table.name, editedAt, closed, listed, whole }),
    );
  }
  return read;
}

const partsOf = (page: NotionPage, { properties }: Source, fields: readonly ResolvedField[]) =>
  fields.flatMap(({ property }) => page.properties[properties[property] ?? ''] ?? []);
