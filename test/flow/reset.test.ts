import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/sandbox/notion/server.ts';
import { type CliProcess, type Outcome, runCli, spawnCli } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { typed } from '../support/sides.ts';

// First a sandbox, then another one in the place of the real workspace: as docs/operations.md describes the way.

const SCHEMA = `
  create table suppliers (id integer primary key, name text not null);
  create table products (id integer primary key, name text not null, supplier_id integer references suppliers);
  insert into suppliers select i, 'supplier ' || i from generate_series(1, 4) i;
  insert into products select i, 'product ' || i, 1 + i % 4 from generate_series(1, 6) i;`;

let database: TestDatabase;
let trial: Sandbox;
let real: Sandbox;
let folder: string;
const processes: CliProcess[] = [];

const PACE = {
  NOTION_RATE_LIMIT: '100000/1s',
  SYNC_QUERY_LAG_SECONDS: '0.3',
  SYNC_INTERVAL_SECONDS: '0.25',
  ADMIN_PORT: '0',
};

beforeAll(async () => {
  database = await createDatabase();
  await database.pool.query(SCHEMA);
  trial = await startSandbox({ limit: null });
  real = await startSandbox({ limit: null });
  folder = await mkdtemp(join(tmpdir(), 'pgnotion-reset-'));
});
afterAll(async () => {
  await Promise.all(processes.map((child) => child.kill9()));
  await Promise.all([trial, real].map((each) => each.close()));
  await database.drop();
  await rm(folder, { recursive: true });
});

type Variables = Readonly<Record<string, string>>;

const run = (args: readonly string[], more: Variables = {}): Promise<Outcome> =>
  runCli(args, { cwd: folder, variables: { ...PACE, ...more } });

async function start(more: Variables = {}): Promise<CliProcess> {
  const child = spawnCli(['start'], { cwd: folder, variables: { ...PACE, ...more } });
  processes.push(child);
  await child.says('"msg":"syncing"');
  return child;
}

async function stop(child: CliProcess): Promise<void> {
  child.signal('SIGTERM');
  expect(await child.exit).toMatchObject({ code: 0 });
}

const sql = async <Row extends object>(text: string): Promise<Row[]> =>
  (await database.pool.query<Row>(text)).rows;

/** How many pages there are, by database. */
const pagesIn = (sandbox: Sandbox): Readonly<Record<string, number>> =>
  Object.fromEntries(
    sandbox.control
      .listDatabases()
      .filter(({ title }) => title !== 'Sync Log')
      .map(({ title, pages }) => [title, pages]),
  );

const settled = (): Promise<unknown> =>
  eventually(
    async () => {
      const [row] = await sql<{ linked: number; pending: number }>(
        'select sum(linked)::int as linked, sum(pending)::int as pending from pgnotion.status',
      );
      return row?.linked === 10 && row.pending === 0;
    },
    { timeoutMs: 120_000 },
  );

const place = async () => ({
  slots: await sql(`select slot_name from pg_replication_slots where database = current_database()`),
  publications: await sql('select pubname from pg_publication'),
  records: (await sql('select from pgnotion.records')).length,
});

/** Writes what `.env` says of these variables. */
async function setEnvironment(values: Readonly<Record<string, string | null>>): Promise<void> {
  const file = join(folder, '.env');
  const lines = (await readFile(file, 'utf8')).split('\n');
  const kept = lines.filter((line) => !Object.keys(values).some((name) => line.startsWith(`${name}=`)));
  const set = Object.entries(values).flatMap(([name, value]) => (value === null ? [] : [`${name}=${value}`]));
  await writeFile(file, `${[...kept, ...set].join('\n')}\n`);
}

const toReal = () =>
  setEnvironment({
    NOTION_API_KEY: real.token,
    NOTION_PARENT_PAGE_ID: real.parentPageId,
    NOTION_BASE_URL: real.url,
  });
const toTrial = () =>
  setEnvironment({
    NOTION_API_KEY: trial.token,
    NOTION_PARENT_PAGE_ID: trial.parentPageId,
    NOTION_BASE_URL: trial.url,
  });

