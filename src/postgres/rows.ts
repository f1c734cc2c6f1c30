import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { RowImage, SqlText } from '../model/change.ts';
import { keyParts, type RowKey, rowKey, splitQualified } from '../model/ids.ts';
import type { FieldSource, ResolvedDependency, ResolvedTable } from '../model/mapping.ts';
import { fromClause } from './catalog.ts';
import { isConnectionLost } from './connection-lost.ts';

/** The users' tables through a pool whose values stay PostgreSQL's text. */
export type UserDatabase = Kysely<Record<string, never>>;

type TextRow = Readonly<Record<string, SqlText>>;

/** The mapped values of rows by key, read in one query. Keys that have no row are not in the answer. */
export async function readRows(
  db: UserDatabase,
  table: ResolvedTable,
  keys: readonly RowKey[],
): Promise<Map<RowKey, RowImage>> {
  if (keys.length === 0) return new Map();
  const columns = sql.join([...keyColumns(table), ...fieldColumns(table)]);
  const { rows } = await sql<TextRow>`select ${columns} ${amongKeys(table, keys)}`.execute(db);
  return new Map(rows.map((row) => imageOf(table, row)));
}

/** Rows by key, and the keys whose rows cannot be read, with the reason. */
export type RowsRead = {
  readonly rows: ReadonlyMap<RowKey, RowImage>;
  readonly broken: ReadonlyMap<RowKey, unknown>;
};

/**
 * Reads rows so that one that cannot be read, because an expression fails over its values, keeps no other back. Throws
 * what is the connection's or the whole table's.
 */
export async function readEach(
  db: UserDatabase,
  table: ResolvedTable,
  keys: readonly RowKey[],
): Promise<RowsRead> {
  try {
    return { rows: await readRows(db, table, keys), broken: new Map() };
  } catch (error) {
    if (isConnectionLost(error)) throw error;
    await probeRows(db, table);
    return splitRead(db, table, keys, error);
  }
}

async function splitRead(
  db: UserDatabase,
  table: ResolvedTable,
  keys: readonly RowKey[],
  error: unknown,
): Promise<RowsRead> {
  const [only, ...others] = keys;
  if (only === undefined) return { rows: new Map(), broken: new Map() };
  if (others.length === 0) return { rows: new Map(), broken: new Map([[only, error]]) };
  const half = Math.ceil(keys.length / 2);
  const parts: RowsRead[] = [];
  for (const part of [keys.slice(0, half), keys.slice(half)])
    parts.push(
      await readRows(db, table, part).then(
        (rows): RowsRead => ({ rows, broken: new Map() }),
        (failure: unknown) => {
          if (isConnectionLost(failure)) throw failure;
          return splitRead(db, table, part, failure);
        },
      ),
    );
  return {
    rows: new Map(parts.flatMap(({ rows }) => [...rows])),
    broken: new Map(parts.flatMap(({ broken }) => [...broken])),
  };
}

/** Those of these keys that have a row. What the row holds is not evaluated, so that no value can stand in the way. */
export async function presentKeys(
  db: UserDatabase,
  table: ResolvedTable,
  keys: readonly RowKey[],
): Promise<ReadonlySet<RowKey>> {
  if (keys.length === 0) return new Set();
  const { rows } =
    await sql<TextRow>`select ${sql.join(keyColumns(table))} ${amongKeys(table, keys)}`.execute(db);
  return new Set(rows.map((row) => rowKey(partsOf(table, row))));
}

/** Those of these keys whose rows could be locked at once; they stay so until the transaction ends. */
export async function freeKeys(
  transaction: UserDatabase,
  table: ResolvedTable,
  keys: readonly RowKey[],
): Promise<ReadonlySet<RowKey>> {
  const { rows } = await sql<TextRow>`
    select ${sql.join(keyColumns(table))} ${amongKeys(table, keys)} for update of ${alias(table)} skip locked`.execute(
    transaction,
  );
  return new Set(rows.map((row) => rowKey(partsOf(table, row))));
}

