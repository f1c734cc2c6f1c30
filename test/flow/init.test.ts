import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/sandbox/notion/server.ts';
import { type CliProcess, runCli, spawnCli } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { HOSTILE_SCHEMA } from '../support/hostile-schema.ts';
import { asAdmin, createDatabase, inDatabase, type TestDatabase } from '../support/postgres.ts';

/** In an address as it has to be written: the quote stands for itself, the rest does not. */
const PASSWORD = `it's a #1 "secret"`;

let database: TestDatabase;
let sandbox: Sandbox;
let home: string;
let url: string;
const processes: CliProcess[] = [];
const role = (): string => `init_${database.name}`;

beforeAll(async () => {
  database = await createDatabase();
  await database.pool.query(HOSTILE_SCHEMA);
  await database.pool.query(
    `create role ${role()} superuser login password '${PASSWORD.replaceAll("'", "''")}'`,
  );
  url = inDatabase(database.url, database.name, { user: role(), password: PASSWORD }).replace('%27', "'");
  sandbox = await startSandbox({ limit: null });
  home = await mkdtemp(join(tmpdir(), 'pgnotion-init-'));
});
afterAll(async () => {
  await Promise.all(processes.map((child) => child.kill9()));
  await sandbox.close();
  const server = inDatabase(database.url, 'postgres');
  const owner = role();
  await database.drop();
  await asAdmin(server, (admin) => admin.query(`drop role ${owner}`));
  await rm(home, { recursive: true });
});

async function emptyFolder(name: string): Promise<string> {
  const folder = join(home, name);
  await mkdir(join(folder, '.git'), { recursive: true });
  return folder;
}

const flags = () => [
  '--yes',
  '--database-url',
  url,
  '--token',
  sandbox.token,
  '--parent',
  sandbox.parentPageId,
];
/** What is no matter of the project's files: where Notion is, and the pace of a test. */
const variables = () => ({
  NOTION_BASE_URL: sandbox.url,
  NOTION_RATE_LIMIT: '100000/1s',
  SYNC_QUERY_LAG_SECONDS: '0.3',
  SYNC_INTERVAL_SECONDS: '0.25',
  ADMIN_PORT: '0',
});

test('from an empty folder to linked rows with three commands and no line by hand', async () => {
  const cwd = await emptyFolder('project');
  const inFolder = { cwd, variables: variables() };
  const init = await runCli(['init', ...flags()], inFolder);
  expect({ code: init.code, stdout: init.stdout }).toEqual({
    code: 0,
    stdout: expect.stringMatching(
      /written, with 11 tables[\s\S]*ok +postgres.wal_level[\s\S]*Next:[\s\S]*apply\n.*start/,
    ),
  });
  expect(init.stderr).toContain('public.log cannot be synced as it is: it has no primary key');
  expect((await stat(join(cwd, '.env'))).mode & 0o777).toBe(0o600);
  expect(await readFile(join(cwd, '.gitignore'), 'utf8')).toBe('.env\n');

  const apply = await runCli(['apply'], inFolder);
  expect({ code: apply.code, stderr: apply.stderr }).toEqual({ code: 0, stderr: '' });
  const daemon = spawnCli(['start'], inFolder);
  processes.push(daemon);
  await eventually(
    async () => {
      const { rows } = await database.pool.query(
        `select table_name, linked::int, pending::int, failed::int from pgnotion.status where records > 0 order by 1`,
      );
      expect(rows).toEqual(
        [
          ['event', 4],
          ['order', 3],
          ['order_line', 3],
          ['tree', 2],
          ['user', 2],
        ].map(([table_name, linked]) => ({ table_name, linked, pending: 0, failed: 0 })),
      );
      return true;
    },
    { timeoutMs: 150_000 },
  );
  const again = await runCli(['init'], inFolder);
  expect([again.code, again.stdout]).toEqual([0, 'pgnotion.config.ts has all that would be proposed\n']);
});

