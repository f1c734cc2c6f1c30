import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { RowImage, SqlText } from '../model/change.ts';
import type { ColumnShape } from '../model/codecs/codec.ts';
import { keyParts, type RowKey, rowKey, splitQualified } from '../model/ids.ts';
import type { FieldSource, ResolvedDependency, ResolvedField, ResolvedTable } from '../model/mapping.ts';
import { fromClause } from './catalog.ts';

/** The users' tables through a pool whose values stay PostgreSQL's text. */
export type UserDatabase = Kysely<Record<string, never>>;

export type TextRow = Readonly<Record<string, SqlText>>;

/**
 * More characters than any property holds. A value that has more is not read: a batch of such would fill the memory, and a
 * single one may be more than the connection can take.
 */
export const MOST_BYTES = 1_000_000;

/**
 * The mapped values of the rows of these keys, as one statement. `large` names the fields whose value is larger than
 * `MOST_BYTES`, by their numbers.
 */
export function rowsAmong(table: ResolvedTable, keys: readonly RowKey[]): RawBuilder<TextRow> {
  const read = sql`select ${sql.join([...keyColumns(table), ...fieldColumns(table)])} ${amongKeys(table, keys)}`;
  const names = table.fields.flatMap((field, at) => (mayBeLarge(field) ? [at] : []));
  if (names.length === 0) return sql<TextRow>`${read}`;
  const isLarge = (at: number): RawBuilder<unknown> =>
    sql`octet_length(${sql.id(`f${at}`)}::text) > ${sql.lit(MOST_BYTES)}`;
  const columns = [
    ...table.key.map((_, at) => sql.id(`k${at}`)),
    ...table.fields.flatMap((field, at) => {
      const name = sql.id(`f${at}`);
      if (field.source.kind === 'key') return [];
      return names.includes(at) ? [sql`case when not ${isLarge(at)} then ${name} end as ${name}`] : [name];
    }),
    sql`concat_ws(',', ${sql.join(names.map((at) => sql`case when ${isLarge(at)} then ${sql.lit(String(at))} end`))}) as large`,
  ];
  // Without the offset each expression would be evaluated three times.
  return sql<TextRow>`select ${sql.join(columns)} from (${read} offset 0) as pgnotion_read`;
}

const SMALL: ReadonlySet<ColumnShape['category']> = new Set(['number', 'boolean', 'date', 'enum', 'uuid']);

const mayBeLarge = ({ source, shape }: ResolvedField): boolean =>
  source.kind !== 'key' && (shape.array || !SMALL.has(shape.category));

/** The fields of a row that `rowsAmong` did not read because of their size. */
export const largeFields = (table: ResolvedTable, row: TextRow): readonly ResolvedField[] =>
  (row.large ?? '')
    .split(',')
    .filter((at) => at !== '')
    .flatMap((at) => table.fields[Number(at)] ?? []);

/** Those of these keys that have a row, as one statement. What the row holds is not evaluated. */
export const keysAmong = (table: ResolvedTable, keys: readonly RowKey[]): RawBuilder<TextRow> =>
  sql<TextRow>`select ${sql.join(keyColumns(table))} ${amongKeys(table, keys)}`;

/** The key of a row that one of these statements gave. */
export const keyOfRow = (table: ResolvedTable, row: TextRow): RowKey => rowKey(partsOf(table, row));

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
  // Under a type that takes several spellings for one value, a key may be asked for twice.
  return sql`from ${sourceOf(table)}
    join (select distinct * from unnest(${sql.join(lists)})) as pgnotion_wanted(${sql.join(columns)}) on ${sql.join(same, sql` and `)}`;
}

/** When the rows of these keys were committed as they are, in milliseconds as `at`; null where the server does not know. */
export const committedAt = (table: ResolvedTable, keys: readonly RowKey[]): RawBuilder<TextRow> =>
  sql<TextRow>`select ${sql.join(keyColumns(table))},
      (extract(epoch from pg_xact_commit_timestamp(${alias(table)}.xmin)) * 1000)::float8 as at
      ${amongKeys({ ...table, query: null }, keys)}`;

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

/** The keys after `after`, in order: a page of them. */
export function keysAfter(
  table: ResolvedTable,
  after: readonly string[] | null,
  size: number,
): RawBuilder<TextRow> {
  const columns = table.key.map((column) => sql`${alias(table)}.${sql.id(column)}`);
  const order = sql.join(columns);
  // Only a query can give a row without a key, which is no record.
  const keyed = columns.map((column) => sql`${column} is not null`);
  const from = after === null ? [] : [sql`(${order}) > (${bound(table, after)})`];
  return sql<TextRow>`
    select ${sql.join(keyColumns(table))} from ${sourceOf(table)}
     where ${sql.join([...keyed, ...from], sql` and `)}
     order by ${order} limit ${size}`;
}

