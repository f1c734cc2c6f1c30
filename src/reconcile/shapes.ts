import { type Drift, driftsOfFaults } from '../model/drift.ts';
import type { Fault } from '../model/errors.ts';
import type { RowKey, TableName } from '../model/ids.ts';
import { sameJson } from '../model/json.ts';
import type { NamedNow } from '../model/known-columns.ts';
import type { ConflictStrategy, ResolvedTable, TableMapping } from '../model/mapping.ts';
import { listed } from '../model/sentences.ts';
import { tableFailure } from '../model/table-failure.ts';
import { grantFor } from '../postgres/missing-grants.ts';
import type { Queryable } from '../postgres/pool.ts';
import { resolveEach } from '../postgres/resolve-each.ts';
import { isReadBlocked } from '../postgres/row-statement-error.ts';
import type { UserDatabase } from '../postgres/rows.ts';
import { shapesOf } from '../postgres/shape-digest.ts';
import type { Log } from '../runtime/log.ts';
import { keepTrying, pause } from '../runtime/retry.ts';
import { compareAgain } from '../state/sources.ts';
import type { Store } from '../state/sql.ts';
import { readShapes, releaseRefusedByShape, saveShapeDigest } from '../state/table-shapes.ts';
import { type FailingExpressions, noteFailing, stillFailing, withoutFailing } from './failing-expressions.ts';
import { keepShapeFaults } from './field-faults.ts';
import { namesFor } from './named-now.ts';
import { noteColumns } from './remade-columns.ts';

/** The tables as the catalog has them now. */
type Shapes = {
  /** Looks whether the catalog says something else of a table by now, and gives the table as it can be synced then. */
  readonly refresh: (name: TableName) => Promise<ResolvedTable | undefined>;
  /** Looks at one table; throws where a lock is in the way. */
  readonly look: (name: TableName) => Promise<void>;
  /**
   * Has a table go on without the fields that the failure of a row is about, until they do not fail over that row. False if it
   * cannot.
   */
  readonly leaveOut: (name: TableName, faults: readonly Fault[], key: RowKey) => Promise<boolean>;
  /**
   * Why nothing of a table can be synced, if that is what a failure of reading it means, as its catalog tells it; null if it
   * means something else, empty if the table can be synced without some of its fields.
   */
  readonly suspension: (name: TableName, error: unknown) => Promise<readonly Drift[] | null>;
  /** Looks at all tables again and again, for ever. */
  readonly run: (signal: AbortSignal) => Promise<void>;
};

type ShapesOptions = {
  readonly store: Store;
  readonly db: Queryable;
  /** The same tables, whose values stay text. */
  readonly rows: UserDatabase;
  readonly mappings: readonly TableMapping[];
  readonly strategy: ConflictStrategy;
  readonly tables: ReadonlyMap<TableName, ResolvedTable>;
  /** Puts a table in the place of the one that has its name. */
  readonly replace: (table: ResolvedTable) => void;
  readonly onDirty: () => void;
  readonly log: Log;
};

const LOOK_MS = 3_000;

/**
 * Labels are added, columns widened, rules changed while the daemon runs: nothing is refused on account of what a table was
 * before, and what was refused then is tried again. The digests are kept, so that a change between two runs counts too.
 */
export function createShapes(options: ShapesOptions): Shapes {
  let under: Promise<void> = Promise.resolve();
  const looked = new Set<TableName>();
  const inLook: InLook = { noticed: new Map(), failing: new Map() };
  // One look after the other: each replaces what the one before has found.
  const look = (only?: TableName): Promise<void> => {
    under = under.catch(() => undefined).then(() => lookAt({ ...options, ...inLook }, looked, only));
    return under;
  };
  return {
    refresh: async (name) => {
      await unlessBlocked(look());
      return options.tables.get(name);
    },
    look,
    leaveOut: async (name, faults, key) => {
      const table = options.tables.get(name);
      if (table === undefined || !noteFailing(inLook.failing, table, faults, key)) return false;
      await unlessBlocked(look(name));
      const now = options.tables.get(name);
      return now !== undefined && withoutFailing(now, faults) === now;
    },
    suspension: (name, error) => suspensionOf(options, name, error),
    run: (signal) =>
      keepTrying(
        async (healthy) => {
          while (!signal.aborted) {
            await look();
            healthy();
            await pause(LOOK_MS, signal);
          }
        },
        { name: 'table shapes', log: options.log, signal, mayPass: () => true },
      ),
  };
}

/** A lock on some table: whoever asks goes by what is known, and the watch comes to it later. */
const unlessBlocked = (look: Promise<void>): Promise<void> =>
  look.catch((error: unknown) => {
    if (!isReadBlocked(error)) throw error;
  });

