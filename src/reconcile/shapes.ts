import { type Drift, driftsOfFields } from '../model/drift.ts';
import { type Fault, messageOf } from '../model/errors.ts';
import type { RowKey, TableName } from '../model/ids.ts';
import { sameJson } from '../model/json.ts';
import type { NamedNow } from '../model/known-columns.ts';
import { pausedNames, type ResolvedTable, type TableMapping } from '../model/mapping.ts';
import { resolveEach } from '../postgres/resolve-each.ts';
import { isReadBlocked } from '../postgres/row-statement-error.ts';
import { shapesOf } from '../postgres/shape-digest.ts';
import { createPatience } from '../runtime/patience.ts';
import { keepTrying, LONGEST_WAIT_MS, pause } from '../runtime/retry.ts';
import { compareAgain } from '../state/sources.ts';
import { readShapes, releaseRefusedByShape, saveShapeDigest } from '../state/table-shapes.ts';
import { type FailingExpressions, noteFailing, stillFailing, withoutFailing } from './failing-expressions.ts';
import { beforeFieldsGo, beforeFieldsGoOn, keepShapeFaults } from './field-faults.ts';
import { namesFor } from './named-now.ts';
import { isAsKnown, type Noticed, noteColumns } from './remade-columns.ts';
import type { ShapesOptions } from './shapes-options.ts';
import { suspensionOf } from './suspension.ts';

