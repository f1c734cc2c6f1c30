import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { type CliStage, createCliStage } from '../support/cli-stage.ts';
import type { CliProcess } from '../support/daemon-process.ts';
import { driftEntries } from '../support/drift-entries.ts';
import { fromNow, isWrite, requestsOfTables } from '../support/requests.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';

// What a table is called in the configuration is changed, or the table taken out and back in (invariant 3).

const goods = {
  source: 'public.goods',
  key: 'id',
  title: 'Goods',
  fields: { Name: { column: 'name', type: 'title' }, Note: { column: 'note', type: 'rich_text' } },
} as const;
const others = { ...goods, source: 'public.others', title: 'Others' } as const;
const schema = `
  create table goods (id integer primary key, name text not null, note text);
  create table others (like goods including all);
  insert into goods select n, 'good ' || n, 'note ' || n from generate_series(1, 4) n;
  insert into others select * from goods`;

let stage: CliStage;
let sides: Sides;
let daemon: CliProcess;
const databases = () => stage.sandbox.control.listDatabases();
const idOf = (title: string): string => databases().find((each) => each.title === title)?.databaseId ?? '';
const configure = (tables: ConfigInput['tables']) => stage.configure({ sync: { settleSeconds: 0 }, tables });
const start = async (variables: Readonly<Record<string, string>> = {}): Promise<void> => {
  daemon = await stage.start(variables);
};
async function stop(): Promise<void> {
  daemon.signal('SIGTERM');
  expect(await daemon.exit).toMatchObject({ code: 0 });
}
/** Pages that are made or trashed while this is done. */
async function writesOf(work: () => Promise<unknown>): Promise<readonly string[]> {
  const since = fromNow(stage.sandbox.control);
  await work();
  return requestsOfTables(stage.sandbox.control, since)
    .filter(isWrite)
    .map(({ operation }) => operation);
}

beforeAll(async () => {
  stage = await createCliStage({ config: { sync: { settleSeconds: 0 }, tables: { goods, others } }, schema });
  sides = sidesOf(stage);
  await stage.apply();
  await start();
  await stage.settled();
  await stop();
}, 60_000);
afterAll(() => stage[Symbol.asyncDispose]());

test('apply makes no second database for a table that is called otherwise, and neither does plan', async () => {
  await configure({ wares: goods, others });
  for (const args of [['plan'], ['apply', '--yes']]) {
    const { code, stderr } = await stage.run(args);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/\(table_renamed\)/)]);
    expect(stderr).toMatch(
      /call the table goods again.*pgnotion reset goods --yes.*NOTION_DATABASE_WARES_ID/s,
    );
  }
  expect(databases()).toHaveLength(2);
  const taken = await stage.run(['apply'], { NOTION_DATABASE_WARES_ID: idOf('Goods') });
  expect([taken.code, taken.stderr]).toEqual([1, expect.stringMatching(/\(notion_database_taken\)/)]);
});

test('the daemon goes on with the other tables meanwhile', async () => {
  const made = await writesOf(async () => {
    await start();
    await sides.sql(
      `update goods set note = 'meanwhile' where id = 1; delete from goods where id = 4; insert into goods values (5, 'made meanwhile', '')`,
    );
    await sides.sql(`update others set note = 'goes on' where id = 1`);
    await sides.shows('others', '1', 'Note', 'goes on');
    expect((await driftEntries(sides)).map(({ table_name: table, kind }) => `${table} ${kind}`)).toEqual([
      'wares database_missing',
    ]);
    // Nothing waits for a table that nobody syncs.
    expect(await sides.sql(`select from pgnotion.outbox where table_name = 'goods'`)).toEqual([]);
    await stop();
  });
  expect(made).toEqual(['pages.update']);
});

test('called as before, it goes on, with what happened meanwhile on both sides', async () => {
  sides.edit(await sides.pageOf('goods', '2'), { Note: typed('rich_text', 'typed meanwhile') });
  await configure({ goods, others });
  await start();
  await sides.shows('goods', '1', 'Note', 'meanwhile');
  await soon(
    async () => (await sides.sql(`select from goods where id = 2 and note = 'typed meanwhile'`)).length === 1,
  );
  await sides.shows('goods', '5', 'Name', 'made meanwhile');
  await soon(() => databases().find(({ title }) => title === 'Goods')?.pages === 4);
  await stage.settled();
  await stop();
  expect(databases().map(({ title, pages }) => `${title} ${pages}`)).toEqual(['Goods 4', 'Others 4']);
});

test('reset of the former name, and the database by its id: the pages are found by their keys', async () => {
  await configure({ wares: goods, others });
  const unconfirmed = await stage.run(['reset', 'goods']);
  expect([unconfirmed.code, unconfirmed.stderr]).toEqual([
    1,
    expect.stringMatching(/rows of goods.*\(reset_unconfirmed\)/s),
  ]);
  expect((await stage.run(['reset', 'goods', '--yes'])).code).toBe(0);
  const variables = { NOTION_DATABASE_WARES_ID: idOf('Goods') };
  const made = await writesOf(async () => {
    const applied = await stage.run(['apply'], variables);
    expect([applied.code, applied.stderr]).toEqual([0, expect.any(String)]);
    await start(variables);
    await sides.pageOf('wares', '5');
    await sides.sql(`update goods set note = 'under the new name' where id = 3`);
    await sides.shows('wares', '3', 'Note', 'under the new name');
    await stage.settled();
    await stop();
  });
  expect(made).toEqual(['pages.update']);
  expect(databases().map(({ title, pages }) => `${title} ${pages}`)).toEqual(['Goods 4', 'Others 4']);
  expect((await sides.sql('select distinct table_name from pgnotion.records order by 1')).length).toBe(2);
  const unknown = await stage.run(['reset', 'goods', '--yes']);
  expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringMatching(/goods/)]);
});

test('no two tables share a database', async () => {
  const variables = { NOTION_DATABASE_WARES_ID: idOf('Goods'), NOTION_DATABASE_OTHERS_ID: idOf('Goods') };
  for (const args of [['plan'], ['apply', '--yes'], ['start']]) {
    const { code, stderr } = await stage.run(args, variables);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/\(notion_database_taken\)/)]);
  }
});
