import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { type Sides, sidesOf, soon } from '../support/sides.ts';
import { type Stack, startStack } from '../support/stack.ts';

const config: ConfigInput = {
  sync: { settleSeconds: 0 },
  tables: {
    goods: {
      source: 'public.goods',
      key: 'id',
      title: 'goods',
      where: 'listed',
      onRowFiltered: 'trash',
      onNotionTrash: 'review',
      fields: {
        Name: { column: 'name', type: 'title' },
        Note: { column: 'note', type: 'rich_text' },
      },
    },
  },
};
const schema = `
  create table goods (id integer primary key, name text, note text, listed boolean not null default true);
  insert into goods (id, name, note) select i, 'good ' || i, 'note ' || i from generate_series(1, 8) i;`;

let stack: Stack;
let sides: Sides;

// So seldom that none comes by itself: what is tried is what deliveries do before a poll has told of the database.
beforeAll(async () => {
  stack = await startStack({ config, schema, pollSeconds: 3_600 });
  sides = sidesOf(stack);
});
afterAll(() => stack[Symbol.asyncDispose]());

const inTrash = (page: string): boolean => stack.sandbox.control.page(page).in_trash;

/** With the database in the trash while `act` is delivered in vain, and back before anything else is done. */
async function whileInTrash(key: number, act: string): Promise<void> {
  const { control } = stack.sandbox;
  const [database] = await sides.sql<{ id: string }>(
    'select database_id::text as id from pgnotion.data_sources',
  );
  if (database === undefined) throw new Error('no database');
  control.trashDatabase(database.id);
  await sides.sql(act);
  const failure = await soon(async () => (await sides.failures()).find((one) => one.key === String(key)));
  expect(failure).toMatchObject({
    code: 'notion_database_in_trash',
    parked: false,
    remedy: 'restore the database in Notion',
  });
  control.restoreDatabase(database.id);
  // A look at the schema may have suspended the table by then, and a poll has it go on.
  await soon(async () => {
    stack.pollNow();
    return (await sides.failures()).length === 0;
  });
}

/** Pages of the table that show a key, in the trash or not. */
const shownBy = async (key: number): Promise<string[]> =>
  stack.sandbox.control
    .pages(await sides.source('goods'))
    .map(({ id }) => id)
    .filter((page) => sides.shown(page, 'Supabase ID') === String(key));

async function atRest(): Promise<void> {
  await sides.rest();
  expect(await sides.failures()).toEqual([]);
  expect(await sides.sql('select from pgnotion.conflicts')).toEqual([]);
}

test('invariant 3: the page of a row that was deleted while its database was in the trash goes once that is back', async () => {
  const page = await sides.pageOf('goods', '1');
  await whileInTrash(1, 'delete from goods where id = 1');
  await soon(() => inTrash(page));
  await atRest();
  expect(inTrash(page)).toBe(true);
  expect(await sides.sql('select from goods where id = 1')).toEqual([]);
});

test('invariant 3: the same of a row whose key another row gets: no second page stays', async () => {
  const pages = [await sides.pageOf('goods', '2'), await sides.pageOf('goods', '3')] as const;
  await whileInTrash(2, `delete from goods where id = 2; update goods set id = 2 where id = 3`);
  await soon(() => inTrash(pages[0]));
  await soon(() => sides.shown(pages[1], 'Supabase ID') === '2');
  await atRest();
  expect(inTrash(pages[1])).toBe(false);
  expect((await shownBy(2)).filter((page) => !inTrash(page))).toEqual([pages[1]]);
});

test('a row that is left out meanwhile loses its page afterwards, and gets it back', async () => {
  const page = await sides.pageOf('goods', '4');
  await whileInTrash(4, 'update goods set listed = false where id = 4');
  await soon(() => inTrash(page));
  await atRest();
  await sides.sql(`update goods set listed = true, note = 'listed again' where id = 4`);
  await sides.shows('goods', '4', 'Note', 'listed again');
  expect(inTrash(page)).toBe(false);
  await atRest();
});

test('a row that changes meanwhile is no conflict with somebody who deleted its page', async () => {
  const page = await sides.pageOf('goods', '5');
  await whileInTrash(5, `update goods set note = 'meanwhile' where id = 5`);
  await sides.shows('goods', '5', 'Note', 'meanwhile');
  await atRest();
  expect(inTrash(page)).toBe(false);
});

test('a row that comes back meanwhile gets its page back afterwards', async () => {
  const page = await sides.pageOf('goods', '6');
  await sides.sql('delete from goods where id = 6');
  await soon(() => inTrash(page));
  await stack.settled();
  await whileInTrash(6, `insert into goods (id, name, note) values (6, 'again', 'again')`);
  await sides.shows('goods', '6', 'Note', 'again');
  await atRest();
  expect(await shownBy(6)).toEqual([page]);
});

test('a page that a person trashes for itself is a deletion as ever', async () => {
  const page = await sides.pageOf('goods', '7');
  stack.sandbox.control.trashPage(page);
  await sides.sql('delete from goods where id = 7');
  await sides.rest();
  await atRest();
  expect(inTrash(page)).toBe(true);
  expect(await sides.sql('select from goods where id = 7')).toEqual([]);
});
