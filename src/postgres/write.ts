import { CompiledQuery, sql, type Transaction } from 'kysely';
import type { SqlText } from '../model/change.ts';
import type { RowKey, TableName } from '../model/ids.ts';
import { rowKey } from '../model/ids.ts';
import type { ResolvedTable } from '../model/mapping.ts';
import { serverErrorOf } from '../model/server-error.ts';
import { failpoint } from '../runtime/failpoints.ts';
import { isConnectionLost } from './connection-lost.ts';
import { type OwnWrite, signTag, TAG_PREFIX } from './origin-tag.ts';
import { readRows } from './read-rows.ts';
import { redirectedRow } from './redirected-row.ts';
import { deleteAndKeep, updateReplaced } from './replaced-statements.ts';
import {
  asRowFailure,
  mayRepeat,
  OwnStatementError,
  RowKeptError,
  RowStatementError,
} from './row-statement-error.ts';
import { freeKeys, keyCondition, tableRef, type UserDatabase } from './rows.ts';
import type { WriteLimits, Writer } from './writer.ts';

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

const NOBODY: Actor = { id: null, name: null };
const MAX_TRIES = 4;

/** Where a transaction runs, and of which table its rows are. */
type WriteTo = { readonly writer: Pick<Writer, 'run'>; readonly table: TableName };

/**
 * One transaction on the users' tables. The tag goes first, so that capture meets it before the rows that it names.
 * Deadlocks and serialization failures are tried again. What PostgreSQL answers to a statement on a user's table, or to
 * the commit, comes as `RowStatementError` if it is this edit's alone.
 */
export async function writeAs<T>(
  writer: Pick<Writer, 'run'>,
  tag: { readonly secret: Buffer; readonly write: OwnWrite; readonly actor: Actor },
  work: (transaction: UserTransaction) => Promise<T>,
): Promise<T> {
  const written = await changeAs({ writer, table: tag.write.table }, tag.actor, async (transaction) => {
    const { query } = statementsOn(transaction);
    await query('select pg_logical_emit_message(true, $1, $2)', [TAG_PREFIX, signTag(tag.secret, tag.write)]);
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
export const changeAs = <T>(
  { writer, table }: WriteTo,
  actor: Actor,
  work: (transaction: UserTransaction) => Promise<T>,
): Promise<T> =>
  writer.run(table, (db, limits) =>
    db.connection().execute(async (session) => {
      try {
        return await tryAs(session, actor, limits, work);
      } finally {
        await cleanSession(session);
      }
    }),
  );

async function tryAs<T>(
  session: UserDatabase,
  actor: Actor,
  { lockMs, statementMs }: WriteLimits,
  work: (transaction: UserTransaction) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await session.transaction().execute(async (transaction) => {
        await statementsOn(transaction).query(
          `select set_config('pgnotion.actor', $1, true), set_config('pgnotion.actor_id', $2, true),
                  set_config('lock_timeout', $3, true), set_config('statement_timeout', $4, true),
                  set_config('row_security', 'on', true)`,
          [actor.name ?? '', actor.id ?? '', String(lockMs), String(statementMs)],
        );
        return work(transaction);
      });
    } catch (error) {
      if (attempt === MAX_TRIES || !mayRepeat(error)) throw asRowFailure(error);
    }
  }
}

/** What a trigger may have left of itself in a session that others use after it. */
const OWN_SETTINGS = 'reset session authorization; reset role; reset all';

async function cleanSession(session: UserDatabase): Promise<void> {
  try {
    // `raw` without values goes as one simple query, which may hold several statements.
    await session.executeQuery(CompiledQuery.raw(`${OWN_SETTINGS}; select pg_advisory_unlock_all()`));
  } catch (error) {
    // The connection is gone, and its pool does not use it again.
    if (!isConnectionLost(error)) throw error;
  }
}

/** Statements on tables that are not the users', in the same transaction. Values come as PostgreSQL's text. */
export const statementsOn = (transaction: UserTransaction) => ({
  query: async <Row extends object>(text: string, values: readonly unknown[] = []): Promise<Row[]> => {
    try {
      return (await transaction.executeQuery<Row>(CompiledQuery.raw(text, [...values]))).rows;
    } catch (error) {
      throw new OwnStatementError('a statement on our own tables failed', { cause: error });
    }
  },
});

/** The five-character SQLSTATE of an error of the server's, if it is one. */
export const sqlState = (error: unknown): string | null => serverErrorOf(error)?.code ?? null;

/** Locks the row until the transaction ends; false if there is none. A policy may show a row and not let it be changed. */
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
  const isThere = await rowIsThere(transaction, table, key);
  await sql`select set_config('row_security', 'on', true)`.execute(transaction);
  if (isThere) throw new RowKeptError('update', table.source);
  return false;
}

async function rowIsThere(transaction: UserTransaction, table: ResolvedTable, key: RowKey): Promise<boolean> {
  const { rows } = await sql`select 1 from ${tableRef(table)} where ${keyCondition(table, key)}`.execute(
    transaction,
  );
  return rows.length > 0;
}

