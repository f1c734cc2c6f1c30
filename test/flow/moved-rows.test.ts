import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { type Sides, sidesOf, soon } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

const TABLES = { things: '', ranks: ' deferrable' } as const;
const COUNT = 40;

const schema = Object.entries(TABLES)
  .map(
    ([
      name,
      deferrable,
    ]) => `create table ${name} (id integer, origin text, note text, primary key (id)${deferrable});
  insert into ${name} select i, 'origin ' || i, 'note' from generate_series(1, ${COUNT}) i;`,
  )
  .concat('alter table ranks replica identity full;')
  .join('\n');

const config: ConfigInput = {
  guard: { number: 1_000 },
  tables: Object.fromEntries(
    Object.keys(TABLES).map((name) => [
      name,
      {
        source: `public.${name}`,
        key: 'id',
        title: name,
        fields: {
          Origin: { column: 'origin', type: 'title' },
          Note: { column: 'note', type: 'rich_text' },
        },
      },
    ]),
  ),
};

let stack: Stack;
let sides: Sides;
beforeAll(async () => {
  stack = await createStack({ config, schema, pollSeconds: 0.5 });
  sides = sidesOf(stack);
  await stack.apply();
  await stack.start();
  await stack.settled();
});
afterAll(() => stack[Symbol.asyncDispose]());

/** The page of each row, by what never changes of it; with what the page shows of it. */
async function pages(table: string, origins: readonly string[] | null = null): Promise<Map<string, string>> {
  const rows = await sides.sql<{ key: string; origin: string; page: string | null }>(
    `select t.id::text as key, t.origin, r.page_id::text as page from ${table} t
       left join pgnotion.records r on r.table_name = $1 and r.key = t.id::text and r.state = 'linked'
      where $2::text[] is null or t.origin = any($2::text[])`,
    [table, origins],
  );
  return new Map(
    rows.map(({ key, origin, page }) => {
      if (page === null) throw new Error(`${origin} has no page`);
      expect([sides.shown(page, 'Supabase ID'), sides.shown(page, 'Origin')]).toEqual([key, origin]);
      return [origin, page];
    }),
  );
}

const inTrash = (page: string): boolean => stack.sandbox.control.page(page).in_trash;

/** Runs `work` while nothing of the log can be stored. */
async function whileBehind(work: () => Promise<unknown>): Promise<void> {
  const client = await stack.database.pool.connect();
  try {
    await client.query('begin; select from pgnotion.checkpoint for update');
    await work();
  } finally {
    await client.query('commit');
    client.release();
  }
}

/** The entry of a key that a change before has left, due in a moment. */
const leaveEntry = (key: number): Promise<unknown> =>
  sides.sql(
    `insert into pgnotion.outbox (table_name, key, kind, next_at)
     values ('things', $1, 'delete', clock_timestamp() + interval '300 milliseconds')`,
    [String(key)],
  );

const isPostponed = async (key: number): Promise<boolean> =>
  (
    await sides.sql(
      `select from pg_stat_activity where wait_event_type = 'Lock' and query like 'update pgnotion.outbox set next_at%'
          and datname = current_database()
       union all select from pgnotion.outbox where key = $1 and next_at > first_at + interval '1 second'`,
      [String(key)],
    )
  ).length > 0;

test('invariant 3: a row that moves to the key of a deleted one keeps its page, and the other’s goes to the trash', async () => {
  const before = await pages('things', ['origin 1', 'origin 2', 'origin 3']);
  await sides.sql(`begin; delete from things where id = 1; update things set id = 1 where id = 2;
    update things set id = 2 where id = 3; commit`);
  await stack.settled();
  const gone = before.get('origin 1') ?? '';
  before.delete('origin 1');
  expect(await pages('things', ['origin 2', 'origin 3'])).toEqual(before);
  expect(inTrash(gone)).toBe(true);
});

test('invariant 3: rows that change places by DELETE, UPDATE and INSERT keep their pages', async () => {
  const origins = ['origin 4', 'origin 5'];
  const before = await pages('things', origins);
  await sides.sql(`begin; delete from things where id = 5; update things set id = 5 where id = 4;
    insert into things values (4, 'origin 5', 'note'); commit`);
  await stack.settled();
  expect(await pages('things', origins)).toEqual(before);
});

test('invariant 3: a new row that takes a key which was left, and leaves it too, takes no page with it', async () => {
  const before = await pages('things', ['origin 6']);
  await whileBehind(async () => {
    await sides.sql('update things set id = 106 where id = 6');
    await sides.sql(`insert into things values (6, 'new', 'note')`);
    await sides.sql(`update things set id = 206 where origin = 'new'`);
  });
  await stack.settled();
  expect(await pages('things', ['origin 6'])).toEqual(before);
  expect((await pages('things', ['new'])).size).toBe(1);
  await sides.sql('delete from things where id = 206');
  await stack.settled();
});

test('invariant 3: no page goes to the trash for a row that has moved on, before the log tells it', async () => {
  const before = await pages('things', ['origin 7']);
  const page = before.get('origin 7') ?? '';
  await leaveEntry(7);
  await whileBehind(async () => {
    await sides.sql('update things set id = 107 where id = 7');
    // Either the page is put away, or the delivery notes that it waits for the log, or wants to.
    await soon(async () => inTrash(page) || (await isPostponed(7)));
    expect(inTrash(page)).toBe(false);
  });
  await stack.settled();
  expect(await pages('things', ['origin 7'])).toEqual(before);
  expect(
    await sides.sql(`select from pgnotion.operations where page_id = $1 and kind in ('delete', 'restore')`, [
      page,
    ]),
  ).toEqual([]);
});

test('invariant 3: a row that got a second page while the log could not tell that it had moved keeps its first one', async () => {
  const before = await pages('things', ['origin 8']);
  const source = await sides.source('things');
  const count = stack.sandbox.control.pages(source).length;
  await leaveEntry(108);
  await whileBehind(async () => {
    await sides.sql('update things set id = 108 where id = 8');
    await soon(() => stack.sandbox.control.pages(source).length > count);
  });
  await stack.settled();
  expect(await pages('things', ['origin 8'])).toEqual(before);
  expect(stack.sandbox.control.pages(source)).toHaveLength(count);
});

test('invariant 3: a deferrable key lets rows change places in one statement, and they keep their pages', async () => {
  const before = await pages('ranks');
  await sides.sql('update ranks set id = case id when 1 then 2 when 2 then 1 end where id in (1, 2)');
  await stack.settled();
  expect(await pages('ranks')).toEqual(before);
  await sides.sql('update ranks set id = id + 1');
  await stack.settled();
  expect(await pages('ranks')).toEqual(before);
  await sides.sql(`begin; update ranks set id = 500 where id = 5; update ranks set note = 'on its way' where id = 500;
    update ranks set id = 5 where id = 500; commit`);
  await stack.settled();
  expect(await pages('ranks')).toEqual(before);
  await sides.sql(`begin; set constraints all deferred; update ranks set id = 11 where origin = 'origin 12';
    update ranks set note = 'beside' where origin = 'origin 12'; update ranks set id = 12 where origin = 'origin 10';
    update ranks set id = 13 where origin = 'origin 11'; commit`);
  await stack.settled();
  expect(await pages('ranks')).toEqual(before);
});

test('nothing was set aside on the way', async () => {
  expect(await sides.failures()).toEqual([]);
});