test('the sandbox is synced, and while it is, nothing can be forgotten', async () => {
  const init = await run(
    ['init', '--yes', '--database-url', database.url, '--token', trial.token, '--parent', trial.parentPageId],
    { NOTION_BASE_URL: trial.url },
  );
  expect(init, init.stderr).toMatchObject({ code: 0 });
  // The databases of the tests share a server, and so the names of slots.
  const config = join(folder, 'pgnotion.config.ts');
  const text = await readFile(config, 'utf8');
  await writeFile(config, text.replace('defineConfig({', `defineConfig({ slot: '${database.name}',`));
  const applied = await run(['apply']);
  expect(applied, applied.stderr).toMatchObject({ code: 0 });
  // As people paste what `apply` prints.
  await writeFile(join(folder, 'pinned'), applied.stdout);
  const daemon = await start();
  await settled();
  const refused = await run(['reset', '--yes']);
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toContain('(daemon_at_work)');
  expect(refused.stderr).toContain('`pgnotion reset --yes`');
  expect((await run(['reset', 'suppliers', '--yes'])).stderr).toContain('(daemon_at_work)');
  expect((await place()).records).toBe(10);
  await stop(daemon);
});

test("another workspace's token stops every command, and names `reset`", async () => {
  await toReal();
  const before = await place();
  for (const command of ['plan', 'apply', 'start']) {
    const { code, stderr } = await run([command]);
    expect(code, command).toBe(1);
    expect(stderr, command).toContain('(workspace_changed)');
    expect(stderr, command).toContain('`pgnotion reset --yes`');
  }
  const { checks } = JSON.parse((await run(['doctor', '--json'])).stdout) as {
    readonly checks: readonly { readonly id: string; readonly status: string; readonly fix?: string }[];
  };
  expect(checks.find(({ id }) => id === 'notion.token')).toMatchObject({
    status: 'failed',
    fix: expect.stringContaining('pgnotion reset --yes'),
  });
  expect(await place()).toEqual(before);
  expect(pagesIn(real)).toEqual({});
});

test('without a terminal nothing is forgotten unless that is said', async () => {
  const before = await place();
  const asked = await run(['reset']);
  expect(asked).toMatchObject({ code: 1, stdout: '' });
  expect(asked.stderr).toMatch(
    /10 records of 2 tables[\s\S]*pgnotion reset --yes[\s\S]*\(reset_unconfirmed\)/,
  );
  expect(asked.stderr).toContain(`the slot ${database.name} and the publication pgnotion dropped`);
  const inJson = await run(['reset', '--json']);
  expect(JSON.parse(inJson.stderr)).toMatchObject({ error: { code: 'reset_unconfirmed' } });
  expect(await place()).toEqual(before);
});

test('a reset that is interrupted leaves a state that is whole: the former workspace goes on, or the next reset ends it', async () => {
  const interrupt = { NODE_ENV: 'test', PGNOTION_FAILPOINTS: 'reset.slot-dropped:exit' };
  const cut = await run(['reset', '--yes'], interrupt);
  expect(cut.code).not.toBe(0);
  expect(await place()).toEqual({ slots: [], publications: [{ pubname: 'pgnotion' }], records: 10 });
  await toTrial();
  const daemon = await start();
  await sql(`update suppliers set name = 'changed after the cut' where id = 1`);
  await eventually(async () => {
    const [row] = await sql<{ page: string }>(
      `select page_id as page from pgnotion.records where table_name = 'suppliers' and key = '1'`,
    );
    return JSON.stringify(trial.control.page(row?.page ?? '').properties).includes('changed after the cut');
  });
  await stop(daemon);
  expect(pagesIn(trial)).toEqual({ Suppliers: 4, Products: 6 });
  await run(['reset', '--yes'], interrupt);
  expect((await place()).slots).toEqual([]);
});

