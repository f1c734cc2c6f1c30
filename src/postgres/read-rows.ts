import { sql } from 'kysely';
import type { RowImage } from '../model/change.ts';
import { commandOf } from '../model/command-line.ts';
import { PgnotionError } from '../model/errors.ts';
import type { RowKey } from '../model/ids.ts';
import type { ResolvedField, ResolvedTable } from '../model/mapping.ts';
import { serverErrorOf } from '../model/server-error.ts';
import { isConnectionLost, mayPassLater } from './connection-lost.ts';
import { areKeys, probeRows, rowFailure, shownKey } from './read-failure.ts';
import {
  countOf,
  imageOf,
  keyOfRow,
  keysAfter,
  keysAmong,
  largeFields,
  MOST_BYTES,
  partsOf,
  rowsAmong,
  type TextRow,
  type UserDatabase,
} from './rows.ts';

/** Rows by key, and the keys whose rows cannot be read, with the reason. Keys that have no row are in neither. */
type RowsRead = {
  readonly rows: ReadonlyMap<RowKey, RowImage>;
  readonly broken: ReadonlyMap<RowKey, PgnotionError>;
};

/**
 * Reads rows so that one that cannot be read keeps no other back: an expression fails over its values, or the query gives
 * several rows for its key. Throws what is the connection's or the whole table's.
 */
export async function readEach(
  db: UserDatabase,
  table: ResolvedTable,
  keys: readonly RowKey[],
): Promise<RowsRead> {
  const { rows, broken } = await bisect(db, table, keys, async (some) => {
    const found = await rowsAmong(table, some).execute(db);
    return withoutLarge(table, found.rows, unambiguous(table, found.rows));
  });
  return { rows: new Map(rows), broken };
}

/** Those of these keys that have a row, and those of which nobody can tell because the table's query fails over them. */
export async function presentEach(
  db: UserDatabase,
  table: ResolvedTable,
  keys: readonly RowKey[],
): Promise<{ readonly present: ReadonlySet<RowKey>; readonly broken: ReadonlyMap<RowKey, PgnotionError> }> {
  const { rows, broken } = await bisect(db, table, keys, async (some) => {
    const found = await keysAmong(table, some).execute(db);
    return { rows: found.rows.map((row) => [keyOfRow(table, row), null] as const), broken: new Map() };
  });
  return { present: new Set(rows.map(([key]) => key)), broken };
}

type Part<T> = {
  readonly rows: readonly (readonly [RowKey, T])[];
  readonly broken: ReadonlyMap<RowKey, PgnotionError>;
};

async function bisect<T>(
  db: UserDatabase,
  table: ResolvedTable,
  keys: readonly RowKey[],
  read: (keys: readonly RowKey[]) => Promise<Part<T>>,
): Promise<Part<T>> {
  if (keys.length === 0) return { rows: [], broken: new Map() };
  try {
    return await read(keys);
  } catch (error) {
    if (isConnectionLost(error)) throw error;
    await probeRows(db, table).catch((failure: unknown) => {
      // Somebody has the table locked: nothing is known of it now, and nothing wrong with it.
      if (!mayPassLater(failure)) throw failure;
    });
    return split(db, table, { keys, error, read });
  }
}

async function split<T>(
  db: UserDatabase,
  table: ResolvedTable,
  {
    keys,
    error,
    read,
  }: {
    readonly keys: readonly RowKey[];
    readonly error: unknown;
    readonly read: (keys: readonly RowKey[]) => Promise<Part<T>>;
  },
): Promise<Part<T>> {
  const [only, ...others] = keys;
  if (only === undefined) return { rows: [], broken: new Map() };
  // What others do at the moment meets every part alike, and each would wait as long.
  if (mayPassLater(error) && !(await passesAlone(read, only))) {
    const failures = keys.map(async (key) => [key, await rowFailure(db, table, key, error)] as const);
    return { rows: [], broken: new Map(await Promise.all(failures)) };
  }
  if (others.length === 0) {
    // No row has a key that its column's type cannot hold.
    if (!(await areKeys(db, table, keys))) return { rows: [], broken: new Map() };
    return { rows: [], broken: new Map([[only, await rowFailure(db, table, only, error)]]) };
  }
  const half = Math.ceil(keys.length / 2);
  const parts: Part<T>[] = [];
  for (const part of [keys.slice(0, half), keys.slice(half)])
    parts.push(
      await read(part).catch((failure: unknown) => {
        if (isConnectionLost(failure)) throw failure;
        return split(db, table, { keys: part, error: failure, read });
      }),
    );
  return {
    rows: parts.flatMap(({ rows }) => rows),
    broken: new Map(parts.flatMap(({ broken }) => [...broken])),
  };
}

async function passesAlone<T>(
  read: (keys: readonly RowKey[]) => Promise<Part<T>>,
  key: RowKey,
): Promise<boolean> {
  return read([key]).then(
    () => true,
    (error: unknown) => {
      if (isConnectionLost(error)) throw error;
      return !mayPassLater(error);
    },
  );
}

/** A key that a query gives several rows for stands for none of them. */
function unambiguous(table: ResolvedTable, found: readonly TextRow[]): Part<RowImage> {
  const images = found.map((row) => imageOf(table, row));
  const rows = new Map(images);
  const broken = new Map<RowKey, PgnotionError>();
  // Two spellings of a key that was asked for may be one row of a table: nothing is ambiguous about that.
  if (table.query !== null && rows.size < images.length) {
    const seen = new Set<RowKey>();
    for (const [key] of images) {
      if (seen.has(key))
        broken.set(key, severalRows(table, key, images.filter((one) => one[0] === key).length));
      seen.add(key);
    }
  }
  return { rows: [...rows].filter(([key]) => !broken.has(key)), broken };
}

