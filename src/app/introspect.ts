import { messageOf, PgnotionError } from '../model/errors.ts';
import { parseQualified, type QualifiedName, splitQualified } from '../model/ids.ts';
import type { TableMapping } from '../model/mapping.ts';
import type { SourceFacts, Suggestion } from '../model/suggestion/facts.ts';
import { suggestMapping } from '../model/suggestion/suggest-mapping.ts';
import { briefQueries } from '../postgres/brief-queries.ts';
import { unknownTable } from '../postgres/catalog-checks.ts';
import { mayPassLater } from '../postgres/connection-lost.ts';
import { listSources, rootsOf, type SourceListing } from '../postgres/list-sources.ts';
import {
  createPool,
  describeConnectError,
  faultsError,
  type Queryable,
  severPool,
} from '../postgres/pool.ts';
import { currentDatabase } from '../postgres/server-identity.ts';
import { inspectSlot } from '../postgres/slot.ts';
import { readSources } from '../postgres/source-facts.ts';
import type { Log } from '../runtime/log.ts';
import { within } from '../runtime/retry.ts';

/** The catalog of a database, read without anything being made in it. */
export type Catalog = {
  readonly database: string;
  /** What looks like a table, partitioned ones by their root. */
  readonly listings: readonly SourceListing[];
  /**
   * Suggests how these are mapped; null takes all that no platform or extension keeps for itself. Tables of a configuration
   * come along under the names that they have there.
   */
  readonly suggest: (
    wanted: readonly string[] | null,
    mapped?: readonly TableMapping[],
  ) => Promise<Introspection>;
};

export type Introspection = {
  readonly database: string;
  readonly suggestion: Suggestion;
  /** What the suggestion is made of. */
  readonly sources: readonly SourceFacts[];
  /** The replication slot, if the default's name is another database's; slots belong to the whole server. */
  readonly slot: string | null;
  /** What whoever asked should know of the choice of tables. */
  readonly remarks: readonly string[];
};

/** A server that falls silent is given up after this. */
const ANSWER_MS = 15_000;
const CATALOG_MS = 60_000;
/** A good-bye takes no longer, even to a server that does not answer. */
const CLOSE_MS = 3_000;
const PUBLICATION = 'pgnotion';
const SLOT = 'pgnotion';

/** Connects, reads, and closes the connection whatever happens. Throws PgnotionError. */
export async function withCatalog<T>(
  url: string,
  log: Log,
  work: (catalog: Catalog) => Promise<T>,
): Promise<T> {
  const pool = createPool({ url, max: 1, raw: false, applicationName: 'pgnotion introspect', log });
  const db = briefQueries(pool);
  try {
    const database = await within(ANSWER_MS, 'the first query', currentDatabase(pool)).catch(
      (error: unknown) => {
        throw describeConnectError(error, url);
      },
    );
    const read = <R>(reading: Promise<R>): Promise<R> =>
      within(CATALOG_MS, 'reading the catalog', reading).catch((error: unknown) => {
        throw error instanceof PgnotionError ? error : unreadable(database, error);
      });
    const listings = await read(listSources(db));
    return await work({
      database,
      listings,
      suggest: (wanted, mapped = []) => read(introspect(db, { database, listings, wanted, mapped })),
    });
  } finally {
    const forced = setTimeout(() => severPool(pool), CLOSE_MS);
    await pool.end();
    clearTimeout(forced);
  }
}

const unreadable = (database: string, error: unknown): PgnotionError =>
  new PgnotionError({
    code: 'catalog_unreadable',
    message: `the catalog of the database ${database} cannot be read: ${messageOf(error)}`,
    remedy: mayPassLater(error)
      ? 'run the command again once the lock on the table is gone'
      : "grant pgnotion's role the privilege that the message names",
    retryable: mayPassLater(error),
    cause: error,
  });

