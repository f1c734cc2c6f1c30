import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import type { Json } from '../../src/model/change.ts';
import type { PropertyType } from '../../src/model/codecs/codec.ts';
import { createCliStage } from '../support/cli-stage.ts';
import { eventually } from '../support/eventually.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';
import { type Stack, startStack } from '../support/stack.ts';

const BAD = 50;

const schema = `
  create type state as enum ('draft', 'active', 'retired');
  create domain short_code as varchar(6) check (value ~ '^[A-Z]+$');
  create table makers (id integer primary key, name text not null);
  create table goods (
    id integer primary key,
    name varchar(20) not null,
    price numeric(10, 2) not null default 12.50 check (price >= 0),
    stock smallint not null default 0 check (stock between 0 and 1000),
    state state not null default 'draft',
    code short_code,
    label text unique,
    cost numeric(10, 2),
    born date,
    maker integer references makers,
    note text,
    constraint cost_below_price check (cost <= price));
  create function frozen() returns trigger language plpgsql as $$
    begin
      if new.note = 'frozen' then
        raise exception 'the books are closed' using hint = 'ask the accountant';
      end if;
      if new.note = 'broken' then
        perform 1 / 0;
      end if;
      return new;
    end $$;
  create trigger frozen before insert or update on goods for each row execute function frozen();
  insert into makers values (1, 'One'), (2, 'Two');
  insert into goods (id, name, label, maker, cost)
    select i, 'good ' || i, 'label ' || i, 1, case when i > 8 then 1 end from generate_series(1, ${BAD + 20}) i`;