/**
 * Each row's key, and what these columns of it hold as `o0` and so on, if no other row holds the same: a page of them,
 * after `after` in the order of the key.
 */
export function keysBeside(
  table: ResolvedTable,
  columns: readonly string[],
  after: readonly string[] | null,
  size: number,
): RawBuilder<TextRow> {
  const keyOf = (of: RawBuilder<unknown>): RawBuilder<unknown> =>
    sql.join(table.key.map((column) => sql`${of}.${sql.id(column)}`));
  const order = keyOf(alias(table));
  const beside = columns.map((column, at) => sql`${alias(table)}.${sql.id(column)} as ${sql.id(`o${at}`)}`);
  const same = columns.map(
    (column) => sql`pgnotion_other.${sql.id(column)} = ${alias(table)}.${sql.id(column)}`,
  );
  const other = sql`(select * from ${sourceOf(table)}) as pgnotion_other`;
  const from = after === null ? sql`true` : sql`(${order}) > (${bound(table, after)})`;
  return sql<TextRow>`
    select ${sql.join([...keyColumns(table), ...beside])} from ${sourceOf(table)}
     where ${from} and not exists (select from ${other}
       where ${sql.join(same, sql` and `)} and (${keyOf(sql`pgnotion_other`)}) <> (${order}))
     order by ${order} limit ${size}`;
}

/**
 * The keys of the rows that join these values of another table. A query that joins it no longer gives a row whose partner
 * is gone, so the table itself is asked too, where it has the columns.
 */
export async function dependentKeys(
  db: UserDatabase,
  table: ResolvedTable,
  dependency: ResolvedDependency,
  values: readonly (readonly string[])[],
): Promise<RowKey[]> {
  const given = await joiningKeys(db, table, dependency, values);
  const isOwn = dependency.columns.every(({ to }) => to in table.columnTypes);
  if (table.query === null || !isOwn) return given;
  const own = await joiningKeys(db, { ...table, query: null }, dependency, values);
  return [...new Set([...given, ...own])];
}

async function joiningKeys(
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
  // An outer join may give rows without a key, which are no records.
  return rows
    .filter((row) => Object.values(row).every((part) => part !== null))
    .map((row) => keyOfRow(table, row));
}

/** Reads no row, and fails as reading any would: with a column or table that is gone, or a right that was taken. */
export const noRow = (table: ResolvedTable): RawBuilder<unknown> =>
  sql`select ${sql.join([...keyColumns(table), ...fieldColumns(table)])} from ${sourceOf(table)} limit 0`;

export const countOf = (table: ResolvedTable): RawBuilder<{ n: string }> =>
  sql<{ n: string }>`select count(*) as n from ${sourceOf(table)}`;

/** The key columns of rows as their texts, named k0, k1, ... */
export const keyTextsOf = (table: ResolvedTable): RawBuilder<unknown>[] => keyColumns(table);

/** The rows whose key columns equal these values, as the right side of a join. */
export function keyJoin(table: ResolvedTable, values: readonly RawBuilder<unknown>[]): RawBuilder<unknown> {
  const same = table.key.map((column, at) => sql`${alias(table)}.${sql.id(column)} = ${values[at]}`);
  return sql`${sourceOf(table)} on ${sql.join(same, sql` and `)}`;
}

/** The rows whose columns equal these of another relation, as the right side of a join. */
export function columnJoin(
  table: ResolvedTable,
  columns: readonly (readonly [string, RawBuilder<unknown>])[],
  other: RawBuilder<unknown>,
): RawBuilder<unknown> {
  const same = columns.map(([column, value]) => sql`${alias(table)}.${sql.id(column)} = ${other}.${value}`);
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

export const partsOf = (table: ResolvedTable, row: TextRow): string[] =>
  table.key.map((_, at) => row[`k${at}`] ?? '');

/** A row's key and values; those that were too large to be read are missing. */
export function imageOf(table: ResolvedTable, row: TextRow): [RowKey, RowImage] {
  const key = rowKey(partsOf(table, row));
  const large = largeFields(table, row);
  const values = table.fields.flatMap((field, at) =>
    large.includes(field)
      ? []
      : [[field.property, field.source.kind === 'key' ? key : (row[`f${at}`] ?? null)] as const],
  );
  return [key, Object.fromEntries(values)];
}
