import type { TableName } from './ids.ts';
import type { TableMapping } from './mapping.ts';

/**
 * The order of creation: a table comes after those that its relations point to. Tables that point to each other in a
 * circle get the same rank, so that none of them waits for another.
 */
export function orderTables(
  tables: readonly Pick<TableMapping, 'name' | 'fields'>[],
): ReadonlyMap<TableName, number> {
  const targets = new Map(
    tables.map((table) => [table.name, table.fields.flatMap((field) => field.relatedTable ?? [])]),
  );
  const reach = new Map(tables.map((table) => [table.name, reachable(targets, table.name)]));
  const ranks = new Map<TableName, number>();
  const rankOf = (name: TableName): number => {
    const known = ranks.get(name);
    if (known !== undefined) return known;
    const circle = [...(reach.get(name) ?? [])].filter((other) => reach.get(other)?.has(name));
    const group = new Set([name, ...circle]);
    const before = [...group]
      .flatMap((member) => targets.get(member) ?? [])
      .filter((target) => !group.has(target));
    const rank = Math.max(0, ...before.map((target) => rankOf(target) + 1));
    for (const member of group) ranks.set(member, rank);
    return rank;
  };
  for (const table of tables) rankOf(table.name);
  return ranks;
}

function reachable(targets: ReadonlyMap<TableName, readonly TableName[]>, from: TableName): Set<TableName> {
  const seen = new Set<TableName>();
  const next = [...(targets.get(from) ?? [])];
  for (let name = next.pop(); name !== undefined; name = next.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    next.push(...(targets.get(name) ?? []));
  }
  return seen;
}

/** The tables of a lower rank that a table's relations point to, directly or by way of others. */
export function tablesBefore(
  tables: ReadonlyMap<TableName, Pick<TableMapping, 'name' | 'fields'> & { readonly rank: number }>,
  name: TableName,
): readonly TableName[] {
  const targets = new Map(
    [...tables.values()].map((table) => [
      table.name,
      table.fields.flatMap((field) => field.relatedTable ?? []),
    ]),
  );
  const rankOf = (of: TableName): number => tables.get(of)?.rank ?? Number.POSITIVE_INFINITY;
  return [...reachable(targets, name)].filter((other) => rankOf(other) < rankOf(name));
}

/** Tables of one rank each, the lowest first. */
export const byRank = <T extends { readonly rank: number }>(
  tables: Iterable<T>,
): readonly (readonly T[])[] => [...Map.groupBy(inTableOrder(tables), ({ rank }) => rank).values()];

/** Tables in the order of creation. Rows are found in it as well: a row that no one has found yet is not waited for. */
export const inTableOrder = <T extends { readonly rank: number }>(tables: Iterable<T>): readonly T[] =>
  [...tables].sort((a, b) => a.rank - b.rank);
