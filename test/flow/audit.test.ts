import { afterAll, beforeAll, expect, test } from 'vitest';
import lithiumbuy from '../../examples/lithiumbuy/pgnotion.config.ts';
import { ADA, GRACE } from '../../src/sandbox/notion/people.ts';
import { keyOf, someRows } from '../support/lithiumbuy.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { createStack, lithiumbuySchema, type Stack } from '../support/stack.ts';

let stack: Stack;
let sides: Sides;

beforeAll(async () => {
  stack = await createStack({
    config: { ...lithiumbuy, sync: { settleSeconds: 0 }, retention: { days: 30 } },
    schema: await lithiumbuySchema(),
    pollSeconds: 0.3,
  });
  await stack.database.pool.query(someRows);
  await stack.apply();
  await stack.start();
  await stack.settled();
  sides = sidesOf(stack);
});
afterAll(() => stack[Symbol.asyncDispose]());

type Operation = {
  readonly id: string;
  readonly direction: string;
  readonly kind: string;
  readonly status: string;
  readonly [name: string]: unknown;
};

/** The newest finished operation of a record that is like this. */
const operation = (table: string, key: string, direction: string, kind: string): Promise<Operation> =>
  soon(async () => {
    const [found] = await sides.sql<Operation>(
      `select *, lsn::text as lsn from pgnotion.operations
        where table_name = $1 and key = $2 and direction = $3 and kind = $4 and status = 'done'
        order by id desc limit 1`,
      [table, key, direction, kind],
    );
    return found;
  });

const complete = { finished_at: expect.any(Date), started_at: expect.any(Date), attempt: 1, error: null };

type Logged = { readonly action: string; readonly actor: string; readonly actor_id: string | null };
const logged = async (table: string, key: string): Promise<Logged | undefined> =>
  (
    await sides.sql<Logged>(
      'select action, actor, actor_id from audit_log where table_name = $1 and record_id = $2 order by id desc limit 1',
      [table, key],
    )
  )[0];

test.each([
  ['suppliers', 'Response Time', 'response_time'],
  ['products', 'Unit', 'unit'],
])("the audit log of %s names the person in Notion, and PostgreSQL's role for plain SQL", async (...one) => {
  const [table, property, column] = one;
  const key = keyOf(table, 1);
  const page = await sides.pageOf(table, key);
  stack.sandbox.control.editPage(page, { [property]: typed('rich_text', 'by Grace') }, GRACE);
  await soon(async () => (await logged(table, key))?.actor === 'Grace Hopper');
  expect(await logged(table, key)).toEqual({ action: 'update', actor: 'Grace Hopper', actor_id: GRACE });
  await sides.sql(`update ${table} set ${column} = 'by SQL' where id = $1`, [key]);
  const [me] = await sides.sql<{ name: string }>('select session_user::text as name');
  expect(await logged(table, key)).toEqual({ action: 'update', actor: me?.name, actor_id: null });
  await sides.rest();
});

test('the audit log of orders does so too', async () => {
  const key = keyOf('orders', 1);
  const page = await sides.pageOf('orders', key);
  const status = { Status: { select: { name: 'Shipped' } } };
  stack.sandbox.control.editPage(page, status, GRACE);
  await soon(async () => (await logged('orders', key))?.actor_id === GRACE);
  await sides.sql(`update orders set status = 'pending' where id = $1`, [key]);
  expect(await logged('orders', key)).toMatchObject({ action: 'update', actor_id: null });
  await sides.rest();
});

test('invariant 7: an edit in Notion leaves a line with the person, the time and both values', async () => {
  const key = keyOf('suppliers', 2);
  const page = await sides.pageOf('suppliers', key);
  stack.sandbox.control.editPage(page, { Name: typed('title', 'Edited'), Rating: { number: 4.5 } }, GRACE);
  await soon(async () => (await logged('suppliers', key))?.actor === 'Grace Hopper');
  expect(await operation('suppliers', key, 'to-postgres', 'update')).toMatchObject({
    ...complete,
    page_id: page,
    actor: 'Grace Hopper',
    actor_id: GRACE,
    fields: ['Name', 'Rating'],
    before: { Name: 'Supplier 2', Rating: null },
    after: { Name: 'Edited', Rating: '4.5' },
    changed_at: expect.any(Date),
  });
  await sides.rest();
});

test('invariant 7: a change in SQL leaves a line with its place in the log, the page’s values and the row’s', async () => {
  const key = keyOf('suppliers', 3);
  const page = await sides.pageOf('suppliers', key);
  await sides.sql(`update suppliers set response_time = '< 1 h', verification_tier = 'gold' where id = $1`, [
    key,
  ]);
  await soon(() => sides.shown(page, 'Response Time') === '< 1 h');
  await sides.rest();
  expect(await operation('suppliers', key, 'to-notion', 'update')).toMatchObject({
    ...complete,
    page_id: page,
    lsn: expect.stringMatching(/^[0-9A-F]+\/[0-9A-F]+$/),
    changed_at: expect.any(Date),
    before: { 'Response Time': null, 'Verification Tier': null },
    after: { 'Response Time': '< 1 h', 'Verification Tier': 'Gold' },
    row_before: { 'Response Time': null, 'Verification Tier': null },
    row_after: { 'Response Time': '< 1 h', 'Verification Tier': 'gold' },
  });
});

