import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Check } from '../../src/model/doctor/check.ts';
import { freePort } from '../../src/sandbox/postgres-server.ts';
import { type CliStage, createCliStage } from '../support/cli-stage.ts';
import { asAdmin, inDatabase } from '../support/postgres.ts';
import { PASSWORD, TOKEN } from '../support/refusal.ts';
import { shopConfig, shopSchema } from '../support/shop.ts';

let stage: CliStage;
const login = { user: `doctor_${process.pid}`, password: PASSWORD };

beforeAll(async () => {
  stage = await createCliStage({ config: shopConfig, schema: shopSchema, sandbox: { token: TOKEN } });
  await admin(`create role ${login.user} login password '${PASSWORD}'`);
});
afterAll(async () => {
  await admin(`drop owned by ${login.user} cascade; drop role ${login.user}`);
  await stage[Symbol.asyncDispose]();
});

const admin = (sql: string): Promise<void> =>
  asAdmin(
    inDatabase(stage.database.url, stage.database.name),
    async (client) => void (await client.query(sql)),
  );

type Report = {
  readonly code: number | null;
  readonly checks: readonly Check[];
  readonly of: (id: string) => Check | undefined;
};

async function doctor(variables: Readonly<Record<string, string>> = {}, ...args: string[]): Promise<Report> {
  const { code, stdout, stderr } = await stage.run(['doctor', '--json', ...args], variables);
  expect(stderr).toBe('');
  for (const secret of [TOKEN, PASSWORD]) expect(stdout).not.toContain(secret);
  const { checks } = JSON.parse(stdout) as { readonly checks: readonly Check[] };
  return { code, checks, of: (id) => checks.find((check) => check.id === id) };
}

/** What the run's server does not bound, and who else keeps slots in this database, is no matter here. */
const wrong = ({ checks }: Report): readonly Check[] =>
  checks.filter(({ id, status }) => status !== 'ok' && id !== 'postgres.max_slot_wal_keep_size');

/** All that a change could show in: our schema and theirs, slots and publications, and what Notion was asked to change. */
async function everything(): Promise<unknown> {
  const { rows } = await stage.database.pool.query(
    `select (select count(*)::int from pg_replication_slots where database = current_database()) as slots,
       (select count(*)::int from pg_publication) as publications,
       to_regnamespace('pgnotion') is not null as state,
       (select jsonb_agg(x) from (select * from items order by id) x) as items`,
  );
  return { rows, notion: stage.sandbox.control.snapshot() };
}

test('before the first apply: everything is in order, the database is yet to be made, and nothing is changed', async () => {
  const before = await everything();
  const report = await doctor();
  expect(wrong(report).map(({ id, status }) => [id, status])).toEqual([['notion.table.items', 'warning']]);
  expect(report.code).toBe(2);
  expect(report.of('notion.table.items')?.fix).toContain('pgnotion apply');
  expect(await everything()).toEqual(before);
  expect(before).toMatchObject({ rows: [{ state: false, slots: 0 }] });
});

test('SYNC_ENABLED=false start: what would keep it from syncing is told, and nothing is left behind', async () => {
  const before = await everything();
  const { code, stderr } = await stage.run(['start'], { SYNC_ENABLED: 'false' });
  expect(code).toBe(1);
  expect(stderr).toMatch(/notion\.table\.items: the table has no database yet/);
  expect(stderr).toMatch(/\(checks_failed\)\n$/);
  expect(await everything()).toEqual(before);
});

describe('a healthy installation', () => {
  beforeAll(() => stage.apply());

  test('all is well, each check says what it saw, and nothing is changed', async () => {
    const before = await everything();
    const report = await doctor();
    expect(wrong(report)).toEqual([]);
    expect([0, 2]).toContain(report.code);
    for (const [id, says] of [
      ['node.version', /^24\./],
      ['postgres.connection', /answers, as /],
      ['postgres.wal_level', /^logical$/],
      ['postgres.slot', /none yet/],
      ['postgres.state_schema', /^version \d+$/],
      [
        'postgres.table.items',
        /public\.items: key \(id\), replica identity default, may be read and written/,
      ],
      ['notion.token', /connection .+, workspace Sandbox/],
      ['notion.clock', /within [\d.]+ s/],
      ['notion.capability.update_content', /allowed.+404/],
      ['notion.table.items', /"Items".+is shared and has its 9 properties, and belongs to this installation/],
    ] as const)
      expect(report.of(id)?.seen, id).toMatch(says);
    expect(await everything()).toEqual(before);
  });

  test('SYNC_ENABLED=false start says so, and leaves neither slot nor publication', async () => {
    const before = await everything();
    const { code, stderr } = await stage.run(['start'], { SYNC_ENABLED: 'false' });
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining('nothing is synced') });
    expect(await everything()).toEqual(before);
    expect(before).toMatchObject({ rows: [{ slots: 0, publications: 0 }] });
  });

  test('for a person, a check is a line, with its fix below', async () => {
    const { stdout, code } = await stage.run(['doctor'], {
      NOTION_PARENT_PAGE_ID: '00000000000040008000000000000000',
    });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^ok +postgres\.wal_level +logical$/m);
    expect(stdout).toMatch(
      /^FAILED +notion\.parent_page +NOTION_PARENT_PAGE_ID is 0+.+\n +fix: share the page/m,
    );
    expect(stdout).toMatch(/\n\d+ checks: 1 failed/);
  });
});

