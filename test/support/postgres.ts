import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { createPool, severPool } from '../../src/postgres/pool.ts';
import { silentLog } from '../../src/runtime/log.ts';
import { eventually } from './eventually.ts';
import { serverUrlUnderTest } from './matrix.ts';

export type TestDatabase = {
  readonly name: string;
  /** The superuser's URL of this database. */
  readonly url: string;
  /** Values as pg parses them; sessions have the pinned settings. */
  readonly pool: pg.Pool;
  /** Ends all sessions, drops the slots of this database, then the database. Roles stay: drop yours first. */
  readonly drop: () => Promise<void>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

/** Makes a database on the run's server, or on the one whose superuser URL is given: empty, or a copy of another. */
export async function createDatabase(
  name?: string,
  serverUrl = serverUrlUnderTest(),
  template = 'template1',
): Promise<TestDatabase> {
  const database = name ?? `t_${process.pid}_${randomBytes(4).toString('hex')}`;
  await asAdmin(serverUrl, async (admin) => {
    await admin.query(
      `CREATE DATABASE ${pg.escapeIdentifier(database)} TEMPLATE ${pg.escapeIdentifier(template)}`,
    );
  });
  const url = inDatabase(serverUrl, database);
  const pool = createPool({ url, max: 10, raw: false, applicationName: 'pgnotion test', log: silentLog() });
  let dropped: Promise<void> | null = null;
  const drop = (): Promise<void> => {
    dropped ??= dropDatabase(serverUrl, database, pool);
    return dropped;
  };
  return { name: database, url, pool, drop, [Symbol.asyncDispose]: drop };
}

/** The same server's URL with another database, and optionally another login. */
export function inDatabase(
  url: string,
  database: string,
  login?: { readonly user: string; readonly password: string },
): string {
  const target = new URL(url);
  target.pathname = `/${encodeURIComponent(database)}`;
  if (login) {
    target.username = encodeURIComponent(login.user);
    target.password = encodeURIComponent(login.password);
  }
  return target.href;
}

/** Runs `work` on a superuser's connection of its own. */
export async function asAdmin<T>(url: string, work: (admin: pg.Client) => Promise<T>): Promise<T> {
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.end();
  }
}

const KEPT_CLIENTS_MS = 5_000;

async function dropDatabase(serverUrl: string, database: string, pool: pg.Pool): Promise<void> {
  // A test that failed may have kept a client, for whose return the pool would wait, and the failure not be told.
  await Promise.race([pool.end(), sleep(KEPT_CLIENTS_MS, undefined, { ref: false })]);
  severPool(pool);
  await asAdmin(serverUrl, async (admin) => {
    // A stream that is being closed may take its slot again between the two statements, hence the repetition.
    await eventually(async () => {
      await admin.query(
        'SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = $1 AND active_pid IS NOT NULL',
        [database],
      );
      await admin.query(
        'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = $1',
        [database],
      );
      await admin.query(`DROP DATABASE IF EXISTS ${pg.escapeIdentifier(database)} WITH (FORCE)`);
      return true;
    });
  });
}
