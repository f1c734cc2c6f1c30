import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../src/sandbox/notion/server.ts';
import { CLINIC_ROWS, CLINIC_SCHEMA, READINGS } from '../support/clinic-schema.ts';
import { type CliProcess, type Outcome, runCli, spawnCli } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { typed } from '../support/sides.ts';

// From an empty folder to a sync of a schema that was made without one in mind, as a user types it, with no line of the
// configuration written by hand.

let database: TestDatabase;
let sandbox: Sandbox;
let folder: string;
let daemon: CliProcess;
const started = performance.now();
const laps: Record<string, number> = {};

beforeAll(async () => {
  database = await createDatabase();
  await database.pool.query(CLINIC_SCHEMA);
  sandbox = await startSandbox({ limit: null });
  folder = await mkdtemp(join(tmpdir(), 'pgnotion-tour-'));
});
afterAll(async () => {
  await daemon?.kill9();
  await sandbox.close();
  await database.drop();
  await rm(folder, { recursive: true });
  process.stdout.write(`the tour, in seconds: ${JSON.stringify(laps)}\n`);
});

/** What a user exports who tries it with the sandbox, whose limit is lifted. */
const variables = () => ({
  NOTION_BASE_URL: sandbox.url,
  NOTION_RATE_LIMIT: '100000/1s',
  SYNC_QUERY_LAG_SECONDS: '0.3',
  SYNC_INTERVAL_SECONDS: '2',
  ADMIN_PORT: '0',
});

async function run(...args: string[]): Promise<Outcome> {
  const outcome = await runCli(args, { cwd: folder, variables: variables() });
  laps[args[0] ?? ''] ??= Math.round((performance.now() - started) / 100) / 10;
  return outcome;
}

const sql = async <Row extends object>(text: string): Promise<Row[]> =>
  (await database.pool.query<Row>(text)).rows;

const requests = (): number => sandbox.control.requests().length;

type Edit = {
  readonly of: readonly [table: string, key: string];
  readonly change: Parameters<Sandbox['control']['editPage']>[1];
  /** Finds the row once it has what was typed. */
  readonly found: string;
};

let planned: { readonly apply: number; readonly firstSync: number };
let made = 0;

test('init writes the configuration and .env, and says what cannot be synced', async () => {
  const given = ['--database-url', database.url, '--token', sandbox.token, '--parent', sandbox.parentPageId];
  const init = await run('init', '--yes', ...given);
  expect(init, init.stderr).toMatchObject({ code: 0 });
  expect((await readdir(folder)).sort()).toEqual(['.env', 'pgnotion.config.ts']);
  expect(init.stdout).toMatch(/written, with 7 tables: /);
  expect(init.stderr).toMatch(/public\.audit_line cannot be synced as it is: it has no primary key/);
  expect(init.stderr).toMatch(/public\.on_duty cannot be synced as it is: it is a view/);
  const text = await readFile(join(folder, 'pgnotion.config.ts'), 'utf8');
  for (const line of [
    "key: ['ward', 'no', 'line'],",
    "source: 'Clinic.Order',",
    "'Full Name': { column: 'fullName', type: 'title', direction: 'to-notion' },",
    "Handle: { column: 'handle', type: 'rich_text' },",
    "Triage: { column: 'triage', type: 'select' },",
    "'On Duty': { column: 'on_duty', type: 'multi_select' },",
    "Head: { column: 'head', type: 'relation', relatedTable: 'doctor' },",
    "Status: { column: 'status', type: 'select', choices: ['asked', 'done', 'refused'] },",
    "VAT: { column: 'vat', type: 'number', direction: 'to-notion' },",
    'photo (bytea): binary data',
    'What they are called by',
  ])
    expect(text).toContain(line);
});

