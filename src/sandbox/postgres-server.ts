import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
  writeFile,
} from 'node:fs/promises';
import { createServer, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { PgnotionError } from '../model/errors.ts';
import type { Log } from '../runtime/log.ts';

const run = promisify(execFile);

const PASSWORD_FILE = 'pgnotion.password';
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 15_000;

export type PostgresServer = {
  /** The superuser's URL of the database `postgres`. */
  readonly url: string;
  readonly port: number;
  readonly dir: string;
  /** Stops the server; deletes its folder unless it is persistent. */
  readonly stop: () => Promise<void>;
  /** Kills the server as a crash would; the folder stays, to be started again. */
  readonly kill9: () => Promise<void>;
};

type ServerOptions = {
  /** Folder with `postgres` and `initdb`. */
  readonly bin: string;
  /** Data folder: made and filled if it is not there, resumed if it is. */
  readonly dir: string;
  /** A free one if absent. */
  readonly port?: number | undefined;
  /** Whether data must outlive the process: keeps fsync on, and the folder on stop. */
  readonly persistent: boolean;
  /** More settings for the server, which win over ours. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
  readonly log: Log;
};

type Account = { readonly uid?: number; readonly gid?: number };

/**
 * Starts a PostgreSQL server on 127.0.0.1 that is ready for logical replication. It ends with this process,
 * however that ends. Throws PgnotionError `sandbox_postgres`.
 */
export async function startServer(options: ServerOptions): Promise<PostgresServer> {
  const account = await serverAccount();
  const dir = resolve(options.dir);
  const password = await prepareFolder(options.bin, dir, account);
  await endFormerServer(dir);
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    const port = options.port ?? (await freePort());
    const started = await launch({ ...options, dir, port }, account);
    if (started.kind === 'ready') return control(started.child, { ...options, dir, port }, password);
    // A killed server's children hold its memory for a moment, and a free port may be taken by another.
    const passes = /shared memory block|could not bind|could not create any TCP/.test(started.output);
    if (!passes || options.port !== undefined || Date.now() > deadline) throw failed(started.output);
    await sleep(100);
  }
}

function failed(output: string, cause?: unknown): PgnotionError {
  return new PgnotionError({
    code: 'sandbox_postgres',
    message: `the embedded PostgreSQL did not start: ${output.trim().split('\n').slice(-5).join(' | ')}`,
    remedy: 'read the message above; use another data folder, or give DATABASE_URL of a server that runs',
    cause,
  });
}

/** PostgreSQL refuses to run as root: then it runs as the user `postgres`, who is made if missing. */
async function serverAccount(): Promise<Account> {
  if (process.getuid?.() !== 0) return {};
  const lookUp = async (): Promise<Account> => {
    const [uid, gid] = await Promise.all(['-u', '-g'].map(async (flag) => run('id', [flag, 'postgres'])));
    return { uid: Number(uid?.stdout), gid: Number(gid?.stdout) };
  };
  try {
    return await lookUp();
  } catch {
    await run('useradd', ['--system', '--user-group', '--no-create-home', 'postgres']).catch(() =>
      run('adduser', ['-S', '-D', '-H', 'postgres']),
    );
    return lookUp();
  }
}

/** Makes the data folder and its cluster if there is none. Gives the superuser's password. */
async function prepareFolder(bin: string, dir: string, account: Account): Promise<string> {
  await mkdir(dir, { recursive: true });
  await assertReachable(dir, account);
  const present = await readdir(dir);
  if (present.includes('PG_VERSION')) return (await readFile(join(dir, PASSWORD_FILE), 'utf8')).trim();
  if (present.length > 0) throw failed(`${dir} holds other files and is no PostgreSQL data folder`);
  const password = randomBytes(12).toString('hex');
  // Made elsewhere and moved when it is whole: a kill in the middle leaves no folder that looks usable.
  const partial = `${dir}.${process.pid}`;
  await mkdir(partial, { recursive: true });
  await give(partial, account);
  const scratch = await mkdtemp(join(tmpdir(), 'pgnotion-initdb-'));
  try {
    const passwordFile = join(scratch, 'password');
    await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
    await give(scratch, account);
    await give(passwordFile, account);
    const flags = ['--username=postgres', '--auth=password', '--encoding=UTF8', '--no-locale', '--no-sync'];
    await run(join(bin, 'initdb'), [`--pgdata=${partial}`, `--pwfile=${passwordFile}`, ...flags], {
      ...account,
      cwd: scratch,
      env: { ...process.env, LC_ALL: 'C' },
    });
    await writeFile(join(partial, PASSWORD_FILE), `${password}\n`, { mode: 0o600 });
    await rmdir(dir);
    await rename(partial, dir);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw failed(String(error), error);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return password;
}

async function give(path: string, { uid, gid }: Account): Promise<void> {
  if (uid !== undefined && gid !== undefined) await chown(path, uid, gid);
}

async function assertReachable(dir: string, account: Account): Promise<void> {
  if (account.uid === undefined) return;
  for (let above = dirname(dir); above !== dirname(above); above = dirname(above)) {
    if (((await stat(above)).mode & 0o001) === 0)
      throw failed(`the user postgres cannot enter ${above}; choose a data folder elsewhere`);
  }
}

/** Whether a path of root's can be used by the account that the server runs under. */
export async function isReachable(path: string): Promise<boolean> {
  if (process.getuid?.() !== 0) return true;
  return assertReachable(join(resolve(path), 'x'), { uid: 0 }).then(
    () => true,
    () => false,
  );
}

/** A server that outlived a killed process would hold the folder; a stale file may name a stranger's process. */
async function endFormerServer(dir: string): Promise<void> {
  const file = join(dir, 'postmaster.pid');
  const pid = Number((await readFile(file, 'utf8').catch(() => '')).split('\n')[0]);
  if (!Number.isInteger(pid) || pid <= 1) return;
  if (await isServerOf(pid, dir)) {
    process.kill(pid, 'SIGINT');
    const deadline = Date.now() + STOP_TIMEOUT_MS;
    while (await isServerOf(pid, dir)) {
      if (Date.now() > deadline) process.kill(pid, 'SIGQUIT');
      await sleep(50);
    }
    return;
  }
  await rm(file, { force: true });
}

async function isServerOf(pid: number, dir: string): Promise<boolean> {
  try {
    const { stdout } = await run('ps', ['-o', 'args=', '-p', String(pid)]);
    return stdout.includes(dir);
  } catch {
    return false;
  }
}

/** A port of 127.0.0.1 that nobody listens on at this moment. */
export function freePort(): Promise<number> {
  return new Promise((done, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => done(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

type Placed = ServerOptions & { readonly port: number };
type Launched =
  | { readonly kind: 'ready'; readonly child: ChildProcess }
  | { readonly kind: 'ended'; readonly output: string };

function settingsOf({ persistent, settings }: Placed): Record<string, string> {
  return {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    wal_level: 'logical',
    max_replication_slots: '50',
    max_wal_senders: '50',
    max_connections: '200',
    lc_messages: 'C',
    logging_collector: 'off',
    ...(persistent ? {} : { fsync: 'off', full_page_writes: 'off' }),
    ...settings,
  };
}

async function launch(options: Placed, account: Account): Promise<Launched> {
  const flags = Object.entries(settingsOf(options)).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const child = spawn(
    join(options.bin, 'postgres'),
    ['-D', options.dir, '-p', String(options.port), ...flags],
    // A group of its own: Ctrl-C must reach the daemon before its database.
    { ...account, cwd: options.dir, detached: true, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const output: string[] = [];
  const outcome = await new Promise<Launched>((done) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      options.log.debug({ postgres: line }, 'embedded PostgreSQL');
      if (output.length < 50) output.push(line);
      if (line.includes('database system is ready to accept connections')) done({ kind: 'ready', child });
    });
    child.once('error', (error) => done({ kind: 'ended', output: String(error) }));
    child.once('close', () => done({ kind: 'ended', output: output.join('\n') }));
  });
  return outcome;
}

/** The shell waits for the pipe from this process to close, which a kill -9 closes too; then it ends the server. */
const GUARD = `cat > /dev/null
kill -s "$2" "$1" 2> /dev/null
[ -z "$3" ] && exit 0
while kill -0 "$1" 2> /dev/null; do sleep 0.1; done
rm -rf -- "$3"`;

function guard(child: ChildProcess, { dir, persistent }: Placed): () => void {
  if (process.platform === 'win32') {
    const end = (): void => void child.kill();
    process.once('exit', end);
    return () => process.removeListener('exit', end);
  }
  const watcher = spawn(
    '/bin/sh',
    ['-c', GUARD, 'guard', String(child.pid), persistent ? 'INT' : 'QUIT', persistent ? '' : dir],
    { detached: true, stdio: ['pipe', 'ignore', 'ignore'] },
  );
  watcher.unref();
  if (watcher.stdin instanceof Socket) watcher.stdin.unref();
  return () => void watcher.kill('SIGKILL');
}

function control(child: ChildProcess, options: Placed, password: string): PostgresServer {
  const release = guard(child, options);
  const ended = new Promise<void>((done) => {
    child.once('exit', () => done());
    if (child.exitCode !== null || child.signalCode !== null) done();
  });
  // A forgotten server must not keep the process alive; the guard ends it then.
  child.unref();
  if (child.stderr instanceof Socket) child.stderr.unref();
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    child.ref();
    release();
    child.kill(signal);
    const forced = setTimeout(() => child.kill('SIGQUIT'), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(forced);
  };
  return {
    url: `postgres://postgres:${password}@127.0.0.1:${options.port}/postgres`,
    port: options.port,
    dir: options.dir,
    stop: async () => {
      await end(options.persistent ? 'SIGINT' : 'SIGQUIT');
      if (!options.persistent) await rm(options.dir, { recursive: true, force: true });
    },
    kill9: () => end('SIGKILL'),
  };
}
