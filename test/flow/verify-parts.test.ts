import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type VerifyArguments, verifyCommand } from '../../src/cli/verify.ts';
import { parseConfig } from '../../src/config/mapping-file.ts';
import { tableName } from '../../src/model/ids.ts';
import type { VerifyReport } from '../../src/model/verify-report.ts';
import { silentLog } from '../../src/runtime/log.ts';
import { readObservation } from '../../src/state/observation.ts';
import { createStore } from '../../src/state/sql.ts';
import { createVerifyStage, type VerifyStage, verifyConfig } from '../support/verify-stage.ts';

// What a comparison is asked of, and what it cannot compare: it says so, and never takes a part for the whole.

vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 });

let stage: VerifyStage;
let folder: string;
beforeAll(async () => {
  stage = await createVerifyStage(
    6,
    {
      tables: {
        ...verifyConfig.tables,
        empties: {
          source: 'public.empties',
          key: 'id',
          title: 'Empties',
          fields: { Name: { column: 'name', type: 'title' } },
        },
      },
    },
    `create table empties (id integer primary key, name text);
     create table effects (n integer);
     alter table things add column secret text;
     create function effect() returns boolean language plpgsql as $$ begin insert into effects values (1); return true; end $$;`,
  );
  await stage.stop();
  folder = await mkdtemp(join(tmpdir(), 'pgnotion-verify-'));
});
afterAll(async () => {
  await stage[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const THINGS = tableName('things');

/** As the command line would. */
async function command(options: VerifyArguments): Promise<{ same: boolean; report: VerifyReport }> {
  const config = parseConfig({
    slot: stage.database.name,
    syncLog: { level: 'off' },
    ...verifyConfig,
    tables: { ...verifyConfig.tables },
  });
  const loaded = { config, environment: stage.environment, log: silentLog() };
  const { text, same } = await verifyCommand(loaded, { ...options, json: true, tell: () => undefined });
  return { same, report: JSON.parse(text) as VerifyReport };
}

const runs = async (): Promise<number> =>
  (
    await stage.sides.sql(
      `select from pgnotion.runs where kind = 'verify' and result is distinct from 'failed'`,
    )
  ).length;

test.each([
  ['a column of another table', 'owners.name is not null', /owners/],
  ['a second statement', `true; delete from things`, /syntax error/],
  ['more rows than one', 'id = (select id from things)', /more than one row/],
  ['a set', 'generate_series(1, 2) > 0', /set-returning/],
  ['an aggregate', 'count(*) > 0', /aggregate/],
  ['a value of an unmapped column', 'secret::integer > 0', /invalid input syntax/],
  ['nothing', '', /empty/],
  ['blanks', '  ', /empty/],
  ['a function that writes', 'effect()', /read-only/],
])('a condition is refused that has %s', async (_, where, message) => {
  await stage.sides.sql(`update things set secret = 'hush'`);
  const asked = stage.verify({ tables: [THINGS], where });
  await expect(asked).rejects.toMatchObject({
    code: 'where_invalid',
    message: expect.stringMatching(message),
  });
  await expect(asked).rejects.toMatchObject({ message: expect.not.stringContaining('hush') });
  await expect(stage.verify({ tables: [THINGS], where, sample: 3 })).rejects.toMatchObject({
    code: 'where_invalid',
  });
  expect(await stage.sides.sql('select from effects')).toEqual([]);
  expect((await stage.sides.sql('select from things')).length).toBe(6);
});

test('a condition may end in a comment, and one that is wrong is refused where there is no row', async () => {
  const { tables } = await stage.verify({ tables: [THINGS], where: 'id < 4 -- the first ones' });
  expect(tables).toMatchObject([{ rows: 3, compared: 3 }]);
  const asked = stage.verify({ tables: [tableName('empties')], where: 'no_such_column' });
  await expect(asked).rejects.toMatchObject({ code: 'where_invalid' });
});

test('a file that cannot be written is told before anything is compared', async () => {
  const before = await runs();
  for (const html of [folder, join(folder, 'no', 'such', 'folder.html')])
    await expect(command({ html })).rejects.toMatchObject({ code: 'report_unwritable' });
  expect(await runs()).toBe(before);
  const html = join(folder, 'report.html');
  expect(await command({ html })).toMatchObject({ same: true });
  expect(await readdir(folder)).toEqual(['report.html']);
});

test('invariant 16: a table that is locked, or may not be read, is not compared, and the others are', async () => {
  const { database } = stage;
  const other = await database.pool.connect();
  try {
    await other.query('begin; lock table owners in access exclusive mode');
    // It was read before the lock came: see `verify` of the stage.
    const report = await stage.verify({}, ({ listPages }) => ({ listPages }));
    expect(report.skipped).toMatchObject([{ table: 'owners', reason: expect.stringMatching(/lock/) }]);
    expect(report).toMatchObject({ result: 'differences', differences: 0 });
  } finally {
    await other.query('rollback');
    other.release();
  }
});

test('a lock that comes while a table is compared is no failure of its rows', async () => {
  const { database } = stage;
  const other = await database.pool.connect();
  try {
    const report = await stage.verify({ tables: [THINGS] }, ({ listPages }) => ({
      listPages: async function* (...which) {
        for await (const pages of listPages(...which)) {
          await other.query('begin; lock table things in access exclusive mode');
          yield pages;
        }
      },
    }));
    expect(report.skipped).toMatchObject([{ table: 'things', reason: expect.stringMatching(/lock/) }]);
    expect(report).toMatchObject({ result: 'differences', differences: 0, findings: [] });
  } finally {
    await other.query('rollback');
    other.release();
  }
});

test('a comparison of less does not take back what another one found, and one of all does', async () => {
  const { sides } = stage;
  const { database } = stage;
  const said = async () =>
    (await readObservation(createStore(database.pool, 0), database.name, 1_000)).verify?.differences;
  await sides.sql(`update things set note = 'changed' where id = 1`);
  await stage.skipLog();
  expect(await command({})).toMatchObject({ same: false, report: { differences: 1 } });
  expect(await said()).toBe(1);
  for (const less of [{ table: ['owners'] }, { table: ['things'], where: 'id > 1' }])
    expect(await command(less)).toMatchObject({ same: true });
  expect(await said()).toBe(1);
  await sides.sql(`update things set note = 'note 1' where id = 1`);
  await stage.skipLog();
  expect(await command({ table: ['things'], sample: '6' })).toMatchObject({ same: true });
  expect(await said()).toBe(1);
  expect(await command({ table: ['things'] })).toMatchObject({ same: true });
  expect(await said()).toBe(0);
});

test('a heal leaves what has moved on since it was compared: it sets no base that never was', async () => {
  const { sides } = stage;
  await sides.sql(
    `update pgnotion.records set base_row = base_row || '{"Note": "other"}' where table_name = 'things' and key = '2'`,
  );
  const report = await stage.verify({ tables: [THINGS] });
  expect(report.findings).toMatchObject([{ kind: 'stale_base', key: '2', field: 'Note' }]);
  await stage.start();
  await sides.sql(`update things set note = 'later' where id = 2`);
  await sides.shows('things', '2', 'Note', 'later');
  await stage.settled();
  expect(await stage.healFound(report, 'postgres')).toMatchObject({
    left: 1,
    steps: { 'left: it was changed since it was compared': 1 },
  });
  // Somebody types what the comparison had seen: an edit as any other.
  sides.edit(await sides.pageOf('things', '2'), { Note: { rich_text: [{ text: { content: 'note 2' } }] } });
  await vi.waitFor(
    async () => expect(await sides.sql('select note from things where id = 2')).toEqual([{ note: 'note 2' }]),
    { timeout: 20_000 },
  );
  await stage.settled();
  await stage.stop();
});

test('a field that one of the sides lacks now is told, and both sides do not pass for the same', async () => {
  const { sides } = stage;
  await sides.sql('alter table things drop column phone');
  const { same, report } = await command({ table: ['things'] });
  expect({ same, result: report.result, differences: report.differences }).toEqual({
    same: false,
    result: 'differences',
    differences: 0,
  });
  expect(report.omitted).toMatchObject([
    { table: 'things', field: 'Phone', reason: expect.stringMatching(/phone/) },
  ]);
  // Nobody has noticed that yet but the comparison, which reads the pages.
  stage.sandbox.control.deleteProperty(await sides.source('things'), 'Mail');
  for (const more of [{}, { sample: '2' }]) {
    const { same: still, report: next } = await command({ table: ['things'], ...more });
    expect({ still, fields: next.omitted.map(({ field }) => field) }).toEqual({
      still: false,
      fields: ['Phone', 'Mail'],
    });
  }
});