test('doctor finds nothing that is in the way', async () => {
  const { code, stdout } = await run('doctor', '--json');
  const { checks } = JSON.parse(stdout) as { readonly checks: readonly { readonly status: string }[] };
  expect(checks.filter(({ status }) => status === 'failed')).toEqual([]);
  expect(code).toBe(2);
});

test('plan tells what would be made, and what it costs', async () => {
  const { code, stdout } = await run('plan');
  expect(code).toBe(2);
  expect(stdout).toMatch(new RegExp(`reading: ${READINGS} rows; its database "Reading" is created`));
  if (READINGS > 10_000) expect(stdout).toMatch(/warning: reading: .*10000/);
  const number = (words: RegExp): number => Number(words.exec(stdout)?.[1]);
  planned = { apply: number(/apply: (\d+) requests/), firstSync: number(/first sync: (\d+) requests/) };
  expect(planned.firstSync).toBeGreaterThan(READINGS);
});

test('apply makes the databases, with the requests that were told', async () => {
  sandbox.control.clearRequests();
  const apply = await run('apply');
  expect({ code: apply.code, stderr: apply.stderr }).toEqual({ code: 0, stderr: '' });
  expect(Math.abs(requests() - planned.apply)).toBeLessThanOrEqual(Math.max(1, planned.apply * 0.03));
  const again = await run('apply');
  expect(again.stdout).not.toMatch(/created|added/);
});

test('the first sync makes a page of each row, with a live edit before its end', {
  timeout: 1_300_000,
}, async () => {
  sandbox.control.clearRequests();
  const begun = performance.now();
  daemon = spawnCli(['start'], { cwd: folder, variables: variables() });
  await daemon.says('"msg":"syncing"');
  await eventually(async () => (await linked()) > 1_000, { timeoutMs: 120_000, everyMs: 500 });
  await sql(`update public.reading set value = 1.5 where id = ${READINGS}`);
  const live = performance.now();
  await eventually(() => shows('reading', String(READINGS), '"number":1.5'), {
    timeoutMs: 60_000,
    everyMs: 200,
  });
  const waited = (performance.now() - live) / 1_000;
  const whenLive = await linked();
  const total = READINGS + CLINIC_ROWS;
  await eventually(async () => (await linked()) === total, { timeoutMs: 1_200_000, everyMs: 500 });
  const seconds = (performance.now() - begun) / 1_000;
  made = requests();
  Object.assign(laps, { firstSync: seconds, rowsPerSecond: Math.round(total / seconds), liveEdit: waited });
  // It stood in nobody's line.
  expect(whenLive).toBeLessThan(total);
  await eventually(async () => {
    const [row] = await sql<{ pending: number; failed: number }>(
      'select sum(pending)::int as pending, sum(failed)::int as failed from pgnotion.status',
    );
    expect(row).toEqual({ pending: 0, failed: 0 });
    return true;
  });
  expect((await run('failures', 'list')).stdout).toBe('nothing failed\n');
});

test('the first sync took the requests that the plan told, beside its polls', () => {
  const creates = READINGS + CLINIC_ROWS;
  expect(made).toBeGreaterThanOrEqual(creates);
  Object.assign(laps, { requests: made, planned: planned.firstSync });
  const written = sandbox.control
    .requests()
    .filter(({ operation }) => /^pages\.(create|update)$/.test(operation));
  expect(Math.abs(written.length - creates) / creates).toBeLessThan(0.03);
});

const COMPLETE_POLL_MS = 330_000;

