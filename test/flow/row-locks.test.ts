import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { type Failure, type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { type Stack, startStack } from '../support/stack.ts';

const LOCKED = 30;
const schema = `
  create table makers (id integer primary key, name text not null);
  create table goods (
    id integer primary key, name text not null, note text, maker integer references makers);
  create table others (id integer primary key, name text not null);
  create function dawdle() returns trigger language plpgsql as $$
    begin if new.note = 'sleep' then perform pg_sleep(3600); end if; return new; end $$;
  create trigger dawdle before insert or update on goods for each row execute function dawdle();
  insert into makers values (1, 'one'), (2, 'two');
  insert into others values (1, 'one'), (2, 'two');
  insert into goods select i, 'good ' || i, null, 1 from generate_series(1, 60) i;`;

const config = {
  sync: { settleSeconds: 0 },
  guard: { deletion: { number: 50 } },
  tables: {
    makers: {
      source: 'public.makers',
      key: 'id',
      title: 'Makers',
      fields: { Name: { column: 'name', type: 'title' }, ID: { column: 'id', type: 'number' } },
    },
    goods: {
      source: 'public.goods',
      key: 'id',
      title: 'Goods',
      onNotionTrash: 'delete',
      fields: {
        Name: { column: 'name', type: 'title' },
        ID: { column: 'id', type: 'number' },
        Note: { column: 'note', type: 'rich_text' },
        Maker: { column: 'maker', type: 'relation', relatedTable: 'makers' },
      },
    },
    others: {
      source: 'public.others',
      key: 'id',
      title: 'Others',
      fields: { Name: { column: 'name', type: 'title' }, ID: { column: 'id', type: 'number' } },
    },
  },
} satisfies ConfigInput;

let stack: Stack;
let sides: Sides;

beforeAll(async () => {
  stack = await startStack({ config, schema, pollSeconds: 0.5 });
  sides = sidesOf(stack);
});

afterAll(() => stack[Symbol.asyncDispose]());

const goods = (key: number): Promise<string> => sides.pageOf('goods', String(key));
const note = (text: string) => ({ Note: typed('rich_text', text) });
const count = async (condition: string): Promise<number> =>
  (await sides.sql(`select from goods where ${condition}`)).length;
const blocked = async (): Promise<Failure[]> =>
  (await sides.failures()).filter(({ code }) => code === 'row_blocked');

/** Holds locks as an application does, until it is disposed of. */
async function holding(statement: string): Promise<AsyncDisposable & { readonly end: () => Promise<void> }> {
  const client: pg.PoolClient = await stack.database.pool.connect();
  await client.query('begin');
  await client.query(statement);
  let ended = false;
  const end = async (): Promise<void> => {
    if (ended) return;
    ended = true;
    await client.query('commit');
    client.release();
  };
  return { end, [Symbol.asyncDispose]: end };
}

/** Both directions of another table, and of other rows, go on. */
async function othersGoOn(round: string): Promise<void> {
  const [edited, changed] = [await sides.pageOf('others', '1'), await sides.pageOf('others', '2')];
  sides.edit(edited, { Name: typed('title', `edited ${round}`) });
  await sides.sql('update others set name = $1 where id = 2', [`changed ${round}`]);
  await soon(
    async () => (await sides.sql('select from others where name = $1', [`edited ${round}`])).length === 1,
  );
  await soon(() => sides.shown(changed, 'Name') === `changed ${round}`);
  expect((await fetch(`${stack.admin()}/readyz`)).status).toBe(200);
}

test('invariant 16: rows that an application has locked hold up no other, stand in the failures, and follow when they are free', async () => {
  await using lock = await holding(`select from goods where id <= ${LOCKED} for update`);
  for (let key = 1; key <= LOCKED; key += 1) sides.edit(await goods(key), note('typed'));
  for (const key of [40, 41, 42]) sides.edit(await goods(key), note('free'));
  stack.sandbox.control.trashPage(await goods(43));
  await soon(async () => (await count(`note = 'free'`)) === 3);
  await soon(async () => (await count('id = 43')) === 0);
  await othersGoOn('locked');
  await sides.sql(`update goods set name = 'renamed' where id = 44`);
  const renamed = await goods(44);
  await soon(() => sides.shown(renamed, 'Name') === 'renamed');
  await soon(async () => (await blocked()).length === LOCKED);
  expect((await blocked())[0]).toMatchObject({
    direction: 'to-postgres',
    table_name: 'goods',
    parked: false,
    remedy: expect.stringContaining('pg_stat_activity'),
  });
  const ours = await sides.sql<{ n: number }>(
    `select count(*)::int as n from pg_stat_activity
      where datname = current_database() and application_name like 'pgnotion%' and wait_event_type = 'Lock'`,
  );
  expect(ours[0]?.n).toBeLessThanOrEqual(4);
  await lock.end();
  await soon(async () => (await count(`note = 'typed'`)) === LOCKED);
  await soon(async () => (await blocked()).length === 0);
});

test('a page in the trash whose row is locked takes it along once it is free', async () => {
  await using lock = await holding('select from goods where id = 45 for update');
  const page = await goods(45);
  stack.sandbox.control.trashPage(page);
  await soon(async () => (await blocked()).some(({ page_id }) => page_id === page));
  expect(await count('id = 45')).toBe(1);
  await lock.end();
  await soon(async () => (await count('id = 45')) === 0);
  await soon(async () => (await blocked()).length === 0);
});

test('a new page whose related row is locked becomes a row once that is free', async () => {
  await using lock = await holding('select from makers where id = 2 for update');
  const maker = await sides.pageOf('makers', '2');
  const { id: page } = stack.sandbox.control.createPage(await sides.source('goods'), {
    Name: typed('title', 'made'),
    ID: typed('number', 900),
    Maker: typed('relation', [maker]),
  });
  await soon(async () => (await blocked()).some(({ page_id }) => page_id === page));
  await othersGoOn('related');
  await lock.end();
  await soon(async () => (await count('id = 900 and maker = 2')) === 1);
  await soon(async () => (await blocked()).length === 0);
});

test('invariant 16: a trigger that does not end stops its own edit alone', async () => {
  const sleeping = [50, 51, 52, 53, 54];
  for (const key of sleeping) sides.edit(await goods(key), note('sleep'));
  for (const key of [55, 56]) sides.edit(await goods(key), note('awake'));
  await soon(async () => (await count(`note = 'awake'`)) === 2);
  await othersGoOn('sleeping');
  await soon(async () => (await blocked()).length === sleeping.length);
  sides.edit(await goods(57), note('later'));
  await soon(async () => (await count(`note = 'later'`)) === 1);
  for (const key of sleeping) sides.edit(await goods(key), note('mended'));
  await soon(async () => (await count(`note = 'mended'`)) === sleeping.length);
  await soon(async () => (await blocked()).length === 0);
});

test('invariant 16: a table that is locked as a whole stops no other, in neither direction', async () => {
  await using lock = await holding('lock table goods in access exclusive mode');
  sides.edit(await goods(58), note('behind the lock'));
  await othersGoOn('table');
  // A change of a table that refers to the locked one.
  await sides.sql(`update makers set name = 'first' where id = 1`);
  const maker = await sides.pageOf('makers', '1');
  await soon(() => sides.shown(maker, 'Name') === 'first');
  await othersGoOn('table, later');
  await lock.end();
  await soon(async () => (await count(`note = 'behind the lock'`)) === 1);
  await soon(async () => (await sides.failures()).length === 0);
});
