import { createHash, randomBytes, randomUUID } from 'node:crypto';
import {
  type Binding,
  type InstallationId,
  installationId,
  type StartMark,
} from '../model/installation-marker.ts';
import type { Sql } from './sql.ts';

/** Of the marks of our starts in a database: the one that is known to stand there, and the one that was written since. */
export type StartsKnown = { readonly confirmed: StartMark | null; readonly intended: StartMark | null };

/** What tells this installation of pgnotion from others, and from copies of itself. */
export type StoredInstallation = {
  readonly id: InstallationId;
  readonly bound: Binding;
  /** The data sources in which we have left our mark. */
  readonly marked: readonly string[];
  /** By the database's id. */
  readonly starts: Readonly<Record<string, StartsKnown>>;
  /** Where the databases are; absent until `apply` has been told. */
  readonly workspace?: { readonly id: string; readonly name: string | null };
};

export async function readInstallation(sql: Sql): Promise<StoredInstallation | null> {
  const [row] = await sql.query<{ value: StoredInstallation }>(
    `select value from pgnotion.settings where name = 'installation'`,
  );
  return row?.value ?? null;
}

export async function saveInstallation(sql: Sql, installation: StoredInstallation): Promise<void> {
  await sql.query(
    `insert into pgnotion.settings (name, value) values ('installation', $1)
     on conflict (name) do update set value = excluded.value`,
    [JSON.stringify(installation)],
  );
}

/**
 * An installation which nothing belongs to yet. A database's first one is called after the database, so that it knows
 * its own marks though its state was dropped; one that was reset is called otherwise.
 */
export function newInstallation(bound: Binding, isReset: boolean): StoredInstallation {
  const name = bound.systemId === null || isReset ? randomUUID() : nameOf(bound.systemId, bound.databaseOid);
  return { id: installationId(name), bound, marked: [], starts: {} };
}

const nameOf = (systemId: string, databaseOid: string): string =>
  createHash('sha256').update(`pgnotion ${systemId} ${databaseOid}`).digest('hex').slice(0, 32);

export async function wasReset(sql: Sql): Promise<boolean> {
  return (await sql.query(`select from pgnotion.settings where name = 'reset'`)).length > 0;
}

/** The next mark of a start, after the last one that is known. */
export const nextStart = (known: StartsKnown | undefined): StartMark => ({
  number: Math.max(known?.confirmed?.number ?? 0, known?.intended?.number ?? 0) + 1,
  token: randomBytes(8).toString('hex'),
});

/** The system that an older version, which had no installation ids, has read last; null if it has read none. */
export async function formerSystem(sql: Sql): Promise<string | null> {
  const [row] = await sql.query<{ id: string }>(
    'select system_id as id from pgnotion.checkpoint order by at desc limit 1',
  );
  return row?.id ?? null;
}

/** What stays of our schema when the installation is given up: its version, and what bounds the requests to Notion. */
const KEPT_TABLES = ['migrations', 'settings', 'requests'];
const KEPT_SETTINGS = ['epoch', 'views', 'probe_scratch'];

/** Forgets everything that ties the rows to pages, and who we are: what is left is as good as new. */
export async function forgetInstallation(sql: Sql): Promise<void> {
  const [row] = await sql.query<{ tables: string }>(
    `select string_agg(format('pgnotion.%I', c.relname), ', ') as tables from pg_class c
      where c.relnamespace = 'pgnotion'::regnamespace and c.relkind in ('r', 'p') and c.relname <> all($1::text[])`,
    [KEPT_TABLES],
  );
  await sql.query(`truncate ${row?.tables ?? ''}`);
  await sql.query('delete from pgnotion.settings where name <> all($1::text[])', [KEPT_SETTINGS]);
  // A daemon that was cut off, and has not noticed yet, writes nothing any more.
  await sql.query(
    `update pgnotion.settings set value = to_jsonb((value #>> '{}')::bigint + 1) where name = 'epoch'`,
  );
  await sql.query(
    `insert into pgnotion.settings (name, value) values ('reset', 'true') on conflict (name) do nothing`,
  );
}
