import { type Drift, driftsOfFaults, driftsOfFields } from '../model/drift.ts';
import type { QualifiedName, TableName } from '../model/ids.ts';
import { sameJson } from '../model/json.ts';
import type { ConflictStrategy, ResolvedTable, TableMapping } from '../model/mapping.ts';
import { listed } from '../model/sentences.ts';
import { tableFailure } from '../model/table-failure.ts';
import type { Queryable } from '../postgres/pool.ts';
import { resolveEach } from '../postgres/resolve-each.ts';
import { isReadBlocked } from '../postgres/row-statement-error.ts';
import { shapeDigests } from '../postgres/shape-digest.ts';
import type { Log } from '../runtime/log.ts';
import { keepTrying, pause } from '../runtime/retry.ts';
import { compareAgain } from '../state/sources.ts';
import type { Store } from '../state/sql.ts';
import { readShapeDigests, releaseRefusedByShape, saveShapeDigest } from '../state/table-shapes.ts';
import { keepFieldFaults } from './field-faults.ts';

/** The tables as the catalog has them now. */
type Shapes = {
  /** Looks whether the catalog says something else of a table by now, and gives the table as it can be synced then. */
  readonly refresh: (name: TableName) => Promise<ResolvedTable | undefined>;
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
  // One look after the other: each replaces what the one before has found.
  const look = (): Promise<void> => {
    under = under.catch(() => undefined).then(() => lookAt(options, looked));
    return under;
  };
  return {
    refresh: async (name) => {
      try {
        await look();
      } catch (error) {
        // A lock on some table: whoever asks goes by what is known, and the watch below comes to it later.
        if (!isReadBlocked(error)) throw error;
      }
      return options.tables.get(name);
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
    const [first, ...more] = driftsOfFaults(wrong.faults, mapping);
    return first === undefined
      ? [failure]
      : [{ ...first, detail: listed([failure.detail, first.detail]) }, ...more];
  }
  const [table] = found?.tables ?? [];
  const faults = found?.paused.get(name) ?? [];
  if (table === undefined || faults.length === 0) return [failure];
  // It goes on without the fields that hinder it; who read it as it was reads it again.
  options.replace(table);
  await store.transaction((sql) => keepFieldFaults(sql, name, driftsOfFields(faults, mapping)));
  return [];
}

async function lookAt(options: ShapesOptions, looked: Set<TableName>): Promise<void> {
  const { store, db, mappings, strategy, tables } = options;
  const known = await readShapeDigests(store);
  const sources = [...new Set(mappings.map(({ source }) => source))];
  const present: ReadonlyMap<QualifiedName, string> = await shapeDigests(db, sources);
  const isOther = ({ name, source }: TableMapping): boolean =>
    present.has(source) && present.get(source) !== known.get(name);
  // Of what an expression calls, the digest says nothing.
  const isReduced = ({ name }: TableMapping): boolean => tables.get(name)?.pausedFields !== undefined;
  const concerned = mappings.filter((mapping) => isOther(mapping) || isReduced(mapping));
  let changed = false;
  for (const mapping of concerned) {
    const { name, source } = mapping;
    const { tables: found, paused } = await resolveEach(db, mappings, {
      strategy,
      tolerant: true,
      only: name,
    });
    const [table] = found;
    const before = tables.get(name);
    // What no longer fits is suspended by whoever reads it; it is looked at again until it does.
    if (table === undefined || before === undefined) continue;
    if (!isOther(mapping) && sameJson(before.pausedFields ?? [], table.pausedFields ?? [])) continue;
    changed = true;
    options.replace(table);
    // What it was before this process began nobody knows.
    const compares = !looked.has(name) || !sameTypes(before, table);
    const drifts = driftsOfFields(paused.get(name) ?? [], mapping);
    const isFirst = !known.has(name);
    await keep(options, name, present.get(source) ?? '', { isFirst, compares, drifts });
  }
  if (changed) options.onDirty();
  for (const { name } of mappings) looked.add(name);
}

type Kept = {
  readonly isFirst: boolean;
  readonly compares: boolean;
  readonly drifts: readonly Drift[];
};

async function keep(
  { store, log }: ShapesOptions,
  name: TableName,
  digest: string,
  { isFirst, compares, drifts }: Kept,
): Promise<void> {
  const released = await store.transaction(async (sql) => {
    await saveShapeDigest(sql, name, digest);
    await keepFieldFaults(sql, name, drifts);
    if (isFirst) return 0;
    // Values may be spelled in another way now, which the log does not tell.
    if (compares) await compareAgain(sql, [name]);
    return releaseRefusedByShape(sql, name);
  });
  if (drifts.length > 0) log.error({ table: name, drifts }, 'fields of a table are paused');
  if (!isFirst) log.info({ table: name, released }, 'the table has changed: what was refused is tried again');
}

/** Whether every value is read as before. */
const sameTypes = (before: ResolvedTable, after: ResolvedTable): boolean => {
  const shapes = new Map(after.fields.map(({ property, shape }) => [property, shape]));
  return before.fields.every(({ property, shape }) => sameJson(shape, shapes.get(property)));
};
