import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { type CliStage, createCliStage } from '../support/cli-stage.ts';
import { asAdmin, inDatabase } from '../support/postgres.ts';
import { fromNow } from '../support/requests.ts';
import { startOwnPostgres } from '../support/servers.ts';

// `apply` looks at both ends before it makes anything: whatever is wrong, nothing is left at either.

const schema = 'create table things (id integer primary key, name text not null, size integer)';
const things = {
  source: 'public.things',
  key: 'id',
  title: 'Things',
  fields: { Name: { column: 'name', type: 'title' }, Size: { column: 'size', type: 'number' } },
} as const;
const config = { syncLog: { level: 'problems' }, tables: { things } } satisfies ConfigInput;

const PASSWORD = 'secret';
const login = { user: `apply_checks_${process.pid}`, password: PASSWORD };
const poor = { user: `apply_checks_poor_${process.pid}`, password: PASSWORD };

let stage: CliStage;
const admin = (sql: string): Promise<void> =>
  asAdmin(stage.database.url, async (client) => void (await client.query(sql)));

beforeAll(async () => {
  stage = await createCliStage({ config, schema });
  await admin(`create role ${login.user} login password '${PASSWORD}';
    grant all on database ${stage.database.name} to ${login.user};
    create role ${poor.user} login replication password '${PASSWORD}'`);
  await stage.database.pool.query(`grant all on things to ${login.user}, ${poor.user}`);
}, 60_000);
afterAll(async () => {
  await stage.database.pool.query(`drop owned by ${login.user}, ${poor.user} cascade`);
  await admin(`drop owned by ${login.user}, ${poor.user} cascade; drop role ${login.user}, ${poor.user}`);
  await stage[Symbol.asyncDispose]();
});

const as = (user: typeof login): Record<string, string> => ({
  DATABASE_URL: inDatabase(stage.database.url, stage.database.name, user),
});

/** What `apply` would have left in PostgreSQL. */
async function leftBehind({ database }: CliStage): Promise<unknown> {
  const { rows } = await database.pool.query(
    `select to_regnamespace('pgnotion')::text as schema,
            (select count(*)::int from pg_publication) as publications,
            (select count(*)::int from pg_replication_slots where database = current_database()) as slots`,
  );
  return rows[0];
}

/** That `apply` fails with this code and makes nothing. */
async function makesNothing(
  code: string,
  variables: Record<string, string> = {},
  at: CliStage = stage,
): Promise<string> {
  const { control } = at.sandbox;
  const [since, before] = [fromNow(control), JSON.stringify(control.snapshot().databases)];
  const outcome = await at.run(['apply'], variables);
  expect([outcome.code, outcome.stdout]).toEqual([1, '']);
  expect(outcome.stderr).toContain(`(${code})`);
  expect(await leftBehind(at)).toEqual({ schema: null, publications: 0, slots: 0 });
  const written = control
    .requests()
    .filter((each) => since(each) && each.method !== 'GET' && (each.status ?? 500) < 400);
  expect(written).toEqual([]);
  expect(JSON.stringify(control.snapshot().databases)).toBe(before);
  return outcome.stderr;
}

beforeEach(() => stage.configure(config));

test('the token is wrong', () => makesNothing('unauthorized', { NOTION_API_KEY: 'ntn_wrong' }));

test('there is no parent page, or none that is shared', async () => {
  await makesNothing('notion_parent_missing', { NOTION_PARENT_PAGE_ID: '' });
  await makesNothing('notion_parent_hidden', { NOTION_PARENT_PAGE_ID: randomUUID() });
});

test('the connection may not make anything', async () => {
  stage.sandbox.control.withdrawCapability('insert content');
  try {
    expect(await makesNothing('notion_capability_missing')).toContain('Insert content');
  } finally {
    stage.sandbox.control.grantCapability('insert content');
  }
});

test('a database that the environment names is hidden', async () => {
  const told = await makesNothing('notion_database_hidden', { NOTION_DATABASE_THINGS_ID: randomUUID() });
  expect(told).toContain('NOTION_DATABASE_THINGS_ID');
});

test('a property has another type', async () => {
  const headers = {
    authorization: `Bearer ${stage.sandbox.token}`,
    'notion-version': '2026-03-11',
    'content-type': 'application/json',
  };
  const made = await fetch(`${stage.sandbox.url}/v1/databases`, {
    method: 'POST',
    headers,
    body: JSON.stringify({
      parent: { type: 'page_id', page_id: stage.sandbox.parentPageId },
      title: [{ type: 'text', text: { content: 'Theirs' } }],
      initial_data_source: { properties: { Name: { title: {} }, Size: { rich_text: {} } } },
    }),
  });
  const { id } = (await made.json()) as { id: string };
  const told = await makesNothing('notion_schema_faults', { NOTION_DATABASE_THINGS_ID: id });
  expect(told).toContain('the property is a rich_text, the mapping says number');
});

test('the role may not replicate', async () => {
  expect(await makesNothing('checks_failed', as(login))).toContain('REPLICATION');
});

test('the role may not make the schema', async () => {
  const told = await makesNothing('checks_failed', as(poor));
  expect(told).toContain('may not make the schema pgnotion');
});

test('a table cannot be published, and Notion has a fault too: both are told', async () => {
  await stage.database.pool.query(
    'alter table things drop constraint things_pkey, add primary key (id) deferrable',
  );
  try {
    await makesNothing('tables_refused');
    const told = await makesNothing('checks_failed', { NOTION_PARENT_PAGE_ID: '' });
    expect(told).toMatch(/PostgreSQL: .*DEFERRABLE/s);
    expect(told).toContain('NOTION_PARENT_PAGE_ID');
  } finally {
    await stage.database.pool.query('alter table things drop constraint things_pkey, add primary key (id)');
  }
});

test('wal_level is not logical', async () => {
  const server = await startOwnPostgres({ wal_level: 'replica' });
  try {
    await using other = await createCliStage({ config, schema, serverUrl: server.url });
    expect(await makesNothing('checks_failed', {}, other)).toMatch(/postgres\.wal_level: it is replica/);
  } finally {
    await server.stop();
  }
}, 120_000);
