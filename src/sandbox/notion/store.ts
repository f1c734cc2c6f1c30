import { type Behaviour, defaultBehaviour } from './behaviour.ts';
import { openJournal } from './journal.ts';
import type { Change, Comment, Database, DataSource, Page, User } from './types.ts';

type Version<E> = { readonly visibleAt: number; readonly entity: E };

/** One kind of thing, by id. */
type Table<E extends { readonly id: string }> = {
  readonly get: (id: string) => E | undefined;
  readonly all: () => E[];
  /** What readers that lag behind see at that instant. */
  readonly visible: (at: number) => E[];
  readonly put: (entity: E) => void;
  readonly remove: (id: string) => void;
};

export type Store = {
  readonly users: Table<User>;
  readonly databases: Table<Database>;
  readonly dataSources: Table<DataSource>;
  readonly pages: Table<Page>;
  readonly comments: Table<Comment>;
  readonly behaviour: Behaviour;
  /** Files that were uploaded, or are to be; not kept in the journal, since they expire within an hour. */
  readonly uploads: Map<
    string,
    { readonly name: string | null; readonly sent: boolean; readonly at: number }
  >;
  /** Milliseconds since the epoch, by the sandbox's clock. */
  readonly now: () => number;
  /** Runs the work as one: all of its changes are kept, or none if it throws. */
  readonly transact: <T>(work: () => T) => T;
  /** The next place in the order of creation. */
  readonly sequence: () => number;
  /** Grows with every change. */
  readonly version: () => number;
  /** Whether all that was ever written is seen by then: until the next change, a lagging reader sees the same. */
  readonly isSeen: (at: number) => boolean;
  /** Tells of every transaction that was kept. */
  readonly onCommit: (listener: (changes: readonly Committed[]) => void) => void;
  /**
   * Sets how long a write stays unseen by lagging readers: a time between the two for each write, drawn anew.
   * Zero makes all writes seen at once.
   */
  readonly setLag: (ms: number, mostMs?: number) => void;
  readonly close: () => void;
};

/** One change of a kept transaction, with what was there before. */
export type Committed = {
  readonly table: string;
  readonly id: string;
  readonly before: unknown;
  readonly after: unknown;
};

type Recorder = (change: Committed, undo: () => void) => void;
/** How late writes are seen, and by when all of them are. */
type Lag = { ms: number; mostMs: number; seenAt: number };
type AnyTable = { load: (id: string, entity: unknown) => void; reveal: () => void; dump: () => Change[] };

/** Opens the state: from its journal if a file is given, else empty and in memory. */
export function openStore(file: string | null, now: () => number): Store {
  const lag: Lag = { ms: 0, mostMs: 0, seenAt: 0 };
  const ledger = makeLedger((changes) => journal.append(changes));
  const make = <E extends { readonly id: string }>(name: string) =>
    makeTable<E>(name, now, lag, ledger.record);
  const tables = {
    users: make<User>('users'),
    databases: make<Database>('databases'),
    dataSources: make<DataSource>('dataSources'),
    pages: make<Page>('pages'),
    comments: make<Comment>('comments'),
  };
  const byName: { readonly [name: string]: AnyTable } = tables;
  const journal = openJournal(
    file,
    ([name, id, entity]) => byName[name]?.load(id, entity),
    () => Object.values(byName).flatMap((table) => table.dump()),
  );

  const setLag = (ms: number, mostMs = ms): void => {
    lag.ms = ms;
    lag.mostMs = Math.max(ms, mostMs);
    if (lag.mostMs > 0) return;
    for (const table of Object.values(byName)) table.reveal();
    lag.seenAt = 0;
  };
  let last = tables.pages.all().reduce((most, page) => Math.max(most, page.seq), 0);
  const sequence = (): number => {
    last += 1;
    return last;
  };
  const { transact, onCommit, version } = ledger;
  const behaviour = defaultBehaviour();
  const uploads: Store['uploads'] = new Map();
  return {
    ...tables,
    behaviour,
    uploads,
    now,
    transact,
    sequence,
    onCommit,
    version,
    isSeen: (at) => at >= lag.seenAt,
    setLag,
    close: journal.close,
  };
}