test('edits on either side arrive on the other, whatever the key and the type', {
  timeout: 900_000,
}, async () => {
  const edits: readonly Edit[] = [
    {
      of: ['order', '["A1","3"]'],
      change: { Status: typed('select', 'refused') },
      found: `select from "Clinic"."Order" where ward = 'A1' and no = 3 and status = 'refused'`,
    },
    {
      of: ['order_line', '["B2","1","2"]'],
      change: { Amount: typed('number', 7) },
      found: `select from "Clinic".order_line where ward = 'B2' and no = 1 and line = 2 and amount = 7`,
    },
    {
      of: ['doctor', '2'],
      change: { 'On Duty': typed('multi_select', ['Tue', 'Fri']) },
      found: `select from "Clinic".doctor where id = 2 and on_duty @> '{Tue,Fri}'`,
    },
    {
      of: ['visit', '["2","2025-01-01"]'],
      change: { Note: typed('rich_text', 'typed') },
      found: `select from public.visit where id = 2 and note = 'typed'`,
    },
    {
      of: ['reading', '7'],
      change: { Saturation: typed('number', 99.5) },
      found: 'select from public.reading where id = 7 and saturation = 99.5',
    },
  ];
  for (const { of, change } of edits) sandbox.control.editPage(await pageOf(...of), change);
  // Behind thousands of pages that we wrote in the same minute, as no limit of Notion's lets us, the next complete poll finds it.
  const timeoutMs = COMPLETE_POLL_MS;
  for (const { found } of edits) await eventually(async () => (await sql(found)).length === 1, { timeoutMs });
  await sql(`
    update public."user" set "lastName" = 'Renamed', triage = 'it''s fine' where handle = 'Patient5';
    update "Clinic"."Order" set price = 123.45 where ward = 'B2' and no = 4;
    update public.visit set note = 'from SQL' where id = 4;
    update "Clinic"."Ward" set head = 2 where code = 'A1';
    insert into public.visit values (7, '2027-03-01', null, 'a new partition key');
    delete from "Clinic".order_line where ward = 'A1' and no = 5 and line = 2`);
  const [user] = await sql<{ id: string }>(`select id from public."user" where handle = 'Patient5'`);
  await eventually(() => shows('user', user?.id ?? '', 'First 5 Renamed'));
  await eventually(() => shows('user', user?.id ?? '', "it's fine"));
  await eventually(() => shows('order', '["B2","4"]', '24.69'));
  await eventually(() => shows('visit', '["4","2025-01-03"]', 'from SQL'));
  const doctor = await pageOf('doctor', '2');
  await eventually(() => shows('ward', 'A1', doctor));
  await eventually(() => shows('visit', '["7","2027-03-01"]', 'a new partition key'));
  await eventually(async () => {
    const pages = sandbox.control.listDatabases().find(({ title }) => title === 'Order Line')?.pages;
    return pages === 19;
  });
});

test('what is refused is told on the page, and the daemon stops in order', async () => {
  const page = await pageOf('order_line', '["A1","1","1"]');
  sandbox.control.editPage(page, { Amount: typed('number', -1) });
  await eventually(async () => {
    const { stdout } = await run('failures', 'list', '--json');
    const failures = JSON.parse(stdout) as { readonly table_name: string; readonly key: string }[];
    return failures.some(({ table_name, key }) => table_name === 'order_line' && key === '["A1","1","1"]');
  });
  const again = await run('init');
  expect([again.code, again.stdout]).toEqual([0, 'pgnotion.config.ts has all that would be proposed\n']);
  daemon.signal('SIGTERM');
  expect(await daemon.exit).toMatchObject({ code: 0 });
  laps.all = Math.round((performance.now() - started) / 100) / 10;
});

async function linked(): Promise<number> {
  const [row] = await sql<{ n: number }>(
    `select count(*)::int as n from pgnotion.records where state = 'linked'`,
  );
  return row?.n ?? 0;
}

async function pageOf(table: string, key: string): Promise<string> {
  const { rows } = await database.pool.query<{ page: string }>(
    'select page_id as page from pgnotion.records where table_name = $1 and key = $2',
    [table, key],
  );
  return rows[0]?.page ?? '';
}

/** Whether the record's page holds that, somewhere in its properties. */
async function shows(table: string, key: string, text: string): Promise<boolean> {
  const page = await pageOf(table, key);
  return page !== '' && JSON.stringify(sandbox.control.page(page).properties).includes(text);
}