/** The tables as the catalog has them now. */
type Shapes = {
  /** Looks whether the catalog says something else of a table by now, and gives the table as it can be synced then. */
  readonly refresh: (name: TableName) => Promise<ResolvedTable | undefined>;
  /** Looks at one table; throws where a lock is in the way. */
  readonly look: (name: TableName) => Promise<void>;
  /** A delivery begins to read these rows of a table; what it gives is to be called once what was read is settled. */
  readonly reading: (name: TableName, keys: readonly RowKey[]) => () => void;
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

const LOOK_MS = 3_000;
const RETRY = { firstMs: LOOK_MS, maxMs: LONGEST_WAIT_MS };

/**
 * Labels are added, columns widened, rules changed while the daemon runs: nothing is refused on account of what a table was
 * before, and what was refused then is tried again. The digests are kept, so that a change between two runs counts too. A table
 * that takes long, or cannot be looked at, holds up no other.
 */
export function createShapes(options: ShapesOptions): Shapes {
  const under = new Map<TableName, Promise<void>>();
  const inLook: InLook = {
    noticed: new Map(),
    failing: new Map(),
    looked: new Set(),
    readings: new Map(),
    stopping: false,
  };
  const all = { ...options, inLook };
  // One look at a table after the other: each replaces what the one before has found.
  const look = (name: TableName, isAsked = true): Promise<void> => {
    const next = (under.get(name) ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => lookAt(all, name, isAsked))
      .finally(() => under.get(name) === next && under.delete(name));
    under.set(name, next);
    return next;
  };
  return {
    refresh: async (name) => {
      await unlessBlocked(look(name));
      return options.tables.get(name);
    },
    look,
    reading: (name, keys) => beginReading(inLook.readings, name, keys),
    leaveOut: async (name, faults, key) => {
      const table = options.tables.get(name);
      if (table === undefined || !noteFailing(inLook.failing, table, faults, key)) return false;
      await unlessBlocked(look(name));
      const now = options.tables.get(name);
      return now !== undefined && withoutFailing(now, faults) === now;
    },
    suspension: (name, error) => suspensionOf(options, name, error),
    run: (signal) =>
      watch(all, { look: (name) => look(name, false), isUnderWay: (name) => under.has(name) }, signal),
  };
}

/** A lock on some table: whoever asks goes by what is known, and the watch comes to it later. */
const unlessBlocked = (look: Promise<void>): Promise<void> =>
  look.catch((error: unknown) => {
    if (!isReadBlocked(error)) throw error;
  });

type Reading = { readonly since: number; readonly keys: readonly RowKey[] };

function beginReading(readings: InLook['readings'], name: TableName, keys: readonly RowKey[]): () => void {
  const reading: Reading = { since: performance.now(), keys };
  const some = readings.get(name) ?? new Set();
  readings.set(name, some.add(reading));
  return () => void some.delete(reading);
}

const keysReadFrom = (readings: InLook['readings'], name: TableName, before: number): readonly RowKey[] =>
  [...(readings.get(name) ?? [])].flatMap(({ since, keys }) => (since <= before ? keys : []));

/** What one look leaves for the next. */
type InLook = {
  readonly noticed: Map<string, Noticed>;
  readonly failing: FailingExpressions;
  readonly looked: Set<TableName>;
  readonly readings: Map<TableName, Set<Reading>>;
  /** The daemon ends: what takes long is left for the next one. */
  stopping: boolean;
};

type Looking = ShapesOptions & { readonly inLook: InLook };

/** Looks, for ever, at the tables of which the catalog says something else than what is kept. */
async function watch(
  options: Looking,
  one: {
    readonly look: (name: TableName) => Promise<void>;
    readonly isUnderWay: (name: TableName) => boolean;
  },
  signal: AbortSignal,
): Promise<void> {
  const { log, inLook } = options;
  const broken = createPatience<TableName>(RETRY);
  const looks = new Set<Promise<void>>();
  inLook.stopping = false;
  signal.addEventListener('abort', () => {
    inLook.stopping = true;
  });
  const begin = (name: TableName): void => {
    const look = one
      .look(name)
      .then(() => broken.passed(name))
      .catch((error: unknown) => {
        const again = broken.failed(name);
        const reason = messageOf(error);
        log.warn({ table: name, ...again, reason }, 'a table could not be looked at; it is tried again');
      })
      .finally(() => looks.delete(look));
    looks.add(look);
  };
  await keepTrying(
    async (healthy) => {
      while (!signal.aborted) {
        for (const name of await concerned(options))
          if (!one.isUnderWay(name) && broken.mayTry(name)) begin(name);
        await Promise.race([Promise.all(looks), pause(LOOK_MS, signal)]);
        healthy();
        await pause(LOOK_MS, signal);
      }
    },
    { name: 'table shapes', log, signal, mayPass: () => true },
  );
  await Promise.all(looks);
}

/** The tables that the catalog says something else of, and those of which it does not say everything. */
async function concerned(options: Looking): Promise<readonly TableName[]> {
  const { store, db, mappings, inLook } = options;
  const known = await readShapes(store);
  const present = await shapesOf(db, [...new Set(mappings.map(({ source }) => source))]);
  return mappings.flatMap((mapping) => {
    const [kept, shape] = [known.get(mapping.name), present.get(mapping.source)];
    if (!inLook.looked.has(mapping.name) || isReduced(options, mapping.name)) return [mapping.name];
    if (shape === undefined) return [];
    const isKnown = kept?.digest === shape.digest && isAsKnown(mapping, kept.columns, shape.columns);
    return isKnown ? [] : [mapping.name];
  });
}

/** Of what an expression calls, the digest says nothing. */
function isReduced({ tables, inLook }: Looking, name: TableName): boolean {
  const { pausedFields, denied } = tables.get(name) ?? {};
  return pausedFields !== undefined || denied !== undefined || inLook.failing.has(name);
}

async function lookAt(options: Looking, name: TableName, isAsked: boolean): Promise<void> {
  const { store, db, mappings, inLook } = options;
  const mapping = mappings.find((each) => each.name === name);
  if (mapping === undefined) return;
  const known = (await readShapes(store)).get(name);
  const present = (await shapesOf(db, [mapping.source])).get(mapping.source);
  const isOther = present !== undefined && present.digest !== known?.digest;
  if (isOther || isReduced(options, name)) {
    const digest = isOther ? present.digest : null;
    await takeOver(options, mapping, { digest, kept: known?.digest ?? '', isFirst: known === undefined });
  }
  if (present !== undefined) {
    const live = options.tables.get(name);
    const columns = { known: known?.columns ?? {}, present: present.columns };
    const remade = {
      ...options,
      noticed: inLook.noticed,
      keysReadFrom: (of: TableName, before: number) => keysReadFrom(inLook.readings, of, before),
      isStopping: () => inLook.stopping,
      isAsked,
    };
    await noteColumns(remade, { mapping, live, ...columns });
  }
  inLook.looked.add(name);
}

/** Puts the table as it can be synced now in the place of what it was; `digest` is that of its other shape. */
async function takeOver(
  options: Looking,
  mapping: TableMapping,
  {
    digest,
    kept,
    isFirst,
  }: { readonly digest: string | null; readonly kept: string; readonly isFirst: boolean },
): Promise<void> {
  const { store, db, strategy, tables, inLook } = options;
  const { name } = mapping;
  const { tables: found, paused } = await resolveEach(db, options.mappings, {
    strategy,
    tolerant: true,
    only: name,
  });
  const [whole] = found;
  const before = tables.get(name);
  // What no longer fits is suspended by whoever reads it; it is looked at again until it does.
  if (whole === undefined || before === undefined) return;
  const failing = await stillFailing(inLook.failing, options.rows, whole);
  const table = withoutFailing(whole, failing);
  if (digest === null && sameReduction(before, table)) return;
  const wrong = [...(paused.get(name) ?? []), ...failing];
  const now = await namesFor(store, db, mapping, wrong);
  await beforeFieldsGo(store, mapping, driftsOfFields(wrong, mapping, now));
  await beforeFieldsGoOn(store, before, table);
  options.replace(table);
  // What it was before this process began nobody knows.
  const compares = !inLook.looked.has(name) || !sameTypes(before, table);
  const faults = { paused: wrong, denied: table.denied ?? [], now };
  await keep(options, mapping, digest ?? kept, { isFirst, compares, faults });
  options.onDirty();
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
  sameJson(pausedNames(before), pausedNames(after)) && sameJson(before.denied ?? [], after.denied ?? []);

/** Whether every value is read as before, and means the same row of another table. */
const sameTypes = (before: ResolvedTable, after: ResolvedTable): boolean => {
  const fields = new Map(after.fields.map((field) => [field.property, field]));
  return before.fields.every(({ property, shape, relatedBy }) => {
    const now = fields.get(property);
    return now !== undefined && sameJson(shape, now.shape) && relatedBy === now.relatedBy;
  });
};
