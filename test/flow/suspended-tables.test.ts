import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CliStage, createCliStage } from '../support/cli-stage.ts';
import type { CliProcess } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { shownIn } from '../support/sides.ts';

// Tables that cannot be synced at the start, beside one that can, from the command line.

const table = (name: string) => ({
  source: `public.${name}`,
  key: 'id',
  title: name,
  fields: {
    Name: { column: 'name', type: 'title' as const },
    Note: { column: 'note', type: 'rich_text' as const },
    Mood: { column: 'mood', type: 'select' as const },
  },
});

const names = ['fine', 'renamed', 'dropped', 'hidden'];

let stage: CliStage;
let daemon: CliProcess;

beforeAll(async () => {
  stage = await createCliStage({
    config: {
      sync: { settleSeconds: 0.1 },
      tables: {
        ...Object.fromEntries(names.map((name) => [name, table(name)])),
        fine: {
          ...table('fine'),
          fields: {
            ...table('fine').fields,
            Parent: { column: 'parent', type: 'relation', relatedTable: 'renamed' },
          },
        },
      },
    },
    schema: [
      `create type mood as enum ('good', 'bad')`,
      ...names.map(
        (name) => `create table ${name} (id integer primary key, name text, note text, mood mood)`,
      ),
      'alter table fine add parent integer references renamed',
      ...names.map((name) => `insert into ${name} values (1, '${name} 1', 'note', 'good')`),
    ].join(';'),
  });
  await stage.apply();
  daemon = await stage.start();
  await stage.settled();
  daemon.signal('SIGTERM');
  await daemon.exit;
});
afterAll(() => stage[Symbol.asyncDispose]());

const sql = async <Row extends object>(text: string): Promise<Row[]> =>
  (await stage.database.pool.query<Row>(text)).rows;

const shown = async (name: string, key: string, property: string): Promise<unknown> => {
  const [row] = await sql<{ page: string }>(
    `select page_id as page from pgnotion.records where table_name = '${name}' and key = '${key}' and page_id is not null`,
  );
  if (row === undefined) return undefined;
  const value = stage.sandbox.control.page(row.page).properties[property];
  return value === undefined ? undefined : shownIn(value);
};

const paused = async (): Promise<Record<string, string>> => {
  const rows = await sql<{ name: string; reason: string }>(
    'select table_name as name, paused_reason as reason from pgnotion.status where paused order by 1',
  );
  return Object.fromEntries(rows.map(({ name, reason }) => [name, reason]));
};

const databaseOf = async (name: string): Promise<string> => {
  const [row] = await sql<{ id: string }>(
    `select data_source_id as id from pgnotion.data_sources where table_name = '${name}'`,
  );
  return (
    stage.sandbox.control.listDatabases().find(({ dataSourceId }) => dataSourceId === row?.id)?.databaseId ??
    ''
  );
};

test('invariant 16: a start goes on with the tables that can be synced, and says of the others why not', async () => {
  await sql('alter table renamed rename name to remark');
  await sql('alter table dropped rename to moved_away');
  stage.sandbox.control.unshare(await databaseOf('hidden'));
  await sql(`insert into renamed values (2, 'made meanwhile', 'x', 'bad')`);
  await sql(`update renamed set remark = 'renamed meanwhile' where id = 1`);
  await sql(`insert into fine values (2, 'child', 'x', 'bad', 2)`);
  // As a user has it in the environment after apply.
  const hidden = await databaseOf('hidden');
  daemon = await stage.start({ NOTION_DATABASE_HIDDEN_ID: hidden });
  await eventually(async () => (await shown('fine', '2', 'Name')) === 'child');
  const reasons = await eventually(async () => {
    const now = await paused();
    return Object.keys(now).length === 3 && now;
  });
  expect(reasons.renamed).toContain('public.renamed.name: there is no such column');
  expect(reasons.renamed).not.toContain('\n');
  expect(reasons.dropped).toContain('public.dropped: there is no such table');
  expect(reasons.hidden).toMatch(/shows? no|not shared/);
});

test('invariant 16: every command works while tables are suspended', async () => {
  const good = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await stage.run(args);
    expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' });
    return stdout;
  };
  expect(await good('status')).toContain('there is no such column');
  await Promise.all([good('failures', 'list'), good('guarded', 'list'), good('deletes', 'list')]);
  const [, explained] = await Promise.all([good('conflicts', 'list'), good('explain', 'renamed', '1')]);
  expect(explained).toContain('table paused');
  await good('resync');
  await good('pause', 'dropped');
  await good('resume', 'dropped');
  const rollback = await stage.run(['rollback', '--since', '1h', '--dry-run']);
  expect(rollback.code).not.toBe(1);
  // It knows the table, and asks for the daemon to be stopped first.
  const early = await stage.run(['reset', 'renamed']);
  expect(early.stderr).toContain('daemon_at_work');
  const apply = await stage.run(['apply']);
  expect(apply.code).toBe(1);
  expect(apply.stderr).toContain('public.renamed.name');
});

test('invariant 1: a suspended table is taken up when it is mended, with all that happened to it meanwhile', async () => {
  await sql('alter table renamed rename remark to name');
  await eventually(async () => (await shown('renamed', '1', 'Name')) === 'renamed meanwhile');
  await eventually(async () => (await shown('renamed', '2', 'Name')) === 'made meanwhile');
  await eventually(async () => JSON.stringify(await shown('fine', '2', 'Parent')) !== '[]');
  await sql('alter table moved_away rename to dropped');
  await sql(`update dropped set name = 'here again' where id = 1`);
  await eventually(async () => (await shown('dropped', '1', 'Name')) === 'here again');
  stage.sandbox.control.share(await databaseOf('hidden'));
  await sql(`update hidden set name = 'seen again' where id = 1`);
  await eventually(async () => (await shown('hidden', '1', 'Name')) === 'seen again');
  await sql('alter type mood rename to humour');
  await sql(`update fine set mood = 'bad' where id = 1`);
  await eventually(async () => (await shown('fine', '1', 'Mood')) === 'bad');
  expect(await paused()).toEqual({});
  expect(daemon.ended()).toBe(false);
});

test('invariant 16: a table that somebody has locked at the start is waited for alone', async () => {
  daemon.signal('SIGTERM');
  await daemon.exit;
  const locker = await stage.database.pool.connect();
  await locker.query('begin; lock table dropped');
  daemon = await stage.start();
  await sql(`update fine set name = 'beside a lock' where id = 1`);
  await eventually(async () => (await shown('fine', '1', 'Name')) === 'beside a lock');
  expect((await paused()).dropped).toContain('lock timeout');
  await locker.query('rollback');
  locker.release();
  await sql(`update dropped set name = 'free' where id = 1`);
  await eventually(async () => (await shown('dropped', '1', 'Name')) === 'free');
});
