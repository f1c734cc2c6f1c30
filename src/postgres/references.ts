import { sql } from 'kysely';
import type { RowKey, TableName } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import type { Reference, Target } from '../model/references.ts';
import { findKeys } from './keys.ts';
import { recoverably } from './read-rows.ts';
import {
  imageOf,
  keyOfRow,
  keyTextsOf,
  rowsAmong,
  type TextRow,
  tableRef,
  type UserDatabase,
} from './rows.ts';

type Tables = ReadonlyMap<TableName, ResolvedTable>;

/**
 * The rows that these targets stand for, as PostgreSQL compares: `ABC` may be the key `abc`, and 1.0 the key 1. Of a table
 * that is not at hand, the targets are taken as they are.
 */
export async function findReferences(
  db: UserDatabase,
  tables: Tables,
  targets: readonly Target[],
): Promise<readonly Reference[]> {
  const groups = Map.groupBy(targets, ({ table, by, type }) => JSON.stringify([table, by, type]));
  const found: Reference[] = [];
  for (const group of groups.values()) {
    const [first] = group;
    const table = first === undefined ? undefined : tables.get(first.table);
    if (first === undefined || table === undefined) {
      found.push(...group.map((target) => ({ target, key: target.by === undefined ? target.key : null })));
      continue;
    }
    const values = [...new Set(group.map(({ key }) => key))];
    const keys =
      first.by === undefined
        ? await keysLike(db, table, values, first.type)
        : await keysBy(db, table, { column: first.by, values, given: first.type });
    found.push(...group.map((target) => ({ target, key: keys.get(target.key) ?? null })));
  }
  return found;
}

/** By key: one that no row has is kept as it is, since its row may come. */
async function keysLike(
  db: UserDatabase,
  table: ResolvedTable,
  values: readonly RowKey[],
  type: string | undefined,
): Promise<ReadonlyMap<string, RowKey>> {
  const [column, ...others] = table.key;
  const compared =
    type === undefined || column === undefined || others.length > 0
      ? null
      : await recoverably(db, () => readBy(db, table, { column, type }, values));
  if (compared !== null) {
    const keys = new Map(compared);
    return new Map(values.map((value) => [value, keys.get(value) ?? value]));
  }
  // Types that do not compare: the value is read as a key, as a person's would be.
  const found = await recoverably(db, () => findKeys(db, table, values, { exact: true }));
  return new Map(values.map((value) => [value, found?.get(value)?.key ?? value]));
}

async function keysBy(
  db: UserDatabase,
  table: ResolvedTable,
  {
    column,
    values,
    given,
  }: { readonly column: string; readonly values: readonly RowKey[]; readonly given?: string | undefined },
): Promise<ReadonlyMap<string, RowKey>> {
  const type = given ?? table.columnTypes[column] ?? 'text';
  const read = (some: readonly RowKey[]) => readBy(db, table, { column, type }, some);
  const together = await recoverably(db, () => read(values));
  if (together !== null) return new Map(together);
  // One of them is no value of the column's type.
  const each: (readonly [string, RowKey])[] = [];
  for (const value of values) each.push(...((await recoverably(db, () => read([value]))) ?? []));
  return new Map(each);
}

async function readBy(
  db: UserDatabase,
  table: ResolvedTable,
  { column, type }: { readonly column: string; readonly type: string },
  values: readonly RowKey[],
): Promise<readonly (readonly [string, RowKey])[]> {
  const { rows } = await sql<TextRow>`
    select pgnotion_wanted.v as v, ${sql.join(keyTextsOf(table))}
      from unnest(${values}::text[]) as pgnotion_wanted(v)
      join ${tableRef(table)} on ${tableRef(table)}.${sql.id(column)} = pgnotion_wanted.v::${sql.raw(type)}`.execute(
    db,
  );
  return rows.map((row) => [row.v ?? '', keyOfRow(table, row)] as const);
}

/** What the rows of these keys have in a column that others refer to them by; null is no reference. */
export async function referenceValues(
  db: UserDatabase,
  table: ResolvedTable,
  column: string,
  keys: readonly RowKey[],
): Promise<ReadonlyMap<RowKey, RowKey>> {
  const [field] = table.fields;
  if (keys.length === 0 || field === undefined) return new Map();
  const only = {
    ...table,
    query: null,
    fields: [{ ...field, property: column, source: columnSource(column) }],
  };
  const { rows } = await rowsAmong(only, keys).execute(db);
  return new Map(
    rows.flatMap((row) => {
      const [key, image] = imageOf(only, row);
      const value = image[column];
      return value == null ? [] : [[key, value as RowKey] as const];
    }),
  );
}

const columnSource = (column: string) => ({ kind: 'column', column }) as const;

/** The rows of a table whose column has one of these values of the related table's, each with the related row's key. */
export async function referringKeys(
  db: UserDatabase,
  table: ResolvedTable,
  column: string,
  related: { readonly table: ResolvedTable; readonly by: string; readonly values: readonly string[] },
): Promise<readonly { readonly key: RowKey; readonly target: RowKey; readonly value: string }[]> {
  const found = await keysBy(db, related.table, {
    column: related.by,
    values: related.values as readonly RowKey[],
  });
  const { rows } = await sql<TextRow>`
    select pgnotion_wanted.v as v, ${sql.join(keyTextsOf(table))}
      from unnest(${[...found.keys()]}::text[]) as pgnotion_wanted(v)
      join ${tableRef(table)}
        on ${tableRef(table)}.${sql.id(column)} = pgnotion_wanted.v::${sql.raw(table.columnTypes[column] ?? 'text')}`.execute(
    db,
  );
  return rows.flatMap((row) => {
    const target = found.get(row.v ?? '');
    return target === undefined ? [] : [{ key: keyOfRow(table, row), target, value: row.v ?? '' }];
  });
}
