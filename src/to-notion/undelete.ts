import { awayOf } from '../model/away.ts';
import type { Json } from '../model/change.ts';
import type { PageId } from '../model/ids.ts';
import { filterMark, goesToNotion, markProperty } from '../model/mapping.ts';
import { pick } from '../model/pick.ts';
import { isDeleted, restOf } from '../model/record-state.ts';
import type { Ask, NotionPage } from '../notion/client.ts';
import { sendWrite } from '../notion/create-once.ts';
import { isGone, type NotionFailure } from '../notion/error-classification.ts';
import { releaseEdit } from '../state/edits.ts';
import { link, markLinked, type SyncRecord } from '../state/records.ts';
import { requestOperation } from '../state/request-operation.ts';
import { releaseWaiting } from '../state/waiting.ts';
import { assertNotWithDatabase } from '../sync/database-in-trash.ts';
import { hidden, movedAtRest } from './away.ts';
import type { DeliverContext, Delivered, Delivery } from './context.ts';
import { failureOf, urgencyOf } from './failure.ts';

type Resting = SyncRecord & { readonly page: PageId };

/**
 * A row came back under the key of a deleted record: its page comes back too, and never a second one (invariant 3). The
 * page is looked at first, so that a try that broke off is gone on with; the update follows as a delivery of its own.
 */
export async function undeletePage(
  context: DeliverContext,
  delivery: Delivery,
  record: Resting,
): Promise<Delivered> {
  const { entry, table } = delivery;
  const ask = { priority: urgencyOf(entry) };
  let page: NotionPage;
  try {
    page = await context.notion.retrievePage(record.page, ask);
    if (awayOf(page, delivery.source.dataSource) === 'moved') return await movedAtRest(context, entry, page);
    if (page.inTrash) await assertNotWithDatabase(context, { ...delivery, page: record.page }, ask);
    for (const step of stepsBack(context, delivery, record, page)) {
      const error = await take(context, delivery, { page: record.page, step, ask });
      if (error !== null) return failureOf(error, entry);
    }
  } catch (error) {
    if (!isGone(error)) throw error;
    // Purged from the trash, or not shared now: a second page is made only once somebody gives this one up.
    return hidden(entry);
  }
  await context.store.transaction(async (sql) => {
    // A row that was only marked or filtered out is the one that the base knows; any other wins whatever differs.
    if (!isDeleted(record.state)) {
      await markLinked(sql, table.name, entry.key);
      await releaseEdit(sql, record.page);
    } else
      await link(sql, {
        table: table.name,
        key: entry.key,
        page: record.page,
        baseRow: {},
        // What stands still now is the former row's on the page: once it is back, this row's value counts there too.
        basePage: pick(record.basePage, pausedOf(table)),
        pageEditedAt: page.lastEditedTime,
      });
    await releaseWaiting(sql, table.name, entry.key);
  });
  return { kind: 'postponed', ms: 0 };
}

const pausedOf = ({ pausedFields = [] }: Delivery['table']): readonly string[] =>
  pausedFields.filter(goesToNotion).map(({ property }) => property);

type Step = {
  readonly before: Readonly<Record<string, Json>>;
  readonly after: Readonly<Record<string, Json>>;
  readonly send: (ask: Ask) => Promise<unknown>;
};

/** What still keeps the page from being an ordinary one. */
function stepsBack(
  { notion }: DeliverContext,
  { table, source }: Delivery,
  record: Resting,
  page: NotionPage,
): Step[] {
  const { page: id } = record;
  const steps: Step[] = [];
  if (page.inTrash)
    steps.push({
      before: { in_trash: true },
      after: { in_trash: false },
      send: (ask) => notion.setTrash(id, false, ask),
    });
  // What a person archived is theirs to take back.
  if (page.isArchived && restOf(record.state)?.page === 'archived')
    steps.push({
      before: { is_archived: true },
      after: { is_archived: false },
      send: (ask) => notion.setArchived(id, false, ask),
    });
  for (const mark of [markProperty(table), filterMark(table)]) {
    const marked = mark === null ? undefined : page.properties[source.properties[mark] ?? mark];
    if (mark !== null && marked?.checkbox === true)
      steps.push({
        before: { [mark]: true },
        after: { [mark]: false },
        send: (ask) => notion.updatePage({ id, properties: { [marked.id]: { checkbox: false } } }, ask),
      });
  }
  return steps;
}

/** Null once it is done. A page that Notion does not show throws. */
async function take(
  context: DeliverContext,
  { entry, table }: Delivery,
  { page, step, ask }: { readonly page: PageId; readonly step: Step; readonly ask: Ask },
): Promise<NotionFailure | null> {
  const operation = requestOperation(context.store, {
    direction: 'to-notion',
    table: table.name,
    key: entry.key,
    page,
    kind: 'restore',
    before: step.before,
    after: step.after,
    lsn: entry.lsn,
    changedAt: entry.changedAt,
    attempt: entry.attempts + 1,
  });
  const sent = await sendWrite(operation, (beforeLeaving) => step.send({ ...ask, beforeLeaving }));
  if (sent.kind === 'failed') {
    if (isGone(sent.failure)) throw sent.failure;
    return sent.failure;
  }
  await context.store.transaction((sql) => operation.end(sql, { status: 'done' }));
  return null;
}
