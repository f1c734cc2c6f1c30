import { referencedTables } from '../model/consequence.ts';
import { isMassChange } from '../model/guard.ts';
import type { PageId, RowKey, TableName } from '../model/ids.ts';
import { markProperty, type ResolvedTable } from '../model/mapping.ts';
import type { Ask } from '../notion/client.ts';
import { isGone, NotionFailure } from '../notion/outcome.ts';
import { endConflict, liveConflicts } from '../state/conflicts.ts';
import { releaseRefusedDeletions } from '../state/edits.ts';
import { deletionLoad, massDeletion } from '../state/guarded-changes.ts';
import { type RequestedOperation, type RequestOperation, requestOperation } from '../state/operations.ts';
import { settle } from '../state/outbox.ts';
import { forget, link, type RestedAs, rest, type SyncRecord } from '../state/records.ts';
import { FIELD_REFUSED } from '../state/refused-fields.ts';
import { propertyKey } from '../state/sources.ts';
import type { Sql } from '../state/sql.ts';
import { hidden } from './away.ts';
import { awaitProperty, type Deletion, type DeliverContext, type Delivered, SETTLED } from './context.ts';
import { findCreated } from './create.ts';
import type { Look } from './guard.ts';
import { type Removal, removalOf } from './removal.ts';
import { troubleOf, urgencyOf } from './trouble.ts';

const DOUBTFUL_WAIT_MS = 5_000;

/** What becomes of the page of a row that the WAL said was deleted. */
export async function removePage(
  context: DeliverContext,
  delivery: Deletion,
  record: SyncRecord | undefined,
  look: Look,
): Promise<Delivered> {
  const { line, table } = delivery;
  if (record === undefined) return conclude(context, delivery, null);
  // Its page rests already. A row that was only marked as deleted is gone by now: the page alone can bring it back.
  if (record.state === 'resting') {
    const as = record.restedAs === 'soft' ? 'trashed' : record.restedAs;
    return conclude(context, delivery, as ?? 'left', record.restedAs === 'soft');
  }
  const { page } = record;
  if (page === null) return afterIntent(context, delivery, record);
  if (table.onPostgresDelete === 'ignore') return conclude(context, delivery, 'left');
  // A person has put it there already, so that nothing is left to be decided.
  if (record.state === 'trashed' && (await isInTrash(context, page)))
    return conclude(context, delivery, 'trashed');
  const load = await deletionLoad(
    context.store,
    table.name,
    'to-notion',
    context.guards.deletion.windowMinutes,
  );
  if (!line.approved && isMassChange(load, context.guards.deletion))
    return { kind: 'parked', trouble: massDeletion(load) };
  const waits = awaitProperty(delivery, markProperty(table));
  if (waits !== null) return waits;
  const removal = await removalOf(context, delivery, { ...record, page }, look);
  if (removal.kind === 'stays') return removal.delivered;
  const farewell = farewellOf(context, delivery, page);
  const operation = leaving(context, delivery, { ...record, page }, removal, farewell);
  try {
    await farewell.send({ priority: urgencyOf(line), beforeLeaving: operation.begin });
  } catch (error) {
    const isTrashed = await wasTrashed(context, page, error);
    const status = isTrashed ? 'done' : 'failed';
    await context.store.transaction((sql) => operation.end(sql, { status, error: String(error) }));
    if (isTrashed) return conclude(context, delivery, 'trashed');
    return isGone(error) ? hidden(line) : refusedFarewell(table, troubleOf(error, line));
  }
  await context.store.transaction((sql) => operation.end(sql, { status: 'done' }));
  return conclude(context, delivery, farewell.as);
}

