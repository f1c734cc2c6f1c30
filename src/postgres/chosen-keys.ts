import { sql } from 'kysely';
import { messageOf, PgnotionError } from '../model/errors.ts';
import type { RowKey } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { serverErrorOf } from '../model/server-error.ts';
import { presentEach } from './read-rows.ts';
import { existingKeys, keyOfRow, keyTextsOf, type TextRow, tableRef, type UserDatabase } from './rows.ts';

/** Whoever gives a condition on the command line may run SQL anyway. */
const conditionOf = (where: string | null) => (where === null ? sql`true` : sql`(${sql.raw(where)})`);

/** Those of these keys whose rows meet a condition. Throws `where_invalid`. */
export async function existingAmong(
  db: UserDatabase,
  table: ResolvedTable,
  keys: readonly RowKey[],
  where: string,
): Promise<ReadonlySet<RowKey>> {
  return judged(where, () => existingKeys(db, table, keys, conditionOf(where)));
}

/** The keys of so many synced rows of the table, at random. Throws `where_invalid`. */
export async function sampleKeys(
  db: UserDatabase,
  table: ResolvedTable,
  count: number,
  where: string | null,
): Promise<readonly RowKey[]> {
  const { rows } = await judged(where ?? '', () =>
    sql<TextRow>`
      select ${sql.join(keyTextsOf(table))} from ${tableRef(table)}
       where ${conditionOf(where)} order by random() limit ${count}`.execute(db),
  );
  const keys = rows.map((row) => keyOfRow(table, row));
  return table.query === null ? keys : [...(await presentEach(db, table, keys)).present];
}

async function judged<T>(where: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = serverErrorOf(error)?.code ?? '';
    if (where === '' || !/^(42|22)/.test(code)) throw error;
    throw new PgnotionError({
      code: 'where_invalid',
      message: `PostgreSQL does not take the condition ${JSON.stringify(where)}: ${messageOf(error)}`,
      remedy: 'give --where a condition in SQL on the columns of the table, such as "status = \'active\'"',
      cause: error,
    });
  }
}
