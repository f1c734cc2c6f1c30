import { type Fault, messageOf, PgnotionError } from '../model/errors.ts';
import type { TableName } from '../model/ids.ts';
import type { ConflictStrategy, FieldMapping, ResolvedTable, TableMapping } from '../model/mapping.ts';
import { orderTables } from '../model/table-order.ts';
import { isConnectionLost, mayPassLater } from './connection-lost.ts';
import { faultsError, type Queryable } from './pool.ts';
import { type Ranked, resolveRanked, resolveTables } from './resolve.ts';

/** The tables that can be synced as things are, and why the others cannot. */
type Resolution = {
  readonly tables: readonly ResolvedTable[];
  readonly unresolved: ReadonlyMap<TableName, PgnotionError>;
  /** What speaks against the fields that a table goes without. */
  readonly paused: ReadonlyMap<TableName, readonly Fault[]>;
};

type Each = {
  readonly strategy?: ConflictStrategy;
  readonly tolerant?: boolean;
  /** One of them; all if left out. */
  readonly only?: TableName;
};

/**
 * As `resolveTables`, each table by itself: what is wrong with one keeps no other back (invariant 16), and a field whose
 * column is gone or does not suit it is left out alone.
 */
export async function resolveEach(
  db: Queryable,
  mappings: readonly TableMapping[],
  { strategy = 'lww', tolerant = false, only }: Each = {},
): Promise<Resolution> {
  const ranks = orderTables(mappings);
  const tables: ResolvedTable[] = [];
  const unresolved = new Map<TableName, PgnotionError>();
  const paused = new Map<TableName, readonly Fault[]>();
  for (const mapping of mappings.filter(({ name }) => only === undefined || name === only)) {
    const ranked = { strategy, ranks, all: mappings, tolerant, writes: 'noted' } as const;
    const found = await resolveWithout(db, mapping, ranked);
    if (found instanceof PgnotionError) {
      unresolved.set(mapping.name, found);
      continue;
    }
    tables.push(...found.tables);
    if (found.faults.length > 0) paused.set(mapping.name, found.faults);
  }
  return { tables, unresolved, paused };
}

type Reduced = { readonly tables: readonly ResolvedTable[]; readonly faults: readonly Fault[] };

/** The table without the fields that stand in its way; a table without its title is none. */
async function resolveWithout(
  db: Queryable,
  mapping: TableMapping,
  ranked: Ranked,
): Promise<Reduced | PgnotionError> {
  const faults: Fault[] = [];
  for (let rest = mapping; ; ) {
    const found = await resolveOne(db, rest, { ...ranked, tolerant: false });
    const kept = new Set(rest.fields.map(({ property }) => property));
    const pausedFields = mapping.fields.filter(({ property }) => !kept.has(property));
    const reduced = (tables: readonly ResolvedTable[]): Reduced => ({
      tables: pausedFields.length === 0 ? tables : tables.map((table) => ({ ...table, pausedFields })),
      faults,
    });
    if (!(found instanceof PgnotionError)) return reduced(found);
    const table = rest;
    const concerned = table.fields.filter(
      (field) => field.type !== 'title' && found.faults.some((fault) => isAbout(fault, table, field)),
    );
    const isAboutFields =
      concerned.length > 0 &&
      found.faults.every((fault) => concerned.some((field) => isAbout(fault, table, field)));
    if (!isAboutFields) {
      const anyway = ranked.tolerant ? await resolveOne(db, rest, ranked) : found;
      return anyway instanceof PgnotionError ? found : reduced(anyway);
    }
    faults.push(...found.faults);
    rest = { ...rest, fields: rest.fields.filter((field) => !concerned.includes(field)) };
  }
}

async function resolveOne(
  db: Queryable,
  mapping: TableMapping,
  ranked: Ranked,
): Promise<readonly ResolvedTable[] | PgnotionError> {
  try {
    return await resolveRanked(db, [mapping], ranked);
  } catch (error) {
    if (isConnectionLost(error)) throw error;
    return error instanceof PgnotionError ? error : unreadable(mapping, error);
  }
}

