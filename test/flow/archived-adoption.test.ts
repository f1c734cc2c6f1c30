import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { type CliStage, createCliStage } from '../support/cli-stage.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';

// A query lists archived pages apart. That it does not show a row's page says nothing of one that somebody has archived.

const config: ConfigInput = {
  sync: { settleSeconds: 0 },
  tables: {
    goods: {
      source: 'public.goods',
      key: 'id',
      title: 'Goods',
      onPostgresDelete: 'archive',
      fields: {
        Name: { column: 'name', type: 'title' },
        Note: { column: 'note', type: 'rich_text' },
      },
    },
  },
};
const schema = `
  create table goods (id integer primary key, name text not null, note text);
  insert into goods select n, 'good ' || n from generate_series(1, 3) n`;

let stage: CliStage;
let sides: Sides;
let daemon: Awaited<ReturnType<CliStage['start']>> | null = null;

beforeAll(async () => {
  stage = await createCliStage({ config, schema, variables: { SYNC_CREATE_GRACE_SECONDS: '5' } });
  sides = sidesOf(stage);
  await stage.apply();
});
afterAll(async () => stage?.[Symbol.asyncDispose]());

const start = async (): Promise<void> => {
  daemon = await stage.start();
};
const stop = async (): Promise<void> => {
  daemon?.signal('SIGTERM');
  await daemon?.exit;
};
/** Pages of the database that show this name, archived ones included. */
async function named(name: string): Promise<readonly string[]> {
  const pages = stage.sandbox.control.pages(await sides.source('goods'));
  return pages.map(({ id }) => id).filter((id) => sides.shown(id, 'Name') === name);
}
const codes = async (): Promise<readonly string[]> =>
  (await sides.failures()).map(({ key, code }) => `${key} ${code}`);
const told = async (key = '1'): Promise<void> => {
  await soon(async () => (await codes()).includes(`${key} page_archived`));
};
const unarchive = async (page: string): Promise<void> => {
  stage.sandbox.control.archivePage(page, false);
  await soon(async () => expect(await codes()).toEqual([]) ?? true);
  await stage.settled();
};

test('invariant 3: a row whose page was archived before pgnotion came to it gets no second page', async () => {
  const { control } = stage.sandbox;
  const theirs = control.createPage(await sides.source('goods'), {
    Name: typed('title', 'good 1'),
    Note: typed('rich_text', 'typed by a person'),
    'Supabase ID': typed('rich_text', '1'),
  }).id;
  // Pages that belong to nobody and show no row's key are left alone.
  const nobodys = control.createPage(await sides.source('goods'), { Name: typed('title', 'idea') }).id;
  for (const page of [theirs, nobodys]) control.archivePage(page);
  await stage.apply();
  const plan = await stage.run(['plan', '--json']);
  expect(JSON.parse(plan.stdout).plan.tables[0].kinds).toMatchObject({
    create: { count: 2 },
    adopt: { count: 1, samples: [{ key: '1', note: 'archived' }] },
    become: { count: 0 },
  });
  await start();
  await told();
  for (const key of ['2', '3']) await sides.pageOf('goods', key);
  expect(await named('good 1')).toEqual([theirs]);
  expect(await sides.keyOf(nobodys)).toBeNull();
  expect(await sides.pageOf('goods', '1')).toBe(theirs);
  await unarchive(theirs);
  // Its row was empty there, so that it takes what the page holds, as at any first link.
  await soon(
    async () => (await sides.sql(`select from goods where id = 1 and note = 'typed by a person'`)).length,
  );
  expect(sides.shown(theirs, 'Note')).toBe('typed by a person');
});

test('invariant 3: nor does one whose page was archived before the pairs were given up', async () => {
  const page = await sides.pageOf('goods', '1');
  stage.sandbox.control.archivePage(page);
  await told();
  await stop();
  expect(await stage.run(['reset', 'goods', '--yes'])).toMatchObject({ code: 0 });
  await stage.apply();
  await start();
  await told();
  expect(await sides.pageOf('goods', '1')).toBe(page);
  await unarchive(page);
  expect(await named('good 1')).toEqual([page]);
});

test('invariant 3: an archived page of ours that shows something else than its row waits for a person, as a live one does', async () => {
  const page = await sides.pageOf('goods', '2');
  stage.sandbox.control.archivePage(page);
  await told('2');
  await stop();
  expect(await stage.run(['reset', 'goods', '--yes'])).toMatchObject({ code: 0 });
  await sides.sql(`update goods set name = 'changed since' where id = 2`);
  await stage.apply();
  await start();
  await soon(async () => (await codes()).includes('2 adoption_review'));
  expect(await named('changed since')).toEqual([]);
  expect(await stage.run(['guarded', 'approve', 'goods', '2'])).toMatchObject({ code: 0 });
  await told('2');
  expect(await sides.pageOf('goods', '2')).toBe(page);
  await unarchive(page);
  expect(await named('changed since')).toEqual([page]);
});

test('invariant 3: a page whose creation nobody answered is found although it is archived by then', async () => {
  const { control } = stage.sandbox;
  control.setQueryLag(3_000);
  const rule = control.faults.add({
    match: { operation: 'pages.create' },
    times: 1,
    action: { kind: 'reset', when: 'after' },
  });
  await sides.sql(`insert into goods values (10, 'unanswered')`);
  await soon(() => control.faults.list().some(({ id, struck }) => id === rule && struck === 1));
  const [page] = await named('unanswered');
  control.archivePage(page ?? '');
  await told('10');
  control.setQueryLag(0);
  expect(await named('unanswered')).toEqual([page]);
  control.archivePage(page ?? '', false);
  await soon(async () => expect(await codes()).toEqual([]) ?? true);
  await stage.settled();
  expect(await sides.pageOf('goods', '10')).toBe(page);
});

test('an archived page of a row that was deleted and forgotten since is not that of a new row with its key', async () => {
  const { control } = stage.sandbox;
  const former = await sides.pageOf('goods', '3');
  await sides.sql('delete from goods where id = 3');
  await soon(() => control.page(former).is_archived);
  await stage.settled();
  await sides.sql(`delete from pgnotion.records where key = '3'`);
  await sides.sql(`insert into goods values (3, 'good 3')`);
  await soon(async () => (await named('good 3')).length === 2);
  await stage.settled();
  expect(await sides.pageOf('goods', '3')).not.toBe(former);
  expect(control.page(former).is_archived).toBe(true);
  expect(await codes()).toEqual([]);
});
