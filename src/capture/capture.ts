import type { WalTuple } from '../model/change.ts';
import type { Drift } from '../model/drift.ts';
import { messageOf, PgnotionError } from '../model/errors.ts';
import type { Lsn, QualifiedName, TableName } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { type Urgency, urgencyOfMany } from '../model/urgency.ts';
import { isConnectionLost } from '../postgres/connection-lost.ts';
import { referringKeys } from '../postgres/references.ts';
import { isReadBlocked } from '../postgres/row-statement-error.ts';
import { dependentKeys, type UserDatabase } from '../postgres/rows.ts';
import { untilVisible } from '../postgres/visibility.ts';
import type { WalStream } from '../postgres/wal.ts';
import { failpoint } from '../runtime/failpoints.ts';
import type { Log } from '../runtime/log.ts';
import { keepTrying } from '../runtime/retry.ts';
import { onAbort } from '../runtime/signal.ts';
import { raiseAcknowledged } from '../state/checkpoint.ts';
import { type DirtyRecord, markAllDeleted } from '../state/outbox.ts';
import { livingBase, recordsByKey } from '../state/records.ts';
import { compareAgain, suspendTable } from '../state/sources.ts';
import type { Store } from '../state/sql.ts';
import { createIdlePosition } from './idle-position.ts';
import { createOwnWriteReader, type OwnWriteReader } from './own-writes.ts';
import {
  addChange,
  clear,
  newTransaction,
  noPendingChanges,
  type PendingChanges,
  type PendingRecord,
  type Routes,
  routesOf,
  sizeOf,
  type Transaction,
  urgencyOf,
} from './pending-changes.ts';
import { storeChanges } from './store-changes.ts';
import { unreadableTables } from './unreadable-tables.ts';

export type CaptureOptions = {
  /** Rejects soon after the signal comes. */
  readonly open: (signal: AbortSignal) => Promise<WalStream>;
  readonly store: Store;
  readonly db: UserDatabase;
  readonly tables: readonly ResolvedTable[];
  readonly slot: string;
  /** Why nothing of a table can be synced, if that is what a failure means; null if it means something else. */
  readonly suspension: (table: TableName, error: unknown) => Promise<readonly Drift[] | null>;
  readonly tagSecret: Buffer;
  /** Called once dirty records are stored, with the urgencies under which they wait. */
  readonly onDirty: (urgencies: readonly Urgency[]) => void;
  readonly log: Log;
};

/** Dirty records held before they are stored though their transaction goes on: bounds memory (invariant 12). */
const MAX_HELD = 5_000;

/**
 * WAL to outbox, for ever: stores what changed, then acknowledges it (invariant 2). Never waits for Notion, so a dead
 * Notion holds no WAL back (invariant 13). Ends with the signal, or with what no retry can mend.
 */
export async function runCapture(options: CaptureOptions, signal: AbortSignal): Promise<void> {
  const readMark = createOwnWriteReader(options);
  await keepTrying(
    async (healthy) => {
      const stream = await options.open(signal);
      using _ = onAbort(signal, () => void stream.close());
      try {
        const routes = routesOf(options.tables);
        await consume({ ...options, signal, routes, readMark }, stream, healthy);
      } finally {
        await stream.close();
      }
    },
    { name: 'capture', log: options.log, signal },
  );
}

type Consuming = CaptureOptions & {
  readonly signal: AbortSignal;
  readonly readMark: OwnWriteReader;
  readonly routes: Routes;
};

async function consume(options: Consuming, stream: WalStream, healthy: () => void): Promise<void> {
  const { routes } = options;
  const pending = noPendingChanges();
  let transaction: Transaction | null = null;
  let stored: Lsn | null = null;
  const idle = createIdlePosition({
    record: (position) => options.store.transaction((sql) => raiseAcknowledged(sql, options.slot, position)),
    acknowledge: stream.acknowledge,
    now: () => performance.now(),
  });
  for await (const events of stream.events()) {
    let idleAt: Lsn | null = null;
    for (const event of events) {
      if (event.kind === 'begin') {
        transaction = newTransaction(event);
        pending.xids.add(event.xid);
      } else if (event.kind === 'commit') {
        stored = event.end;
        transaction = null;
      } else if (event.kind === 'keepalive') idleAt = event.walEnd;
      else if (event.kind === 'message') options.readMark(transaction, event);
      else {
        if (transaction === null) throw outOfPlace(event.kind);
        if (event.kind === 'truncate')
          await storeTruncate(options, pending, { tables: event.tables, transaction, stored });
        else addChange(pending, routes, transaction, event);
        if (sizeOf(pending) >= MAX_HELD) await flush(options, pending, null);
      }
    }
    if (stored !== null) {
      await flush(options, pending, stored);
      failpoint('capture.after-store');
      stream.acknowledge(stored);
      failpoint('capture.after-acknowledge');
      stored = null;
    }
    // Everything before a keepalive's position has been read, and by now it is stored.
    if (transaction === null && idleAt !== null) await idle.at(idleAt);
    healthy();
  }
}

const outOfPlace = (kind: string): PgnotionError =>
  new PgnotionError({
    code: 'wal_undecodable',
    message: `the replication stream has a change (${kind}) outside of a transaction`,
    remedy:
      'nothing to do: nothing after it was read or acknowledged, and the daemon makes a new slot and compares everything; report this with the server version (SELECT version())',
  });

