import { cutText, TEXT_LIMITS } from './texts.ts';

/**
 * What PostgreSQL says of an error, as far as it may leave the database. `detail`, `where` and `internalQuery` quote whole
 * rows and statements, so they are no part of it: whoever stores or shows an error takes it from here (invariant 14).
 */
export type ServerError = {
  /** The SQLSTATE. */
  readonly code: string;
  /** Names objects, and no values but those that the caller has given. */
  readonly text: string;
  readonly schema?: string;
  readonly table?: string;
  readonly column?: string;
  readonly constraint?: string;
  /** Written by the author of a trigger or function for people to read. */
  readonly raised: boolean;
  /** Of a raised error only. */
  readonly hint?: string;
  /** The session has ended with it, or was refused. */
  readonly fatal: boolean;
  /** The plan of a statement in a function was made before the schema changed; it is made anew the next time. */
  readonly stalePlan: boolean;
};

type Thrown = Error & { readonly code: string; readonly severity: string } & {
  readonly [member in 'schema' | 'table' | 'column' | 'constraint' | 'hint' | 'where' | 'routine']?: string;
};

/** A node error such as EPIPE looks like an SQLSTATE; only a server's answer has a severity. */
const isThrown = (error: unknown): error is Thrown =>
  error instanceof Error &&
  'severity' in error &&
  typeof error.severity === 'string' &&
  'code' in error &&
  typeof error.code === 'string' &&
  /^[0-9A-Z]{5}$/.test(error.code);

/** Null for anything that is not an answer of PostgreSQL's. `sent` are the values of mapped columns that we sent. */
export function serverErrorOf(error: unknown, sent: readonly string[] = []): ServerError | null {
  if (!isThrown(error)) return null;
  const { code, schema, table, column, constraint, hint } = error;
  const raised = isRaised(error);
  return {
    code,
    text: textOf(error, sent),
    raised,
    fatal: isFatal(error),
    stalePlan: error.routine === 'RevalidateCachedQuery',
    ...(schema === undefined ? {} : { schema }),
    ...(table === undefined ? {} : { table }),
    ...(column === undefined ? {} : { column }),
    ...(constraint === undefined ? {} : { constraint }),
    ...(raised && hint !== undefined ? { hint } : {}),
  };
}

/** RAISE and ASSERT of PL/pgSQL: their text is the author's own word to whoever caused it. */
const isRaised = ({ routine }: Thrown): boolean =>
  routine === 'exec_stmt_raise' || routine === 'exec_stmt_assert';

/** The severity comes in the server's language; a session also ends with these. */
const isFatal = ({ severity, code }: Thrown): boolean =>
  severity === 'FATAL' || severity === 'PANIC' || /^(57P0[1-5]|25P0[34])$/.test(code);

/** Classes whose messages name tables, columns, constraints and settings, and never quote a value. */
const NAMING = /^(08|09|21|23|25|27|28|2B|2D|34|3D|3F|40|44|53|54|55|57)/;
/** Classes whose messages put what they quote between quotation marks. */
const QUOTING = /^(0A|22|42|58)/;

function textOf(error: Thrown, sent: readonly string[]): string {
  const { code, message } = error;
  // A session that was refused or ended has evaluated no row.
  if (isRaised(error)) return cutText(message, TEXT_LIMITS.reason).toWellFormed();
  if (isFatal(error) || NAMING.test(code)) return message;
  const at = placeOf(error);
  if (!QUOTING.test(code))
    return `PostgreSQL answered with SQLSTATE ${code}${at}; its text may quote other values, and is in the server's log`;
  if (namesObjects(error)) return `${message}${at}`;
  return withoutQuotes(message, sent);
}

/**
 * Class 42 speaks of the text of a statement: ours, or a trigger's, whose names are no values. A trigger that puts a
 * statement together may have put values into it.
 */
const namesObjects = ({ code, where = '' }: Thrown): boolean =>
  code.startsWith('42') &&
  !where.includes('EXECUTE') &&
  (where === '' || /PL\/pgSQL|SQL function/.test(where));

const MARK = '["\'`«»‹›„“”‚‘’「」]';
const QUOTED = new RegExp(`${MARK}(.*)${MARK}`, 's');

/** From the first quotation mark to the last: what is quoted may hold some itself. */
function withoutQuotes(message: string, sent: readonly string[]): string {
  const quoted = QUOTED.exec(message)?.[1];
  if (quoted !== undefined && sent.includes(quoted)) return message;
  return message.replace(QUOTED, '"…"').replace(/: [^"]*\d[^"]*$/s, ': …');
}

/** The function that failed, which is where its author looks. */
function placeOf({ where = '' }: Thrown): string {
  const [, name, line] = /PL\/pgSQL function ([\w."]+)\([^)]*\) line (\d+)/.exec(where) ?? [];
  return name === undefined ? '' : ` (in the function ${name}, line ${line})`;
}
