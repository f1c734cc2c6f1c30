import { PgnotionError } from '../model/errors.ts';
import type { TableName } from '../model/ids.ts';
import { changedInRow } from '../model/merge.ts';
import { isResting } from '../model/record-state.ts';
import { leftOutAmong } from '../postgres/left-out.ts';
import { readEach } from '../postgres/read-rows.ts';
import { isReadBlocked } from '../postgres/row-statement-error.ts';
import { failpoint } from '../runtime/failpoints.ts';
import { backoff } from '../runtime/retry.ts';
import { knownOfRecord } from '../state/deliveries.ts';
import { isOfMass } from '../state/guarded-changes.ts';
import { type OutboxEntry, park, postpone, reschedule, settle } from '../state/outbox.ts';
import type { SyncRecord } from '../state/records.ts';
import { suspendTable } from '../state/sources.ts';
import { releaseWaiting } from '../state/waiting.ts';
import { type Batch, type ReadEntries, readBatch } from './batch.ts';
import { waitForClaim } from './claimed-page.ts';
import { concludeQuietly } from './conflict.ts';
import {
  awaitProperty,
  type Deletion,
  type DeliverContext,
  type Delivered,
  type Delivery,
  SETTLED,
} from './context.ts';
import { createPage } from './create.ts';
import { deletePage } from './delete.ts';
import { failureOf, readBlocked, rowMissing, urgencyOf } from './failure.ts';
import { filterOut } from './filter.ts';
import { noteRowGone, waitForMatch } from './match.ts';
import { waitForMoves } from './own-key.ts';
import { readBeforeWrite } from './preread.ts';
import { waitsForKind } from './refused-requests.ts';
import { sameBase } from './same-base.ts';
import { undeletePage } from './undelete.ts';
import { hasNews, updatePage } from './update.ts';

const RETRY = { firstMs: 1_000, maxMs: 300_000 };
/** Tries after which a row that is nowhere to be read counts as a failure. */
const MISSING_ROW_TRIES = 5;
const MISSING_ROW_MS = 1_000;
const LOCK_RETRY = { firstMs: 2_000, maxMs: 15_000 };

/** Delivers entries of one table. */
export async function deliverEntries(
  context: DeliverContext,
  read: ReadEntries,
  signal: AbortSignal,
): Promise<void> {
  const { entries } = read;
  const { name } = read.table;
  const batch = await readBatch(context, read).catch((error: unknown) =>
    isReadBlocked(error) ? tryAfterLock(context, entries, error) : suspendFor(context, name, error),
  );
  if (batch === null) return;
  const isReduced = await leaveOutFailing(context, name, batch);
  const outcomes = entries.map((entry) =>
    context.locks.run(`${name}/${entry.key}`, async () => {
      if (signal.aborted) return;
      const readAgain = isReduced && batch.broken.has(entry.key);
      const outcome = readAgain
        ? NEXT_BATCH
        : await deliverOne(context, batch, entry).catch((error: unknown) => failureOf(error, entry));
      await record(context, entry, outcome);
    }),
  );
  // All of them, even if one cannot be recorded: none may go on behind the back of the next batch.
  const failed = (await Promise.allSettled(outcomes)).find((each) => each.status === 'rejected');
  if (failed) throw failed.reason;
}

/** What fails over rows because of what an expression calls is its field's: the rows go on without it. */
async function leaveOutFailing(
  { shapes }: DeliverContext,
  name: TableName,
  { broken }: Pick<Batch, 'broken'>,
): Promise<boolean> {
  for (const [key, error] of broken)
    if (error instanceof PgnotionError && error.faults.length > 0)
      return shapes.leaveOut(name, error.faults, key);
  return false;
}

/** Its rows can be read once a lock on the table, or whatever takes the time, is gone; the others must not wait for it. */
export async function tryAfterLock(
  context: DeliverContext,
  entries: readonly OutboxEntry[],
  error: unknown,
): Promise<null> {
  const failure = readBlocked(error);
  await context.store.transaction(async (sql) => {
    for (const entry of entries)
      await reschedule(sql, entry, backoff(entry.attempts + 1, LOCK_RETRY), failure);
  });
  return null;
}

/** A table that cannot be read stops alone; the others must not wait behind it. */
export async function suspendFor(context: DeliverContext, name: TableName, error: unknown): Promise<null> {
  const drifts = await context.suspension(name, error);
  if (drifts === null) throw error;
  if (drifts.length > 0)
    await context.store.transaction((sql) => suspendTable(sql, context.log, { table: name, drifts }));
  return null;
}

/** What was read of a record that moved since is too old to act on: it goes to the next batch. */
const NEXT_BATCH: Delivered = { kind: 'postponed', ms: 0 };

async function deliverOne(context: DeliverContext, batch: Batch, entry: OutboxEntry): Promise<Delivered> {
  const { table, source } = batch;
  const { key } = entry;
  if (batch.broken.has(key)) throw batch.broken.get(key);
  const { record: known, conflicts, replacedExtras } = await knownOfRecord(context.store, table.name, key);
  if (!sameBase(known, batch.records.get(key))) return NEXT_BATCH;
  const row = batch.rows.get(key);
  if (row === undefined || batch.leftOut.has(key))
    return withoutRow(context, { entry, table, source }, known, batch);
  const refused = batch.refused.get(key) ?? [];
  const delivery = { entry, table, source, row, lookups: batch.lookups, refused, conflicts, replacedExtras };
  return withRow(context, delivery, known, batch);
}

