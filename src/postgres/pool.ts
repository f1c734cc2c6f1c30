import pg from 'pg';
import { type Fault, messageOf, PgnotionError } from '../model/errors.ts';
import { type QualifiedName, splitQualified } from '../model/ids.ts';
import type { Log } from '../runtime/log.ts';

/**
 * Settings that decide how PostgreSQL writes values as text, and what a statement means. A role or a database may set others:
 * a value that is spelled differently would look changed, and under another isolation two statements of ours would be at
 * odds. So every session of ours pins them.
 */
const SESSION_OPTIONS = [
  '-c datestyle=ISO',
  '-c intervalstyle=postgres',
  '-c extra_float_digits=3',
  '-c bytea_output=hex',
  '-c timezone=UTC',
  '-c client_encoding=UTF8',
  '-c default_transaction_isolation=read\\ committed',
  '-c default_transaction_deferrable=off',
  '-c standard_conforming_strings=on',
  '-c transform_null_equals=off',
  '-c array_nulls=on',
  '-c quote_all_identifiers=off',
  '-c xmloption=content',
].join(' ');

const CONNECT_TIMEOUT_MS = 10_000;

/**
 * A process that hangs inside a transaction must not hold row locks, nor keep a slot from being made. Queries of the
 * catalog look costly to the planner, and compiling them takes a hundred times as long as running them.
 */
const POOL_OPTIONS = `${SESSION_OPTIONS} -c idle_in_transaction_session_timeout=60000 -c idle_session_timeout=0 -c jit=off`;

/** Row-level security makes a reading fail that would leave rows out: a row that policies hide is not a deleted one. */
const WHOLE_TABLES = '-c row_security=off';

/**
 * Adds start-up options to a connection URL. Those that the URL has come first, so that ours win: `pg` lets
 * a URL's `options` replace the ones given beside it.
 */
function withSessionOptions(url: string, options: string): string {
  const [base, query = ''] = splitOnce(url, '?');
  const encoded = encodeURIComponent(options).replaceAll('%20', '+');
  const parameters = query.split('&').filter((parameter) => parameter !== '');
  const own = parameters.find((parameter) => parameter.startsWith('options='));
  const others = parameters.filter((parameter) => parameter !== own);
  return `${base}?${[...others, `${own === undefined ? 'options=' : `${own}+`}${encoded}`].join('&')}`;
}

function splitOnce(text: string, separator: string): readonly [string, string?] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + separator.length)];
}

/** What a pool and a client have in common. */
export type Queryable = {
  readonly query: <R extends pg.QueryResultRow>(
    text: string | Planned,
    values?: unknown[],
  ) => Promise<pg.QueryResult<R>>;
};

/**
 * A long statement that is asked every few seconds: a session plans one that has a name a few times, and then keeps the plan.
 * Planning takes most of the time of such a one. Sessions are not shared (a pooler that does is refused), so names are safe.
 */
type Planned = { readonly name: string; readonly text: string };

/** Quotes both parts of a table's name for SQL. */
export function quoteQualified(name: QualifiedName): string {
  return splitQualified(name).map(pg.escapeIdentifier).join('.');
}

/** One error for all that is wrong, so that an operator mends it in one go. */
export function faultsError(code: string, intro: string, faults: readonly Fault[]): PgnotionError {
  return new PgnotionError({
    code,
    message: [intro, ...faults.map((fault) => `${fault.path}: ${fault.message}`)].join('\n'),
    remedy: faults.map((fault) => `${fault.path}: ${fault.remedy}`).join('\n'),
    faults,
  });
}

export type PoolOptions = {
  readonly url: string;
  /** The most connections at a time. */
  readonly max: number;
  /** Leaves every value as PostgreSQL's text; otherwise pg's own parsers make numbers, dates and JSON of it. */
  readonly raw: boolean;
  /** What `pg_stat_activity` shows. */
  readonly applicationName: string;
  /** More start-up options of the sessions. */
  readonly settings?: string;
  readonly log: Log;
};

/** A pool whose sessions have {@link SESSION_OPTIONS}. Connects when it is first used. */
export function createPool({ url, max, raw, applicationName, settings, log }: PoolOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString: withSessionOptions(
      url,
      [POOL_OPTIONS, raw ? WHOLE_TABLES : '', settings].filter((each) => each).join(' '),
    ),
    max,
    keepAlive: true,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    fallback_application_name: applicationName,
    ...(raw ? { types: { getTypeParser: () => asText } } : {}),
  });
  // Without a listener, the server's restart would end the process through an idle connection.
  pool.on('error', (error) => {
    // A server that stops may be quicker than the good-bye of a pool that has been ended.
    if (!pool.ending) log.warn({ reason: messageOf(error) }, 'an idle PostgreSQL connection was lost');
  });
  // One that is lost between two statements of a transaction has no listener of the pool's; its next statement fails.
  const clients = new Set<pg.PoolClient>();
  connections.set(pool, clients);
  pool.on('remove', (client) => clients.delete(client));
  pool.on('connect', (client) => {
    clients.add(client);
    client.on('error', (error) =>
      log.debug({ reason: messageOf(error) }, 'a PostgreSQL connection was lost'),
    );
  });
  return pool;
}

const asText = (value: string): string => value;

const connections = new WeakMap<pg.Pool, ReadonlySet<pg.PoolClient>>();