/**
 * Whether what is wrong with one table is an error (`all`), or leaves that table out (`each`). `none`: the tables are not
 * looked at, so that nothing about them can be in the way.
 */
export type Resolving = 'all' | 'each' | 'none';

export async function resolveAs(
  resolving: Resolving,
  db: Queryable,
  mappings: readonly TableMapping[],
  strategy: ConflictStrategy,
): Promise<Resolution> {
  switch (resolving) {
    case 'all':
      return { tables: await resolveAll(db, mappings, strategy), unresolved: new Map(), paused: new Map() };
    case 'each':
      return resolveEach(db, mappings, { strategy });
    case 'none':
      return { tables: [], unresolved: new Map(), paused: new Map() };
    default:
      return resolving satisfies never;
  }
}

const unreadable = ({ name, source }: TableMapping, error: unknown): PgnotionError =>
  new PgnotionError({
    code: 'catalog_unreadable',
    message: `what ${source} is like cannot be read for ${name}: ${messageOf(error)}`,
    remedy: mayPassLater(error)
      ? 'nothing to do: it is tried again by itself until the lock on the table is gone'
      : "grant pgnotion's role the privilege that the message names",
    retryable: mayPassLater(error),
    cause: error,
  });

async function resolveAll(
  db: Queryable,
  mappings: readonly TableMapping[],
  strategy: ConflictStrategy,
): Promise<readonly ResolvedTable[]> {
  try {
    return await resolveTables(db, mappings, strategy);
  } catch (error) {
    if (!(error instanceof PgnotionError) || error.faults.length === 0) throw error;
    throw (await everythingWrong(db, mappings, strategy)) ?? error;
  }
}

/**
 * All that is wrong with these tables, of whatever kind, as one error; null if nothing is. `all` are those of the
 * configuration, which relations may point to.
 */
export async function everythingWrong(
  db: Queryable,
  mappings: readonly TableMapping[],
  strategy: ConflictStrategy,
  all: readonly TableMapping[] = mappings,
): Promise<PgnotionError | null> {
  const ranked = { strategy, ranks: orderTables(all), all, tolerant: false, writes: 'needed' } as const;
  const errors: PgnotionError[] = [];
  for (const mapping of mappings) errors.push(...(await errorsOf(db, mapping, ranked)));
  const [first] = errors;
  const faults = errors.flatMap((each) => each.faults);
  if (first === undefined || errors.some((each) => each.faults.length === 0)) return first ?? null;
  const kinds = new Set(errors.map(({ code }) => code));
  const [intro = ''] = first.message.split('\n');
  return faultsError(
    first.code,
    kinds.size === 1 ? intro : 'the configuration does not fit the database:',
    faults,
  );
}

/** A fault of one kind hides those of the next: without the fields that have it, these come to light. */
async function errorsOf(
  db: Queryable,
  mapping: TableMapping,
  ranked: Ranked,
): Promise<readonly PgnotionError[]> {
  const errors: PgnotionError[] = [];
  for (let rest = mapping; ; ) {
    const error = await resolveOne(db, rest, ranked);
    if (!(error instanceof PgnotionError)) return errors;
    errors.push(error);
    const fields = rest.fields.filter((field) => !error.faults.some((fault) => isAbout(fault, rest, field)));
    if (fields.length === rest.fields.length) return errors;
    rest = { ...rest, fields };
  }
}

const isAbout = ({ path }: Fault, { name, source }: TableMapping, field: FieldMapping): boolean =>
  path === `${source} ${field.property}` ||
  path === `tables.${name}.fields.${field.property}` ||
  path.startsWith(`tables.${name}.fields.${field.property}.`) ||
  (field.source.kind === 'column' && path === `${source}.${field.source.column}`);
