import { type Behaviour, defaultBehaviour } from './behaviour.ts';
import { openJournal } from './journal.ts';
import type { Change, Comment, Database, DataSource, Page, User } from './types.ts';

type Version<E> = { readonly visibleAt: number; readonly entity: E };

/** One kind of thing, by id. */
type Table<E extends { readonly id: string }> = {
  readonly get: (id: string) => E | undefined;
  readonly all: () => E[];
  /** Those of one group; only pages have groups, which are their data sources. */
  readonly allIn: (group: string) => E[];
  /** What readers that lag behind see at that instant. */
  readonly visible: (at: number) => E[];
  readonly visibleIn: (group: string, at: number) => E[];
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

const sourceOf = ({ parent }: Page): string | undefined =>
  parent.type === 'data_source_id' ? parent.dataSourceId : undefined;

/** Opens the state: from its journal if a file is given, else empty and in memory. */
export function openStore(file: string | null, now: () => number): Store {
  const lag: Lag = { ms: 0, mostMs: 0, seenAt: 0 };
  const ledger = makeLedger((changes) => journal.append(changes));
  const make = <E extends { readonly id: string }>(
    name: string,
    groupOf: (entity: E) => string | undefined = () => undefined,
  ) => makeTable<E>({ name, now, lag, record: ledger.record, groupOf });
  const tables = {
    users: make<User>('users'),
    databases: make<Database>('databases'),
    dataSources: make<DataSource>('dataSources'),
    pages: make<Page>('pages', sourceOf),
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

/** The version that readers see who lag behind to that instant. */
function seenAt<E>(versions: readonly Version<E>[], at: number): E | undefined {
  for (let index = versions.length - 1; index >= 0; index -= 1) {
    const version = versions[index];
    if (version !== undefined && version.visibleAt <= at) return version.entity;
  }
  return undefined;
}

/** What an entity's versions give, without those that give nothing. */
function collect<E>(
  all: Iterable<readonly Version<E>[]>,
  pick: (versions: readonly Version<E>[]) => E | undefined,
): E[] {
  const picked: E[] = [];
  for (const versions of all) {
    const one = pick(versions);
    if (one !== undefined) picked.push(one);
  }
  return picked;
}

type TableOptions<E> = {
  readonly name: string;
  readonly now: () => number;
  readonly lag: Lag;
  readonly record: Recorder;
  readonly groupOf: (entity: E) => string | undefined;
};

function makeTable<E extends { readonly id: string }>(options: TableOptions<E>): Table<E> & AnyTable {
  const { name, now, lag, record, groupOf } = options;
  const rows = new Map<string, readonly Version<E>[]>();
  const groups = makeGroups<E>(rows, groupOf);
  const restore = (id: string, versions: readonly Version<E>[] | undefined): void => {
    if (versions === undefined) rows.delete(id);
    else rows.set(id, versions);
  };
  const newest = (versions: readonly Version<E>[]): E | undefined => versions.at(-1)?.entity;
  const put = (entity: E): void => {
    const before = rows.get(entity.id);
    rows.set(entity.id, withVersion(before ?? [], entity, now(), lag));
    groups.join(entity);
    record({ table: name, id: entity.id, before: before?.at(-1)?.entity, after: entity }, () =>
      restore(entity.id, before),
    );
  };
  return {
    get: (id) => rows.get(id)?.at(-1)?.entity,
    all: () => collect(rows.values(), newest),
    allIn: (group) => groups.pick(group, newest),
    visible: (at) => collect(rows.values(), (versions) => seenAt(versions, at)),
    visibleIn: (group, at) => groups.pick(group, (versions) => seenAt(versions, at)),
    put,
    remove: (id) => {
      const before = rows.get(id);
      rows.delete(id);
      record({ table: name, id, before: before?.at(-1)?.entity, after: undefined }, () =>
        restore(id, before),
      );
    },
    load: (id, entity) => {
      if (entity === null) rows.delete(id);
      else {
        rows.set(id, [{ visibleAt: 0, entity: entity as E }]);
        groups.join(entity as E);
      }
    },
    reveal: () => {
      for (const [id, versions] of rows) rows.set(id, revealed(versions));
    },
    dump: () =>
      [...rows].flatMap(([id, versions]) =>
        versions.slice(-1).map(({ entity }): Change => [name, id, entity]),
      ),
  };
}

const revealed = <E>(versions: readonly Version<E>[]): readonly Version<E>[] =>
  versions.slice(-1).map(({ entity }) => ({ visibleAt: 0, entity }));

/** Finds a group's entities without looking at all others. */
function makeGroups<E extends { readonly id: string }>(
  rows: ReadonlyMap<string, readonly Version<E>[]>,
  groupOf: (entity: E) => string | undefined,
) {
  // Whoever was in a group once stays listed: an older version may still be what a reader sees.
  const listed = new Map<string, Set<string>>();
  return {
    join: (entity: E): void => {
      const group = groupOf(entity);
      if (group === undefined) return;
      const ids = listed.get(group);
      if (ids === undefined) listed.set(group, new Set([entity.id]));
      else ids.add(entity.id);
    },
    pick: (group: string, pick: (versions: readonly Version<E>[]) => E | undefined): E[] => {
      const picked: E[] = [];
      for (const id of listed.get(group) ?? []) {
        const versions = rows.get(id);
        const one = versions === undefined ? undefined : pick(versions);
        if (one !== undefined && groupOf(one) === group) picked.push(one);
      }
      return picked;
    },
  };
}