/**
 * Ends every connection of a pool at once, whatever is under way on it. A server that no longer answers, and did not
 * say so, would keep each of them waiting for as long as the operating system pleases.
 */
export function severPool(pool: pg.Pool): void {
  for (const client of connections.get(pool) ?? []) client.connection.stream.destroy();
}

/** A single connection that speaks the replication protocol, with values spelled as in the pools. Not yet connected. */
export function replicationClient(url: string, extraOptions = ''): pg.Client {
  const config: pg.ClientConfig & { readonly replication: 'database' } = {
    connectionString: withSessionOptions(url, `${SESSION_OPTIONS} ${extraOptions}`.trim()),
    replication: 'database',
    keepAlive: true,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    fallback_application_name: 'pgnotion replication',
    types: { getTypeParser: () => asText },
  };
  return new pg.Client(config);
}

/** The SQLSTATE or system code of whatever was thrown, or an empty text. */
export function errorCode(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}

type Explanation = {
  /** SQLSTATE or system codes; none means any. */
  readonly codes?: readonly string[];
  /** What the message must have as well. */
  readonly text?: RegExp;
  readonly code: string;
  readonly remedy: string;
  readonly retryable: boolean;
};

/** The first that fits wins, so the ones with a text come before those with a bare code. */
const EXPLANATIONS: readonly Explanation[] = [
  {
    codes: ['28000'],
    text: /no encryption|SSL off/i,
    code: 'postgres_needs_ssl',
    remedy:
      'add sslmode=verify-full to the URL (and sslrootcert=FILE if its certificate is not signed by a public authority): the server accepts only encrypted connections',
    retryable: false,
  },
  {
    text: /does not support SSL/i,
    code: 'postgres_no_ssl',
    remedy: 'remove sslmode from the URL, or switch ssl on in the server: it offers no encryption',
    retryable: false,
  },
  {
    codes: [
      'SELF_SIGNED_CERT_IN_CHAIN',
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
      'CERT_HAS_EXPIRED',
      'ERR_TLS_CERT_ALTNAME_INVALID',
    ],
    code: 'postgres_certificate',
    remedy:
      "download the provider's CA certificate and add sslrootcert=FILE to the URL: the server's certificate cannot be verified",
    retryable: false,
  },
  {
    text: /unsupported startup parameter/i,
    code: 'postgres_pooler',
    remedy:
      "set DATABASE_URL (and REPLICATION_URL for the replication slot) to the database's direct address: this one is a connection pooler that refuses session settings",
    retryable: false,
  },
  {
    codes: ['28P01', '28000'],
    code: 'postgres_login',
    remedy:
      'check the user and the password in the URL (special characters must be percent-encoded), that the role has LOGIN, and that pg_hba.conf lets it in from here',
    retryable: false,
  },
  {
    codes: ['3D000'],
    code: 'postgres_no_database',
    remedy: 'check the database name at the end of the URL, or create the database',
    retryable: false,
  },
  {
    codes: ['42501'],
    code: 'postgres_privilege',
    remedy:
      'grant the role CONNECT on the database; for the replication connection it also needs the REPLICATION attribute',
    retryable: false,
  },
  {
    codes: ['53300'],
    code: 'postgres_busy',
    remedy: 'raise max_connections, or end sessions that are not needed: all connections are taken',
    retryable: true,
  },
  {
    codes: ['ENOTFOUND', 'EAI_AGAIN'],
    code: 'postgres_unknown_host',
    remedy:
      'check the host name in the URL and the name resolution of this machine (some providers give a direct address that has IPv6 only)',
    retryable: true,
  },
  {
    codes: ['ECONNREFUSED'],
    code: 'postgres_refused',
    remedy:
      'check that PostgreSQL runs there, listens on that address (listen_addresses) and that the port in the URL is right',
    retryable: true,
  },
  {
    codes: ['', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'],
    text: /timeout expired|ETIMEDOUT|UNREACH/i,
    code: 'postgres_timeout',
    remedy:
      "check the host and port, firewalls, the provider's allow-list of addresses and whether the host is reachable over IPv6 only: nothing answers at that address",
    retryable: true,
  },
  {
    codes: ['57P03'],
    code: 'postgres_starting',
    remedy: 'wait a moment: the server is starting, shutting down or recovering',
    retryable: true,
  },
];

/**
 * Says why a connection could not be made, for an operator. The URL gives host, port, user and database; its
 * password never gets into the text. An error that is not about connecting comes back as `postgres_unreachable`.
 */
export function describeConnectError(error: unknown, url: string): PgnotionError {
  if (error instanceof PgnotionError) return error;
  const code = errorCode(error);
  const message = messageOf(error);
  const found = EXPLANATIONS.find(
    (candidate) => (candidate.codes?.includes(code) ?? true) && (candidate.text?.test(message) ?? true),
  );
  return new PgnotionError({
    code: found?.code ?? 'postgres_unreachable',
    message: `cannot connect to PostgreSQL at ${describeTarget(url)}: ${message}`,
    remedy: found?.remedy ?? 'check the connection URL and the log of the PostgreSQL server',
    retryable: found?.retryable ?? true,
    cause: error,
  });
}

/** `user@host:port/database`, from what pg itself would read out of the URL. */
export function describeTarget(url: string): string {
  try {
    const client = new pg.Client({ connectionString: url });
    return `${client.user ?? ''}@${client.host}:${client.port}/${client.database ?? ''}`;
  } catch {
    return 'the given address (not a valid connection URL)';
  }
}