test('reset forgets state, slot and publication, never a page or a row, and tells what is next', async () => {
  const rows = await sql('select * from suppliers order by id');
  await toReal();
  await setEnvironment({ NOTION_DATABASE_SUPPLIERS_ID: '0123456789abcdef0123456789abcdef' });
  const done = await run(['reset', '--yes', '--json']);
  expect(done, done.stderr).toMatchObject({ code: 0 });
  expect(JSON.parse(done.stdout)).toEqual({
    message: expect.stringContaining('10 records of 2 tables'),
    tables: { products: 6, suppliers: 4 },
    // The one that was interrupted has dropped it.
    slots: [{ name: database.name, kind: 'none' }],
    publication: { name: 'pgnotion', kind: 'drop' },
    next: [
      'in .env, set NOTION_API_KEY and NOTION_PARENT_PAGE_ID of the workspace that is synced from now on',
      `take NOTION_BASE_URL (${real.url}) out of .env, unless that is where it is`,
      'take NOTION_DATABASE_SUPPLIERS_ID out of .env: these are the former databases',
      '`pgnotion doctor`, `pgnotion plan`, `pgnotion apply`, `pgnotion start`',
    ],
  });
  expect(await place()).toEqual({ slots: [], publications: [], records: 0 });
  expect(await sql('select * from suppliers order by id')).toEqual(rows);
  expect(pagesIn(trial)).toEqual({ Suppliers: 4, Products: 6 });
  const again = await run(['reset', '--yes']);
  expect(again, again.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining('0 records') });
});

test("a database of the former workspace that .env still names stops `apply` with the variable's name", async () => {
  const { stderr, code } = await run(['apply']);
  expect(code).toBe(1);
  expect(stderr).toMatch(/NOTION_DATABASE_SUPPLIERS_ID[\s\S]*take NOTION_DATABASE_SUPPLIERS_ID out of \.env/);
  expect(pagesIn(real)).toEqual({});
  await setEnvironment({ NOTION_DATABASE_SUPPLIERS_ID: null });
});

test('then the real workspace is synced, both ways, by the same PostgreSQL', async () => {
  expect((await run(['doctor'])).code).not.toBe(1);
  expect((await run(['plan'])).stdout).toMatch(/suppliers: 4 rows; its database "Suppliers" is created/);
  const applied = await run(['apply']);
  expect(applied, applied.stderr).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('suppliers: created'),
  });
  const daemon = await start();
  await settled();
  expect(pagesIn(real)).toEqual({ Suppliers: 4, Products: 6 });
  const [pair] = await sql<{ page: string }>(
    `select page_id as page from pgnotion.records where table_name = 'suppliers' and key = '2'`,
  );
  real.control.editPage(pair?.page ?? '', { Name: typed('title', 'typed in the real one') });
  await eventually(
    async () => (await sql(`select from suppliers where name = 'typed in the real one'`)).length,
  );
  await stop(daemon);
  expect(pagesIn(trial)).toEqual({ Suppliers: 4, Products: 6 });
  const stays = await run(['reset', '--yes']);
  expect(stays.stdout).toContain(`the slot ${database.name}: dropped`);
  expect(stays.stdout).toContain('the publication pgnotion: dropped');
});

test('the former databases are taken up again by their ids, and no page is made twice', async () => {
  await toTrial();
  const former = /^NOTION_DATABASE_(?:SUPPLIERS|PRODUCTS)_ID=.+$/gm;
  const lines = (await readFile(join(folder, 'pinned'), 'utf8')).match(former) ?? [];
  expect(lines).toHaveLength(2);
  await setEnvironment(Object.fromEntries(lines.map((line) => line.split('=') as [string, string])));
  // A row that has changed since would wait for a person: see `guarded list`.
  await sql(`update suppliers set name = 'supplier 2' where id = 2`);
  const foreign = await run(['apply']);
  expect(foreign.stderr).toContain('(installation_copied)');
  const taken = await run(['apply', '--take-over']);
  expect(taken, taken.stderr).toMatchObject({ code: 0 });
  const daemon = await start();
  await settled();
  expect(pagesIn(trial)).toEqual({ Suppliers: 4, Products: 6 });
  await stop(daemon);
});
