import pg from 'pg';
import { PgnotionError } from '../model/errors.ts';
import { describeTarget, type Queryable } from './pool.ts';
import { onReplication } from './slot.ts';

/** Which database of which server a connection has reached. */
type ServerIdentity = {
  readonly database: string;
  /** Another database of the same name has another one. */
  readonly databaseOid: string;
  /** Differs for every cluster that was initialised, and is kept by a copy of its files; null if the role may not see it. */
  readonly systemId: string | null;
  readonly startedAt: string;
  readonly standby: boolean;
};

const IDENTITY = `
  select current_database() as database, (select oid::text from pg_database where datname = current_database()) as oid,
    extract(epoch from pg_postmaster_start_time())::text as started, pg_is_in_recovery()::text as standby`;

type Row = { database: string; oid: string; started: string; standby: string };

async function identityOf(db: Queryable): Promise<Omit<ServerIdentity, 'systemId'>> {
  const [row] = (await db.query<Row>(IDENTITY)).rows;
  if (row === undefined) throw new TypeError('the server does not say what it is');
  return {
    database: row.database,
    databaseOid: row.oid,
    startedAt: row.started,
    standby: row.standby === 'true' || row.standby === 't',
  };
}

/** Nothing but whether the server answers. */
export const ping = (db: Queryable): Promise<unknown> => db.query('select 1');

export async function currentDatabase(db: Queryable): Promise<string> {
  const { rows } = await db.query<{ here: string }>('select current_database() as here');
  return rows[0]?.here ?? '';
}

export async function readServerIdentity(db: Queryable): Promise<ServerIdentity> {
  const [allowed] = (
    await db.query<{ allowed: boolean | string }>(
      `select has_function_privilege('pg_control_system()', 'execute') as allowed`,
    )
  ).rows;
  const mayAsk = allowed?.allowed === true || allowed?.allowed === 't';
  const system = mayAsk
    ? await db.query<{ id: string }>('select system_identifier::text as id from pg_control_system()')
    : null;
  return { ...(await identityOf(db)), systemId: system?.rows[0]?.id ?? null };
}

/**
 * Makes sure that the direct address leads to the database that `db` leads to: the changes of another one would be taken
 * for those of our rows. Throws PgnotionError `replication_url_elsewhere`.
 */
export async function assertSameDatabase(
  db: Queryable,
  urls: { readonly url: string; readonly replicationUrl: string },
): Promise<void> {
  if (urls.url === urls.replicationUrl) return;
  const there = await onReplication(urls.replicationUrl, '', (client) => identityOf(client as Queryable));
  const here = await identityOf(db);
  const differs = differenceOf(here, there);
  if (differs === null) return;
  throw new PgnotionError({
    code: 'replication_url_elsewhere',
    message: `REPLICATION_URL (${describeTarget(urls.replicationUrl)}) leads to ${differs}, and DATABASE_URL (${describeTarget(urls.url)}) to the database ${here.database}`,
    remedy:
      'set REPLICATION_URL to the direct address of the very server and database that DATABASE_URL reaches, or leave it out if DATABASE_URL is a direct address',
  });
}

/** Whether both addresses log in with the same role, as far as they say. */
export function hasSameRole(url: string, replicationUrl: string): boolean {
  const roleOf = (text: string): string | undefined => new pg.Client({ connectionString: text }).user;
  return roleOf(url) === roleOf(replicationUrl);
}

type Place = Omit<ServerIdentity, 'systemId'>;

function differenceOf(here: Place, there: Place): string | null {
  if (there.standby && !here.standby) return 'a standby';
  if (there.startedAt !== here.startedAt) return `another server (its database ${there.database})`;
  return there.databaseOid === here.databaseOid ? null : `another database of that server, ${there.database}`;
}