async function suspensionOf(
  options: ShapesOptions,
  name: TableName,
  error: unknown,
): Promise<readonly Drift[] | null> {
  const { store, db, mappings, strategy } = options;
  const failure = tableFailure(error);
  const mapping = mappings.find((each) => each.name === name);
  if (failure?.kind !== 'table_unreadable' || mapping === undefined) return failure && [failure];
  const found = await resolveEach(db, mappings, { strategy, tolerant: true, only: name }).catch(() => null);
  const wrong = found?.unresolved.get(name);
  if (wrong !== undefined) {
    const now = await namesFor(store, db, mapping, wrong.faults);
    const [first, ...more] = driftsOfFaults(wrong.faults, mapping, now);
    if (first === undefined) return [failure];
    const both = first.detail.includes(failure.detail)
      ? first.detail
      : listed([failure.detail, first.detail]);
    return [{ ...first, detail: both }, ...more];
  }
  const [table] = found?.tables ?? [];
  const faults = found?.paused.get(name) ?? [];
  if (table === undefined || faults.length === 0) {
    const grant = await grantFor(db, error).catch(() => null);
    return [grant === null ? failure : { ...failure, remedy: grant, remedyKind: 'sql' }];
  }
  // It goes on without the fields that hinder it; who read it as it was reads it again.
  options.replace(table);
  const now = await namesFor(store, db, mapping, faults);
  const { denied = [] } = table;
  await store.transaction((sql) => keepShapeFaults(sql, mapping, { paused: faults, denied, now }));
  return [];
}

/** What one look leaves for the next. */
type InLook = { readonly noticed: Map<string, number>; readonly failing: FailingExpressions };

async function lookAt(
  options: ShapesOptions & InLook,
  looked: Set<TableName>,
  only?: TableName,
): Promise<void> {
  const { store, db, strategy, tables } = options;
  const mappings = options.mappings.filter(({ name }) => only === undefined || name === only);
  const known = await readShapes(store);
  const sources = [...new Set(mappings.map(({ source }) => source))];
  const present = await shapesOf(db, sources);
  const isOther = ({ name, source }: TableMapping): boolean =>
    present.has(source) && present.get(source)?.digest !== known.get(name)?.digest;
  // Of what an expression calls, the digest says nothing.
  const isReduced = ({ name }: TableMapping): boolean => {
    const { pausedFields, denied } = tables.get(name) ?? {};
    return pausedFields !== undefined || denied !== undefined || options.failing.has(name);
  };
  const concerned = mappings.filter((mapping) => isOther(mapping) || isReduced(mapping));
  let changed = false;
  for (const mapping of concerned) {
    const { name, source } = mapping;
    const { tables: found, paused } = await resolveEach(db, options.mappings, {
      strategy,
      tolerant: true,
      only: name,
    });
    const [whole] = found;
    const before = tables.get(name);
    // What no longer fits is suspended by whoever reads it; it is looked at again until it does.
    if (whole === undefined || before === undefined) continue;
    const failing = await stillFailing(options.failing, options.rows, whole);
    const table = withoutFailing(whole, failing);
    if (!isOther(mapping) && sameReduction(before, table)) continue;
    changed = true;
    options.replace(table);
    // What it was before this process began nobody knows.
    const compares = !looked.has(name) || !sameTypes(before, table);
    const isFirst = !known.has(name);
    const wrong = [...(paused.get(name) ?? []), ...failing];
    const now = await namesFor(store, db, mapping, wrong);
    const faults = { paused: wrong, denied: table.denied ?? [], now };
    await keep(options, mapping, present.get(source)?.digest ?? '', { isFirst, compares, faults });
  }
  for (const mapping of mappings) await noteShape(options, mapping, { known, present });
  if (changed) options.onDirty();
  for (const { name } of mappings) looked.add(name);
}

async function noteShape(
  options: ShapesOptions & InLook,
  mapping: TableMapping,
  {
    known,
    present,
  }: {
    readonly known: Awaited<ReturnType<typeof readShapes>>;
    readonly present: Awaited<ReturnType<typeof shapesOf>>;
  },
): Promise<void> {
  const shape = present.get(mapping.source);
  const columns = known.get(mapping.name)?.columns ?? {};
  const of = { mapping, live: options.tables.get(mapping.name), known: columns };
  if (shape !== undefined) await noteColumns(options, { ...of, present: shape.columns });
}

type Kept = {
  readonly isFirst: boolean;
  readonly compares: boolean;
  readonly faults: {
    readonly paused: readonly Fault[];
    readonly denied: readonly Fault[];
    readonly now: NamedNow;
  };
};

async function keep(
  { store, log }: ShapesOptions,
  mapping: TableMapping,
  digest: string,
  { isFirst, compares, faults }: Kept,
): Promise<void> {
  const { name } = mapping;
  const released = await store.transaction(async (sql) => {
    await saveShapeDigest(sql, name, digest);
    await keepShapeFaults(sql, mapping, faults);
    if (isFirst) return 0;
    // Values may be spelled in another way now, which the log does not tell.
    if (compares) await compareAgain(sql, [name]);
    return releaseRefusedByShape(sql, name);
  });
  if (faults.paused.length > 0)
    log.error({ table: name, faults: faults.paused }, 'fields of a table are paused');
  if (faults.denied.length > 0)
    log.warn({ table: name, faults: faults.denied }, 'edits of a table are refused');
  if (!isFirst) log.info({ table: name, released }, 'the table has changed: what was refused is tried again');
}

/** Whether the same fields stand still, and the same cannot be written. */
const sameReduction = (before: ResolvedTable, after: ResolvedTable): boolean =>
  sameJson(before.pausedFields ?? [], after.pausedFields ?? []) &&
  sameJson(before.denied ?? [], after.denied ?? []);

/** Whether every value is read as before, and means the same row of another table. */
const sameTypes = (before: ResolvedTable, after: ResolvedTable): boolean => {
  const fields = new Map(after.fields.map((field) => [field.property, field]));
  return before.fields.every(({ property, shape, relatedBy }) => {
    const now = fields.get(property);
    return now !== undefined && sameJson(shape, now.shape) && relatedBy === now.relatedBy;
  });
};
