import { type Fault, messageOf, PgnotionError } from '../model/errors.ts';
import type { RowKey } from '../model/ids.ts';
import type { ResolvedField, ResolvedTable } from '../model/mapping.ts';
import { listed } from '../model/sentences.ts';
import { serverErrorOf } from '../model/server-error.ts';
import { cutText, TEXT_LIMITS } from '../model/texts.ts';
import { isConnectionLost, mayPassLater } from './connection-lost.ts';
import { errorCode } from './pool.ts';
import { keysAmong, noRow, rowsAmong, type UserDatabase } from './rows.ts';

/**
 * Reads nothing of a table, and throws what reading any row of it would: class 42 (a column, table, function or right is
 * gone) as it is, and as `table_unreadable` what fails over whatever row there is.
 */
export async function probeRows(db: UserDatabase, table: ResolvedTable): Promise<void> {
  try {
    await noRow(table).execute(db);
  } catch (error) {
    if (isConnectionLost(error) || mayPassLater(error) || errorCode(error).startsWith('42')) throw error;
    throw new PgnotionError({
      code: 'table_unreadable',
      message: `no row of ${table.name} can be read: ${messageOf(error)}`,
      remedy: `correct the query or the expressions of tables.${table.name} in the configuration, and run \`pgnotion start\` again`,
      cause: error,
    });
  }
}

/** What stands in the failures for a row that cannot be read. Asks which of the table's expressions it is. */
export async function rowFailure(
  db: UserDatabase,
  table: ResolvedTable,
  key: RowKey,
  error: unknown,
): Promise<PgnotionError> {
  if (error instanceof PgnotionError) return error;
  const state = errorCode(error);
  const code = state === '' ? 'row_unreadable' : `sql_${state}`;
  const row = `the row ${shownKey(key)} of ${table.name}`;
  if (mayPassLater(error))
    return new PgnotionError({
      code,
      message: `${row} could not be read now: ${messageOf(error)}`,
      remedy: PASSING_REMEDIES[state] ?? 'nothing to do: it is tried again by itself',
      retryable: true,
      cause: error,
    });
  const failing = await failingFields(db, table, key);
  const names = failing.map(({ field }) => JSON.stringify(field.property));
  const where = names.length > 0 ? listed(names) : table.query === null ? 'its columns' : "the table's query";
  const first = failing[0]?.error ?? error;
  const what =
    names.length === 0
      ? `the query of tables.${table.name}`
      : `${names.length === 1 ? 'the expression' : 'the expressions'} of ${names.join(' and ')} in tables.${table.name}`;
  return new PgnotionError({
    code,
    message: `${row} cannot be read: ${where}: ${cutText(messageOf(first), TEXT_LIMITS.reason)}`,
    remedy: `correct the row in SQL, which releases it by itself; or correct ${what} in the configuration, and run \`pgnotion start\` again`,
    faults: failing.flatMap((each) => schemaFault(table, each)),
    cause: error,
  });
}

/** What a function lacks that an expression calls is no fault of this row: it is told of the field. */
function schemaFault({ source, name }: ResolvedTable, { field, error }: Failing): readonly Fault[] {
  const answer = serverErrorOf(error);
  if (answer === null || answer.raised || !answer.code.startsWith('42')) return [];
  return [
    {
      path: `${source} ${field.property}`,
      message: answer.text,
      remedy: `give back in SQL what the message names, or correct the expression of ${JSON.stringify(field.property)} in tables.${name} in the configuration, and run \`pgnotion start\` again`,
    },
  ];
}

/** Whether a field of a row still fails as its schema's fault. A row that is gone says nothing any more. */
export async function failsStill(
  db: UserDatabase,
  table: ResolvedTable,
  { key, field }: { readonly key: RowKey; readonly field: ResolvedField },
): Promise<boolean> {
  const [error = null] = await rowsAmong({ ...table, fields: [field] }, [key])
    .execute(db)
    .then(
      () => [],
      (failure: unknown) => [failure],
    );
  return error !== null && schemaFault(table, { field, error }).length > 0;
}

const PASSING_REMEDIES: Readonly<Record<string, string>> = {
  '57014':
    "nothing to do if it passes: it is tried again by itself. If it stays, raise the role's statement_timeout, or make the table's query quicker for a single key",
  '55P03':
    'nothing to do if it passes: it is tried again by itself. If it stays, end the transaction that locks the table: select pid, state, query from pg_stat_activity where cardinality(pg_blocking_pids(pid)) > 0',
};

type Failing = { readonly field: ResolvedField; readonly error: unknown };

async function failingFields(db: UserDatabase, table: ResolvedTable, key: RowKey): Promise<Failing[]> {
  const fails = async (fields: readonly ResolvedField[]): Promise<unknown> =>
    rowsAmong({ ...table, fields }, [key])
      .execute(db)
      .then(
        () => null,
        (error: unknown) => {
          if (isConnectionLost(error)) throw error;
          return error;
        },
      );
  // What fails without any field is the query's, and says nothing of the fields.
  if ((await fails([])) !== null) return [];
  const failing: Failing[] = [];
  for (const field of table.fields.filter(({ source }) => source.kind !== 'key')) {
    const error = await fails([field]);
    if (error !== null) failing.push({ field, error });
  }
  return failing;
}

/** Whether these keys' texts are values of the key's types at all. */
export async function areKeys(
  db: UserDatabase,
  table: ResolvedTable,
  keys: readonly RowKey[],
): Promise<boolean> {
  try {
    await keysAmong({ ...table, query: null, fields: [] }, keys).execute(db);
    return true;
  } catch (error) {
    if (isConnectionLost(error) || mayPassLater(error)) throw error;
    return !/^(22|42)/.test(errorCode(error));
  }
}

/** A key as a message shows it. */
export const shownKey = (key: RowKey): string => cutText(key, TEXT_LIMITS.shownKey);