/** TRUNCATE names no rows: every record of the table is gone, but for what the rest of the transaction inserts. */
async function storeTruncate(
  options: Consuming,
  pending: PendingChanges,
  {
    tables,
    transaction,
    stored,
  }: {
    readonly tables: readonly QualifiedName[];
    readonly transaction: Transaction;
    readonly stored: Lsn | null;
  },
): Promise<void> {
  await flush(options, pending, null);
  pending.xids.add(transaction.xid);
  await allVisible(options, pending);
  for (const name of tables) if (!options.routes.has(name)) pending.strangers.add(name);
  const sources = tables.flatMap((name) => options.routes.get(name)?.source ?? []);
  const dependants = tables.flatMap((name) => options.routes.get(name)?.dependants ?? []);
  await options.store.transaction(async (sql) => {
    for (const table of sources) await markAllDeleted(sql, table.name, transaction.changedAt, stored);
    await compareAgain(
      sql,
      dependants.map(({ table }) => table.name),
    );
  });
}

/**
 * Stores what is held, and `checkpoint` with it. What is in the outbox is read at once, and a row that is read too
 * early looks as if nothing had changed: a change is stored once every read sees it (invariant 1).
 */
async function flush(options: Consuming, pending: PendingChanges, checkpoint: Lsn | null): Promise<void> {
  if (sizeOf(pending) + pending.compared.size + pending.strangers.size > 0)
    await allVisible(options, pending);
  if (sizeOf(pending) > 0) failpoint('capture.before-store');
  const changed = [...pending.dirty.values(), ...(await changedSince(options, pending.tagged))];
  const records = new Map<string, DirtyRecord>(
    changed.map((record) => [`${record.table}/${record.key}`, { ...record, urgency: urgencyOf(record) }]),
  );
  for (const record of await dependantsOf(options, pending.joined)) {
    const name = `${record.table}/${record.key}`;
    if (!records.has(name)) records.set(name, record);
  }
  const referrers = await referrersOf(options, pending.referred);
  // One order of locks for everybody who writes many entries.
  const sorted = [...records.values()].sort((a, b) =>
    `${a.table}/${a.key}` < `${b.table}/${b.key}` ? -1 : 1,
  );
  const changes = {
    records: sorted.map((record) => ({ ...record, lsn: checkpoint })),
    referrers,
    compared: await unreadableTables(options, pending),
    moves: pending.moves,
  };
  const to = checkpoint === null ? null : { slot: options.slot, lsn: checkpoint };
  const urgencies = await storeChanges(options.store, changes, to);
  clear(pending);
  options.onDirty(urgencies);
}

async function allVisible({ db, log, signal }: Consuming, pending: PendingChanges): Promise<void> {
  await untilVisible(db, pending.xids, { log, signal });
  pending.xids.clear();
}

/** Of the rows that we wrote ourselves, those that a trigger or somebody else made different from what we know. */
async function changedSince(
  options: CaptureOptions,
  tagged: PendingChanges['tagged'],
): Promise<PendingRecord[]> {
  const changed: PendingRecord[] = [];
  for (const table of options.tables) {
    const rows = [...tagged.values()].filter(({ record }) => record.table === table.name);
    if (rows.length === 0) continue;
    const known = await recordsByKey(
      options.store,
      table.name,
      rows.map(({ record }) => record.key),
    );
    for (const { record, tuple } of rows) {
      const base = livingBase(known.get(record.key));
      const asKnown = tuple === null ? base === undefined : base !== undefined && holds(table, tuple, base);
      if (!asKnown) changed.push(record);
    }
  }
  return changed;
}

const holds = (
  table: ResolvedTable,
  tuple: WalTuple,
  base: Readonly<Record<string, string | null>>,
): boolean =>
  table.fields.every((field) => {
    if (field.source.kind !== 'column') return true;
    const value = tuple[field.source.column];
    return value === undefined || value === base[field.property];
  });

async function dependantsOf(
  options: CaptureOptions,
  joined: PendingChanges['joined'],
): Promise<DirtyRecord[]> {
  const records: DirtyRecord[] = [];
  for (const { table, dependency, values } of joined.values()) {
    const keys = await dependentKeys(options.db, table, dependency, [...values.values()]).catch(
      (error: unknown) => compareInstead(options, table.name, error),
    );
    const changedAt = new Date();
    const urgency = urgencyOfMany(keys.length);
    for (const key of keys)
      records.push({ table: table.name, key, kind: 'write', changedAt, lsn: null, urgency });
  }
  return records;
}

async function referrersOf(options: CaptureOptions, referred: PendingChanges['referred']) {
  const found = [];
  for (const { table, field, related, values } of referred.values()) {
    const by = field.relatedBy ?? '';
    const column = field.source.kind === 'column' ? field.source.column : '';
    const rows = await referringKeys(options.db, table, column, {
      table: related,
      by,
      values: [...values],
    }).catch((error: unknown) => compareInstead(options, table.name, error));
    found.push({ table: table.name, field: field.property, related: related.name, rows });
  }
  return found;
}

/** A table that cannot be asked must not hold the log up for the others; all of its rows are compared later. */
async function compareInstead(options: CaptureOptions, table: TableName, error: unknown): Promise<never[]> {
  if (isConnectionLost(error)) throw error;
  if (isReadBlocked(error)) {
    options.log.warn({ table, reason: messageOf(error) }, 'a table is locked: its rows are compared later');
    await options.store.transaction((sql) => compareAgain(sql, [table]));
    return [];
  }
  const drifts = await options.suspension(table, error);
  if (drifts === null)
    options.log.warn(
      { table, reason: messageOf(error) },
      'its joined rows cannot be read; its rows are compared',
    );
  await options.store.transaction(async (sql) => {
    if (drifts !== null && drifts.length > 0) await suspendTable(sql, options.log, { table, drifts });
    await compareAgain(sql, [table]);
  });
  return [];
}