async function isInTrash({ notion }: DeliverContext, page: PageId): Promise<boolean> {
  try {
    return (await notion.retrievePage(page, { priority: 'live' })).inTrash;
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

/** A mark that Notion refuses is told by the property's name, and tried again when the schema changes. */
function refusedFarewell(table: ResolvedTable, outcome: Delivered): Delivered {
  const mark = markProperty(table);
  if (mark === null || outcome.kind !== 'parked') return outcome;
  const reason = `Notion refuses the property ${JSON.stringify(mark)}: ${outcome.trouble.reason}`;
  return { kind: 'parked', trouble: { ...outcome.trouble, code: FIELD_REFUSED, reason } };
}

type Farewell = {
  readonly as: RestedAs;
  readonly after: Readonly<Record<string, boolean>>;
  readonly send: (ask: Ask) => Promise<unknown>;
};

/** How the table's policy takes leave of a page. Each can be repeated without harm. */
function farewellOf(context: DeliverContext, { table, source }: Deletion, page: PageId): Farewell {
  const { notion } = context;
  const mark = markProperty(table);
  if (mark !== null) {
    const properties = { [propertyKey(source, mark) ?? mark]: { checkbox: true } };
    return {
      as: 'marked',
      after: { [mark]: true },
      send: (ask) => notion.updatePage({ id: page, properties }, ask),
    };
  }
  if (table.onPostgresDelete === 'archive')
    return {
      as: 'archived',
      after: { is_archived: true },
      send: (ask) => notion.setArchived(page, true, ask),
    };
  return { as: 'trashed', after: {}, send: (ask) => notion.setTrash(page, true, ask) };
}

function leaving(
  context: DeliverContext,
  { line, table }: Deletion,
  record: SyncRecord,
  { edited, by, keep }: Extract<Removal, { kind: 'goes' }>,
  { after }: Farewell,
): RequestOperation {
  const operation: RequestedOperation = {
    direction: 'to-notion',
    table: table.name,
    key: line.key,
    page: record.page,
    kind: 'delete',
    before: edited ?? record.basePage,
    after,
    row: { before: record.baseRow, after: null },
    lsn: line.lsn,
    changedAt: line.changedAt,
    attempt: line.attempts + 1,
    actor: by,
    approved: line.approved || by !== null,
  };
  return requestOperation(context.store, operation, keep);
}

/** The decision that the page has to go is carried out; whatever else was open ends with the pair. */
async function endDeletion(sql: Sql, table: TableName, key: RowKey): Promise<void> {
  for (const line of await liveConflicts(sql, table, key, true)) {
    if (line.type === 'DELETED_IN_POSTGRES' && line.choice === 'postgres')
      await endConflict(sql, line.id, 'resolved');
  }
}

/** Ends the line. The record is remembered as resting, or forgotten with its page (`null`). */
async function conclude(
  context: DeliverContext,
  { line, table }: Deletion,
  as: RestedAs | null,
  isNews = true,
): Promise<Delivered> {
  await context.store.transaction(async (sql) => {
    await endDeletion(sql, table.name, line.key);
    if (as === null) await forget(sql, table.name, line.key);
    else if (isNews) await rest(sql, table.name, line.key, as);
    await settle(sql, line);
    await releaseRefusedDeletions(sql, referencedTables(table, context.tables.values()));
  });
  return SETTLED;
}

/** By hand: that is what was wanted. A page in the trash takes neither a mark nor the archive. */
async function wasTrashed(context: DeliverContext, page: PageId, error: unknown): Promise<boolean> {
  if (!(error instanceof NotionFailure) || error.verdict.status !== 400) return false;
  return (await context.notion.retrievePage(page, { priority: 'live' })).inTrash;
}

/** Its page may have come to exist when something broke. What rests has to name its page. */
async function afterIntent(
  context: DeliverContext,
  delivery: Deletion,
  record: SyncRecord,
): Promise<Delivered> {
  const found = record.intentAgeMs === null ? 'absent' : await findCreated(context, delivery, record);
  if (found === 'doubtful') return { kind: 'postponed', ms: DOUBTFUL_WAIT_MS };
  if (found === 'absent') return conclude(context, delivery, null);
  await context.store.transaction((sql) =>
    link(sql, {
      table: record.table,
      key: record.key,
      page: found.id,
      baseRow: {},
      basePage: {},
      pageEditedAt: found.lastEditedTime,
    }),
  );
  return { kind: 'postponed', ms: 0 };
}
