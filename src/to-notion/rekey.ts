import type { TableName } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { netMoves } from '../model/rekey.ts';
import type { KeyLock } from '../runtime/keylock.ts';
import { markApplied, pendingMoves, type Relation, rekey, voidRelationBases } from '../state/rekeys.ts';
import type { Store } from '../state/sql.ts';

const BATCH = 5_000;

/**
 * Carries changes of keys over to the records, before anything is delivered: each record keeps its page. Nobody has one of
 * these records in hand meanwhile.
 */
export async function applyMoves({
  store,
  locks,
  tables,
}: {
  readonly store: Store;
  readonly locks: KeyLock;
  readonly tables: ReadonlyMap<TableName, ResolvedTable>;
}): Promise<void> {
  if ((await pendingMoves(store, 1)).length === 0) return;
  await locks.run('changes of keys', async () => {
    for (;;) {
      const moves = await pendingMoves(store, BATCH);
      if (moves.length === 0) return;
      const net = netMoves(moves);
      const names = new Set(net.flatMap(({ table, from, to }) => [`${table}/${from}`, `${table}/${to}`]));
      await locks.runAll([...names], () =>
        store.transaction(async (sql) => {
          for (const table of new Set<TableName>(net.map((move) => move.table))) {
            const own = net.filter((move) => move.table === table);
            await rekey(sql, table, own);
            for (const relation of relationsTo(table, tables.values()))
              await voidRelationBases(sql, own, relation);
          }
          await markApplied(
            sql,
            moves.map(({ id }) => id),
          );
        }),
      );
    }
  });
}

/** The relations whose values are keys of a table. */
export const relationsTo = (relatedTable: TableName, tables: Iterable<ResolvedTable>): Relation[] =>
  [...tables].flatMap(({ name, fields }) =>
    fields
      .filter((field) => field.relatedTable === relatedTable)
      .map(({ property, shape }) => ({ table: name, property, relatedTable, isArray: shape.array })),
  );