type Ledger = Pick<Store, 'transact' | 'onCommit' | 'version'> & { readonly record: Recorder };

/** Keeps account of a transaction's changes, to store them together or to undo them together. */
function makeLedger(append: (changes: readonly Change[]) => void): Ledger {
  let committed: Committed[] = [];
  let undos: (() => void)[] = [];
  let version = 1;
  let active = false;
  const listeners: ((changes: readonly Committed[]) => void)[] = [];
  const transact = <T>(work: () => T): T => {
    // Nested work belongs to the outer transaction.
    if (active) return work();
    active = true;
    let kept: readonly Committed[] = [];
    try {
      const result = work();
      if (committed.length > 0) {
        append(lastOf(committed));
        version += 1;
        kept = committed;
      }
      return result;
    } catch (error) {
      for (const undo of undos.reverse()) undo();
      throw error;
    } finally {
      committed = [];
      undos = [];
      active = false;
      // Only now: what listeners do wrong must not undo what stands in the journal.
      if (kept.length > 0) for (const listener of listeners) listener(kept);
    }
  };
  return {
    transact,
    onCommit: (listener) => {
      listeners.push(listener);
    },
    version: () => version,
    record: (change, undo) => {
      committed.push(change);
      undos.push(undo);
    },
  };
}

/** A transaction may put an entity several times; only the last counts. */
function lastOf(committed: readonly Committed[]): readonly Change[] {
  const last = new Map(committed.map((change) => [`${change.table} ${change.id}`, change]));
  return [...last.values()].map(({ table, id, after }) => [table, id, after ?? null]);
}

/** The versions of an entity with a new one, which lagging readers see later. */
function withVersion<E>(
  before: readonly Version<E>[],
  entity: E,
  at: number,
  lag: Lag,
): readonly Version<E>[] {
  // Of the versions that everyone sees by now only the last one can ever be asked for again.
  const seen = before.filter((version) => version.visibleAt <= at).slice(-1);
  const unseen = before.filter((version) => version.visibleAt > at);
  const delay = lag.ms + Math.round(Math.random() * (lag.mostMs - lag.ms));
  // A reader that sees a version sees those before it too.
  const visibleAt = Math.max(at + delay, unseen.at(-1)?.visibleAt ?? 0);
  lag.seenAt = Math.max(lag.seenAt, visibleAt);
  return [...seen, ...unseen, { visibleAt, entity }];
}

function makeTable<E extends { readonly id: string }>(
  name: string,
  now: () => number,
  lag: Lag,
  record: Recorder,
): Table<E> & AnyTable {
  const rows = new Map<string, readonly Version<E>[]>();
  const restore = (id: string, versions: readonly Version<E>[] | undefined): void => {
    if (versions === undefined) rows.delete(id);
    else rows.set(id, versions);
  };
  const newest = (versions: readonly Version<E>[]): E[] =>
    versions.slice(-1).map((version) => version.entity);
  const put = (entity: E): void => {
    const before = rows.get(entity.id);
    rows.set(entity.id, withVersion(before ?? [], entity, now(), lag));
    record({ table: name, id: entity.id, before: before?.at(-1)?.entity, after: entity }, () =>
      restore(entity.id, before),
    );
  };
  return {
    get: (id) => rows.get(id)?.at(-1)?.entity,
    all: () => [...rows.values()].flatMap(newest),
    visible: (at) =>
      [...rows.values()].flatMap((versions) => newest(versions.filter((version) => version.visibleAt <= at))),
    put,
    remove: (id) => {
      const before = rows.get(id);
      rows.delete(id);
      record({ table: name, id, before: before?.at(-1)?.entity, after: undefined }, () =>
        restore(id, before),
      );
    },
    load: (id, entity) =>
      entity === null ? rows.delete(id) : rows.set(id, [{ visibleAt: 0, entity: entity as E }]),
    reveal: () => {
      for (const [id, versions] of rows) {
        rows.set(
          id,
          newest(versions).map((entity) => ({ visibleAt: 0, entity })),
        );
      }
    },
    dump: () =>
      [...rows].flatMap(([id, versions]) => newest(versions).map((entity): Change => [name, id, entity])),
  };
}
