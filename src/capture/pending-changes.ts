import type { WalEvent, WalTuple } from '../model/change.ts';
import { seeVersion } from '../model/field-times.ts';
import { type QualifiedName, type RowKey, rowKey, type TableName } from '../model/ids.ts';
import type { ResolvedDependency, ResolvedField, ResolvedTable } from '../model/mapping.ts';
import { LIVE, type Urgency, urgencyOfMany } from '../model/urgency.ts';
import type { DirtyRecord } from '../state/outbox.ts';
import type { LoggedMove } from '../state/rekeys.ts';
import { type Arrivals, follow, wasThereBefore } from './arrivals.ts';

/** A record with the transaction that changed it last. */
export type PendingRecord = DirtyRecord & {
  readonly by: Transaction;
  /** A transaction before that one changed it by itself. */
  readonly alone: boolean;
};

type TaggedRow = { readonly record: PendingRecord; readonly tuple: WalTuple | null };

/** What has been read and not stored yet. */
export type PendingChanges = {
  readonly dirty: Map<string, PendingRecord>;
  /** Rows that a transaction of ours names: dropped if they hold what we wrote. */
  readonly tagged: Map<string, TaggedRow>;
  /** Values of joined tables whose dependants are dirty. */
  readonly joined: Map<string, Joined>;
  /** Values by which relations refer to rows of another table than by their keys. */
  readonly referred: Map<string, Referred>;
  /** Tables of which nobody can tell which records a change concerns: all of their rows are compared. */
  readonly compared: Set<TableName>;
  /** The transactions that these changes are of. */
  readonly xids: Set<number>;
  /** Changes of keys, in the order of the log. */
  readonly moves: LoggedMove[];
  /** Names under which changes came that no mapping has: another program's table, or one of ours under another name. */
  readonly strangers: Set<QualifiedName>;
};

export const noPendingChanges = (): PendingChanges => ({
  dirty: new Map(),
  tagged: new Map(),
  joined: new Map(),
  referred: new Map(),
  compared: new Set(),
  xids: new Set(),
  moves: [],
  strangers: new Set(),
});

export function clear(pending: PendingChanges): void {
  const { moves, ...parts } = pending;
  for (const part of Object.values(parts)) part.clear();
  moves.length = 0;
}

type Joined = {
  readonly table: ResolvedTable;
  readonly dependency: ResolvedDependency;
  readonly values: Map<string, readonly string[]>;
};

/** A relation whose column holds another column's value of the related table. */
type Referrer = {
  readonly table: ResolvedTable;
  readonly field: ResolvedField;
  readonly related: ResolvedTable;
};

type Referred = Referrer & { readonly values: Set<string> };

/** The transaction that is being read. */
export type Transaction = {
  readonly xid: number;
  readonly changedAt: Date;
  /** Records (`table/key`) that it names as written by us. */
  readonly own: Set<string>;
  /** How many rows of each table it has changed so far. */
  readonly rows: Map<TableName, number>;
  /** How many changes of keys it has had. */
  moves: number;
  readonly arrivals: Arrivals;
};

export const newTransaction = ({ xid, commitAt }: Extract<WalEvent, { kind: 'begin' }>): Transaction => ({
  xid,
  changedAt: commitAt,
  own: new Set(),
  rows: new Map(),
  moves: 0,
  arrivals: new Map(),
});

/** Known once the transaction, or as much of it as is stored at a time, has been read. */
export const urgencyOf = ({ table, by, alone }: Pick<PendingRecord, 'table' | 'by' | 'alone'>): Urgency =>
  alone ? LIVE : urgencyOfMany(by.rows.get(table) ?? 1);

export const sizeOf = (pending: PendingChanges): number =>
  pending.dirty.size +
  pending.tagged.size +
  [...pending.joined.values(), ...pending.referred.values()].reduce((sum, each) => sum + each.values.size, 0);

type Route = {
  readonly source: ResolvedTable | null;
  readonly dependants: readonly { readonly table: ResolvedTable; readonly dependency: ResolvedDependency }[];
  readonly referrers: readonly Referrer[];
};
export type Routes = ReadonlyMap<QualifiedName, Route>;

