import type { DataSourceId, TableName } from '../model/ids.ts';
import { pausedNames, type ResolvedTable } from '../model/mapping.ts';
import { type Difference, differences } from '../model/schema/differences.ts';
import type { Deviation, KnownSchema } from '../model/schema/known.ts';
import { schemaDigest } from '../model/schema-digest.ts';
import type { NotionClient, NotionPage } from '../notion/client.ts';
import type { Log } from '../runtime/log.ts';
import { keepTrying } from '../runtime/retry.ts';
import { createWake, type Wake } from '../runtime/wake.ts';
import { readKnown } from '../state/properties.ts';
import { compareAgain, readSource, readSources, type Source } from '../state/sources.ts';
import type { Store } from '../state/sql.ts';
import type { SchemaView } from '../sync/context.ts';
import { isIncomplete, learnOptions, settleSchema, syncable } from './schema.ts';
import { observing } from './schema-client.ts';

/** What pages and writes show of Notion's schema, and what follows from it. */
type SchemaTracker = SchemaView & {
  /** The client, each of whose answers is compared with what is known of its data source: that costs no request. */
  readonly notion: NotionClient;
  /** Tables as they can be synced now. Entries are replaced when Notion's schema changes. */
  readonly tables: ReadonlyMap<TableName, ResolvedTable>;
  /** Takes a table as PostgreSQL's catalog has it now. */
  readonly replace: (table: ResolvedTable) => void;
  /** Brings `tables` to the state that a source is of; another process may have settled it. */
  readonly follow: (source: Source) => Promise<void>;
  /** Reads the schema of each data source of which something differed, for ever. */
  readonly run: (signal: AbortSignal) => Promise<void>;
};

type WatchOptions = {
  readonly store: Store;
  readonly notion: NotionClient;
  readonly tables: readonly ResolvedTable[];
  readonly onDirty: () => void;
  readonly log: Log;
};

/** A data source as this process knows it. Times are those of `performance.now`. */
type Watched = {
  table: ResolvedTable;
  readonly dataSource: DataSourceId;
  readonly known: KnownSchema;
  readonly version: number;
  /** When the schema was last asked for. */
  readAt: number;
  /** When a base last became void. */
  voidedAt: number;
  /** Fields that a page has shown to be out of order since the last reading. */
  readonly interrupted: Set<string>;
  readonly learned: Map<string, Difference>;
  /** Differences that a reading did not explain, and when they were seen. */
  readonly unexplained: Map<string, number>;
  asked: boolean;
  /** A write was refused when the last reading was too short a time ago for another one. */
  refused: boolean;
  digest: string;
};

type Watch = WatchOptions & {
  /** With all fields, whatever Notion has of them. */
  readonly whole: Map<TableName, ResolvedTable>;
  readonly live: Map<TableName, ResolvedTable>;
  readonly watched: Map<TableName, Watched>;
  readonly wake: Wake;
  readonly reading: Map<TableName, Promise<void>>;
  readonly following: Map<TableName, Promise<void>>;
  /** The deviations that the log has told, by table. */
  readonly told: Map<TableName, string>;
};

const ASK = { priority: 'poll' } as const;
/** A difference that a reading did not explain is not asked about again before this. */
const UNEXPLAINED_MS = 600_000;
/** After a refused write the schema is read again, but not more often than this. */
const REFUSED_MS = 10_000;
/** How often a data source is read that has something out of order, which page answers may not show to be over. */
const INTERRUPTED_MS = 30_000;
const SPACING_MS = 250;