describe('PostgreSQL', () => {
  /** Makes something wrong, looks, and puts it right. */
  async function broken(
    sql: string,
    mend: string,
    variables?: Readonly<Record<string, string>>,
  ): Promise<Report> {
    await admin(sql);
    try {
      return await doctor(variables);
    } finally {
      await admin(mend);
    }
  }

  test('cannot be reached: Notion is examined all the same', async () => {
    const port = await freePort();
    const report = await doctor({ DATABASE_URL: `postgres://me:${PASSWORD}@127.0.0.1:${port}/none` });
    expect(report.code).toBe(1);
    expect(report.of('postgres.connection')).toMatchObject({
      status: 'failed',
      seen: expect.stringContaining(`me@127.0.0.1:${port}/none`),
      fix: expect.stringContaining('PostgreSQL runs there'),
    });
    expect(report.of('postgres.table.items')?.status).toBe('skipped');
    expect(report.of('notion.token')?.status).toBe('ok');
    expect(report.of('notion.parent_page')?.status).toBe('ok');
    expect(report.of('notion.table.items')?.status).toBe('skipped');
  });

  test.each([
    [
      'no replica identity',
      'alter table items replica identity nothing',
      'alter table items replica identity default',
      /replica identity is NOTHING/,
      /REPLICA IDENTITY DEFAULT/,
    ],
    [
      'no such column',
      'alter table items rename note to remark',
      'alter table items rename remark to note',
      /note: there is no such column/,
      /remark/,
    ],
    [
      'another type',
      'alter table items alter tags drop default, alter tags type text using null',
      'alter table items alter tags type text[] using null',
      /Tags/,
      /./,
    ],
  ])('a table: %s', async (_title, sql, mend, says, fix) => {
    const report = await broken(sql, mend);
    expect(wrong(report).map(({ id }) => id)).toEqual(['postgres.table.items']);
    expect(report.of('postgres.table.items')).toMatchObject({
      status: 'failed',
      seen: expect.stringMatching(says),
      fix: expect.stringMatching(fix),
    });
    expect(report.code).toBe(1);
  });

  test('a role without rights: each that is missing is told with the statement that gives it', async () => {
    const DATABASE_URL = inDatabase(stage.database.url, stage.database.name, login);
    const report = await doctor({ DATABASE_URL });
    expect(report.of('postgres.replication_role')?.fix).toContain(`ALTER ROLE "${login.user}" REPLICATION`);
    expect(report.of('postgres.table.items')?.fix).toContain(
      'GRANT SELECT, INSERT, UPDATE, DELETE ON "public"."items"',
    );
    expect(report.of('postgres.state_schema')).toMatchObject({
      status: 'failed',
      fix: expect.stringContaining('ALTER SCHEMA pgnotion OWNER TO'),
    });
    expect(report.of('postgres.replication_connection')?.status).toBe('failed');
    expect(report.of('notion.token')?.status).toBe('ok');
  });

  test('a role without the right to publish, and row-level security', async () => {
    const report = await broken(
      `alter role ${login.user} replication; grant all on items to ${login.user}; alter table items enable row level security`,
      `alter role ${login.user} noreplication; revoke all on items from ${login.user}; alter table items disable row level security`,
      { DATABASE_URL: inDatabase(stage.database.url, stage.database.name, login) },
    );
    expect(report.of('postgres.replication_role')?.status).toBe('ok');
    expect(report.of('postgres.table.items')).toMatchObject({
      status: 'failed',
      seen: expect.stringContaining('row-level security'),
      fix: expect.stringContaining('BYPASSRLS'),
    });
  });

  test('a slot that another program made, and one that nobody reads', async () => {
    const { slot } = stage.config;
    const report = await broken(
      `select pg_create_logical_replication_slot('${slot}', 'test_decoding'), pg_create_logical_replication_slot('${slot}_old', 'pgoutput')`,
      `select pg_drop_replication_slot('${slot}'), pg_drop_replication_slot('${slot}_old')`,
    );
    expect(report.of('postgres.slot')).toMatchObject({
      status: 'failed',
      seen: expect.stringContaining('test_decoding'),
    });
    expect(report.of('postgres.slots_left_over')).toMatchObject({
      status: 'warning',
      fix: expect.stringContaining(`pg_drop_replication_slot('${slot}_old')`),
    });
  });

  test('a publication that would publish our own tables', async () => {
    const report = await broken('create publication pgnotion for all tables', 'drop publication pgnotion');
    expect(report.of('postgres.publication')).toMatchObject({
      status: 'failed',
      seen: expect.stringContaining('FOR ALL TABLES'),
      fix: expect.stringContaining('DROP PUBLICATION'),
    });
  });
});

