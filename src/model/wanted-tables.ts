import type { QualifiedName } from './ids.ts';
import type { ResolvedTable } from './mapping.ts';
import type { WantedTable } from './publishing.ts';

/** Every table whose changes must be in the log, and what is read of them there. */
export function wantedTables(tables: Iterable<ResolvedTable>): WantedTable[] {
  const wanted = new Map<QualifiedName, WantedTable>();
  for (const table of [...tables].flatMap((each) => [ofSource(each), ...ofJoins(each)])) {
    const known = wanted.get(table.name);
    wanted.set(table.name, known === undefined ? table : merged(known, table));
  }
  return [...wanted.values()];
}

function ofSource(table: ResolvedTable): WantedTable {
  const columns = table.fields.flatMap(({ source }) =>
    source.kind === 'column' && Object.hasOwn(table.columnTypes, source.column) ? [source.column] : [],
  );
  return {
    name: table.source,
    identifiedBy: table.key,
    key: table.key,
    columns: [...new Set([...table.key, ...columns])],
    readsMore: table.query !== null || table.fields.some(({ source }) => source.kind === 'expression'),
    withoutHeirs: readsOnly(table),
  };
}

const ofJoins = (table: ResolvedTable): WantedTable[] =>
  table.dependsOn.map(({ table: name, columns }) => {
    const from = columns.map((each) => each.from);
    const joined = { name, identifiedBy: from, key: null, columns: from };
    return { ...joined, readsMore: true, withoutHeirs: readsOnly(table) };
  });

/** `only` has no other meaning in a query that a table is read with than to leave out what inherits. */
const readsOnly = ({ query }: ResolvedTable): boolean => query !== null && /\bonly\b/i.test(query);

const merged = (one: WantedTable, other: WantedTable): WantedTable => ({
  name: one.name,
  identifiedBy: [...new Set([...one.identifiedBy, ...other.identifiedBy])],
  key: one.key ?? other.key,
  columns: [...new Set([...one.columns, ...other.columns])],
  readsMore: one.readsMore || other.readsMore,
  withoutHeirs: one.withoutHeirs && other.withoutHeirs,
});
