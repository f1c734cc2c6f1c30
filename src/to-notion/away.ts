import { awayOf, pageHidden, pageMoved } from '../model/away.ts';
import type { PageImage } from '../model/change.ts';
import type { DataSourceId, PageId } from '../model/ids.ts';
import { isGone, NotionFailure } from '../notion/error-classification.ts';
import { hiddenWaitMs } from '../runtime/retry.ts';
import { lookSoon } from '../state/edits.ts';
import type { OutboxEntry } from '../state/outbox.ts';
import { recordsByPage } from '../state/records.ts';
import { tableOfSource } from '../state/sources.ts';
import type { DeliverContext, Delivered, Delivery } from './context.ts';
import { urgencyOf } from './failure.ts';

type Line = Pick<OutboxEntry, 'table' | 'key' | 'attempts'>;

/** Notion does not show the page: what is to be done to it waits until it can be seen, or is given up by hand. */
export const hidden = (line: Line): Delivered => ({
  kind: 'retry',
  ms: hiddenWaitMs(line.attempts + 1),
  failure: pageHidden(line),
});

/** The page is in another database, or in none: its properties are not those of the mapping, and it is not written to. */
export async function moved(
  context: DeliverContext,
  line: Line,
  page: { readonly id: PageId; readonly parentDataSource: DataSourceId | null },
): Promise<Delivered> {
  await context.store.transaction((sql) => lookSoon(sql, { ...line, page: page.id }));
  context.hint(page.id);
  return {
    kind: 'parked',
    failure: pageMoved(line, await tableOfSource(context.store, page.parentDataSource)),
  };
}

/** The same of a record that rests, whose page no poll looks for. */
export async function movedAtRest(
  context: DeliverContext,
  line: Line,
  page: { readonly parentDataSource: DataSourceId | null },
): Promise<Delivered> {
  const to = await tableOfSource(context.store, page.parentDataSource);
  return { kind: 'retry', ms: hiddenWaitMs(line.attempts + 1), failure: pageMoved(line, to) };
}

const TARGET_WAIT_MS = 2_000;

/**
 * What a refused write means if it is not about a value: Notion hides the page itself, or a related page that the write
 * names. Null if it is neither. A related page that is found away is noted by the way back, and is left out then.
 */
export async function refusedForPage(
  context: DeliverContext,
  { entry, table }: Delivery,
  {
    own,
    writes,
    error,
  }: { readonly own: PageId | null; readonly writes: PageImage; readonly error: unknown },
): Promise<Delivered | null> {
  if (!(error instanceof NotionFailure) || (error.errorClass.status !== 400 && !isGone(error))) return null;
  if (own !== null) {
    // A batch is written without a GET of each page: the properties of another database are not those of the mapping.
    const away = await ownPageAway(context, own, entry);
    if (away !== null) return away;
  }
  const named = table.fields
    .filter(({ type, property }) => type === 'relation' && property in writes)
    .flatMap(({ property }) => writes[property] as readonly PageId[]);
  const away = await awayTargets(context, named, entry);
  if (away.length === 0) return null;
  return {
    kind: 'retry',
    ms: TARGET_WAIT_MS,
    failure: {
      code: 'related_page_away',
      reason: `${away.join(', ')}: Notion does not take a relation to a page that is hidden, or in another database`,
      remedy: 'nothing to do: the rest is written, and the relation follows once the related page is back',
    },
  };
}

/** What becomes of a delivery whose page Notion hides, or shows in another place; null if it is where it belongs. */
async function ownPageAway(
  context: DeliverContext,
  page: PageId,
  entry: OutboxEntry,
): Promise<Delivered | null> {
  try {
    const found = await context.notion.retrievePage(page, { priority: urgencyOf(entry) });
    const { dataSource } = await context.sourceOf(entry.table);
    return awayOf(found, dataSource) === 'moved' ? moved(context, entry, found) : null;
  } catch (error) {
    if (isGone(error)) return hidden(entry);
    throw error;
  }
}

/** The records among the named pages that Notion does not show in their place, as `table key`. */
async function awayTargets(
  context: DeliverContext,
  named: readonly PageId[],
  entry: OutboxEntry,
): Promise<string[]> {
  const away: string[] = [];
  const records = await recordsByPage(context.store, named);
  for (const [page, { table, key }] of records) {
    const { dataSource } = await context.sourceOf(table);
    const isThere = await context.notion.retrievePage(page, { priority: urgencyOf(entry) }).then(
      (found) => awayOf(found, dataSource) !== 'moved',
      (error: unknown) => {
        if (isGone(error)) return false;
        throw error;
      },
    );
    if (isThere) continue;
    away.push(`${table} ${key}`);
    await context.store.transaction((sql) => lookSoon(sql, { page, table, key }));
    context.hint(page);
  }
  return away;
}
