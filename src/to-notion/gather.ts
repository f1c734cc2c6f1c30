import type { WalEvent, WalTuple } from '../model/change.ts';
import { seeVersion } from '../model/field-times.ts';
import { type QualifiedName, type RowKey, rowKey, type TableName } from '../model/ids.ts';
import type { ResolvedDependency, ResolvedTable } from '../model/mapping.ts';
import { LIVE, type Urgency, urgencyOfMany } from '../model/urgency.ts';
import type { DirtyRecord } from '../state/outbox.ts';
import type { LoggedMove } from '../state/rekeys.ts';

/** A record with the transaction that changed it last. */
export type HeldRecord = DirtyRecord & {
  readonly by: Transaction;
  /** A transaction before that one changed it by itself. */
  readonly alone: boolean;
};

type TaggedRow = { readonly record: HeldRecord; readonly tuple: WalTuple | null };

/** What has been read and not stored yet. */
export type Held = {
  readonly dirty: Map<string, HeldRecord>;
  /** Rows that a transaction of ours names: dropped if they hold what we wrote. */
  readonly tagged: Map<string, TaggedRow>;
  /** Values of joined tables whose dependants are dirty. */
  readonly joined: Map<string, Joined>;
  /** The transactions that these changes are of. */
  readonly xids: Set<number>;
  /** Changes of keys, in the order of the log. */
  readonly moves: LoggedMove[];
};

export const nothingHeld = (): Held => ({
  dirty: new Map(),
  tagged: new Map(),
  joined: new Map(),
  xids: new Set(),
  moves: [],
});

type Joined = {
  readonly table: ResolvedTable;
  readonly dependency: ResolvedDependency;
  readonly values: Map<string, readonly string[]>;
};

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
};

export const newTransaction = ({ xid, commitAt }: Extract<WalEvent, { kind: 'begin' }>): Transaction => ({
  xid,
  changedAt: commitAt,
  own: new Set(),
  rows: new Map(),
  moves: 0,
});

/** Known once the transaction, or as much of it as is stored at a time, has been read. */
export const urgencyOf = ({ table, by, alone }: Pick<HeldRecord, 'table' | 'by' | 'alone'>): Urgency =>
  alone ? LIVE : urgencyOfMany(by.rows.get(table) ?? 1);

export const sizeOf = (held: Held): number =>
  held.dirty.size +
  held.tagged.size +
  [...held.joined.values()].reduce((sum, each) => sum + each.values.size, 0);

type Route = {
  readonly source: ResolvedTable | null;
  readonly dependants: readonly { readonly table: ResolvedTable; readonly dependency: ResolvedDependency }[];
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
        dependants: tables.flatMap((table) =>
          table.dependsOn.filter((each) => each.table === name).map((dependency) => ({ table, dependency })),
        ),
      },
    ]),
  );
}

type RowEvent = Extract<WalEvent, { kind: 'insert' | 'update' | 'delete' }>;

/** Holds what a row's event makes dirty: its own record, and those of tables that join it. */
export function note(held: Held, routes: Routes, transaction: Transaction, event: RowEvent): void {
  const route = routes.get(event.table);
  if (route === undefined) return;
  const now = event.kind === 'delete' ? null : event.row;
  const before = event.kind === 'insert' ? null : event.old;
  if (route.source !== null) noteRecord(held, route.source, transaction, event);
  for (const dependant of route.dependants) noteJoined(held, dependant, now ?? before);
}

function noteRecord(held: Held, table: ResolvedTable, transaction: Transaction, event: RowEvent): void {
  transaction.rows.set(table.name, (transaction.rows.get(table.name) ?? 0) + 1);
  const now = event.kind === 'delete' ? null : event.row;
  const key = now === null ? null : keyOf(table, now);
  const old = event.kind === 'insert' || event.old === null ? null : keyOf(table, event.old);
  if (old !== null && key !== null && old !== key) noteMove(held, table, transaction, [old, key]);
  // No row has the old key now, unless one that is still to come takes it.
  if (old !== null && old !== key)
    hold(held, dirtyRecord(table.name, old, 'delete', transaction), transaction, null);
  if (key === null) return;
  const name = `${table.name}/${key}`;
  // What was left out of a row for its size may be another value than the one that we wrote.
  if (event.kind !== 'delete' && event.partial) transaction.own.delete(name);
  const first = held.dirty.get(name) ?? held.tagged.get(name)?.record;
  const inserted = first === undefined ? event.kind === 'insert' : first.inserted === true;
  // A row that is new has no page yet whose edit it could meet.
  const isNew = event.kind === 'insert' && first === undefined;
  const times =
    now === null || isNew ? undefined : seeVersion(first?.times, table, now, transaction.changedAt);
  const record = { ...dirtyRecord(table.name, key, 'write', transaction), inserted, ...(times && { times }) };
  hold(held, record, transaction, now);
}

/** The record follows its row, whoever changed the key: see `applyMoves`. */
function noteMove(
  held: Held,
  table: ResolvedTable,
  transaction: Transaction,
  [from, to]: readonly [RowKey, RowKey],
): void {
  const name = `${table.name}/${from}`;
  transaction.moves += 1;
  // A row that was made a moment ago has no record.
  if (held.dirty.get(name)?.inserted === true) return;
  const { xid, changedAt, moves } = transaction;
  held.moves.push({ table: table.name, from, to, xid, at: changedAt, place: moves });
}

const dirtyRecord = (
  table: TableName,
  key: RowKey,
  kind: DirtyRecord['kind'],
  transaction: Transaction,
): DirtyRecord => ({ table, key, kind, changedAt: transaction.changedAt, lsn: null });

function hold(held: Held, dirty: DirtyRecord, by: Transaction, tuple: WalTuple | null): void {
  const name = `${dirty.table}/${dirty.key}`;
  const before = held.dirty.get(name) ?? held.tagged.get(name)?.record;
  const alone = before !== undefined && (before.by === by ? before.alone : urgencyOf(before) === LIVE);
  const record = { ...dirty, by, alone };
  if (by.own.has(name) && !held.dirty.has(name)) held.tagged.set(name, { record, tuple });
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
