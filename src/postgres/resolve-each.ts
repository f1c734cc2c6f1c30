import { messageOf, PgnotionError } from '../model/errors.ts';
import type { TableName } from '../model/ids.ts';
import type { ConflictStrategy, ResolvedTable, TableMapping } from '../model/mapping.ts';
import { orderTables } from '../model/table-order.ts';
import { isConnectionLost, mayPassLater } from './connection-lost.ts';
import type { Queryable } from './pool.ts';
import { resolveRanked, resolveTables } from './resolve.ts';

/** The tables that can be synced as things are, and why the others cannot. */
type Resolution = {
  readonly tables: readonly ResolvedTable[];
  readonly unresolved: ReadonlyMap<TableName, PgnotionError>;
};

/** As `resolveTables`, each table by itself: what is wrong with one keeps no other back (invariant 16). */
export async function resolveEach(
  db: Queryable,
  mappings: readonly TableMapping[],
  strategy: ConflictStrategy = 'lww',
  tolerant = false,
): Promise<Resolution> {
  const ranks = orderTables(mappings);
  const tables: ResolvedTable[] = [];
  const unresolved = new Map<TableName, PgnotionError>();
  for (const mapping of mappings)
    try {
      tables.push(...(await resolveRanked(db, [mapping], { strategy, ranks, all: mappings, tolerant })));
    } catch (error) {
      if (isConnectionLost(error)) throw error;
      unresolved.set(mapping.name, error instanceof PgnotionError ? error : unreadable(mapping, error));
    }
  return { tables, unresolved };
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
      return { tables: await resolveTables(db, mappings, strategy), unresolved: new Map() };
    case 'each':
      return resolveEach(db, mappings, strategy);
    case 'none':
      return { tables: [], unresolved: new Map() };
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