function amongKeys(table: ResolvedTable, keys: readonly RowKey[]): RawBuilder<unknown> {
  const wanted = table.key.map((_, at) => keys.map((key) => keyParts(key, table.key.length)[at] ?? null));
  const columns = table.key.map((_, at) => sql.id(`w${at}`));
  const lists = wanted.map((list, at) => sql`${list}::${sql.raw(table.keyTypes[at] ?? 'text')}[]`);
  const same = table.key.map(
    (column, at) => sql`${alias(table)}.${sql.id(column)} = pgnotion_wanted.${sql.id(`w${at}`)}`,
  );
  return sql`from ${sourceOf(table)}
    join unnest(${sql.join(lists)}) as pgnotion_wanted(${sql.join(columns)}) on ${sql.join(same, sql` and `)}`;
}

/** Which of these rows exist in the source table and meet a condition, whatever its query leaves out. */
export async function existingKeys(
  db: UserDatabase,
  table: ResolvedTable,
  keys: readonly RowKey[],
  condition: RawBuilder<unknown> = sql`true`,
): Promise<ReadonlySet<RowKey>> {
  if (keys.length === 0) return new Set();
  const among = amongKeys({ ...table, query: null }, keys);
  const { rows } =
    await sql<TextRow>`select ${sql.join(keyColumns(table))} ${among} where ${condition}`.execute(db);
  return new Set(rows.map((row) => rowKey(partsOf(table, row))));
}

/** Reads all keys in order, a page at a time, so that a table of any size passes in bounded memory. */
export async function* readKeys(
  db: UserDatabase,
  table: ResolvedTable,
  size: number,
): AsyncIterable<RowKey[]> {
  const order = sql.join(table.key.map((column) => sql`${alias(table)}.${sql.id(column)}`));
  let after: readonly string[] | null = null;
  for (;;) {
    const from: RawBuilder<unknown> =
      after === null ? sql`` : sql`where (${order}) > (${bound(table, after)})`;
    const { rows }: { rows: TextRow[] } = await sql<TextRow>`
      select ${sql.join(keyColumns(table))} from ${sourceOf(table)} ${from}
       order by ${order} limit ${size}`.execute(db);
    const last = rows.at(-1);
    if (last === undefined) return;
    after = partsOf(table, last);
    yield rows.map((row) => rowKey(partsOf(table, row)));
  }
}

/**
 * The keys of the rows that join these values of another table. Those that the query leaves out now are among them, as far
 * as the source table itself tells: the change may be why.
 */
export async function dependentKeys(
  db: UserDatabase,
  table: ResolvedTable,
  dependency: ResolvedDependency,
  values: readonly (readonly string[])[],
): Promise<RowKey[]> {
  const shown = await joinedKeys(db, table, dependency, values);
  const isOwn = dependency.columns.every(({ to }) => to in table.columnTypes);
  if (table.query === null || !isOwn) return shown;
  return [...new Set([...shown, ...(await joinedKeys(db, { ...table, query: null }, dependency, values))])];
}

async function joinedKeys(
  db: UserDatabase,
  table: ResolvedTable,
  dependency: ResolvedDependency,
  values: readonly (readonly string[])[],
): Promise<RowKey[]> {
  const lists = dependency.columns.map(
    ({ type }, at) => sql`${values.map((value) => value[at] ?? null)}::${sql.raw(type)}[]`,
  );
  const names = dependency.columns.map((_, at) => sql.id(`w${at}`));
  const same = dependency.columns.map(
    ({ to }, at) => sql`${alias(table)}.${sql.id(to)} = pgnotion_wanted.${sql.id(`w${at}`)}`,
  );
  const { rows } = await sql<TextRow>`
    select distinct ${sql.join(keyColumns(table))} from ${sourceOf(table)}
      join unnest(${sql.join(lists)}) as pgnotion_wanted(${sql.join(names)}) on ${sql.join(same, sql` and `)}`.execute(
    db,
  );
  return rows.map((row) => rowKey(partsOf(table, row)));
}

