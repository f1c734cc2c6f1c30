import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, rmdir, symlink, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { type Sandbox, startSandbox } from '../../src/sandbox/notion/server.ts';
import { eventually } from '../support/eventually.ts';
import {
  buildImage,
  type Container,
  type ContainerOptions,
  type Image,
  memoryGroup,
  runImage,
  whyNoContainers,
} from '../support/image.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';

// What the Dockerfile makes, run as an engine runs it: its first process in a PID namespace, as its user, on a root that is read-only.

/** `ROWS=5000` has more of them synced, which takes longer and hardly more memory. */
const ROWS = Number(process.env.ROWS ?? 1_000);
const LIMIT = 256 * 1_048_576;
/** What a machine with too much to do may need for a first sync. */
const SYNC_MS = 240_000;
const unable = await whyNoContainers();
if (unable !== null) console.warn(`the image's content is not run: ${unable}`);

let folder: string;
let config: string;
let image: Image;
let database: TestDatabase | undefined;
let sandbox: Sandbox | undefined;
let silent: Server;
let group: string | null = null;

/** As the kubelet lays a ConfigMap out: files are links into a folder that is replaced as a whole. */
async function writeConfig(slot: string): Promise<void> {
  const shared = "export const shared = { Due: { column: 'due', type: 'date' as const } };\n";
  const text = `import { defineConfig } from 'pgnotion';
import { shared } from './shared.ts';

export default defineConfig({
  slot: '${slot}',
  syncLog: { level: 'off' },
  tables: {
    tasks: {
      source: 'public.tasks',
      key: 'id',
      title: 'Tasks',
      fields: { Name: { column: 'title', type: 'title' }, Note: { column: 'note', type: 'rich_text' }, ...shared },
    },
  },
});
`;
  await mkdir(join(config, '..2026_01_01'), { recursive: true });
  await symlink('..2026_01_01', join(config, '..data'));
  for (const [name, content] of [
    ['pgnotion.config.ts', text],
    ['shared.ts', shared],
  ] as const) {
    await writeFile(join(config, '..2026_01_01', name), content);
    await symlink(join('..data', name), join(config, name));
  }
}

const environment = (): Record<string, string> => ({
  DATABASE_URL: database?.url ?? '',
  NOTION_API_KEY: sandbox?.token ?? '',
  NOTION_BASE_URL: sandbox?.url ?? '',
  NOTION_PARENT_PAGE_ID: sandbox?.parentPageId ?? '',
  NOTION_RATE_LIMIT: '100000/1s',
  ADMIN_PORT: '0',
});

const start = (options: Partial<ContainerOptions> = {}): Container =>
  runImage(image, { config, ...options, variables: { ...environment(), ...options.variables } });

