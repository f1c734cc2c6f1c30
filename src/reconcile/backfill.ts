import { messageOf } from '../model/errors.ts';
import type { RowKey, TableName } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { inTableOrder } from '../model/table-order.ts';
import { isConnectionLost } from '../postgres/connection-lost.ts';
import { countRows, presentEach, readKeys } from '../postgres/read-rows.ts';
import type { UserDatabase } from '../postgres/rows.ts';
import type { Log } from '../runtime/log.ts';
import { createPatience, type Patience } from '../runtime/patience.ts';
import { keepTrying, mayPass, pause } from '../runtime/retry.ts';
import { beginWalk, endWalk } from '../state/first-sync.ts';
import { forgetLongKeys, isLongKey, noteLongKeys } from '../state/long-keys.ts';
import { markFound } from '../state/outbox.ts';
import { recordKeys } from '../state/record-keys.ts';
import { beginRun, endRun } from '../state/runs.ts';
import { markBackfilled, readSources, type Source } from '../state/sources.ts';
import type { Store } from '../state/sql.ts';
import { recountOutbox } from '../state/statistics.ts';
import { liftTargets } from '../state/waiting.ts';

type BackfillContext = {
  readonly store: Store;
  readonly db: UserDatabase;
  readonly tables: ReadonlyMap<TableName, ResolvedTable>;
  readonly onDirty: () => void;
  /** Has each record follow its row to another key, as far as the log has told. */
  readonly followMoves: () => Promise<void>;
  /** Tells whoever measures the progress: a walk over a table has begun, or is over. */
  readonly onWalk: () => void;
  readonly log: Log;
};

const CHUNK = 1_000;
const LOOK_MS = 2_000;
const RETRY = { firstMs: 2_000, maxMs: 300_000 };

/**
 * Puts every row of a table that needs it into the outbox: at the first start, after a lost slot, and when a resync is
 * asked for. Delivery compares each with its base and writes only what differs, so doing it again costs no requests.
 */
export async function runBackfill(context: BackfillContext, signal: AbortSignal): Promise<void> {
  const broken = createPatience<TableName>(RETRY);
  await keepTrying(
    async (healthy) => {
      while (!signal.aborted) {
        const sources = await readSources(context.store);
        // Parents first: a child is made without its relation if its parent's row is not in the outbox yet.
        for (const table of inTableOrder(context.tables.values())) {
          const source = sources.get(table.name);
          // One that cannot be read has its turn when it can, and keeps no other waiting.
          if (source === undefined || source.backfilledAt !== null || !isReadable(source)) continue;
          if (signal.aborted) return;
          if (broken.mayTry(table.name))
            await backfillAlone(context, table, { compares: source.compares, broken, signal });
        }
        healthy();
        await pause(LOOK_MS, signal);
      }
    },
    { name: 'backfill', log: context.log, signal },
  );
}

const isReadable = ({ pausedBy }: Source): boolean => pausedBy === null || pausedBy === 'hand';

/** A table whose rows cannot be walked is tried again later, and keeps no other table waiting. */
async function backfillAlone(
  context: BackfillContext,
  table: ResolvedTable,
  {
    compares,
    broken,
    signal,
  }: { readonly compares: number; readonly broken: Patience<TableName>; readonly signal: AbortSignal },
): Promise<void> {
  try {
    await backfillTable(context, table, compares, signal);
    broken.passed(table.name);
  } catch (error) {
    if (isConnectionLost(error) || !mayPass(error)) throw error;
    const again = broken.failed(table.name);
    context.log.warn(
      { table: table.name, ...again, reason: messageOf(error) },
      'the rows of a table cannot be read',
    );
  }
}

async function backfillTable(
  context: BackfillContext,
  table: ResolvedTable,
  compares: number,
  signal: AbortSignal,
): Promise<void> {
  if (table.direction === 'to-postgres') {
    return context.store.transaction((sql) => markBackfilled(sql, table.name, compares));
  }
  // Under its former key a record has no row in any case. What became of the row since may be in no log any more.
  await context.followMoves();
  const total = await countRows(context.db, table);
  const run = await context.store.transaction(async (sql) => {
    await forgetLongKeys(sql, table.name);
    await beginWalk(sql, table.name, total);
    return beginRun(sql, 'backfill', table.name, total);
  });
  context.onWalk();
  let found = 0;
  for await (const keys of readKeys(context.db, table, CHUNK)) {
    if (signal.aborted) return;
    found += await enqueue(context, table, keys, 'write');
  }
  found += await enqueueVanished(context, table, signal);
  if (signal.aborted) return;
  await context.store.transaction(async (sql) => {
    await endWalk(sql, table.name, found);
    await markBackfilled(sql, table.name, compares);
    await endRun(sql, run);
  });
  context.onWalk();
  context.log.info({ table: table.name }, 'all rows are in the outbox');
}

/** Rows that were deleted while nobody watched the log: their pages are still there. */
async function enqueueVanished(
  context: BackfillContext,
  table: ResolvedTable,
  signal: AbortSignal,
): Promise<number> {
  let found = 0;
  for await (const keys of recordKeys(context.store, table.name, CHUNK)) {
    if (signal.aborted) break;
    const { present, broken } = await presentEach(context.db, table, keys);
    const gone = keys.filter((key) => !present.has(key) && !broken.has(key));
    found += await enqueue(context, table, gone, 'delete');
  }
  return found;
}

/** Returns how many of them are in the outbox now. */
async function enqueue(
  context: BackfillContext,
  table: ResolvedTable,
  keys: readonly RowKey[],
  kind: 'write' | 'delete',
): Promise<number> {
  const long = keys.filter(isLongKey).map((key) => ({ table: table.name, key, kind }));
  const kept = keys.filter((key) => !isLongKey(key));
  await context.store.transaction(async (sql) => {
    await noteLongKeys(sql, long);
    await markFound(sql, table.name, kept, kind);
  });
  await recountOutbox(context.store, kept.length);
  // A live record may have been made without the page of a row that was not known of yet.
  await context.store.transaction((sql) => liftTargets(sql, { among: { table: table.name, keys: kept } }));
  context.onDirty();
  return kept.length;
}