export async function countRows(db: UserDatabase, table: ResolvedTable): Promise<number> {
  const { rows } = await sql<TextRow>`select count(*) as n from ${sourceOf(table)}`.execute(db);
  return Number(rows[0]?.n ?? 0);
}

/** Fails as reading rows would: with a column or table that is gone, or a right that was taken. */
export async function probeRows(db: UserDatabase, table: ResolvedTable): Promise<void> {
  await sql`select ${sql.join([...keyColumns(table), ...fieldColumns(table)])} from ${sourceOf(table)} limit 0`.execute(
    db,
  );
}

/** The key columns of rows as their texts, named k0, k1, ... */
export const keyTextsOf = (table: ResolvedTable): RawBuilder<unknown>[] => keyColumns(table);

/** The rows whose key columns equal these values, as the right side of a join. */
export function keyJoin(table: ResolvedTable, values: readonly RawBuilder<unknown>[]): RawBuilder<unknown> {
  const same = table.key.map((column, at) => sql`${alias(table)}.${sql.id(column)} = ${values[at]}`);
  return sql`${sourceOf(table)} on ${sql.join(same, sql` and `)}`;
}

/** `schema.table`, quoted. */
export function tableRef(table: Pick<ResolvedTable, 'source'>): RawBuilder<unknown> {
  return sql.id(...splitQualified(table.source));
}

/** A condition that picks one row of the source table by its key. */
export function keyCondition(table: ResolvedTable, key: RowKey): RawBuilder<unknown> {
  const parts = keyParts(key, table.key.length);
  const terms = table.key.map(
    (column, at) => sql`${sql.id(column)} = ${parts[at]}::${sql.raw(table.keyTypes[at] ?? 'text')}`,
  );
  return sql.join(terms, sql` and `);
}

/** The query is the configuration's own text: whoever writes the file may run SQL anyway. */
const sourceOf = (table: ResolvedTable): RawBuilder<unknown> =>
  sql.raw(fromClause(table.source, table.query));

/** Expressions may name the table, so it goes by its own name even where a query stands for it. */
const alias = (table: ResolvedTable): RawBuilder<unknown> => sql.id(splitQualified(table.source)[1]);

const keyColumns = (table: ResolvedTable): RawBuilder<unknown>[] =>
  table.key.map((column, at) => sql`${alias(table)}.${sql.id(column)} as ${sql.id(`k${at}`)}`);

const fieldColumns = (table: ResolvedTable): RawBuilder<unknown>[] =>
  table.fields.flatMap((field, at) =>
    field.source.kind === 'key' ? [] : [sql`${fieldValue(table, field.source)} as ${sql.id(`f${at}`)}`],
  );

const fieldValue = (
  table: ResolvedTable,
  source: Exclude<FieldSource, { kind: 'key' }>,
): RawBuilder<unknown> =>
  source.kind === 'column' ? sql`${alias(table)}.${sql.id(source.column)}` : sql`(${sql.raw(source.sql)})`;

const bound = (table: ResolvedTable, parts: readonly string[]): RawBuilder<unknown> =>
  sql.join(parts.map((part, at) => sql`${part}::${sql.raw(table.keyTypes[at] ?? 'text')}`));

const partsOf = (table: ResolvedTable, row: TextRow): string[] =>
  table.key.map((_, at) => row[`k${at}`] ?? '');

function imageOf(table: ResolvedTable, row: TextRow): [RowKey, RowImage] {
  const key = rowKey(partsOf(table, row));
  const values = table.fields.map((field, at) => [
    field.property,
    field.source.kind === 'key' ? key : (row[`f${at}`] ?? null),
  ]);
  return [key, Object.fromEntries(values) as RowImage];
}