describe('Notion', () => {
  const control = () => stage.sandbox.control;
  const database = () =>
    control()
      .listDatabases()
      .find((each) => each.title === 'Items')?.databaseId ?? '';

  test('the token is wrong: PostgreSQL is examined all the same', async () => {
    const report = await doctor({ NOTION_API_KEY: 'ntn_wrong' });
    expect(report.of('notion.token')).toMatchObject({
      status: 'failed',
      fix: expect.stringContaining('NOTION_API_KEY'),
    });
    expect(report.of('notion.table.items')?.status).toBe('skipped');
    expect(report.of('postgres.table.items')?.status).toBe('ok');
    expect(report.code).toBe(1);
  });

  test.each([
    ['read content', 'read_content', 'failed'],
    ['update content', 'update_content', 'failed'],
    ['insert content', 'insert_content', 'failed'],
    ['insert comments', 'comments', 'warning'],
    ['read users', 'user_information', 'warning'],
  ] as const)('without the capability to %s', async (capability, id, status) => {
    control().withdrawCapability(capability);
    try {
      const report = await doctor();
      expect(report.of(`notion.capability.${id}`)).toMatchObject({
        status,
        seen: expect.stringContaining('has not the capability'),
        fix: expect.stringContaining('Capabilities of the connection'),
      });
    } finally {
      control().grantCapability(capability);
    }
  });

  test('a database that is not shared, or in the trash', async () => {
    const id = database();
    control().unshare(id);
    const hidden = await doctor();
    control().share(id);
    expect(hidden.of('notion.table.items')).toMatchObject({
      status: 'failed',
      fix: expect.stringContaining('share the database'),
    });
    control().trashDatabase(id);
    const trashed = await doctor();
    control().trashDatabase(id, false);
    expect(trashed.of('notion.table.items')).toMatchObject({
      status: 'failed',
      seen: expect.stringContaining('in the trash'),
    });
  });

  test('a property that is yet to be made', async () => {
    const { tables } = shopConfig;
    const fields = { ...tables.items.fields, More: { expression: 'upper(name)', type: 'rich_text' } };
    const text = JSON.stringify({ slot: stage.config.slot, tables: { items: { ...tables.items, fields } } });
    await writeFile(join(stage.folder, 'more.config.ts'), `export default ${text};`);
    const report = await doctor({}, '--config', 'more.config.ts');
    expect(report.of('notion.table.items')).toMatchObject({
      status: 'warning',
      seen: expect.stringContaining('lacks More'),
    });
  });
});

describe('the configuration', () => {
  test('its faults and those of the environment hide nothing of what can be seen', async () => {
    await writeFile(
      join(stage.folder, 'bad.config.ts'),
      `export default { slot: 'Bad Slot', tables: { a: {} } };`,
    );
    const report = await doctor({ SYNC_BATCH_SIZE: '0', SYNC_INTERVALS: '1' }, '--config', 'bad.config.ts');
    expect(report.of('configuration')?.seen).toMatch(
      /slot: .+tables\.a\.key: is missing.+SYNC_BATCH_SIZE: must be a whole number/s,
    );
    expect(report.of('environment.variables')?.status).toBe('warning');
    expect(report.of('postgres.wal_level')?.status).toBe('ok');
    expect(report.of('notion.token')?.status).toBe('ok');
    expect(report.code).toBe(1);
  });

  test('without any, both ends are examined by the environment alone', async () => {
    const report = await doctor({ NOTION_API_KEY: '' }, '--config', 'nowhere.config.ts');
    expect(report.of('configuration')?.seen).toMatch(
      /there is no configuration.+NOTION_API_KEY: is not set/s,
    );
    expect(report.of('postgres.connection')?.status).toBe('ok');
    expect(report.of('notion.token')).toMatchObject({
      status: 'skipped',
      seen: 'NOTION_API_KEY cannot be used',
    });
  });
});