/**
 * Returns the key that the row has now: one of the columns may be of the key. Null if PostgreSQL changed no row, and gave no
 * error: a trigger, a rule or a policy keeps it as it is.
 */
export async function updateRow(
  transaction: UserTransaction,
  table: ResolvedTable,
  key: RowKey,
  values: ColumnValues,
): Promise<RowKey | null> {
  const sets = Object.keys(values).map((name) => sql`${sql.id(name)} = ${cast(table, name, values)}`);
  const update = sql`update ${tableRef(table)} set ${sql.join(sets)} where ${keyCondition(table, key)}`;
  if (table.replaced.includes('update')) return updateReplaced(transaction, table, key, { update, values });
  const { rows } = await sql<Readonly<Record<string, string>>>`
    ${update} returning ${returnedKey(table)}`.execute(transaction);
  const [row] = rows;
  return row === undefined ? null : keyIn(table, row);
}

/** Of these rows, those that others have locked now. Asking takes no lock, but for the moment of the question. */
export async function lockedAmong(
  writer: Pick<Writer, 'run'>,
  table: ResolvedTable,
  keys: readonly RowKey[],
): Promise<ReadonlySet<RowKey>> {
  try {
    return await changeAs({ writer, table: table.name }, NOBODY, async (transaction) => {
      const bare = { ...table, query: null, fields: [] };
      const there = (await readRows(transaction, bare, keys)).keys();
      const free = await freeKeys(transaction, bare, keys);
      return new Set([...there].filter((key) => !free.has(key)));
    });
  } catch (error) {
    if (!(error instanceof RowStatementError)) throw error;
    // The table as a whole is locked; or nobody may lock its rows, and only the edits themselves can tell.
    return new Set(error.failure === 'blocked' ? keys : []);
  }
}

const returnedKey = (table: ResolvedTable) =>
  sql.join(table.key.map((column, at) => sql`${sql.id(column)} as ${sql.id(`k${at}`)}`));

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
      sql`(${sql.id(name)}::text is not distinct from (${cast(table, name, sent)})::text)::text as ${sql.id(`c${at}`)}`,
  );
  const { rows } = await sql<Readonly<Record<string, string>>>`
    select ${sql.join(same)} from ${tableRef(table)} where ${keyCondition(table, key)}`.execute(transaction);
  return new Set(names.filter((_, at) => rows[0]?.[`c${at}`] === 'true'));
}

/**
 * Inserts a row and returns its key, which defaults may have made. `again` brings back a row that was there: with its
 * own values even where PostgreSQL alone gives new ones.
 */
export async function insertRow(
  transaction: UserTransaction,
  table: ResolvedTable,
  values: ColumnValues,
  again = false,
): Promise<RowKey> {
  const override = again ? sql`overriding system value` : sql``;
  const names = Object.keys(values);
  const body =
    names.length === 0
      ? sql`default values`
      : sql`(${sql.join(names.map((name) => sql.id(name)))}) ${override}
            values (${sql.join(names.map((name) => cast(table, name, values)))})`;
  // Of an INSERT that a rule may replace, PostgreSQL gives nothing back.
  const returning = table.replaced.includes('insert') ? sql`` : sql`returning ${returnedKey(table)}`;
  const { rows } = await sql<Readonly<Record<string, string>>>`
    insert into ${tableRef(table)} ${body} ${returning}`.execute(transaction);
  const [row] = rows;
  return row === undefined ? redirectedRow(transaction, table, values) : keyIn(table, row);
}

const keyIn = (table: ResolvedTable, row: Readonly<Record<string, string>>): RowKey =>
  rowKey(table.key.map((_, at) => row[`k${at}`] ?? ''));

/**
 * Deletes a row; returns all of its columns as JSON text, which is what brings it back (invariant 7), or null if there is
 * none. With a star the alias is the row, even where a column is called so too.
 */
export async function deleteRow(
  transaction: UserTransaction,
  table: ResolvedTable,
  key: RowKey,
): Promise<string | null> {
  const gone = await deleteAndKeep(transaction, table, key);
  const mayStay = gone === undefined || table.replaced.includes('delete');
  if (mayStay && (await rowIsThere(transaction, table, key))) throw new RowKeptError('delete', table.source);
  return gone ?? null;
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
  const texts = columns.map((column) => sql`former.${sql.id(column)}::text as ${sql.id(column)}`);
  const { rows } = await sql<ColumnValues>`
    select ${sql.join(texts)} from jsonb_populate_record(null::${tableRef(table)}, ${row}::jsonb) as former`.execute(
    transaction,
  );
  return rows[0] ?? {};
}

/**
 * Makes deferred constraints and triggers speak now, while an answer can still be given, and takes back what triggers have
 * set for the session: a role, a search path, the way in which values are written.
 */
export async function settleConstraints(transaction: UserTransaction): Promise<void> {
  await transaction.executeQuery(
    CompiledQuery.raw(`set constraints all immediate; ${OWN_SETTINGS}; set local row_security = on`),
  );
}

const cast = (table: ResolvedTable, column: string, values: ColumnValues) =>
  sql`${values[column] ?? null}::${sql.raw(table.columnTypes[column] ?? 'text')}`;
