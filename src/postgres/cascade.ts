import { keyParts, type RowKey, type TableName } from '../model/ids.ts';
import type { ForeignKey, ResolvedTable } from '../model/mapping.ts';
import type { Target } from '../model/references.ts';
import { dependentKeys, type UserDatabase } from './rows.ts';

/** More rows than this are not told one by one: the guard has its answer long before. */
const MOST = 10_000;

/** The rows of synced tables that PostgreSQL would delete together with this one, at whatever distance. */
export async function cascadedBy(
  db: UserDatabase,
  tables: ReadonlyMap<TableName, ResolvedTable>,
  table: ResolvedTable,
  key: RowKey,
): Promise<readonly Target[]> {
  const found = new Map<string, Target>();
  let parents: readonly (readonly [ResolvedTable, readonly RowKey[]])[] = [[table, [key]]];
  while (parents.length > 0 && found.size < MOST) {
    const next: (readonly [ResolvedTable, readonly RowKey[]])[] = [];
    for (const [parent, keys] of parents)
      for (const child of tables.values()) {
        const fresh: RowKey[] = [];
        for (const each of await childrenOf(db, parent, keys, child)) {
          const name = `${child.name}/${each}`;
          if (found.has(name) || name === `${table.name}/${key}`) continue;
          found.set(name, { table: child.name, key: each });
          fresh.push(each);
        }
        if (fresh.length > 0) next.push([child, fresh]);
      }
    parents = next;
  }
  return [...found.values()];
}

async function childrenOf(
  db: UserDatabase,
  parent: ResolvedTable,
  keys: readonly RowKey[],
  child: ResolvedTable,
): Promise<readonly RowKey[]> {
  const cascading = child.foreignKeys.filter(
    ({ onDelete, references, referencedColumns }) =>
      onDelete === 'cascade' &&
      references === parent.source &&
      referencedColumns.every((column) => parent.key.includes(column)),
  );
  const lists = await Promise.all(cascading.map((each) => keysBy(db, { parent, keys, child }, each)));
  return lists.flat();
}

function keysBy(
  db: UserDatabase,
  {
    parent,
    keys,
    child,
  }: { readonly parent: ResolvedTable; readonly keys: readonly RowKey[]; readonly child: ResolvedTable },
  { columns, referencedColumns }: ForeignKey,
): Promise<RowKey[]> {
  const places = referencedColumns.map((column) => parent.key.indexOf(column));
  const dependency = {
    table: parent.source,
    columns: columns.map((to, at) => ({
      from: referencedColumns[at] ?? '',
      to,
      type: parent.keyTypes[places[at] ?? -1] ?? 'text',
    })),
  };
  const values = keys.map((key) => {
    const parts = keyParts(key, parent.key.length);
    return places.map((place) => parts[place] ?? '');
  });
  return dependentKeys(db, { ...child, query: null, fields: [] }, dependency, values);
}
