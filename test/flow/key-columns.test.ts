import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { type CliStage, createCliStage } from '../support/cli-stage.ts';
import type { CliProcess } from '../support/daemon-process.ts';
import { fromNow, isWrite, requestsOfTables } from '../support/requests.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';

// The key of a table is made of other columns, in the configuration or in PostgreSQL too: each row keeps its page
// (invariant 3).

const fields = {
  Name: { column: 'name', type: 'title' },
  Note: { column: 'note', type: 'rich_text' },
} as const;
let tables = {
  pairs: { source: 'public.pairs', key: ['a', 'b'], title: 'Pairs', fields },
  goods: { source: 'public.goods', key: 'id', title: 'Goods', fields },
} as const satisfies ConfigInput['tables'] as ConfigInput['tables'];
// Read the other way round, the keys of the first two are each other's.
const schema = `
  create table pairs (a integer, b integer, name text not null, note text, primary key (a, b));
  create table goods (id integer primary key, code text not null unique, region text not null default 'n', name text not null, note text);
  insert into pairs values (1, 2, 'one two', 'x'), (2, 1, 'two one', 'y'), (3, 4, 'three four', 'z'), (5, 5, 'five', '');
  insert into goods (id, code, name) select n, 'c' || n, 'good ' || n from generate_series(1, 4) n`;

let stage: CliStage;
let sides: Sides;
let daemon: CliProcess;
const pages = () => stage.sandbox.control.listDatabases().map((each) => `${each.title} ${each.pages}`);
const sql = (text: string) => sides.sql(text);
beforeAll(async () => {
  stage = await createCliStage({ config: { sync: { settleSeconds: 0 }, tables }, schema });
  sides = sidesOf(stage);
  await stage.apply();
  daemon = await stage.start();
  await stage.settled();
}, 60_000);
afterAll(() => stage[Symbol.asyncDispose]());

/** Starts the daemon anew after this, with other key columns of a table. Gives what it did to pages but updates. */
async function rekeyed(
  name: string,
  key: string | readonly string[],
  alter: string,
): Promise<readonly string[]> {
  const since = fromNow(stage.sandbox.control);
  const before = pages();
  daemon.signal('SIGTERM');
  expect(await daemon.exit).toMatchObject({ code: 0 });
  await sql(alter);
  tables = { ...tables, [name]: { ...tables[name], key } as ConfigInput['tables'][string] };
  await stage.configure({ sync: { settleSeconds: 0 }, tables });
  daemon = await stage.start();
  await stage.settled();
  // Whatever were trashed would be missing.
  expect(pages()).toEqual(before);
  return requestsOfTables(stage.sandbox.control, since)
    .filter(isWrite)
    .map(({ operation }) => operation)
    .filter((operation) => operation !== 'pages.update');
}

const linked = (table: string) =>
  sides.sql<{ key: string; page: string }>(
    `select key, page_id as page from pgnotion.records where table_name = $1 order by page_id`,
    [table],
  );

test('a key whose columns are named in another order', async () => {
  const before = await linked('pairs');
  expect(await rekeyed('pairs', ['b', 'a'], `update pairs set note = 'meanwhile' where a = 3`)).toEqual([]);
  const now = await linked('pairs');
  expect(now.map(({ page }) => page)).toEqual(before.map(({ page }) => page));
  expect(now.map(({ key }) => JSON.parse(key))).toEqual(before.map(({ key }) => JSON.parse(key).reverse()));
  for (const [key, name, note] of [
    ['["2","1"]', 'one two', 'x'],
    ['["1","2"]', 'two one', 'y'],
    ['["4","3"]', 'three four', 'meanwhile'],
  ] as const) {
    await sides.shows('pairs', key, 'Name', name);
    await sides.shows('pairs', key, 'Note', note);
    await sides.shows('pairs', key, 'Supabase ID', key);
  }
  sides.edit(await sides.pageOf('pairs', '["2","1"]'), { Note: typed('rich_text', 'typed') });
  await soon(
    async () => (await sql(`select from pairs where a = 1 and b = 2 and note = 'typed'`)).length === 1,
  );
  expect(await sql(`select from pairs where note = 'y' and a = 2 and b = 1`)).toHaveLength(1);
});

test('a key that has gained a column', async () => {
  const before = await linked('goods');
  const widened = `alter table goods drop constraint goods_pkey, add primary key (id, region)`;
  expect(await rekeyed('goods', ['id', 'region'], widened)).toEqual([]);
  const now = await linked('goods');
  expect(now).toEqual(before.map(({ key, page }) => ({ key: JSON.stringify([key, 'n']), page })));
  await sql(`insert into goods values (1, 'd1', 's', 'another one', 'new')`);
  await sides.shows('goods', '["1","s"]', 'Note', 'new');
  sides.edit(await sides.pageOf('goods', '["1","n"]'), { Note: typed('rich_text', 'typed') });
  await soon(
    async () =>
      (await sql(`select from goods where id = 1 and region = 'n' and note = 'typed'`)).length === 1,
  );
});

test('a key of other columns', async () => {
  const before = await linked('goods');
  const coded = `alter table goods drop constraint goods_pkey, add primary key (code)`;
  expect(await rekeyed('goods', 'code', coded)).toEqual([]);
  const now = await linked('goods');
  expect(now.map(({ page }) => page)).toEqual(before.map(({ page }) => page));
  expect(now.map(({ key }) => key).sort()).toEqual(['c1', 'c2', 'c3', 'c4', 'd1']);
  await sql(`update goods set note = 'by its code' where code = 'c2'`);
  await sides.shows('goods', 'c2', 'Note', 'by its code');
  expect(await sides.failures()).toEqual([]);
});