/** Ports that were free a moment ago: what takes one of them in between is met by the daemon's trying again. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

describe.skipIf(unable !== null)('the image', () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pgnotion-image-'));
    await chmod(folder, 0o755);
    config = join(folder, 'config');
    image = await buildImage(folder);
    database = await createDatabase();
    await database.pool.query(`create table tasks (id integer primary key, title text not null, note text, due date);
      insert into tasks select i, 'Task ' || i, repeat('What there is to do. ', 40), date '2026-01-01' + i from generate_series(1, ${ROWS}) i`);
    sandbox = await startSandbox({ limit: null });
    await writeConfig(database.name);
    group = await memoryGroup(`pgnotion-${database.name}`, LIMIT);
    // A PostgreSQL that takes connections and says nothing: whoever asks it waits.
    silent = createServer((socket) => void socket.on('error', () => undefined).resume());
    await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done));
  });
  afterAll(async () => {
    silent?.close();
    await sandbox?.close();
    await database?.drop();
    const made = group;
    if (made !== null) await eventually(() => rmdir(made).then(() => true));
    await rm(folder, { recursive: true, force: true });
  });

  test('holds the program, what it needs, and nothing else', async () => {
    const app = join(image.root, 'app');
    expect((await readdir(app)).sort()).toEqual(['LICENSE', 'dist', 'node_modules', 'package.json']);
    const { dependencies, devDependencies } = JSON.parse(
      await readFile(join(app, 'package.json'), 'utf8'),
    ) as Record<'dependencies' | 'devDependencies', Record<string, string>>;
    const installed = (name: string): boolean => existsSync(join(app, 'node_modules', name));
    expect(Object.keys(dependencies).filter((name) => !installed(name))).toEqual([]);
    // pg's own types come with a package that is needed.
    expect(Object.keys(devDependencies).filter(installed)).toEqual(
      ['@types/node', '@types/pg'].filter(installed),
    );
    const files = await readdir(join(app, 'dist'), { recursive: true });
    expect(files.filter((file) => /(?<!\.d)\.ts$/.test(file))).toEqual([]);
    expect(files).toContain('sql/views.sql');
  });

  test('a command that is its first process ends with its own code, and writes to no file', async () => {
    await using version = start({ command: ['--version'] });
    expect(await version.exit).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringMatching(/^\d+\.\d+/),
    });
    await using apply = start({ command: ['apply'] });
    const { code, stdout, stderr } = await apply.exit;
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('NOTION_DATABASE_TASKS_ID=');
    await using written = start({
      entrypoint: [],
      command: ['sh', '-c', 'id -u; touch /tmp/x /app/x /config/x'],
    });
    const refused = await written.exit;
    expect(refused).toMatchObject({ code: 1, stdout: `${image.user.split(':')[0]}\n` });
    expect(refused.stderr.match(/Read-only file system|Permission denied/g)).toHaveLength(3);
  });

  test('a first sync stays within 256 MiB, and SIGTERM ends the daemon in order', async () => {
    await using daemon = start({ group });
    const pages = (): number =>
      sandbox?.control.listDatabases().find(({ title }) => title === 'Tasks')?.pages ?? 0;
    let ended = false;
    void daemon.exit.then(() => {
      ended = true;
    });
    await eventually(() => pages() === ROWS || ended, { timeoutMs: SYNC_MS });
    expect(ended, daemon.output()).toBe(false);
    const check = await eventually(async () => {
      const result = await daemon.exec(image.healthcheck);
      return result.code === 0 && result;
    });
    expect(check.stdout).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/livez answers/);
    const peak = await peakOf(await daemon.pid());
    console.log(
      `${ROWS} rows in ${group === null ? 'no group' : 'a group of 256 MiB'}: at most ${peak / 1_048_576} MiB`,
    );
    expect(peak).toBeLessThan(LIMIT);
    await daemon.signal('SIGTERM');
    expect(await daemon.exit, daemon.output()).toMatchObject({ code: 0 });
  });

  test('types are stripped from the configuration by another process than the one that stays', async () => {
    const script = `const { stripApart } = await import('/app/dist/src/cli/config-modules.js');
      console.log(JSON.stringify(['export const a: number = 1;\\n', 'enum A { b }'].map(stripApart)));`;
    await using stripping = start({
      entrypoint: ['node'],
      command: ['--input-type=module', '--eval', script],
    });
    const { stdout, stderr } = await stripping.exit;
    expect(JSON.parse(stdout), stderr).toEqual(['export const a         = 1;\n', null]);
  });

  test('its health check asks wherever the daemon answers, and says where it does not', async () => {
    const settings: readonly (readonly [name: string, variables: Record<string, string>, asked: RegExp])[] = [
      [
        'all addresses',
        { ADMIN_HOST: '0.0.0.0', ADMIN_PORT: `${await freePort()}` },
        /^http:\/\/127\.0\.0\.1:/,
      ],
      ['all of both kinds', { ADMIN_HOST: '::', ADMIN_PORT: `${await freePort()}` }, /^http:\/\/\[::1\]:/],
      ['one of the newer kind', { ADMIN_HOST: '::1', ADMIN_PORT: '0' }, /^http:\/\/\[::1\]:/],
      ['a name', { ADMIN_HOST: 'localhost', ADMIN_PORT: `${await freePort()}` }, /^http:\/\/localhost:/],
      [
        'any port and a token',
        { ADMIN_PORT: '0', ADMIN_TOKEN: 'a token of a person' },
        /^http:\/\/127\.0\.0\.1:/,
      ],
      ['no port', { ADMIN_PORT: 'off' }, /^ADMIN_PORT is off/],
    ];
    await using all = new AsyncDisposableStack();
    const daemons = settings.map(([, variables]) => all.use(start({ variables })));
    for (const [at, [name, , asked]] of settings.entries()) {
      const daemon = daemons[at] as Container;
      const { stdout } = await eventually(async () => {
        const result = await daemon.exec(image.healthcheck);
        if (result.code !== 0) throw new Error(`${name}: ${result.stderr}${daemon.output()}`);
        return result;
      });
      expect(stdout, name).toMatch(asked);
    }
    // The one that leads and those that stand by: each of them stops by its signal.
    await eventually(
      () => daemons.filter((daemon) => daemon.output().includes('"msg":"syncing"')).length === 1,
    );
    for (const daemon of daemons) await daemon.signal('SIGINT');
    for (const daemon of daemons) expect(await daemon.exit, daemon.output()).toMatchObject({ code: 0 });
    await using idle = start({ entrypoint: [], command: ['sleep', '1000'], variables: { ADMIN_PORT: '0' } });
    const unanswered = await idle.exec(image.healthcheck);
    expect(unanswered).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('health_unanswered'),
    });
  });

  const bare = (): readonly string[] => image.entrypoint.slice(image.entrypoint.indexOf('--') + 1);
  test.each([
    ['as the image starts it', 'SIGTERM', 143, () => ({})],
    ['as the first process itself', 'SIGTERM', 143, () => ({ entrypoint: bare() })],
    ['as the first process itself', 'SIGINT', 130, () => ({ entrypoint: bare() })],
  ] as const)('a short command %s ends by %s with %i', async (_, signal, expected, how) => {
    const { port } = silent.address() as AddressInfo;
    const asked = new Promise((done) => silent.once('connection', done));
    const variables = { DATABASE_URL: `postgres://nobody:nothing@127.0.0.1:${port}/nowhere` };
    await using status = start({ ...how(), command: ['status'], variables });
    await asked;
    await status.signal(signal);
    expect(await status.exit).toMatchObject({ code: expected });
  });

  test('processes that others leave behind are reaped', async (context) => {
    if (!image.hasInit) return context.skip(`this machine does not have ${image.entrypoint[0]}`);
    await using daemon = start();
    await eventually(() => daemon.output().includes('"msg":'));
    // The shell ends before what it started, which so becomes the first process's child.
    await daemon.exec(['sh', '-c', '(sleep 0.1; exit 3) > /dev/null 2>&1 &']);
    await eventually(async () => {
      const { stdout } = await daemon.exec(['sh', '-c', 'cat /proc/[0-9]*/stat']);
      const states = [...stdout.matchAll(/^\d+ \((.+)\) (\w)/gm)].map(([, name, state]) => ({ name, state }));
      return !states.some(({ name, state }) => state === 'Z' || name === 'sleep');
    });
  });

  test('a configuration that is missing, or a folder that Docker made in its place, is said plainly', async () => {
    const empty = join(folder, 'empty');
    await mkdir(empty);
    await using without = start({ config: empty });
    const missing = await without.exit;
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain('there is no configuration /config/pgnotion.config.ts');
    await mkdir(join(empty, 'pgnotion.config.ts'));
    await using made = start({ config: empty });
    const { code, stderr } = await made.exit;
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining('pgnotion.config.ts is a folder'),
    });
  });

  test('reads the configuration that the manifests for Kubernetes have', async () => {
    const manifest = join(resolve(import.meta.dirname, '../..'), 'deploy/kubernetes/config.yaml');
    const { data } = parseYaml(await readFile(manifest, 'utf8')) as { readonly data: Record<string, string> };
    const shipped = join(folder, 'shipped');
    await mkdir(shipped);
    for (const [name, text] of Object.entries(data)) await writeFile(join(shipped, name), text);
    await using plan = start({ config: shipped, command: ['plan'] });
    // All that is wrong with it is that this database has no such table.
    expect((await plan.exit).stderr).toContain('public.suppliers');
  });
});

/** The most memory that the largest process of the container has had. */
async function peakOf(first: number): Promise<number> {
  const children = await readFile(`/proc/${first}/task/${first}/children`, 'utf8');
  const peaks = [first, ...children.trim().split(' ').filter(Boolean).map(Number)].map(async (process) => {
    const status = await readFile(`/proc/${process}/status`, 'utf8');
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1_024;
  });
  return Math.max(...(await Promise.all(peaks)));
}