describe('beside files that are there', () => {
  test('init changes no configuration, and tells what is new', async () => {
    const cwd = await emptyFolder('known');
    const inFolder = { cwd, variables: variables() };
    const { code } = await runCli(['init', ...flags(), '--tables', 'user,public.tree'], inFolder);
    expect(code).toBe(0);
    const written = await readFile(join(cwd, 'pgnotion.config.ts'), 'utf8');
    await database.pool.query(
      'alter table public.tree add column height int; create table public.fresh (id int primary key)',
    );
    try {
      const told = await runCli(['init', ...flags()], inFolder);
      expect(told.code).toBe(2);
      expect(told.stdout).toContain("+ table tree, field Height: { column: 'height', type: 'number' }");
      expect(told.stdout).toContain('+ table fresh: public.fresh is new');
      // It was there when these tables were chosen.
      expect(told.stdout).not.toContain('public.event');
      const some = await runCli(['init', '--tables', 'user'], inFolder);
      expect(await readFile(join(cwd, 'pgnotion.config.ts'), 'utf8')).toBe(written);
      expect(some.stdout).not.toContain('fresh');
    } finally {
      await database.pool.query('alter table public.tree drop column height; drop table public.fresh');
    }
  });

  test('a .env keeps its lines and gets what it lacks', async () => {
    const cwd = await emptyFolder('env');
    const parent = sandbox.parentPageId.replaceAll('-', '');
    const lines = `NOTION_API_KEY=${sandbox.token} # mine\nNOTION_PARENT_PAGE_ID=${parent}`;
    await writeFile(join(cwd, '.env'), lines);
    await writeFile(join(cwd, '.gitignore'), '*.log\n/.env\n');
    const args = ['init', ...flags(), '--tables', 'tree'];
    const { code, stderr } = await runCli(args, { cwd, variables: variables() });
    expect([code, stderr]).toEqual([0, 'pgnotion: .env has another NOTION_PARENT_PAGE_ID, which stays\n']);
    const text = await readFile(join(cwd, '.env'), 'utf8');
    expect(text.startsWith(`${lines}\nDATABASE_URL=`)).toBe(true);
    expect(text.match(/NOTION_API_KEY/g)).toHaveLength(1);
    expect((await stat(join(cwd, '.env'))).mode & 0o777).toBe(0o600);
    expect(await readFile(join(cwd, '.gitignore'), 'utf8')).toBe('*.log\n/.env\n');
  });

  test('without a terminal nothing is written unless that is said', async () => {
    const cwd = await emptyFolder('silent');
    const { code, stderr } = await runCli(['init'], { cwd, variables: { DATABASE_URL: url } });
    expect([code, stderr]).toEqual([1, expect.stringContaining('(init_no_terminal)')]);
    await expect(stat(join(cwd, '.env'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

test('databases in Notion that exist already give their names and types', async () => {
  await database.pool.query(
    'create table public.shipment (id uuid primary key default gen_random_uuid(), name text not null, state text)',
  );
  const answer = await fetch(`${sandbox.url}/v1/databases`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${sandbox.token}`,
      'notion-version': '2026-03-11',
      'content-type': 'application/json',
    },
    body: JSON.stringify({
      parent: { type: 'page_id', page_id: sandbox.parentPageId },
      title: [{ type: 'text', text: { content: 'Shipments' } }],
      initial_data_source: {
        properties: { Title: { title: {} }, STATE: { select: {} }, Weight: { number: {} } },
      },
    }),
  });
  const { id } = (await answer.json()) as { readonly id: string };
  const cwd = await emptyFolder('adopted');
  const inFolder = { cwd, variables: variables() };
  const init = await runCli(['init', ...flags(), '--tables', 'shipment', '--from-notion'], inFolder);
  expect({ code: init.code, stdout: init.stdout }).toEqual({
    code: 0,
    stdout: expect.stringContaining(`NOTION_DATABASE_SHIPMENT_ID=${id}`),
  });
  expect(init.stderr).toContain('shipment: the property Weight (number) has no column, and stays as it is');
  expect(await readFile(join(cwd, '.env'), 'utf8')).toContain(`NOTION_DATABASE_SHIPMENT_ID=${id}`);
  const config = await readFile(join(cwd, 'pgnotion.config.ts'), 'utf8');
  expect(config).toContain("title: 'Shipments'");
  expect(config).toContain("Title: { column: 'name', type: 'title' }");
  expect(config).toContain("STATE: { column: 'state', type: 'select' }");
});
