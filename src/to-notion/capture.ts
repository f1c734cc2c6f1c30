import type { WalEvent, WalTuple } from '../model/change.ts';
import { type Lsn, type QualifiedName, type RowKey, rowKey, type TableName } from '../model/ids.ts';
import type { ResolvedDependency, ResolvedTable } from '../model/mapping.ts';
import { tableTrouble } from '../model/table-trouble.ts';
import { dependentKeys, type UserDatabase } from '../postgres/rows.ts';
import { TAG_PREFIX, verifyTag } from '../postgres/tag.ts';
import type { WalStream } from '../postgres/wal.ts';
import type { Log } from '../runtime/log.ts';
import { keepTrying } from '../runtime/retry.ts';
import { advanceCheckpoint } from '../state/checkpoint.ts';
import { type DirtyRecord, markAllDeleted, markDirty } from '../state/outbox.ts';
import { livingBase, recordsByKey } from '../state/records.ts';
import { compareAgain, suspend } from '../state/sources.ts';
import type { Store } from '../state/sql.ts';

export type CaptureOptions = {
  readonly open: () => Promise<WalStream>;
  readonly store: Store;
  readonly db: UserDatabase;
  readonly tables: readonly ResolvedTable[];
  readonly slot: string;
  readonly tagSecret: Buffer;
  /** Called once dirty records are stored. */
  readonly onDirty: () => void;
  readonly onState?: (state: 'connected' | 'disconnected') => void;
  readonly log: Log;
};

/** Dirty records held before they are stored though their transaction goes on: bounds memory (invariant 12). */
const MAX_HELD = 5_000;

/**
 * WAL to outbox, for ever: stores what changed, then acknowledges it (invariant 2). Never waits for Notion, so a dead
 * Notion holds no WAL back (invariant 13). Ends with the signal, or with what no retry can mend.
 */
export async function runCapture(options: CaptureOptions, signal: AbortSignal): Promise<void> {
  await keepTrying(
    async (healthy) => {
      const stream = await options.open();
      const stop = (): void => void stream.close();
      signal.addEventListener('abort', stop, { once: true });
      options.onState?.('connected');
      try {
        await consume(options, stream, healthy);
      } finally {
        signal.removeEventListener('abort', stop);
        options.onState?.('disconnected');
        await stream.close();
      }
    },
    { name: 'capture', log: options.log, signal },
  );
}

type TaggedRow = { readonly record: DirtyRecord; readonly tuple: WalTuple | null };

/** What has been read and not stored yet. */
type Held = {
  readonly dirty: Map<string, DirtyRecord>;
  /** Rows that a transaction of ours names: dropped if they hold what we wrote. */
  readonly tagged: Map<string, TaggedRow>;
  /** Values of joined tables whose dependants are dirty. */
  readonly joined: Map<string, Joined>;
};

type Joined = {
  readonly table: ResolvedTable;
  readonly dependency: ResolvedDependency;
  readonly values: Map<string, readonly string[]>;
};

type Transaction = { readonly changedAt: Date; readonly own: Set<string> };

async function consume(options: CaptureOptions, stream: WalStream, healthy: () => void): Promise<void> {
  const routes = routesOf(options.tables);
  const held: Held = { dirty: new Map(), tagged: new Map(), joined: new Map() };
  let transaction: Transaction | null = null;
  let stored: Lsn | null = null;
  for await (const events of stream.events()) {
    let idleAt: Lsn | null = null;
    for (const event of events) {
      if (event.kind === 'begin') transaction = { changedAt: event.commitAt, own: new Set() };
      else if (event.kind === 'commit') {
        stored = event.end;
        transaction = null;
      } else if (event.kind === 'keepalive') idleAt = event.walEnd;
      else if (event.kind === 'message') noteTag(options, transaction, event);
      else if (transaction !== null) {
        if (event.kind === 'truncate')
          await storeTruncate(options, held, routes, event.tables, transaction, stored);
        else note(held, routes, transaction, event);
        if (sizeOf(held) >= MAX_HELD) await flush(options, held, null);
      }
    }
    if (stored !== null) {
      await flush(options, held, stored);
      stream.acknowledge(stored);
      stored = null;
    }
    // Everything before a keepalive's position has been read, and by now it is stored.
    if (transaction === null && idleAt !== null) stream.acknowledge(idleAt);
    healthy();
  }
}

const sizeOf = (held: Held): number =>
  held.dirty.size +
  held.tagged.size +
  [...held.joined.values()].reduce((sum, each) => sum + each.values.size, 0);

type Route = {
  readonly source: ResolvedTable | null;
  readonly dependants: readonly { readonly table: ResolvedTable; readonly dependency: ResolvedDependency }[];
};
type Routes = ReadonlyMap<QualifiedName, Route>;

function routesOf(tables: readonly ResolvedTable[]): Routes {
  const names = new Set(
    tables.flatMap((table) => [table.source, ...table.dependsOn.map((each) => each.table)]),
  );
  return new Map(
    [...names].map((name) => [
      name,
      {
        source: tables.find((table) => table.source === name && table.direction !== 'to-postgres') ?? null,
        dependants: tables.flatMap((table) =>
          table.dependsOn.filter((each) => each.table === name).map((dependency) => ({ table, dependency })),
        ),
      },
    ]),
  );
}

function noteTag(
  options: CaptureOptions,
  transaction: Transaction | null,
  event: Extract<WalEvent, { kind: 'message' }>,
): void {
  // Only a transactional message is ordered before the rows that it names.
  if (event.prefix !== TAG_PREFIX || !event.transactional || transaction === null) return;
  const own = verifyTag(options.tagSecret, event.content);
  if (own === null)
    options.log.warn('a message with our prefix is not signed by us; its transaction is delivered');
  else transaction.own.add(`${own.table}/${own.key}`);
}