export function routesOf(tables: readonly ResolvedTable[]): Routes {
  const names = new Set(
    tables.flatMap((table) => [table.source, ...table.dependsOn.map((each) => each.table)]),
  );
  return new Map(
    [...names].map((name) => [
      name,
      {
        source: tables.find((table) => table.source === name && table.direction !== 'to-postgres') ?? null,
        referrers: tables.flatMap((table) => referrersOf(table, name, tables)),
        dependants: tables.flatMap((table) =>
          table.dependsOn.filter((each) => each.table === name).map((dependency) => ({ table, dependency })),
        ),
      },
    ]),
  );
}

const referrersOf = (
  table: ResolvedTable,
  name: QualifiedName,
  tables: readonly ResolvedTable[],
): readonly Referrer[] =>
  table.fields.flatMap((field) => {
    const related = tables.find((each) => each.name === field.relatedTable);
    const isReferrer = field.relatedBy !== undefined && table.direction !== 'to-postgres';
    return related?.source === name && isReferrer ? [{ table, field, related }] : [];
  });

type RowEvent = Extract<WalEvent, { kind: 'insert' | 'update' | 'delete' }>;

/** Holds what a row's event makes dirty: its own record, and those of tables that join it. */
export function addChange(
  pending: PendingChanges,
  routes: Routes,
  transaction: Transaction,
  event: RowEvent,
): void {
  const route = routes.get(event.table);
  if (route === undefined) {
    pending.strangers.add(event.table);
    return;
  }
  const now = event.kind === 'delete' ? null : event.row;
  const before = event.kind === 'insert' ? null : event.old;
  if (route.source !== null) noteRecord(pending, route.source, transaction, event);
  for (const referrer of route.referrers) noteReferred(pending, referrer, now, before);
  for (const dependant of route.dependants) {
    noteJoined(pending, dependant, now);
    noteNoLongerJoined(pending, dependant, before, now);
  }
}

/** No event is dropped: one that does not say whose it is has its table compared. */
function noteRecord(
  pending: PendingChanges,
  table: ResolvedTable,
  transaction: Transaction,
  event: RowEvent,
): void {
  transaction.rows.set(table.name, (transaction.rows.get(table.name) ?? 0) + 1);
  const before = event.kind === 'insert' ? null : event.old;
  const key = event.kind === 'delete' ? null : keyOf(table, event.row, before);
  const old = before === null ? null : keyOf(table, before);
  if (event.kind === 'delete' ? old === null : key === null) pending.compared.add(table.name);
  if (old !== null && before !== null) {
    if (key !== null && old !== key) noteMove(pending, { table, transaction }, [old, key], before);
    const names = [`${table.name}/${old}`, key === null ? null : `${table.name}/${key}`] as const;
    follow(transaction.arrivals, table, names, {
      former: before,
      now: event.kind === 'delete' ? null : event.row,
    });
  }
  // No row has the old key now, unless one that is still to come takes it.
  if (old !== null && old !== key)
    hold(pending, dirtyRecord(table.name, old, 'delete', transaction), transaction, null);
  if (key === null || event.kind === 'delete') return;
  const name = `${table.name}/${key}`;
  // What was left out of a row for its size may be another value than the one that we wrote.
  if (event.partial) transaction.own.delete(name);
  const first = pending.dirty.get(name) ?? pending.tagged.get(name)?.record;
  const inserted = first === undefined ? event.kind === 'insert' : first.inserted === true;
  // A row that is new has no page yet whose edit it could meet.
  const isNew = event.kind === 'insert' && first === undefined;
  const times = isNew ? undefined : seeVersion(first?.times, table, event.row, transaction.changedAt);
  const record = { ...dirtyRecord(table.name, key, 'write', transaction), inserted, ...(times && { times }) };
  hold(pending, record, transaction, event.row);
}

