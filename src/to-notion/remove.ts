import { isMassDeletion } from '../model/guard.ts';
import type { RowKey, TableName } from '../model/ids.ts';
import { isGone } from '../notion/outcome.ts';
import { endConflict, liveConflicts } from '../state/conflicts.ts';
import { deletionLoad, massDeletion } from '../state/deletes.ts';
import { type Operation, type RequestOperation, requestOperation } from '../state/operations.ts';
import { settle } from '../state/outbox.ts';
import { forget, type SyncRecord } from '../state/records.ts';
import type { Sql } from '../state/sql.ts';
import { type DeliverContext, type Delivered, type Delivery, SETTLED } from './context.ts';
import { findCreated } from './create.ts';
import type { Look } from './guard.ts';
import { type Removal, removalOf } from './removal.ts';
import { troubleOf, urgencyOf } from './trouble.ts';

const DOUBTFUL_WAIT_MS = 5_000;

/** What becomes of the page of a row that the WAL said was deleted. */
export async function removePage(
  context: DeliverContext,
  delivery: Omit<Delivery, 'row' | 'lookups'>,
  record: SyncRecord | undefined,
  look: Look,
): Promise<Delivered> {
  const { line, table } = delivery;
  const done = async (): Promise<Delivered> => {
    await context.store.transaction(async (sql) => {
      await endDeletion(sql, table.name, line.key);
      await forget(sql, table.name, line.key);
      await settle(sql, line);
    });
    return SETTLED;
  };
  if (record === undefined || table.onPostgresDelete === 'ignore') return done();
  const page = record.page ?? (await pageOfIntent(context, delivery, record));
  if (page === 'doubtful') return { kind: 'postponed', ms: DOUBTFUL_WAIT_MS };
  if (page === null) return done();
  const load = await deletionLoad(context.store, table.name, 'to-notion', context.guard.windowMinutes);
  if (!line.approved && isMassDeletion(load, context.guard))
    return { kind: 'parked', trouble: massDeletion(load) };
  const removal = await removalOf(context, delivery, { ...record, page }, look);
  if (removal.kind === 'stays') return removal.delivered;
  const operation = trashing(context, delivery, { ...record, page }, removal);
  try {
    await context.notion.setTrash(page, true, { priority: urgencyOf(line), beforeLeaving: operation.begin });
  } catch (error) {
    // Gone already, by hand or for good: that is what was wanted.
    const gone = isGone(error);
    await context.store.transaction((sql) =>
      operation.end(sql, { status: gone ? 'done' : 'failed', error: String(error) }),
    );
    if (!gone) return troubleOf(error);
    return done();
  }
  await context.store.transaction((sql) => operation.end(sql, { status: 'done' }));
  return done();
}

function trashing(
  context: DeliverContext,
  { line, table }: Omit<Delivery, 'row' | 'lookups'>,
  record: SyncRecord,
  { edited, by, keep }: Extract<Removal, { kind: 'goes' }>,
): RequestOperation {
  const operation: Operation = {
    direction: 'to-notion',
    table: table.name,
    key: line.key,
    page: record.page,
    kind: 'delete',
    before: edited ?? record.basePage,
    after: {},
    lsn: line.lsn,
    changedAt: line.changedAt,
    attempt: line.attempts + 1,
    actor: by,
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

async function pageOfIntent(
  context: DeliverContext,
  delivery: Omit<Delivery, 'row' | 'lookups'>,
  record: SyncRecord,
): Promise<SyncRecord['page'] | 'doubtful'> {
  if (record.intentAgeMs === null) return null;
  const found = await findCreated(context, delivery, record);
  if (found === 'doubtful') return 'doubtful';
  return found === 'absent' ? null : found.id;
}
