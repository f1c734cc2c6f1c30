import { sql } from 'kysely';
import { messageOf, PgnotionError } from '../model/errors.ts';
import type { RowKey } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { serverErrorOf } from '../model/server-error.ts';
import { isConnectionLost, mayPassLater } from './connection-lost.ts';
import { probeRows } from './read-failure.ts';
import { presentEach } from './read-rows.ts';
import { existingKeys, keyOfRow, keyTextsOf, type TextRow, tableRef, type UserDatabase } from './rows.ts';

/** A comment at its end must not take what follows with it. */
const conditionOf = (where: string | null) => (where === null ? sql`true` : sql`(${sql.raw(where)}\n)`);

/** Has PostgreSQL judge a condition before anything is compared, whatever rows there are. Throws `where_invalid`. */
export async function checkCondition(db: UserDatabase, table: ResolvedTable, where: string): Promise<void> {
  if (where.trim() === '') throw whereInvalid(where, 'it is empty');
  // As a parameter of its own, so that a second statement is refused here as it is later.
  const work = (inside: UserDatabase) =>
    sql`select from ${tableRef(table)} where ${conditionOf(where)} limit ${0}`.execute(inside);
  await readOnly(db, table, where, work);
}

/** Those of these keys whose rows meet a condition. Throws `where_invalid`. */
export async function existingAmong(
  db: UserDatabase,
  table: ResolvedTable,
  keys: readonly RowKey[],
  where: string,
): Promise<ReadonlySet<RowKey>> {
  if (keys.length === 0) return new Set();
  return readOnly(db, table, where, (inside) => existingKeys(inside, table, keys, conditionOf(where)));
}

/** The keys of so many synced rows of the table, at random. Throws `where_invalid`. */
export async function sampleKeys(
  db: UserDatabase,
  table: ResolvedTable,
  count: number,
  where: string | null,
): Promise<readonly RowKey[]> {
  const { rows } = await readOnly(db, table, where, (inside) =>
    sql<TextRow>`
      select ${sql.join(keyTextsOf(table))} from ${tableRef(table)}
       where ${conditionOf(where)} order by random() limit ${count}`.execute(inside),
  );
  const keys = rows.map((row) => keyOfRow(table, row));
  return table.query === null ? keys : [...(await presentEach(db, table, keys)).present];
}

/**
 * A condition may call functions that write, and a comparison changes nothing. Whatever PostgreSQL refuses that is not the
 * table's own fault is the condition's.
 */
async function readOnly<T>(
  db: UserDatabase,
  table: ResolvedTable,
  where: string | null,
  work: (inside: UserDatabase) => Promise<T>,
): Promise<T> {
  if (where === null) return work(db);
  try {
    return await db.transaction().setAccessMode('read only').execute(work);
  } catch (error) {
    if (serverErrorOf(error) === null || isConnectionLost(error) || mayPassLater(error)) throw error;
    await probeRows(db, table);
    throw whereInvalid(where, messageOf(error), error);
  }
}

const whereInvalid = (where: string, reason: string, cause?: unknown): PgnotionError =>
  new PgnotionError({
    code: 'where_invalid',
    message: `PostgreSQL does not take the condition ${JSON.stringify(where)}: ${reason}`,
    remedy:
      'give --where a condition in SQL on the columns of the table that only reads, such as "status = \'active\'"',
    cause,
  });