type Request = Pick<Catalog, 'database' | 'listings'> & {
  readonly wanted: readonly string[] | null;
  readonly mapped: readonly TableMapping[];
};

async function introspect(db: Queryable, request: Request): Promise<Introspection> {
  const { database, listings, wanted, mapped } = request;
  const { chosen, remarks } = wanted === null ? ownTables(listings) : await namedTables(db, listings, wanted);
  const known = new Set(mapped.map(({ source }) => source));
  const all = listings.filter((each) => chosen.includes(each) || known.has(each.source));
  const sources = await readSources(db, all, PUBLICATION);
  const suggestion = suggestMapping(sources, mapped);
  return { database, suggestion, sources, slot: await freeSlot(db, database), remarks };
}

type Chosen = { readonly chosen: readonly SourceListing[]; readonly remarks: readonly string[] };

function ownTables(listings: readonly SourceListing[]): Chosen {
  const foreign = listings.filter((each) => each.foreign);
  const schemas = [...new Set(foreign.map(({ schema }) => schema))];
  const remark = `left out as the platform's or an extension's own: ${foreign.length} tables and views in ${schemas.join(', ')}; name those that you want with --table`;
  return { chosen: listings.filter((each) => !each.foreign), remarks: foreign.length === 0 ? [] : [remark] };
}

async function namedTables(
  db: Queryable,
  listings: readonly SourceListing[],
  wanted: readonly string[],
): Promise<Chosen> {
  const byName = new Map(listings.map((listing) => [listing.source, listing]));
  const names = wanted.map((text) => ({ text, name: nameOf(text, listings) }));
  const roots = await rootsOf(
    db,
    names.map(({ text, name }) => splitQualified(name ?? (`public.${text}` as QualifiedName))),
  );
  const others = [...byName.keys()];
  const remarks: string[] = [];
  const faults = names.flatMap(({ text, name }, at) => {
    const root = roots[at] ?? null;
    if (root !== null) remarks.push(`${text} is a partition: its table ${root} is taken`);
    return byName.has(root ?? name ?? ('' as QualifiedName))
      ? []
      : [unknownTable(name ?? (text as QualifiedName), others)];
  });
  if (faults.length > 0)
    throw faultsError('catalog_mismatch', 'the database does not have these tables:', faults);
  const taken = new Set(names.map(({ name }, at) => roots[at] ?? name));
  return { chosen: listings.filter(({ source }) => taken.has(source)), remarks };
}

/** `schema.table`, or the bare name of a table that only one schema has. */
function nameOf(text: string, listings: readonly SourceListing[]): QualifiedName | null {
  const name = parseQualified(text);
  if (name !== null) return name;
  const [only, ...others] = listings.filter(({ relation }) => relation === text);
  return only === undefined || others.length > 0 ? null : only.source;
}

async function freeSlot(db: Queryable, database: string): Promise<string | null> {
  const isTaken = async (name: string): Promise<boolean> => {
    const slot = await inspectSlot(db, name);
    return slot.exists && slot.database !== database;
  };
  if (!(await isTaken(SLOT))) return null;
  const own = `${SLOT}_${database.toLowerCase().replaceAll(/[^a-z0-9]+/g, '_')}`.slice(0, 55);
  let name = own;
  for (let at = 2; await isTaken(name); at += 1) name = `${own}_${at}`;
  return name;
}

/** Throws if no table is left that could be mapped. */
export function assertSuggested({ database, suggestion }: Introspection): void {
  if (suggestion.tables.length > 0) return;
  const faults = suggestion.unsuitable.flatMap((each) => each.faults);
  if (faults.length > 0)
    throw faultsError(
      'introspect_nothing',
      'none of these tables can be synced as it is in PostgreSQL:',
      faults,
    );
  throw new PgnotionError({
    code: 'introspect_nothing',
    message: `the database ${database} has no table that pgnotion could sync`,
    remedy: 'create a table, or check the database name at the end of DATABASE_URL',
  });
}
