import { commandOf } from '../model/command-line.ts';
import type { RowKey } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { readPage } from '../model/page.ts';
import { BACKFILL } from '../model/urgency.ts';
import { queryArchived } from '../notion/archived-pages.ts';
import type { Ask, NotionPage } from '../notion/client.ts';
import { NotionFailure } from '../notion/error-classification.ts';
import { ADOPTION_REVIEW, carriersOf, lookAtCarrier, originOf } from '../state/first-contact.ts';
import type { OutboxEntry } from '../state/outbox.ts';
import { putAwayAmong } from '../state/put-away.ts';
import { recordsByPage } from '../state/records.ts';
import { propertyKey, type Source } from '../state/sources.ts';
import type { DeliverContext, Delivered, Delivery } from './context.ts';
import { urgencyOf } from './failure.ts';

/** Notion takes up to 100 conditions in a group. */
const KEYS_PER_QUERY = 50;
/** A row that had no page for this long may have got one from a person, or before a restart. */
const UNSEEN_MS = 10_000;
const LOOK_MS = 1_000;

/**
 * Pages that show these keys, as far as queries were made for them; or why Notion does not take the query, as while its
 * property is gone. That stops the records that need it, and nothing else of their batch.
 */
export type Claims = ReadonlyMap<RowKey, readonly NotionPage[]> | NotionFailure;

/**
 * Looks for pages that show the keys of rows which have none, in as few queries as can be. In a database that was there
 * before pgnotion, each key is looked for; in one that pgnotion made, only those whose rows have waited for a while.
 */
export async function findClaims(
  context: DeliverContext,
  table: ResolvedTable,
  {
    source,
    entries,
    ask,
  }: { readonly source: Source; readonly entries: readonly OutboxEntry[]; readonly ask: Ask },
): Promise<Claims> {
  // Without the property, the records wait for it (`awaitProperty`).
  if (entries.length === 0 || propertyKey(source, table.idProperty) === undefined) return new Map();
  const all = (await originOf(context.store, table.name)) === 'found';
  const oldest = context.now().getTime() - UNSEEN_MS;
  const keys = entries
    .filter(({ urgency, changedAt }) => all || (urgency !== BACKFILL && changedAt.getTime() < oldest))
    .map(({ key }) => key);
  // None is asked for one by one of those that a first sync makes in a database of ours.
  const settled = entries.filter(({ urgency }) => urgency === BACKFILL).map(({ key }) => key);
  const found = new Map<RowKey, NotionPage[]>([...settled, ...keys].map((key) => [key, []]));
  for (let at = 0; at < keys.length; at += KEYS_PER_QUERY) {
    const some = keys.slice(at, at + KEYS_PER_QUERY);
    const pages = await pagesWith(context, table, { source, keys: some, ask }).catch((error: unknown) => {
      if (error instanceof NotionFailure && error.errorClass.status === 400) return error;
      throw error;
    });
    if (pages instanceof NotionFailure) return pages;
    for (const page of pages) found.get(idOn(table, source, page))?.push(page);
  }
  return found;
}

const idOn = (table: ResolvedTable, source: Source, page: NotionPage): RowKey =>
  readPage(table, source.properties, page.properties).image[table.idProperty] as RowKey;

async function pagesWith(
  { notion, store }: DeliverContext,
  table: ResolvedTable,
  { source, keys, ask }: { readonly source: Source; readonly keys: readonly RowKey[]; readonly ask: Ask },
): Promise<readonly NotionPage[]> {
  const property = propertyKey(source, table.idProperty) ?? table.idProperty;
  const or = keys.map((key) => ({ property, rich_text: { equals: key } }));
  // One page for each is the rule; what else there is shows itself to the polling.
  const what = { dataSourceId: source.dataSource, filter: { or } };
  const live = await notion.query(what, ask);
  const { pages: archived } = await queryArchived(notion, what, ask);
  // What was archived with a row that is forgotten by now is no claim, as little as what went to the trash with it.
  const putAway = await putAwayAmong(
    store,
    archived.map(({ id }) => id),
  );
  return [...live.pages, ...archived.filter(({ id }) => !putAway.has(id))];
}

/**
 * Whether there may be a page already that is this record's: then the way back looks at it first, by a GET, and links it
 * or reports it. Null if the record may get a new page.
 */
export async function waitForClaim(
  context: DeliverContext,
  delivery: Delivery,
  claims: Claims,
): Promise<Delivered | null> {
  const { entry, table } = delivery;
  const carriers = await carriersOf(context.store, table.name, entry.key);
  if (carriers.some(({ code, parked }) => parked && code === ADOPTION_REVIEW))
    return { kind: 'parked', failure: underReview(delivery) };
  const found = await claimsOf(context, delivery, claims);
  const known = await recordsByPage(
    context.store,
    found.map(({ id }) => id),
  );
  const reported = new Set(carriers.filter(isReported).map(({ page }) => page));
  const open = [...carriers.map(({ page }) => page), ...found.map(({ id }) => id)];
  const toLookAt = [...new Set(open)].filter((page) => !known.has(page) && !reported.has(page));
  if (toLookAt.length === 0) return null;
  for (const page of toLookAt) {
    await context.store.transaction((sql) => lookAtCarrier(sql, table.name, entry.key, page));
    context.hint(page);
  }
  return { kind: 'postponed', ms: LOOK_MS };
}

/** A page that was looked at and is not this record's, whatever it shows. */
const isReported = ({ code, parked }: { readonly code: string | null; readonly parked: boolean }): boolean =>
  parked && code !== UNKNOWN_KEY;

/** The row may have come after the page was looked at. */
const UNKNOWN_KEY = 'unknown_record_id';

async function claimsOf(
  context: DeliverContext,
  { entry, table, source }: Delivery,
  claims: Claims,
): Promise<readonly NotionPage[]> {
  if (claims instanceof NotionFailure) throw claims;
  const batched = claims.get(entry.key);
  if (batched !== undefined) return batched;
  const alone = await findClaims(context, table, {
    source,
    entries: [entry],
    ask: { priority: urgencyOf(entry) },
  });
  if (alone instanceof NotionFailure) throw alone;
  return alone.get(entry.key) ?? [];
}

const underReview = ({ entry, table }: Delivery): Extract<Delivered, { kind: 'parked' }>['failure'] => ({
  code: ADOPTION_REVIEW,
  reason: `a page that the connection made for a record it no longer knows shows the key ${entry.key}: a person has to say whether it is this row's`,
  remedy: `run ${commandOf('guarded approve', table.name, entry.key)} to give the row that page, or ${commandOf('guarded reject', table.name, entry.key)} to have a new one made`,
});
