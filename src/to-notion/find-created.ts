import { isAsSent } from '../model/found-base.ts';
import type { RowKey, TableName } from '../model/ids.ts';
import { readPage } from '../model/page.ts';
import { ABSENT, NOT_VISIBLE, type Seen } from '../model/unanswered.ts';
import { queryArchived } from '../notion/archived-pages.ts';
import type { NotionPage } from '../notion/client.ts';
import { sendWrite } from '../notion/create-once.ts';
import { isGone } from '../notion/error-classification.ts';
import { doubtfulCreate } from '../state/operations.ts';
import { link, recordsByPage } from '../state/records.ts';
import { requestOperation } from '../state/request-operation.ts';
import { propertyKey } from '../state/sources.ts';
import type { Sql } from '../state/sql.ts';
import type { SyncContext } from '../sync/context.ts';
import type { Delivery } from './context.ts';
import { urgencyOf } from './failure.ts';
import { findUnkeyed } from './find-unkeyed.ts';

/** `answered`: the page is as the create's own answer has it, not as it was found later. */
export type Made = { readonly page: NotionPage; readonly answered: boolean };

/**
 * Looks for the page that a create made which left `sentAgoMs` ago, and which nobody has answered. What another user has made, a
 * person's copy of it say, or the connection of a former token, is taken for it only if it holds what was sent: what it showed
 * instead would pass for edits of our page, and empty the row where it is empty.
 */
export async function findCreated(
  context: SyncContext,
  delivery: Pick<Delivery, 'entry' | 'table' | 'source'>,
  sentAgoMs: number,
): Promise<Seen<Made>> {
  const { entry, table, source } = delivery;
  const ask = { priority: urgencyOf(entry) };
  const sent = await doubtfulCreate(context.store, table.name, entry.key);
  if (sent !== null && !(table.idProperty in sent)) {
    const unkeyed = await findUnkeyed(context, { table, source }, { sentAgoMs, sent, ask });
    return unkeyed === null ? ABSENT : foundLater(unkeyed);
  }
  const property = propertyKey(source, table.idProperty);
  if (property === undefined) return NOT_VISIBLE;
  // The row's key may have changed since: the page shows the one that it was made with.
  const shown = sent?.[table.idProperty] ?? entry.key;
  const filter = { property, rich_text: { equals: shown } };
  const what = { dataSourceId: source.dataSource, filter };
  const live = await context.notion.query(what, ask);
  const found = [...live.pages, ...(await queryArchived(context.notion, what, ask)).pages];
  const idField = table.fields.find((field) => field.property === table.idProperty);
  // A page that was moved here from another synced table may carry a key that looks like this one.
  const owned = await recordsByPage(
    context.store,
    found.map(({ id }) => id),
  );
  const holdsWhatWasSent = ({ properties }: NotionPage): boolean =>
    sent !== null && isAsSent(table.fields, sent, readPage(table, source.properties, properties).image);
  const twins = found
    .filter((page) => {
      if (owned.has(page.id)) return false;
      const property = page.properties[source.properties[table.idProperty] ?? ''];
      const read = property === undefined ? undefined : idField?.codec.read(property);
      if (read?.kind !== 'value' || read.value !== shown) return false;
      return page.createdBy === context.botId ? isRecent(context, sentAgoMs, page) : holdsWhatWasSent(page);
    })
    // A person may have copied ours, within the same minute even: what we made is the record's, the copy is theirs.
    .sort(
      (a, b) =>
        Number(b.createdBy === context.botId) - Number(a.createdBy === context.botId) ||
        a.createdTime.getTime() - b.createdTime.getTime(),
    );
  const [first, ...others] = twins;
  if (first === undefined) return ABSENT;
  // One that a person has written in stays: the way back meets it, and says so.
  for (const twin of others.filter(holdsWhatWasSent)) await trashTwin(context, delivery, twin);
  return foundLater(first);
}

const foundLater = (page: NotionPage): Seen<Made> => ({ kind: 'found', thing: { page, answered: false } });

/** Notion's clock and ours may be apart, and Notion's tells minutes only. */
const CLOCKS_APART_MS = 180_000;

/** A page of ours that is older than this create was made for another row of the same key, before a restore. */
function isRecent(context: SyncContext, sentAgoMs: number, page: NotionPage): boolean {
  const sent = context.now().getTime() - sentAgoMs;
  return page.createdTime.getTime() > sent - CLOCKS_APART_MS;
}

/** A second page of ours for one record: the first one stays. A page that a person copied is not ours to touch. */
async function trashTwin(
  context: SyncContext,
  { entry, table }: Pick<Delivery, 'entry' | 'table'>,
  twin: NotionPage,
): Promise<void> {
  if (twin.createdBy !== context.botId) return;
  const operation = requestOperation(context.store, {
    direction: 'to-notion',
    table: table.name,
    key: entry.key,
    page: twin.id,
    kind: 'delete',
    // The page keeps its values in the trash.
    before: { page: twin.id },
    after: {},
    changedAt: entry.changedAt,
  });
  const sent = await sendWrite(operation, (beforeLeaving) =>
    context.notion.setTrash(twin.id, true, { priority: urgencyOf(entry), beforeLeaving }),
  );
  if (sent.kind === 'answered')
    return context.store.transaction((sql) => operation.end(sql, { status: 'done' }));
  // Once Notion shows it again, the way back meets it.
  if (!isGone(sent.failure)) throw sent.failure;
}

/** Ties a page to its record that was found: what it holds by now is nothing that both sides have agreed on. */
export const linkWithoutBase = (
  sql: Sql,
  record: { readonly table: TableName; readonly key: RowKey },
  { id, lastEditedTime }: NotionPage,
): Promise<void> =>
  link(sql, { ...record, page: id, baseRow: {}, basePage: {}, pageEditedAt: lastEditedTime });
