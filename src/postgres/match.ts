import { type RawBuilder, sql } from 'kysely';
import { matchFields } from '../model/adoption.ts';
import type { SqlText } from '../model/change.ts';
import type { RowKey } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { castOf, mayAsk } from './keys.ts';
import { columnJoin, keyOfRow, keyTextsOf, type TextRow, type UserDatabase } from './rows.ts';
import { softDeletedKeys } from './soft-delete.ts';
import { sqlState } from './write.ts';

/** Values of the columns of `match` that PostgreSQL takes for equal: who shows them, and the rows that hold them. */
export type Matches = {
  /** Places in the list that was given. */
  readonly places: readonly number[];
  readonly keys: readonly RowKey[];
};

/**
 * Which of these values are equal, and which rows hold them: as PostgreSQL compares the columns, so that a citext finds
 * every case and a number every spelling. One query for all. What is no value of a column's type equals nothing.
 */
export async function findMatches(
  db: UserDatabase,
  table: ResolvedTable,
  values: readonly (readonly string[])[],
): Promise<readonly Matches[]> {
  const places = await readable(db, table, values, [...values.keys()]);
  if (places.length === 0) return [];
  const classes = await classesOf(db, table, values, places);
  const rows = await rowsOf(
    db,
    table,
    classes.map(({ first }) => values[first] ?? []),
  );
  const found: Matches[] = [];
  for (const [at, { members }] of classes.entries())
    found.push({ places: members, keys: rows.get(at) ?? [] });
  return found;
}

type Values = readonly (readonly string[])[];

/** The places of values that PostgreSQL reads. Before version 16 only an error tells, so that halves are tried. */
async function readable(
  db: UserDatabase,
  table: ResolvedTable,
  values: Values,
  places: readonly number[],
): Promise<readonly number[]> {
  if (places.length === 0) return [];
  const chosen = places.map((place) => values[place] ?? []);
  try {
    const typed = await typedValues(db, table, chosen);
    const { rows } = await sql<{ n: string }>`
      select n from ${typed} where ${allKnown(table)} order by n`.execute(db);
    return rows.flatMap(({ n }) => places[Number(n) - 1] ?? []);
  } catch (error) {
    if (!/^(22|23|0A000|42846)/.test(sqlState(error) ?? '')) throw error;
    if (places.length === 1) return [];
    const half = Math.ceil(places.length / 2);
    return [
      ...(await readable(db, table, values, places.slice(0, half))),
      ...(await readable(db, table, values, places.slice(half))),
    ];
  }
}

type Class = { readonly first: number; readonly members: readonly number[] };

async function classesOf(
  db: UserDatabase,
  table: ResolvedTable,
  values: Values,
  places: readonly number[],
): Promise<readonly Class[]> {
  const typed = await typedValues(
    db,
    table,
    places.map((place) => values[place] ?? []),
  );
  const { rows } = await sql<{ n: string; c: string }>`
    select n, dense_rank() over (order by ${sql.join(names(table))}) as c from ${typed} order by n`.execute(
    db,
  );
  const byClass = Map.groupBy(rows, ({ c }) => c);
  return [...byClass.values()].map((some) => {
    const members = some.flatMap(({ n }) => places[Number(n) - 1] ?? []);
    return { first: members[0] ?? 0, members };
  });
}

/** The rows that hold each of these values, by its place. Rows that are marked as deleted are none. */
async function rowsOf(
  db: UserDatabase,
  table: ResolvedTable,
  values: Values,
): Promise<ReadonlyMap<number, readonly RowKey[]>> {
  const typed = await typedValues(db, table, values);
  const columns = table.match.map((column, at) => [column, sql.id(`c${at}`)] as const);
  const { rows } = await sql<TextRow>`
    select pgnotion_match.n as n, ${sql.join(keyTextsOf(table))} from ${typed}
      join ${columnJoin(table, columns, sql.id('pgnotion_match'))}`.execute(db);
  const held = rows.flatMap((row) =>
    table.key.every((_, at) => row[`k${at}`] != null)
      ? [{ at: Number(row.n) - 1, key: keyOfRow(table, row) }]
      : [],
  );
  const soft = await softDeletedKeys(db, table, [...new Set(held.map(({ key }) => key))]);
  const found = new Map<number, RowKey[]>();
  for (const { at, key } of held)
    if (!soft.has(key)) found.set(at, [...new Set([...(found.get(at) ?? []), key])].sort());
  return found;
}

const names = (table: ResolvedTable): RawBuilder<unknown>[] =>
  table.match.map((_, at) => sql`pgnotion_match.${sql.id(`c${at}`)}`);

const allKnown = (table: ResolvedTable): RawBuilder<unknown> =>
  sql.join(
    names(table).map((name) => sql`${name} is not null`),
    sql` and `,
  );

/** The values as the columns' types, with their places as `n`. */
async function typedValues(
  db: UserDatabase,
  table: ResolvedTable,
  values: Values,
): Promise<RawBuilder<unknown>> {
  const asks = await mayAsk(db);
  const lists = table.match.map((_, at) => sql`${values.map((each): SqlText => each[at] ?? null)}::text[]`);
  const given = table.match.map((_, at) => sql.id(`p${at}`));
  const casts = matchFields(table).map((field, at) => {
    const type = table.columnTypes[table.match[at] ?? ''] ?? field.shape.type;
    return sql`${castOf(type, sql`pgnotion_typed.${given[at]}`, asks)} as ${sql.id(`c${at}`)}`;
  });
  return sql`(select n, ${sql.join(casts)}
      from unnest(${sql.join(lists)}) with ordinality as pgnotion_typed(${sql.join(given)}, n) offset 0) as pgnotion_match`;
}