export function createSchemaTracker(options: WatchOptions): SchemaTracker {
  const watch: Watch = {
    ...options,
    whole: new Map(options.tables.map((table) => [table.name, table])),
    live: new Map(options.tables.map((table) => [table.name, table])),
    watched: new Map(),
    wake: createWake(),
    reading: new Map(),
    following: new Map(),
    told: new Map(),
  };
  return {
    notion: observing(
      options.notion,
      (page) => observe(watch, page),
      (source) => askAfterRefusal(watch, source),
    ),
    tables: watch.live,
    replace: (table) => replace(watch, table),
    follow: (source) => follow(watch, source),
    confirm: async (name, askedAt) => {
      const one = await readSince(watch, name, askedAt);
      return one === undefined || one.voidedAt < askedAt;
    },
    afresh: async (name) => (await readSince(watch, name, performance.now())) ?? null,
    known: (name) => watch.watched.get(name)?.known ?? {},
    run: (signal) =>
      keepTrying((healthy) => readAll(watch, signal, healthy), {
        name: 'schema',
        log: options.log,
        signal,
        mayPass: () => true,
      }),
  };
}

/** Compares a page with what is known, and has the schema read again if it shows something else. */
function observe(watch: Watch, page: NotionPage): void {
  const one = [...watch.watched.values()].find(({ dataSource }) => dataSource === page.parentDataSource);
  if (one === undefined) return;
  for (const difference of differences(one.known, page.properties)) {
    const { property, kind, what } = difference;
    if (kind === 'option') {
      one.learned.set(`${property} ${what}`, difference);
      watch.wake.ring();
      continue;
    }
    const seen = one.unexplained.get(`${property} ${kind} ${what}`);
    if (seen !== undefined && performance.now() - seen < UNEXPLAINED_MS) continue;
    one.unexplained.set(`${property} ${kind} ${what}`, performance.now());
    // What is merely absent from an answer is back with its values, or has a new id. Another type may have cost values.
    if (kind === 'retyped') one.interrupted.add(property);
    one.asked = true;
    watch.wake.ring();
  }
}

function askAfterRefusal(watch: Watch, source: DataSourceId | null): void {
  for (const one of watch.watched.values()) {
    if (source !== null && one.dataSource !== source) continue;
    if (performance.now() - one.readAt < REFUSED_MS) {
      one.refused = true;
      continue;
    }
    one.asked = true;
    watch.wake.ring();
  }
}

async function readAll(watch: Watch, signal: AbortSignal, healthy: () => void): Promise<void> {
  while (!signal.aborted) {
    for (const [name, one] of watch.watched) {
      if (signal.aborted) return;
      const age = performance.now() - one.readAt;
      const due =
        (isIncomplete(one.table, one.known) && age > INTERRUPTED_MS) || (one.refused && age > REFUSED_MS);
      if (one.asked || due) await readAgain(watch, name);
      else if (one.learned.size > 0) await learn(watch, name);
    }
    healthy();
    await watch.wake.wait(INTERRUPTED_MS, signal);
    await watch.wake.wait(SPACING_MS, signal);
  }
}

async function readSince(watch: Watch, name: TableName, since: number): Promise<Watched | undefined> {
  let one = watch.watched.get(name);
  while (one !== undefined && one.readAt < since) {
    await readAgain(watch, name);
    one = watch.watched.get(name);
  }
  return one;
}

/** One reading at a time for each data source; who asks while one is under way gets that one. */
function readAgain(watch: Watch, name: TableName): Promise<void> {
  const under = watch.reading.get(name) ?? read(watch, name).finally(() => watch.reading.delete(name));
  watch.reading.set(name, under);
  return under;
}

async function read(watch: Watch, name: TableName): Promise<void> {
  const one = watch.watched.get(name);
  if (one === undefined) return;
  one.asked = false;
  one.refused = false;
  try {
    await settle(watch, name, one);
  } catch (error) {
    // What asked for it may not show again, and `follow` may have replaced the entry.
    const now = watch.watched.get(name);
    if (now !== undefined) now.asked = true;
    throw error;
  }
  watch.onDirty();
}