/** A row of which a value cannot be read whole would be written with a gap. */
function withoutLarge(table: ResolvedTable, found: readonly TextRow[], part: Part<RowImage>): Part<RowImage> {
  const broken = new Map(part.broken);
  for (const row of found) {
    const [field] = largeFields(table, row);
    if (field !== undefined) broken.set(keyOfRow(table, row), tooLarge(table, keyOfRow(table, row), field));
  }
  return { rows: part.rows.filter(([key]) => !broken.has(key)), broken };
}

const tooLarge = (table: ResolvedTable, key: RowKey, { property }: ResolvedField): PgnotionError =>
  new PgnotionError({
    code: 'value_too_large',
    message: `the row ${shownKey(key)} of ${table.name} cannot be read: ${JSON.stringify(property)} has more than ${MOST_BYTES} bytes, and no property holds as much`,
    remedy: `shorten the value in SQL, which releases the row by itself; or map an expression that cuts it, such as left(column, 2000)`,
  });

const severalRows = (table: ResolvedTable, key: RowKey, count: number): PgnotionError =>
  new PgnotionError({
    code: 'row_ambiguous',
    message: `the query of ${table.name} gives ${count} rows for the key ${shownKey(key)}, and one page cannot show them all`,
    remedy: `make the query of tables.${table.name} give one row for each key (join on a unique column, or aggregate, or use DISTINCT ON), and run \`pgnotion start\` again; or correct the joined rows in SQL, and then ${commandOf('failures retry', table.name, key)}`,
  });

/**
 * The mapped values of rows by key. Keys that have no row are not in the answer. Where an expression or the table's query
 * fails, the images have the table's own columns and lack the other properties: what those show is for delivery to find
 * out, and keeps no edit of the columns back.
 */
export async function readRows(
  db: UserDatabase,
  table: ResolvedTable,
  keys: readonly RowKey[],
): Promise<Map<RowKey, RowImage>> {
  if (keys.length === 0) return new Map();
  const own = ownColumnsOf(table);
  const read = async (from: ResolvedTable, some: readonly RowKey[]): Promise<Part<RowImage>> =>
    unambiguous(from, (await rowsAmong(from, some).execute(db)).rows);
  if (own === null) return new Map((await read(table, keys)).rows);
  const whole = await recoverably(db, () => read(table, keys));
  if (whole === null) return new Map((await read(own, keys)).rows);
  if (whole.broken.size === 0) return new Map(whole.rows);
  return new Map([...whole.rows, ...(await read(own, [...whole.broken.keys()])).rows]);
}

/** The table without what may fail over a row's values; null if nothing may. */
function ownColumnsOf(table: ResolvedTable): ResolvedTable | null {
  const fields = table.fields.filter(
    ({ source }) => source.kind === 'key' || (source.kind === 'column' && source.column in table.columnTypes),
  );
  return table.query === null && fields.length === table.fields.length
    ? null
    : { ...table, query: null, fields };
}

/** What `work` gives; null if PostgreSQL refuses it, in which case the transaction that it is part of can go on. */
export async function recoverably<T>(db: UserDatabase, work: () => Promise<T>): Promise<T | null> {
  const begin = sql`savepoint pgnotion_read`;
  if (db.isTransaction) await begin.execute(db);
  try {
    const done = await work();
    if (db.isTransaction) await sql`release savepoint pgnotion_read`.execute(db);
    return done;
  } catch (error) {
    if (isConnectionLost(error) || serverErrorOf(error) === null) throw error;
    if (db.isTransaction) await sql`rollback to savepoint pgnotion_read`.execute(db);
    return null;
  }
}

/**
 * Reads all keys in order, a page at a time, so that a table of any size passes in bounded memory. A query that fails over
 * some row is not walked to its end: then the keys come from the table itself.
 */
export async function* readKeys(
  db: UserDatabase,
  table: ResolvedTable,
  size: number,
): AsyncIterable<RowKey[]> {
  let from = table;
  let after: readonly string[] | null = null;
  for (;;) {
    const rows: TextRow[] | null = await pageOfKeys(db, from, after, size);
    if (rows === null) {
      await probeRows(db, table);
      // From the start: in which order a query gave what came before is its own affair.
      after = null;
      from = { ...table, query: null };
      continue;
    }
    const last = rows.at(-1);
    if (last === undefined) return;
    after = partsOf(table, last);
    // A query may give a key more than once.
    const keys = [...new Set(rows.map((row) => keyOfRow(table, row)))];
    yield from === table ? keys : await givenBy(db, table, keys);
  }
}

/** Those keys of the source table that its query gives, or may give. */
async function givenBy(db: UserDatabase, table: ResolvedTable, keys: readonly RowKey[]): Promise<RowKey[]> {
  const { present, broken } = await presentEach(db, table, keys);
  return keys.filter((key) => present.has(key) || broken.has(key));
}

/** Null if the query fails over a row. */
async function pageOfKeys(
  db: UserDatabase,
  table: ResolvedTable,
  after: readonly string[] | null,
  size: number,
): Promise<TextRow[] | null> {
  try {
    return (await keysAfter(table, after, size).execute(db)).rows;
  } catch (error) {
    if (table.query === null || isConnectionLost(error)) throw error;
    return null;
  }
}

/** How many rows there are: those of the table itself if its query cannot be counted. */
export async function countRows(db: UserDatabase, table: ResolvedTable): Promise<number> {
  const count = async (from: ResolvedTable): Promise<number> =>
    Number((await countOf(from).execute(db)).rows[0]?.n ?? 0);
  if (table.query === null) return count(table);
  return (await recoverably(db, () => count(table))) ?? count({ ...table, query: null });
}