/** The record follows its row, whoever changed the key: see `applyMoves`. */
function noteMove(
  pending: PendingChanges,
  { table, transaction }: { readonly table: ResolvedTable; readonly transaction: Transaction },
  [from, to]: readonly [RowKey, RowKey],
  former: WalTuple,
): void {
  const name = `${table.name}/${from}`;
  const { xid, changedAt: at } = transaction;
  const step = (next: RowKey): void => {
    transaction.moves += 1;
    // A row that was made a moment ago has no record.
    if (pending.dirty.get(name)?.inserted === true) return;
    pending.moves.push({ table: table.name, from, to: next, xid, at, place: transaction.moves });
  };
  if (wasThereBefore(transaction.arrivals, name, former)) step(from);
  step(to);
}

const dirtyRecord = (
  table: TableName,
  key: RowKey,
  kind: DirtyRecord['kind'],
  transaction: Transaction,
): DirtyRecord => ({ table, key, kind, changedAt: transaction.changedAt, lsn: null });

function hold(pending: PendingChanges, dirty: DirtyRecord, by: Transaction, tuple: WalTuple | null): void {
  const name = `${dirty.table}/${dirty.key}`;
  const before = pending.dirty.get(name) ?? pending.tagged.get(name)?.record;
  const alone = before !== undefined && (before.by === by ? before.alone : urgencyOf(before) === LIVE);
  const record = { ...dirty, by, alone };
  if (by.own.has(name) && !pending.dirty.has(name)) pending.tagged.set(name, { record, tuple });
  else {
    pending.tagged.delete(name);
    pending.dirty.set(name, record);
  }
}

/** `before` has what an update leaves as it is and keeps out of the new tuple. Null if the key cannot be read. */
function keyOf(table: ResolvedTable, tuple: WalTuple, before: WalTuple | null = null): RowKey | null {
  const parts = table.key.map((column) => (tuple[column] === undefined ? before?.[column] : tuple[column]));
  return parts.every((part) => typeof part === 'string') ? rowKey(parts) : null;
}

function noteJoined(
  pending: PendingChanges,
  { table, dependency }: Route['dependants'][number],
  tuple: WalTuple | null,
): void {
  if (tuple === null) return;
  const value = dependency.columns.map(({ from }) => tuple[from]);
  // Nothing joins what is null; what the log leaves out may join anything.
  if (value.includes(null)) return;
  if (!value.every((part) => typeof part === 'string')) {
    pending.compared.add(table.name);
    return;
  }
  // A query may join one table twice, by other columns.
  const by = dependency.columns.map(({ to }) => to);
  const name = JSON.stringify([table.name, dependency.table, by]);
  const joined: Joined = pending.joined.get(name) ?? { table, dependency, values: new Map() };
  joined.values.set(JSON.stringify(value), value);
  pending.joined.set(name, joined);
}

/**
 * A joined row that is gone, or has another key now: the records that joined it are those that have the key still. Where
 * only the query knows what they join, it may have lost them with the row.
 */
function noteNoLongerJoined(
  pending: PendingChanges,
  dependant: Route['dependants'][number],
  before: WalTuple | null,
  now: WalTuple | null,
): void {
  const { table, dependency } = dependant;
  const isSame = now !== null && dependency.columns.every(({ from }) => before?.[from] === now[from]);
  if (before === null || isSame) return;
  if (dependency.columns.some(({ to }) => !(to in table.columnTypes))) pending.compared.add(table.name);
  noteJoined(pending, dependant, before);
}

/** Records whose relation may show another page, or none, now. What the log does not show of the former value shows there. */
function noteReferred(
  pending: PendingChanges,
  referrer: Referrer,
  now: WalTuple | null,
  before: WalTuple | null,
): void {
  const { table, field } = referrer;
  const by = field.relatedBy ?? '';
  const name = `${table.name}/${field.property}`;
  const referred: Referred = pending.referred.get(name) ?? { ...referrer, values: new Set() };
  for (const value of [now?.[by], before?.[by]]) if (typeof value === 'string') referred.values.add(value);
  if (referred.values.size > 0) pending.referred.set(name, referred);
}
