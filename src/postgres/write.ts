import { CompiledQuery, sql, type Transaction } from 'kysely';
import type { SqlText } from '../model/change.ts';
import type { RowKey } from '../model/ids.ts';
import { rowKey } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { serverErrorOf } from '../model/server-error.ts';
import { failpoint } from '../runtime/failpoints.ts';
import { keyCondition, tableRef, type UserDatabase } from './rows.ts';
import { type OwnWrite, signTag, TAG_PREFIX } from './tag.ts';

export type UserTransaction = Transaction<Record<string, never>>;

/** Column values by column name, as text that PostgreSQL's input functions take. */
export type ColumnValues = Readonly<Record<string, SqlText>>;

/** Who made the edit, for the users' own audit triggers: `current_setting('pgnotion.actor', true)`. */
export type Actor = {
  readonly id: string | null;
  readonly name: string | null;
  /** Names of those who may have made it, where nobody can say who did. */
  readonly candidates?: readonly string[];
};

const MAX_TRIES = 4;

/**
 * One transaction on the users' tables. The tag goes first, so that capture meets it before the rows that it names.
 * Deadlocks and serialization failures are tried again.
 */
export async function writeAs<T>(
  db: UserDatabase,
  tag: { readonly secret: Buffer; readonly write: OwnWrite; readonly actor: Actor },
  work: (transaction: UserTransaction) => Promise<T>,
): Promise<T> {
  const written = await changeAs(db, tag.actor, async (transaction) => {
    await sql`select pg_logical_emit_message(true, ${TAG_PREFIX}, ${signTag(tag.secret, tag.write)})`.execute(
      transaction,
    );
    const done = await work(transaction);
    failpoint('apply.before-commit');
    return done;
  });
  failpoint('apply.after-commit');
  return written;
}

/**
 * The same without the tag: capture takes the change for anybody's, so it is carried to Notion. The users' triggers run
 * under row-level security as in any session of theirs; the table itself has none that concerns this role.
 */
export async function changeAs<T>(
  db: UserDatabase,
  actor: Actor,
  work: (transaction: UserTransaction) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await db.transaction().execute(async (transaction) => {
        await sql`select set_config('pgnotion.actor', ${actor.name ?? ''}, true),
                         set_config('pgnotion.actor_id', ${actor.id ?? ''}, true),
                         set_config('row_security', 'on', true)`.execute(transaction);
        return work(transaction);
      });
    } catch (error) {
      if (attempt === MAX_TRIES || !['40001', '40P01'].includes(sqlState(error) ?? '')) throw error;
    }
  }
}

/** Statements on tables that are not the users', in the same transaction. Values come as PostgreSQL's text. */
export const statementsOn = (transaction: UserTransaction) => ({
  query: async <Row extends object>(text: string, values: readonly unknown[] = []): Promise<Row[]> =>
    (await transaction.executeQuery<Row>(CompiledQuery.raw(text, [...values]))).rows,
});

/** The five-character SQLSTATE of an error of the server's, if it is one. */
export const sqlState = (error: unknown): string | null => serverErrorOf(error)?.code ?? null;

/** Locks the row until the transaction ends; false if there is none. */
export async function lockRow(
  transaction: UserTransaction,
  table: ResolvedTable,
  key: RowKey,
): Promise<boolean> {
  const { rows } = await sql`
    select 1 from ${tableRef(table)} where ${keyCondition(table, key)} for update`.execute(transaction);
  if (rows.length > 0) return true;
  // A row that a policy hides is not gone: without row-level security the reading fails.
  await sql`select set_config('row_security', 'off', true)`.execute(transaction);
  await sql`select from ${tableRef(table)} limit 0`.execute(transaction);
  await sql`select set_config('row_security', 'on', true)`.execute(transaction);
  return false;
}

export async function updateRow(
  transaction: UserTransaction,
  table: ResolvedTable,
  key: RowKey,
  values: ColumnValues,
): Promise<void> {
  const sets = Object.keys(values).map((name) => sql`${sql.ref(name)} = ${cast(table, name, values)}`);
  await sql`update ${tableRef(table)} set ${sql.join(sets)} where ${keyCondition(table, key)}`.execute(
    transaction,
  );
}

/** Of these columns, those in which the row holds what the type makes of the text that was sent. */
export async function storedAsSent(
  transaction: UserTransaction,
  table: ResolvedTable,
  key: RowKey,
  sent: ColumnValues,
): Promise<ReadonlySet<string>> {
  const names = Object.keys(sent);
  if (names.length === 0) return new Set();
  // By text, because not every type can compare; and the answer as text, because the connection reads no other type.
  const same = names.map(
    (name, at) =>
      sql`(${sql.ref(name)}::text is not distinct from (${cast(table, name, sent)})::text)::text as ${sql.ref(`c${at}`)}`,
  );
  const { rows } = await sql<Readonly<Record<string, string>>>`
    select ${sql.join(same)} from ${tableRef(table)} where ${keyCondition(table, key)}`.execute(transaction);
  return new Set(names.filter((_, at) => rows[0]?.[`c${at}`] === 'true'));
}

/** Inserts a row and returns its key, which defaults may have made. */
export async function insertRow(
  transaction: UserTransaction,
  table: ResolvedTable,
  values: ColumnValues,
): Promise<RowKey> {
  const names = Object.keys(values);
  const returned = sql.join(table.key.map((column, at) => sql`${sql.ref(column)} as ${sql.ref(`k${at}`)}`));
  const body =
    names.length === 0
      ? sql`default values`
      : sql`(${sql.join(names.map((name) => sql.ref(name)))})
            values (${sql.join(names.map((name) => cast(table, name, values)))})`;
  const { rows } = await sql<Readonly<Record<string, string>>>`
    insert into ${tableRef(table)} ${body} returning ${returned}`.execute(transaction);
  return rowKey(table.key.map((_, at) => rows[0]?.[`k${at}`] ?? ''));
}

/**
 * Deletes a row; returns all of its columns as JSON text, which is what brings it back (invariant 7). With a star the
 * alias is the row, even where a column is called so too.
 */
export async function deleteRow(
  transaction: UserTransaction,
  table: ResolvedTable,
  key: RowKey,
): Promise<string | null> {
  const { rows } = await sql<{ row: string }>`
    delete from ${tableRef(table)} as gone where ${keyCondition(table, key)} returning to_jsonb(gone.*) as row`.execute(
    transaction,
  );
  return rows[0]?.row ?? null;
}

/** The columns of a row that `deleteRow` gave, as text: those that it has, and that a row can be inserted with. */
export async function columnsOf(
  transaction: UserTransaction,
  table: ResolvedTable,
  row: string,
): Promise<ColumnValues> {
  const had = new Set(Object.keys(JSON.parse(row)));
  const columns = table.writableColumns.filter((column) => had.has(column));
  if (columns.length === 0) return {};
  const texts = columns.map((column) => sql`former.${sql.ref(column)}::text as ${sql.ref(column)}`);
  const { rows } = await sql<ColumnValues>`
    select ${sql.join(texts)} from jsonb_populate_record(null::${tableRef(table)}, ${row}::jsonb) as former`.execute(
    transaction,
  );
  return rows[0] ?? {};
}

/** Makes deferred constraints and triggers speak now, while an answer can still be given. */
export async function settleConstraints(transaction: UserTransaction): Promise<void> {
  await sql`set constraints all immediate`.execute(transaction);
}

const cast = (table: ResolvedTable, column: string, values: ColumnValues) =>
  sql`${values[column] ?? null}::${sql.raw(table.columnTypes[column] ?? 'text')}`;