type RowEvent = Extract<WalEvent, { kind: 'insert' | 'update' | 'delete' }>;

function note(held: Held, routes: Routes, transaction: Transaction, event: RowEvent): void {
  const route = routes.get(event.table);
  if (route === undefined) return;
  const now = event.kind === 'delete' ? null : event.row;
  const before = event.kind === 'insert' ? null : event.old;
  if (route.source !== null) noteRecord(held, route.source, transaction, event);
  for (const dependant of route.dependants) noteJoined(held, dependant, now ?? before);
}

function noteRecord(held: Held, table: ResolvedTable, transaction: Transaction, event: RowEvent): void {
  const now = event.kind === 'delete' ? null : event.row;
  const key = now === null ? null : keyOf(table, now);
  const old = event.kind === 'insert' || event.old === null ? null : keyOf(table, event.old);
  // A changed key is another record: the old one is gone.
  if (old !== null && old !== key)
    hold(held, dirtyRecord(table.name, old, 'delete', transaction), transaction, null);
  if (key === null) return;
  const name = `${table.name}/${key}`;
  const first = held.dirty.get(name) ?? held.tagged.get(name)?.record;
  const inserted = first === undefined ? event.kind === 'insert' : first.inserted === true;
  hold(held, { ...dirtyRecord(table.name, key, 'write', transaction), inserted }, transaction, now);
}

const dirtyRecord = (
  table: TableName,
  key: RowKey,
  kind: DirtyRecord['kind'],
  transaction: Transaction,
): DirtyRecord => ({ table, key, kind, changedAt: transaction.changedAt, lsn: null });

function hold(held: Held, record: DirtyRecord, transaction: Transaction, tuple: WalTuple | null): void {
  const name = `${record.table}/${record.key}`;
  if (transaction.own.has(name) && !held.dirty.has(name)) held.tagged.set(name, { record, tuple });
  else {
    held.tagged.delete(name);
    held.dirty.set(name, record);
  }
}

function keyOf(table: ResolvedTable, tuple: WalTuple): RowKey | null {
  const parts = table.key.map((column) => tuple[column]);
  return parts.every((part) => typeof part === 'string') ? rowKey(parts) : null;
}

function noteJoined(
  held: Held,
  { table, dependency }: Route['dependants'][number],
  tuple: WalTuple | null,
): void {
  const value = dependency.columns.map(({ from }) => tuple?.[from]);
  if (!value.every((part) => typeof part === 'string')) return;
  const name = `${table.name}/${dependency.table}`;
  const joined: Joined = held.joined.get(name) ?? { table, dependency, values: new Map() };
  joined.values.set(JSON.stringify(value), value);
  held.joined.set(name, joined);
}

/** TRUNCATE names no rows: every record of the table is gone, but for what the rest of the transaction inserts. */
async function storeTruncate(
  options: CaptureOptions,
  held: Held,
  routes: Routes,
  tables: readonly QualifiedName[],
  transaction: Transaction,
  stored: Lsn | null,
): Promise<void> {
  await flush(options, held, null);
  const sources = tables.flatMap((name) => routes.get(name)?.source ?? []);
  await options.store.transaction(async (sql) => {
    for (const table of sources) await markAllDeleted(sql, table.name, transaction.changedAt, stored);
  });
}

/** Stores what is held, and `checkpoint` with it. */
async function flush(options: CaptureOptions, held: Held, checkpoint: Lsn | null): Promise<void> {
  const records = new Map(held.dirty);
  for (const record of await changedSince(options, held.tagged))
    records.set(`${record.table}/${record.key}`, record);
  for (const record of await dependantsOf(options, held.joined)) {
    const name = `${record.table}/${record.key}`;
    if (!records.has(name)) records.set(name, record);
  }
  // One order of locks for everybody who writes many lines.
  const sorted = [...records.values()].sort((a, b) =>
    `${a.table}/${a.key}` < `${b.table}/${b.key}` ? -1 : 1,
  );
  await options.store.transaction(async (sql) => {
    await markDirty(
      sql,
      sorted.map((record) => ({ ...record, lsn: checkpoint })),
    );
    if (checkpoint !== null) await advanceCheckpoint(sql, options.slot, checkpoint);
  });
  for (const part of [held.dirty, held.tagged, held.joined]) part.clear();
  if (sorted.length > 0) options.onDirty();
}

/** Of the rows that we wrote ourselves, those that a trigger or somebody else made different from what we know. */
async function changedSince(options: CaptureOptions, tagged: Held['tagged']): Promise<DirtyRecord[]> {
  const changed: DirtyRecord[] = [];
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

async function dependantsOf(options: CaptureOptions, joined: Held['joined']): Promise<DirtyRecord[]> {
  const records: DirtyRecord[] = [];
  for (const { table, dependency, values } of joined.values()) {
    const keys = await dependentKeys(options.db, table, dependency, [...values.values()]).catch(
      (error: unknown) => suspendFor(options, table.name, error),
    );
    const changedAt = new Date();
    for (const key of keys) records.push({ table: table.name, key, kind: 'write', changedAt, lsn: null });
  }
  return records;
}

/** A table that cannot be asked must not hold the log up for the others; all of its rows are compared later. */
async function suspendFor(options: CaptureOptions, table: TableName, error: unknown): Promise<RowKey[]> {
  const reason = tableTrouble(error);
  if (reason === null) throw error;
  options.log.error({ table, reason }, 'a table is suspended');
  await options.store.transaction(async (sql) => {
    await suspend(sql, table, reason);
    await compareAgain(sql, [table]);
  });
  return [];
}
