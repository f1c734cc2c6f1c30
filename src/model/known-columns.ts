import type { QualifiedName } from './ids.ts';
import { type FieldMapping, goesToPostgres, type TableMapping } from './mapping.ts';

/**
 * A column as it was last seen: its table's oid and its number, which tell it from any other of its name, and its type, which is
 * empty of a column that was never there.
 */
export type KnownColumn = { readonly id: string; readonly type: string };

/** By name. What is gone stays known. */
export type KnownColumns = Readonly<Record<string, KnownColumn>>;

type Reading = Pick<TableMapping, 'key' | 'query'> & { readonly fields: readonly FieldMapping[] };

/**
 * What is known of the columns that a table reads, once it has these; those that are to be looked at `later` stay as they were. A
 * column that a table lacks which was made anew, or is looked at for the first time, is gone from it, so that it is another one
 * once it is added: pages may show what a former one held.
 */
export function knownAfter(
  table: Reading,
  known: KnownColumns,
  present: KnownColumns,
  later: ReadonlySet<string>,
): KnownColumns {
  const read = new Set([...table.key, ...table.fields.flatMap((field) => columnOf(table, field) ?? [])]);
  const [first] = Object.values(present);
  const after = (name: string): KnownColumn | undefined => {
    const [was, now] = [known[name], present[name]];
    if (later.has(name)) return was;
    if (now !== undefined || first === undefined) return now ?? was;
    const gone = `${tableOf(first.id)}/${GONE}`;
    if (was === undefined) return { id: gone, type: '' };
    return tableOf(was.id) === tableOf(first.id) ? was : { ...was, id: gone };
  };
  return Object.fromEntries(
    [...read].flatMap((name) => {
      const column = after(name);
      return column === undefined ? [] : [[name, column] as const];
    }),
  );
}

/** No column has this number. */
const GONE = 0;

/**
 * The fields whose column is another one by now: the one that they were read from was dropped or renamed, and this one has its
 * name. A table that was made anew has other columns throughout, and says nothing of any one.
 */
export const remadeFields = <Field extends FieldMapping>(
  table: Pick<TableMapping, 'key' | 'query'> & { readonly fields: readonly Field[] },
  known: KnownColumns,
  present: KnownColumns,
): readonly Field[] =>
  table.fields.filter((field) => {
    const column = goesToPostgres(field) ? columnOf(table, field) : null;
    const [was, now] = column === null ? [] : [known[column]?.id, present[column]?.id];
    return was !== undefined && now !== undefined && was !== now && tableOf(was) === tableOf(now);
  });

/** The table's own column that a field reads; with a query, it may be a joined table's, unless it is written. */
function columnOf({ query }: Pick<TableMapping, 'query'>, field: FieldMapping): string | null {
  if (field.source.kind !== 'column') return null;
  return query === null || goesToPostgres(field) ? field.source.column : null;
}

const tableOf = (id: string): string => id.slice(0, id.indexOf('/'));

/** What has become of a table and its columns that the configuration names, as far as the catalog tells. */
export type NamedNow = {
  /** Another name of the table; null if it has that of the configuration, or is gone. */
  readonly table: QualifiedName | null;
  /** No schema has the name that the configuration has for the table's. */
  readonly isSchemaGone?: boolean;
  /** By the names of the configuration. `name` is null of a column that was dropped. */
  readonly columns: Readonly<Record<string, { readonly name: string | null; readonly type: string }>>;
};

export const NOTHING_KNOWN: NamedNow = { table: null, columns: {} };
