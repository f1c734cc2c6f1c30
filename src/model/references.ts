import type { PageId, RowKey, TableName } from './ids.ts';

/** What a relation's column points to: a record by its key, or by the value of another column of its row. */
export type Target = {
  readonly table: TableName;
  readonly key: RowKey;
  readonly by?: string;
  /** The type of the column that has it, as SQL spells it: decides how PostgreSQL compares. */
  readonly type?: string;
};

/** The name under which look-ups hold the records of a table by the values of another column than its key. */
export const referencePlace = (table: TableName, by: string | undefined): TableName =>
  by === undefined ? table : (`${table} by ${by}` as TableName);

/** Of a value that no row of the related table has: no record's key. */
const noRecord = ({ key, by }: Target): RowKey => (by === undefined ? key : (`${by} = ${key}` as RowKey));

/** A target, and the key of the row that PostgreSQL finds for it; null if there is none. */
export type Reference = { readonly target: Target; readonly key: RowKey | null };

export type Pair = { readonly table: TableName; readonly key: RowKey; readonly page: PageId };

/** Those of these targets that no page is known of. */
export function lacking(targets: readonly Target[], known: readonly Pair[]): readonly Target[] {
  const names = new Set(known.map(nameOf));
  return targets.filter((target) => target.by !== undefined || !names.has(nameOf(target)));
}

/** The records that references stand for. */
export const recordsOf = (
  references: readonly Reference[],
): readonly { readonly table: TableName; readonly key: RowKey }[] =>
  references.flatMap(({ target, key }) => (key === null ? [] : [{ table: target.table, key }]));

/** The pages of references, each under the text that the row has for it, and the records that they stand for. */
export function pairsOfReferences(
  references: readonly Reference[],
  pages: readonly Pair[],
): { readonly pairs: readonly Pair[]; readonly targets: ReadonlyMap<string, Target> } {
  const byKey = new Map(pages.map((pair) => [nameOf(pair), pair.page]));
  const pairs: Pair[] = [];
  const targets = new Map<string, Target>();
  for (const { target, key } of references) {
    const place = referencePlace(target.table, target.by);
    const page = key === null ? undefined : byKey.get(nameOf({ table: target.table, key }));
    if (page !== undefined) pairs.push({ table: place, key: target.key, page });
    targets.set(nameOf({ table: place, key: target.key }), {
      table: target.table,
      key: key ?? noRecord(target),
    });
  }
  return { pairs, targets };
}

export const nameOf = ({ table, key }: { readonly table: TableName; readonly key: RowKey }): string =>
  `${table}/${key}`;