async function withRow(
  context: DeliverContext,
  delivery: Delivery,
  known: SyncRecord | undefined,
  { look, claims }: Pick<Batch, 'look' | 'claims'>,
): Promise<Delivered> {
  const { entry, table, source } = delivery;
  const waits = waitsForKind(context, known?.page == null ? 'create' : 'update', delivery);
  if (waits !== null) return waits;
  // Without it a page could not be found again.
  const incomplete = known?.page == null ? awaitProperty(delivery, table.idProperty) : null;
  if (incomplete !== null) return incomplete;
  if (known?.page == null || isResting(known.state)) {
    const moves = await waitForMoves(context, table.name, entry, known);
    if (moves !== null) return moves;
  }
  const held = known === undefined ? await waitForMatch(context, delivery) : null;
  if (held !== null) return held;
  const claimed = known === undefined ? await waitForClaim(context, delivery, claims) : null;
  if (claimed !== null) return claimed;
  if (known?.page == null) return createPage(context, delivery, known);
  if (isResting(known.state)) return undeletePage(context, delivery, { ...known, page: known.page });
  if (!hasNews(delivery, known)) {
    if (delivery.conflicts.length > 0)
      return concludeQuietly(context, delivery, { ...known, page: known.page });
    await settle(context.store, entry, context.store.epoch);
    return SETTLED;
  }
  const linked = { ...known, page: known.page };
  const own = needsLook(delivery, known)
    ? await readBeforeWrite(context, table, { source, count: 1, ask: { priority: urgencyOf(entry) } })
    : look;
  return updatePage(context, { delivery, known: linked, now: await own(linked) });
}

/** Without a base, only a look can tell what the page holds: it may be the row's value already. */
const needsLook = ({ entry, table, row }: Delivery, { baseRow, basePage }: SyncRecord): boolean =>
  Object.keys(basePage).length === 0 ||
  changedInRow(table.fields, baseRow, row, entry.restore).some(({ property }) => !(property in basePage));

/** Whether a page that is about to be put away has to wait for its record to follow its row. */
async function goesAway(
  context: DeliverContext,
  { entry, table }: Deletion,
  known: SyncRecord | undefined,
): Promise<Delivered | null> {
  if (known === undefined || isResting(known.state)) return null;
  return waitForMoves(context, table.name, entry, known);
}

/** The row is not there, or left out. It is looked for once more, so that no page goes whose row has just come. */
async function withoutRow(
  context: DeliverContext,
  delivery: Deletion,
  known: SyncRecord | undefined,
  batch: Batch,
): Promise<Delivered> {
  const { entry, table } = delivery;
  if (known === undefined) await noteRowGone(context, delivery);
  const leftOutThen = batch.leftOut.get(entry.key);
  // Nothing would come of it, whatever the row is by now.
  if (known === undefined && leftOutThen !== undefined)
    return filterOut(context, delivery, { record: known, look: batch.look, why: leftOutThen });
  const { rows, broken } = await readEach(context.db, table, [entry.key]);
  if (broken.has(entry.key)) throw broken.get(entry.key);
  const leftOut = (await leftOutAmong(context.db, table, [entry.key])).get(entry.key);
  if (leftOut !== undefined)
    return (
      (await goesAway(context, delivery, known)) ??
      filterOut(context, delivery, { record: known, look: batch.look, why: leftOut })
    );
  if (rows.has(entry.key)) return NEXT_BATCH;
  // A row that cannot be read is deleted only if the log said so.
  if (entry.kind === 'delete')
    return (await goesAway(context, delivery, known)) ?? deletePage(context, delivery, known, batch.look);
  if (entry.attempts < MISSING_ROW_TRIES)
    return { kind: 'retry', ms: MISSING_ROW_MS, failure: rowMissing(table.name, entry.key) };
  if (known === undefined || isResting(known.state)) {
    await settle(context.store, entry, context.store.epoch);
    return SETTLED;
  }
  return { kind: 'parked', failure: rowMissing(table.name, entry.key) };
}

/** Keeps what became of an entry; one that is settled was ended together with its effect. */
async function record(context: DeliverContext, entry: OutboxEntry, outcome: Delivered): Promise<void> {
  failpoint('deliver.recording');
  if (outcome.kind === 'settled') return;
  await context.store.transaction(async (sql) => {
    switch (outcome.kind) {
      case 'postponed':
        return postpone(sql, entry, outcome.ms);
      case 'retry':
        return reschedule(sql, entry, outcome.ms ?? backoff(entry.attempts + 1, RETRY), outcome.failure);
      case 'parked':
        return park(sql, entry, outcome.failure);
      default:
        return outcome satisfies never;
    }
  });
  const failed = outcome.kind === 'retry' || outcome.kind === 'parked';
  // Pages that wait for this one are made without it meanwhile.
  if (failed && entry.attempts === 0)
    await context.store.transaction((sql) => releaseWaiting(sql, entry.table, entry.key));
  if (outcome.kind === 'retry') {
    context.log.info(
      { table: entry.table, key: entry.key, ...outcome.failure },
      'a delivery failed; it is tried again',
    );
  }
  if (outcome.kind === 'parked') {
    // A mass is told once, by its alert and in `guarded list`: as many lines would hide all others.
    const level = isOfMass(outcome.failure.code) ? 'debug' : 'warn';
    context.log[level]({ table: entry.table, key: entry.key, ...outcome.failure }, 'a record was set aside');
  }
}