test('invariant 7: a row that is inserted and deleted in SQL leaves a line of each, with all that was known of it', async () => {
  const key = keyOf('suppliers', 9);
  await sides.sql(`insert into suppliers (id, name, rating) values ($1, 'Short', 3.5)`, [key]);
  const page = await sides.pageOf('suppliers', key);
  await sides.rest();
  const made = await operation('suppliers', key, 'to-notion', 'create');
  expect(made).toMatchObject({
    ...complete,
    page_id: page,
    row_before: null,
    row_after: { Name: 'Short', Rating: '3.5' },
  });
  await sides.sql('delete from suppliers where id = $1', [key]);
  expect(await operation('suppliers', key, 'to-notion', 'delete')).toMatchObject({
    ...complete,
    page_id: page,
    before: { Name: 'Short', Rating: 3.5 },
    row_before: { Name: 'Short', Rating: '3.5' },
    row_after: null,
  });
});

test('the first sync undoes nothing: its lines hold no change of a row', async () => {
  expect(
    await sides.sql(
      `select from pgnotion.operations where kind = 'create' and batch = 'backfill' and (row_before is not null or row_after is not null)`,
    ),
  ).toEqual([]);
});

test('invariant 7: a page that is made and trashed in Notion leaves a line of each, and the row whole', async () => {
  const source = await sides.source('suppliers');
  const page = stack.sandbox.control.createPage(source, { Name: typed('title', 'From Notion') }, GRACE).id;
  const key = (await soon(() => sides.keyOf(page))) ?? '';
  expect(await operation('suppliers', key, 'to-postgres', 'create')).toMatchObject({
    ...complete,
    page_id: page,
    actor: 'Grace Hopper',
    actor_id: GRACE,
    after: { Name: 'From Notion' },
  });
  expect(await logged('suppliers', key)).toEqual({
    action: 'insert',
    actor: 'Grace Hopper',
    actor_id: GRACE,
  });
  await sides.rest();
  const [row] = await sides.sql<{ row: object }>('select to_jsonb(s) as row from suppliers s where id = $1', [
    key,
  ]);
  // Whoever edited the page last is the one whom Notion names for it.
  stack.sandbox.control.editPage(page, { 'Response Time': typed('rich_text', 'now') }, ADA);
  await soon(async () => (await logged('suppliers', key))?.actor_id === ADA);
  await sides.rest();
  stack.sandbox.control.trashPage(page);
  const gone = await operation('suppliers', key, 'to-postgres', 'delete');
  expect(gone).toMatchObject({ ...complete, page_id: page, actor: expect.any(String) });
  expect(Object.keys(gone.before as object).sort()).toEqual(Object.keys(row?.row ?? {}).sort());
});

test('invariant 7: the values of a deleted row are kept to the last digit', async () => {
  const key = keyOf('suppliers', 10);
  await sides.sql('alter table suppliers add column if not exists fine numeric');
  await sides.sql(
    `insert into suppliers (id, name, fine) values ($1, 'Fine', 12345678901234567890.123456789)`,
    [key],
  );
  const page = await sides.pageOf('suppliers', key);
  await sides.rest();
  stack.sandbox.control.trashPage(page);
  await operation('suppliers', key, 'to-postgres', 'delete');
  const [kept] = await sides.sql<{ fine: string }>(
    `select before ->> 'fine' as fine from pgnotion.operations where key = $1 and kind = 'delete' and direction = 'to-postgres'`,
    [key],
  );
  expect(kept?.fine).toBe('12345678901234567890.123456789');
});

test('the daemon forgets what is older than the configuration says', async () => {
  await sides.sql(
    `insert into pgnotion.operations (direction, table_name, key, kind, status, started_at)
     select 'to-notion', 'suppliers', 'old', 'update', s, now() - interval '31 days' from unnest(array['done', 'unknown']) s`,
  );
  // The last success of a table stays, however old: something newer has to be there.
  await sides.sql('update suppliers set review_count = 9 where id = $1', [keyOf('suppliers', 2)]);
  await sides.rest();
  await stack.stop();
  await stack.start();
  const old = () => sides.sql(`select from pgnotion.operations where key = 'old'`);
  // The doubt too: no record has that key any more, so that it ends, and is as old as the other.
  await soon(async () => (await old()).length === 0);
});

test('explain and wait_for tell of a record while the daemon is at work', async () => {
  const key = keyOf('suppliers', 1);
  const page = await sides.pageOf('suppliers', key);
  for (const turn of [1, 2, 3]) {
    await sides.sql('update suppliers set review_count = $2 where id = $1', [key, 100 + turn]);
    const [row] = await sides.sql<{ there: boolean }>(`select pgnotion.wait_for('suppliers', $1) as there`, [
      key,
    ]);
    expect(row?.there).toBe(true);
    expect(sides.shown(page, 'Review Count')).toBe(100 + turn);
  }
  const lines = await sides.sql<{ what: string }>('select what from pgnotion.explain($1, $2) limit 2', [
    'suppliers',
    key,
  ]);
  expect(lines.map(({ what }) => what)).toEqual(['in sync', 'done to-notion update']);
});
