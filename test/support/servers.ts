import { randomBytes } from 'node:crypto';
import { existsSync, statfsSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { messageOf } from '../../src/model/errors.ts';
import { silentLog } from '../../src/runtime/log.ts';
import { startEmbeddedPostgres } from '../../src/sandbox/postgres.ts';
import { type PostgresServer, startServer } from '../../src/sandbox/postgres-server.ts';

export type TestServer = {
  readonly url: string;
  readonly kind: 'given' | 'docker' | 'embedded';
  readonly stop: () => Promise<void>;
};

const SERVER_FLAGS = [
  'wal_level=logical',
  'max_replication_slots=50',
  'max_wal_senders=50',
  'max_connections=200',
];

/** `TEST_DATABASE_URL` (a superuser's), else a container if Docker answers, else the server that npm brought. */
export async function startTestServer(): Promise<TestServer> {
  const given = process.env.TEST_DATABASE_URL;
  if (given) return { url: given, kind: 'given', stop: async () => undefined };
  if (await dockerAnswers()) {
    try {
      return await startContainer();
    } catch (error) {
      process.stderr.write(`Docker gave no PostgreSQL (${messageOf(error)}): using the embedded one\n`);
    }
  }
  const server = await startEmbeddedPostgres({ dir: temporary(), persistent: false, log: silentLog() });
  return { url: server.url, kind: 'embedded', stop: server.stop };
}

const MEMORY = '/dev/shm';
/** What a run's servers take at most is about a gigabyte each, its log included. */
const LEAST_FREE_BYTES = 6 * 1024 ** 3;

/** Where there is a file system in memory, and room in it: a run makes some thousand databases, and none outlives it. */
function roomInMemory(): boolean {
  if (!existsSync(MEMORY)) return false;
  const { bavail, bsize } = statfsSync(MEMORY);
  return bavail * bsize >= LEAST_FREE_BYTES;
}

const temporary = (): string =>
  join(roomInMemory() ? MEMORY : tmpdir(), `pgnotion-test-${randomBytes(6).toString('hex')}`);

/** Asks the socket itself: the command may be installed where no engine runs. */
function dockerAnswers(): Promise<boolean> {
  const host = process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock';
  const target = host.startsWith('unix://')
    ? { socketPath: host.slice('unix://'.length) }
    : { host: new URL(host).hostname, port: new URL(host).port };
  return new Promise((done) => {
    const ping = request({ ...target, path: '/_ping', timeout: 2000 }, (response) => {
      response.resume();
      done(response.statusCode === 200);
    });
    ping.once('error', () => done(false));
    ping.once('timeout', () => ping.destroy());
    ping.end();
  });
}

async function startContainer(): Promise<TestServer> {
  const { GenericContainer, Wait } = await import('testcontainers');
  const container = await new GenericContainer(process.env.TEST_POSTGRES_IMAGE ?? 'postgres:18-alpine')
    .withEnvironment({ POSTGRES_PASSWORD: 'postgres' })
    .withCommand(['postgres', ...SERVER_FLAGS.flatMap((flag) => ['-c', flag])])
    .withExposedPorts(5432)
    .withWaitStrategy(Wait.forLogMessage(/ready to accept connections/, 2))
    .withStartupTimeout(180_000)
    .start();
  const url = `postgres://postgres:postgres@${container.getHost()}:${container.getMappedPort(5432)}/postgres`;
  return { url, kind: 'docker', stop: async () => void (await container.stop()) };
}

/** The folder with the binaries of a major version that the system's packages installed, or null. */
export function findPostgresBinaries(major: number): string | null {
  const candidates = [`/usr/lib/postgresql/${major}/bin`, `/usr/pgsql-${major}/bin`];
  return candidates.find((folder) => existsSync(join(folder, 'initdb'))) ?? null;
}

/** Whether that version has the wal2json plug-in. */
export function hasWal2json(major: number): boolean {
  const bin = findPostgresBinaries(major);
  return bin !== null && existsSync(join(bin, '..', 'lib', 'wal2json.so'));
}

/** A server of its own, embedded, for tests that need settings of the whole server or kill it. */
export async function startOwnPostgres(
  settings: Readonly<Record<string, string>> = {},
  options: { readonly persistent?: boolean } = {},
): Promise<PostgresServer> {
  return startEmbeddedPostgres({
    dir: temporary(),
    persistent: options.persistent ?? false,
    settings,
    log: silentLog(),
  });
}

/** Newer minor versions decode with the libraries of a list only, which wal2json is not in by default. */
async function allowWal2json(url: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    const { rows } = await client.query("select from pg_settings where name = 'output_plugin_libraries'");
    if (rows.length === 0) return;
    await client.query(`alter system set output_plugin_libraries = 'pgoutput', 'test_decoding', 'wal2json'`);
    await client.query('select pg_reload_conf()');
  } finally {
    await client.end();
  }
}

/** A server of the system's PostgreSQL 15, or null where that is not installed (global setup has said so). */
export async function startDebianPostgres15(
  settings: Readonly<Record<string, string>> = {},
): Promise<PostgresServer | null> {
  const bin = findPostgresBinaries(15);
  if (bin === null) return null;
  const server = await startServer({ bin, dir: temporary(), persistent: false, settings, log: silentLog() });
  await allowWal2json(server.url);
  return server;
}
