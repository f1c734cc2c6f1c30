import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SEED_COUNTS } from '../../examples/lithiumbuy/seed.ts';
import { type RemoteControl, remoteControl } from '../../src/sandbox/notion/remote.ts';
import { deleteEmbeddedPostgres } from '../../src/sandbox/postgres.ts';
import { type CliProcess, spawnCli } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';

const run = promisify(execFile);
const { suppliers, products, rfqs, rfq_responses, auctions, orders, user_profiles, quotes } = SEED_COUNTS;
const RECORDS = suppliers + products + rfqs + rfq_responses + auctions + orders + user_profiles + quotes;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pgnotion-demo-'));
  // As a checkout is; what only root may enter has a test of its own.
  await chmod(folder, 0o755);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const demo = (cwd: string, ...args: string[]): CliProcess => spawnCli(['demo', ...args], { cwd });

/** Everything that runs with a path below the folder in its arguments. */
async function leftovers(below: string): Promise<string[]> {
  const { stdout } = await run('ps', ['-eo', 'args=']);
  return stdout.split('\n').filter((line) => line.includes(below) && !line.startsWith('ps '));
}

async function expectStopped(child: CliProcess, below: string): Promise<void> {
  child.signal('SIGINT');
  expect(await child.exit).toMatchObject({ code: 0, stderr: '' });
  expect(child.stdout()).toContain('goes on from here');
  expect(await leftovers(below)).toEqual([]);
}

type Opened = { readonly child: CliProcess; readonly control: RemoteControl; readonly url: string };

async function inSync(child: CliProcess): Promise<Opened> {
  await child.says(/Ctrl-C stops everything\.\n/, 120_000);
  const text = child.stdout();
  const url = /psql '(.+)'/.exec(text)?.[1] ?? '';
  return { child, url, control: remoteControl(/Notion \(sandbox\) +(\S+)/.exec(text)?.[1] ?? '') };
}

async function sql<Row extends object>(url: string, text: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}

/** Ids and titles of all live pages. */
async function titles(control: RemoteControl): Promise<Map<string, string>> {
  const databases = await control.listDatabases();
  const synced = databases.filter(({ title }) => title !== 'Sync Log');
  const lists = await Promise.all(synced.map((each) => control.titles(each.dataSourceId)));
  return new Map(lists.flat().map(({ id, title }) => [id, title]));
}

describe('the demo, in a folder of its own', () => {
  let pages: Map<string, string>;

  test('the first run fills the sandbox, syncs both ways and stops with nothing left behind', async () => {
    await using child = demo(folder);
    const { control, url } = await inSync(child);
    pages = await titles(control);
    expect(pages.size).toBe(RECORDS);

    const [row] = await sql<{ id: string; page_id: string }>(
      url,
      `select s.id, r.page_id from suppliers s join pgnotion.records r on r.key = s.id::text order by 1 limit 1`,
    );
    const page = row?.page_id ?? '';
    // The statement that the demo itself proposes.
    const proposed = /in psql: {2}(update .+;)$/m.exec(child.stdout())?.[1] ?? '';
    await sql(url, proposed);
    await eventually(async () => ((await titles(control)).get(page) ?? '').endsWith(' (edited)'));

    await control.editPage(page, { Rating: { number: 1.5 } });
    await eventually(async () => {
      const [now] = await sql<{ rating: string }>(
        url,
        `select rating from suppliers where id = '${row?.id}'`,
      );
      return now?.rating === '1.5';
    });
    pages = await titles(control);
    await expectStopped(child, folder);
  });

  test('the second run goes on from there, makes nothing twice, and lets no other one into its folder', async () => {
    await using child = demo(folder);
    const { control, url } = await inSync(child);
    expect(child.stdout()).not.toContain('loading');
    expect(await titles(control)).toEqual(pages);
    await using third = demo(folder, '--fresh');
    expect(await third.exit).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/runs already.+\n\nwhat to do: /),
    });
    await sql(
      url,
      `update suppliers set name = 'after the restart' where id = (select min(id::text)::uuid from suppliers)`,
    );
    await eventually(async () => [...(await titles(control)).values()].includes('after the restart'));
    expect((await control.requests()).filter((each) => each.operation === 'pages.create')).toEqual([]);
    await expectStopped(child, folder);
  });

  test('--fresh starts over, a Ctrl-C in its first sync is orderly, and the next run completes it (invariant 3)', async () => {
    {
      await using child = demo(folder, '--fresh');
      await child.says('loading');
      await child.says(/first sync \[##/, 60_000);
      await expectStopped(child, folder);
    }
    await using child = demo(folder);
    const { control } = await inSync(child);
    const now = await titles(control);
    expect(now.size).toBe(RECORDS);
    expect([...now.keys()].filter((id) => pages.has(id))).toEqual([]);
    expect([...now.values()]).not.toContain('after the restart');
    await expectStopped(child, folder);
  });
});

test.each([
  ['while PostgreSQL is being set up', 'starting PostgreSQL'],
  ['while the sample data are loaded', 'loading'],
])('Ctrl-C %s stops in order, and the next run begins where that one ended', async (_, moment) => {
  const below = await mkdtemp(join(tmpdir(), 'pgnotion-demo-'));
  await chmod(below, 0o755);
  try {
    await using child = demo(below);
    await child.says(moment);
    await expectStopped(child, below);
    await using next = demo(below);
    await next.says(/first sync \[/, 60_000);
    await expectStopped(next, below);
  } finally {
    await rm(below, { recursive: true, force: true });
  }
});

test('a folder that PostgreSQL cannot enter holds back neither the demo nor --fresh', async () => {
  // mkdtemp lets nobody in but its owner; for root, PostgreSQL runs as somebody else.
  const below = await mkdtemp(join(tmpdir(), 'pgnotion-demo-'));
  try {
    for (const args of [[], ['--fresh']]) {
      await using child = demo(below, ...args);
      await child.says('loading', 60_000);
      await child.says(/first sync \[/, 60_000);
      await expectStopped(child, below);
    }
  } finally {
    await deleteEmbeddedPostgres(join(below, '.pgnotion', 'demo', 'postgres'));
    await rm(below, { recursive: true, force: true });
  }
});
