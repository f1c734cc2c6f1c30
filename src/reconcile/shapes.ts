import type { QualifiedName, TableName } from '../model/ids.ts';
import { sameJson } from '../model/json.ts';
import type { ConflictStrategy, ResolvedTable, TableMapping } from '../model/mapping.ts';
import type { Queryable } from '../postgres/pool.ts';
import { resolveEach } from '../postgres/resolve-each.ts';
import { isReadBlocked } from '../postgres/row-statement-error.ts';
import { shapeDigests } from '../postgres/shape-digest.ts';
import type { Log } from '../runtime/log.ts';
import { keepTrying, pause } from '../runtime/retry.ts';
import { compareAgain } from '../state/sources.ts';
import type { Store } from '../state/sql.ts';
import { readShapeDigests, releaseRefusedByShape, saveShapeDigest } from '../state/table-shapes.ts';

/** The tables as the catalog has them now. */
type Shapes = {
  /** Looks whether the catalog says something else of a table by now, and gives the table as it can be synced then. */
  readonly refresh: (name: TableName) => Promise<ResolvedTable | undefined>;
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

async function lookAt(options: ShapesOptions, looked: Set<TableName>): Promise<void> {
  const { store, db, mappings, strategy, tables } = options;
  const known = await readShapeDigests(store);
  const sources = [...new Set(mappings.map(({ source }) => source))];
  const present: ReadonlyMap<QualifiedName, string> = await shapeDigests(db, sources);
  const isOther = ({ name, source }: TableMapping): boolean =>
    present.has(source) && present.get(source) !== known.get(name);
  if (mappings.some(isOther)) {
    const resolved = await resolveEach(db, mappings, strategy, true);
    for (const { name, source } of mappings.filter(isOther)) {
      const table = resolved.tables.find((each) => each.name === name);
      const before = tables.get(name);
      // What no longer fits is suspended by whoever reads it; it is looked at again until it does.
      if (table === undefined || before === undefined) continue;
      options.replace(table);
      // What it was before this process began nobody knows.
      const compares = !looked.has(name) || !sameTypes(before, table);
      await keep(options, name, present.get(source) ?? '', { isFirst: !known.has(name), compares });
    }
    options.onDirty();
  }
  for (const { name } of mappings) looked.add(name);
}

async function keep(
  { store, log }: ShapesOptions,
  name: TableName,
  digest: string,
  { isFirst, compares }: { readonly isFirst: boolean; readonly compares: boolean },
): Promise<void> {
  const released = await store.transaction(async (sql) => {
    await saveShapeDigest(sql, name, digest);
    if (isFirst) return 0;
    // Values may be spelled in another way now, which the log does not tell.
    if (compares) await compareAgain(sql, [name]);
    return releaseRefusedByShape(sql, name);
  });
  if (!isFirst) log.info({ table: name, released }, 'the table has changed: what was refused is tried again');
}

/** Whether every value is read as before. */
const sameTypes = (before: ResolvedTable, after: ResolvedTable): boolean => {
  const shapes = new Map(after.fields.map(({ property, shape }) => [property, shape]));
  return before.fields.every(({ property, shape }) => sameJson(shape, shapes.get(property)));
};