async function settle(watch: Watch, name: TableName, one: Watched): Promise<void> {
  const { store, notion } = watch;
  const askedAt = performance.now();
  const interrupted = new Set(one.interrupted);
  const actual = await notion.retrieveDataSource(one.dataSource, ASK);
  const stored = await readSources(store);
  const sources = new Map([...stored.values()].map((source) => [source.table, source.dataSource]));
  const settled = await store.transaction((sql) =>
    settleSchema(sql, { table: one.table, actual, sources }, { interrupted }),
  );
  // Another flow may have followed what was just settled: the entry is another one then.
  const now = watch.watched.get(name) ?? one;
  for (const field of interrupted) now.interrupted.delete(field);
  now.readAt = askedAt;
  now.digest = schemaDigest(actual);
  if (settled.voided) now.voidedAt = performance.now();
  const source = await readSource(store, name);
  if (source !== null) await follow(watch, source);
  tell(watch, name, settled.identified.deviations);
}

/** Each state of affairs once. */
function tell({ told, log }: Watch, table: TableName, deviations: readonly Deviation[]): void {
  const text = JSON.stringify(deviations);
  if (text === (told.get(table) ?? '[]')) return;
  told.set(table, text);
  if (deviations.length > 0)
    log.warn({ table, deviations }, "Notion's schema deviates from the configuration");
  else log.info({ table }, "Notion's schema is as the configuration says");
}

async function learn(watch: Watch, name: TableName): Promise<void> {
  const one = watch.watched.get(name);
  if (one === undefined) return;
  const options = [...one.learned.values()];
  one.learned.clear();
  const explained = await watch.store.transaction((sql) =>
    learnOptions(sql, one.table, one.dataSource, options),
  );
  if (!explained) return void (await readAgain(watch, name));
  const source = await readSource(watch.store, name);
  if (source !== null) await follow(watch, source);
}

/** Takes over what state knows, one at a time for each table: a slower one would put back what the other has replaced. */
async function follow(watch: Watch, source: Source): Promise<void> {
  const { table: name } = source;
  while (isNews(watch.watched.get(name), source) && watch.whole.has(name)) {
    const under =
      watch.following.get(name) ?? takeOver(watch, source).finally(() => watch.following.delete(name));
    watch.following.set(name, under);
    await under;
  }
}

/** Who read the source before another one did has nothing new to say. */
const isNews = (known: Watched | undefined, { dataSource, schemaVersion }: Source): boolean =>
  known === undefined || known.dataSource !== dataSource || known.version < schemaVersion;

/** A field that can be synced again has its rows compared. */
async function takeOver(watch: Watch, source: Source): Promise<void> {
  const { table: name, dataSource, schemaVersion: version } = source;
  const known = await readKnown(watch.store, name, dataSource);
  const before = watch.watched.get(name);
  const table = watch.whole.get(name);
  if (table === undefined) return;
  const had = new Set(watch.live.get(name)?.fields.map(({ property }) => property));
  // What was delivered while the field was out of order went without it. Until that is asked for, nothing is taken over.
  const isBack = syncable(table, known).fields.some(({ property }) => !had.has(property));
  if (before !== undefined && isBack) await watch.store.transaction((sql) => compareAgain(sql, [name]));
  watch.watched.set(name, {
    table: watch.whole.get(name) ?? table,
    dataSource,
    known,
    version,
    readAt: before?.readAt ?? Number.NEGATIVE_INFINITY,
    voidedAt: before?.voidedAt ?? Number.NEGATIVE_INFINITY,
    interrupted: before?.interrupted ?? new Set(),
    learned: before?.learned ?? new Map(),
    unexplained: new Map(),
    asked: before?.asked ?? false,
    refused: before?.refused ?? false,
    digest: before?.digest ?? '',
  });
  watch.live.set(name, syncable(watch.whole.get(name) ?? table, known));
  if (before !== undefined && isBack) watch.onDirty();
}

function replace({ whole, live, watched, wake }: Watch, table: ResolvedTable): void {
  const resting = pausedNames(whole.get(table.name) ?? {});
  whole.set(table.name, table);
  const one = watched.get(table.name);
  if (one !== undefined) one.table = table;
  // A field that is back may have another place in Notion by now.
  if (one !== undefined && resting.some((field) => !pausedNames(table).includes(field))) {
    one.asked = true;
    wake.ring();
  }
  live.set(table.name, one === undefined ? table : syncable(table, one.known));
}