const config = {
  sync: { settleSeconds: 0.2 },
  tables: {
    makers: {
      source: 'public.makers',
      key: 'id',
      title: 'Makers',
      onNotionTrash: 'ignore',
      fields: { Name: { column: 'name', type: 'title' }, ID: { column: 'id', type: 'number' } },
    },
    goods: {
      source: 'public.goods',
      key: 'id',
      title: 'Goods',
      statusProperty: 'Sync Status',
      fields: {
        Name: { column: 'name', type: 'title' },
        ID: { column: 'id', type: 'number' },
        Price: { column: 'price', type: 'number' },
        Stock: { column: 'stock', type: 'number' },
        State: {
          column: 'state',
          type: 'select',
          values: { draft: 'Draft', active: 'Active', retired: 'Retired' },
        },
        Code: { column: 'code', type: 'rich_text' },
        Label: { column: 'label', type: 'rich_text' },
        Cost: { column: 'cost', type: 'number' },
        Born: { column: 'born', type: 'date' },
        Maker: { column: 'maker', type: 'relation', relatedTable: 'makers' },
        Note: { column: 'note', type: 'rich_text' },
      },
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
const row = async (key: number) =>
  (await sides.sql<Record<string, Json>>('select * from goods where id = $1', [key]))[0];
const told = (page: string): string => String(sides.shown(page, 'Sync Status'));
const comments = (page: string): string[] =>
  stack.sandbox.control
    .comments(page)
    .map((comment) =>
      (comment.rich_text as { readonly plain_text: string }[]).map((run) => run.plain_text).join(''),
    );
const commented = (page: string, count = 1): Promise<unknown> =>
  eventually(() => comments(page).length === count, { timeoutMs: 60_000 });

type Bad = readonly [
  property: keyof typeof config.tables.goods.fields,
  type: PropertyType,
  value: Json,
  wrong: RegExp,
];

const LONG = 'x'.repeat(21);
/** Fifty values that goods cannot hold, each on a page of its own. */
const bad: readonly Bad[] = [
  ...[-1, -0.01, -99999999].map(
    (value): Bad => ['Price', 'number', value, /^Price: must be at least 0\. PostgreSQL kept 12\.50$/],
  ),
  ...[1.005, 0.001, 12.345, 99.999].map(
    (value): Bad => ['Price', 'number', value, /at most 2 decimal places\. PostgreSQL kept 12\.50$/],
  ),
  ...[1e8, 1e12, 123456789.5].map(
    (value): Bad => ['Price', 'number', value, /must be from -99999999\.99 to 99999999\.99/],
  ),
  ['Price', 'number', null, /^Price: must not be empty\. PostgreSQL kept 12\.50$/],
  ['Price', 'number', 0.5, /does not fit PostgreSQL's rule cost_below_price|must be at least Cost/],
  ...[-1, 1001, 32767].map(
    (value): Bad => [
      'Stock',
      'number',
      value,
      /^Stock: must be at least 0 and must be at most 1000\. PostgreSQL kept 0$/,
    ],
  ),
  ...[32768, -32769, 1e9, 2 ** 40].map(
    (value): Bad => ['Stock', 'number', value, /must be from -32768 to 32767/],
  ),
  ...[0.5, 1.25, 3.999].map((value): Bad => ['Stock', 'number', value, /must be a whole number/]),
  ['Stock', 'number', null, /^Stock: must not be empty\. PostgreSQL kept 0$/],
  ...['Lost', 'active ', 'draftt', '7'].map(
    (value): Bad => [
      'State',
      'select',
      value,
      /^State: must be one of Draft, Active, Retired\. PostgreSQL kept Draft$/,
    ],
  ),
  ['State', 'select', null, /^State: must not be empty/],
  ...[LONG, `${LONG} and more`, '𝒳'.repeat(21)].map(
    (value): Bad => [
      'Name',
      'title',
      value,
      /^Name: must have at most 20 characters, and has \d+\. PostgreSQL kept "good \d+"$/,
    ],
  ),
  ...['abc', 'A1', '-'].map(
    (value): Bad => [
      'Code',
      'rich_text',
      value,
      /^Code: must match the pattern \^\[A-Z\]\+\$\. PostgreSQL kept nothing$/,
    ],
  ),
  ...['ABCDEFG'].map((value): Bad => ['Code', 'rich_text', value, /must have at most 6 characters/]),
  ...['label 69', 'label 70'].map(
    (value): Bad => [
      'Label',
      'rich_text',
      value,
      /^Label: another record has this value already, and it must be unique/,
    ],
  ),
  ...[13, 12.51, 1000].map(
    (value): Bad => ['Cost', 'number', value, /^Cost: must be at most Price\. PostgreSQL kept 1\.00$/],
  ),
  ...[1.001, 2.555].map((value): Bad => ['Cost', 'number', value, /at most 2 decimal places/]),
  ['Born', 'date', '2026-02-03/2026-02-05', /^Born: .* has an end/],
  ...['frozen'].map(
    (value): Bad => [
      'Note',
      'rich_text',
      value,
      /^Note: the books are closed\. Ask the accountant\. PostgreSQL kept nothing$/,
    ],
  ),
  ['Note', 'rich_text', 'broken', /^Note: division by zero/],
  ['Name', 'title', 'y'.repeat(2000), /at most 20 characters, and has 2000/],
  ['Stock', 'number', -0.5, /whole number/],
  ['Cost', 'number', 1e9, /must be from/],
  ['Code', 'rich_text', 'abcdefg', /must have at most 6 characters/],
  ['State', 'select', 'Actíve', /must be one of/],
];

const value = ([, type, raw]: Bad): Record<string, unknown> => {
  if (type !== 'date') return typed(type, raw);
  const [start, end] = String(raw).split('/');
  return { date: { start, end } };
};

test('invariant 4: fifty bad inputs lose nothing, hold nothing else up, and say what is wrong, once', async () => {
  expect(bad).toHaveLength(BAD);
  const pages = await Promise.all(bad.map((_, at) => goods(at + 1)));
  const before = await sides.sql(
    'select id, name, price, stock, state, code, label, cost, born from goods order by id',
  );
  // Each beside a good value of the same edit.
  bad.forEach((one, at) => {
    const beside =
      one[0] === 'Note'
        ? { Born: typed('date', '2001-02-03') }
        : { Note: typed('rich_text', `beside ${at}`) };
    sides.edit(pages[at] ?? '', { [one[0]]: value(one), ...beside });
  });
  for (const [at, one] of bad.entries()) {
    const page = pages[at] ?? '';
    await commented(page);
    await soon(() => {
      expect(told(page), JSON.stringify(one)).toMatch(one[3]);
      return true;
    });
    expect(comments(page)).toEqual([told(page)]);
  }
  await sides.rest();
  // Nothing lost: the page holds what was typed, the row what it held, and the failures the reason.
  expect((await sides.failures()).map(({ page_id }) => page_id).sort()).toEqual([...pages].sort());
  for (const [at, one] of bad.entries()) {
    const now = await row(at + 1);
    if (one[0] === 'Note') expect(now?.born).not.toBeNull();
    else expect(now?.note, JSON.stringify(one)).toBe(`beside ${at}`);
  }
  const after = await sides.sql(
    'select id, name, price, stock, state, code, label, cost, born from goods order by id',
  );
  const ofBorn = new Set(bad.flatMap((one, at) => (one[0] === 'Note' ? [at + 1] : [])));
  const others = (rows: readonly object[]) => rows.filter((each) => !ofBorn.has((each as { id: number }).id));
  expect(others(after)).toEqual(others(before));
  // Not stuck: another edit of such a page goes on, and so does another page.
  sides.edit(pages[0] ?? '', { Note: typed('rich_text', 'later') });
  await soon(async () => (await row(1))?.note === 'later');
  expect(comments(pages[0] ?? '')).toHaveLength(1);
  // At rest no request is made but the polls'.
  await sides.rest();
  expect(await sides.extras(5)).toEqual([]);
  // Mended or put back, the page says nothing any more.
  bad.forEach((one, at) => {
    const good: Record<string, Json> = {
      Name: `mended ${at}`,
      Price: 20,
      Stock: 5,
      State: 'Active',
      Code: 'ABC',
      Label: `new ${at}`,
      Cost: 2,
      Born: '2026-01-01',
      Note: 'fine',
    };
    sides.edit(pages[at] ?? '', { [one[0]]: typed(one[1], good[one[0]] ?? null) });
  });
  for (const page of pages) await soon(() => told(page) === '');
  await sides.rest();
  expect(await sides.failures()).toEqual([]);
  expect(pages.map((page) => comments(page).length)).toEqual(pages.map(() => 1));
});

/** One edit for each class of PostgreSQL's refusals, with what its page tells, and what mends it. */
test.each<readonly [string, Record<string, unknown>, string, Record<string, unknown>]>([
  [
    '23514',
    { Stock: typed('number', 2000) },
    'Stock: must be at least 0 and must be at most 1000. PostgreSQL kept 0',
    { Stock: typed('number', 20) },
  ],
  [
    '23505',
    { Label: typed('rich_text', 'label 1') },
    'Label: another record has this value already, and it must be unique. PostgreSQL kept "label 60"',
    { Label: typed('rich_text', 'mine') },
  ],
  [
    'P0001',
    { Note: typed('rich_text', 'frozen') },
    'Note: the books are closed. Ask the accountant. PostgreSQL kept nothing',
    { Note: typed('rich_text', 'open') },
  ],
  [
    '22012',
    { Note: typed('rich_text', 'broken') },
    'Note: division by zero. PostgreSQL kept "open"',
    { Note: typed('rich_text', 'open') },
  ],
])('%s: the page tells it, has one comment, and is cleared when mended', async (_state, edit, text, good) => {
  await sides.sql(`update goods set label = 'label 1' where id = 1`);
  const page = await goods(60);
  const before = comments(page).length;
  sides.edit(page, edit as never);
  await commented(page, before + 1);
  await soon(() => told(page) === text);
  expect(comments(page).at(-1)).toBe(text);
  sides.edit(page, good as never);
  await soon(() => told(page) === '');
  await sides.rest();
  expect(comments(page)).toHaveLength(before + 1);
});

test('23503: a record that is gone cannot be chosen; the reference to one that exists mends it', async () => {
  const page = await goods(61);
  const ghost = await sides.pageOf('makers', '2');
  // Its row goes while nobody is told of it.
  await sides.sql('alter table makers disable trigger all');
  await sides.sql(`set session_replication_role = 'origin'`);
  await sides.sql(`select pgnotion.pause('makers')`);
  await sides.sql('delete from makers where id = 2');
  await soon(async () => (await sides.sql('select from pgnotion.outbox')).length > 0);
  sides.edit(page, { Maker: typed('relation', [ghost]) });
  await soon(
    () => told(page) === 'Maker: the record chosen there does not exist in PostgreSQL. PostgreSQL kept One',
  );
  await commented(page);
  sides.edit(page, { Maker: typed('relation', [await sides.pageOf('makers', '1')]) });
  await soon(() => told(page) === '');
  await sides.sql(`insert into makers values (2, 'Two')`);
  await sides.sql(`select pgnotion.resume('makers')`);
  await sides.rest();
  expect(comments(page)).toHaveLength(1);
});

test('all that is wrong with an edit is told at once, each property on a line of its own', async () => {
  const page = await goods(62);
  sides.edit(page, {
    Price: typed('number', 1.005),
    Stock: typed('number', -5),
    State: typed('select', 'Lost'),
    Note: typed('rich_text', 'goes on'),
  });
  await commented(page);
  expect(told(page).split('\n').sort()).toEqual([
    'Price: must have at most 2 decimal places. PostgreSQL kept 12.50',
    'State: must be one of Draft, Active, Retired. PostgreSQL kept Draft',
    'Stock: must be at least 0 and must be at most 1000. PostgreSQL kept 0',
  ]);
  expect((await row(62))?.note).toBe('goes on');
  // Mended one by one, the page tells what is left.
  sides.edit(page, { Price: typed('number', 1.01), State: typed('select', 'Active') });
  await soon(() => told(page) === 'Stock: must be at least 0 and must be at most 1000. PostgreSQL kept 0');
  sides.edit(page, { Stock: typed('number', 0) });
  await soon(() => told(page) === '');
});

test('the same mistake made again after it was mended is a refusal of its own', async () => {
  const page = await goods(63);
  for (const count of [1, 2]) {
    sides.edit(page, { Stock: typed('number', -1) });
    await commented(page, count);
    sides.edit(page, { Stock: typed('number', 0) });
    await soon(() => told(page) === '');
  }
  expect(new Set(comments(page)).size).toBe(1);
});

test('a person who writes over the status changes nothing, and no request comes of it', async () => {
  const page = await goods(64);
  stack.sandbox.control.clearRequests();
  sides.edit(page, { 'Sync Status': typed('rich_text', 'mine') });
  await sides.polls(4);
  expect(sides.writes()).toEqual([]);
  expect(await sides.failures()).toEqual([]);
});

test('a new page that cannot become a row is told the same way, and one that is empty is left alone', async () => {
  const source = await sides.source('goods');
  const make = (properties: Record<string, unknown>): string =>
    stack.sandbox.control.createPage(source, properties).id;
  const empty = make({});
  const page = make({ Name: typed('title', LONG), Price: typed('number', -1) });
  await commented(page);
  // The row also needs its key; what is not filled in and what does not fit are told together.
  expect(told(page)).toContain('ID: must not be empty');
  expect(told(page)).toContain('Name: must have at most 20 characters');
  sides.edit(page, { ID: typed('number', 900), Name: typed('title', 'new') });
  await soon(() => told(page) === 'Price: must be at least 0');
  await commented(page, 2);
  sides.edit(page, { Price: typed('number', 1) });
  await soon(() => told(page) === '');
  expect((await row(900))?.name).toBe('new');
  await sides.polls(3);
  expect([comments(empty), told(empty)]).toEqual([[], '']);
  stack.sandbox.control.trashPage(empty);
  await sides.rest();
  expect(comments(page)).toHaveLength(2);
});

test.each([
  ['a dropped connection', { kind: 'reset', when: 'after' }],
  ['a 503 that says nothing', { kind: 'status', status: 503, when: 'after' }],
  [
    'a 503 that says what was saved',
    { kind: 'status', status: 503, when: 'after', additionalData: { committed_resource_id: '$id' } },
  ],
  ['a 504 that did nothing', { kind: 'status', status: 504, when: 'before' }],
] as const)(
  'invariant 9: a comment whose answer was lost by %s is neither missing nor there twice',
  async (_title, action) => {
    const page = await goods(65);
    const before = comments(page).length;
    const fault = stack.sandbox.control.faults.add({
      match: { operation: 'comments.create' },
      times: 1,
      action,
    });
    sides.edit(page, { Stock: typed('number', -1) });
    await commented(page, before + 1);
    await soon(
      async () => (await sides.sql('select from pgnotion.notices where next_at is not null')).length === 0,
    );
    stack.sandbox.control.faults.clear(fault);
    sides.edit(page, { Stock: typed('number', 0) });
    await soon(() => told(page) === '');
    expect(comments(page)).toHaveLength(before + 1);
  },
);

test('invariant 9: a daemon that is killed between a comment and its note makes no second one', async () => {
  await using stage = await createCliStage({ config, schema });
  await stage.apply();
  const daemon = await stage.start();
  await stage.settled();
  const { control } = stage.sandbox;
  const sql = async <Row extends object>(text: string): Promise<Row[]> =>
    (await stage.database.pool.query<Row>(text)).rows;
  const [record] = await sql<{ page: string }>(
    `select page_id as page from pgnotion.records where table_name = 'goods' and key = '1'`,
  );
  const page = record?.page ?? '';
  const fault = control.faults.add({
    match: { operation: 'comments.create' },
    times: 1,
    action: { kind: 'delay', ms: 60_000, when: 'after' },
  });
  control.editPage(page, { Stock: typed('number', -1) });
  await soon(() => control.comments(page).length === 1);
  await daemon.kill9();
  control.faults.clear(fault);
  expect(await sql('select from pgnotion.notices where intent_at is not null')).toHaveLength(1);
  await stage.start({ SYNC_CREATE_GRACE_SECONDS: '1' });
  await soon(async () => (await sql('select from pgnotion.notices where next_at is null')).length === 1);
  expect(control.comments(page)).toHaveLength(1);
  control.editPage(page, { Stock: typed('number', 3) });
  await soon(async () => (await sql('select from goods where id = 1 and stock = 3')).length === 1);
  await stage.settled();
  expect(control.comments(page)).toHaveLength(1);
});

test('a connection that may not comment tells it in the status alone, and tries once', async () => {
  const control = stack.sandbox.control;
  const fault = control.faults.add({
    match: { operation: 'comments.create' },
    times: null,
    action: { kind: 'status', status: 403, when: 'before', code: 'restricted_resource' },
  });
  control.clearRequests();
  for (const key of [67, 68]) {
    const page = await goods(key);
    sides.edit(page, { Stock: typed('number', -1) });
    await soon(() => told(page).startsWith('Stock: '));
  }
  await soon(
    async () => (await sides.sql('select from pgnotion.notices where next_at is not null')).length === 0,
  );
  expect(control.requests().filter(({ operation }) => operation === 'comments.create')).toHaveLength(1);
  for (const key of [67, 68]) sides.edit(await goods(key), { Stock: typed('number', 0) });
  await sides.rest();
  expect(await sides.failures()).toEqual([]);
  control.faults.clear(fault);
});
