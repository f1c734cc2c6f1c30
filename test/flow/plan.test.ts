import { expect, test } from 'vitest';
import type { ConfigInput } from '../../src/config/mapping-file.ts';
import { isInSync } from '../../src/model/sync-plan.ts';
import { createCliStage } from '../support/cli-stage.ts';
import { countsOf, planOf, tableOf } from '../support/plans.ts';
import { fromNow } from '../support/requests.ts';
import { sidesOf, typed } from '../support/sides.ts';

/** Two tables, one of which refers to the other. */
const schema = `
  create table makers (id integer primary key, name text not null, city text);
  create table goods (
    id integer primary key, name text not null, maker integer references makers (id), kind text, price numeric(10, 2))`;

const rows = (makers: number, goods: number): string => `
  insert into makers select i, 'maker ' || i, 'city ' || i % 7 from generate_series(1, ${makers}) i;
  insert into goods select i, 'good ' || i, case when ${makers} > 0 then 1 + i % greatest(${makers}, 1) end,
         'kind ' || i % 5, i * 1.25 from generate_series(1, ${goods}) i`;

const config = {
  sync: { settleSeconds: 0.2 },
  tables: {
    makers: {
      source: 'public.makers',
      key: 'id',
      title: 'Makers',
      fields: { Name: { column: 'name', type: 'title' }, City: { column: 'city', type: 'rich_text' } },
    },
    goods: {
      source: 'public.goods',
      key: 'id',
      title: 'Goods',
      fields: {
        Name: { column: 'name', type: 'title' },
        Maker: { column: 'maker', type: 'relation', relatedTable: 'makers' },
        Kind: { column: 'kind', type: 'select' },
        Price: { column: 'price', type: 'number' },
      },
    },
  },
} satisfies ConfigInput;

const within3Percent = (priced: number, made: number): void => {
  expect(Math.abs(priced - made) / made, `${priced} priced, ${made} made`).toBeLessThanOrEqual(0.03);
};

test('500 rows of two tables: the price is that of the requests then made, and nothing is left behind by the plan', async () => {
  // Polls that come while the machine is busy are none of the price.
  const variables = { SYNC_INTERVAL_SECONDS: '600' };
  await using cli = await createCliStage({ config, schema: `${schema}; ${rows(100, 400)}`, variables });
  const { control } = cli.sandbox;
  const before = control.listDatabases().length;
  const told = await cli.run(['plan']);
  expect([told.code, told.stdout]).toEqual([2, expect.stringContaining('400 pages to create')]);
  expect(told.stdout).toContain('  first sync: ');
  const { plan } = await planOf(cli);
  expect(countsOf(plan, 'makers')).toEqual({ create: 100 });
  expect(countsOf(plan, 'goods')).toEqual({ create: 400 });
  expect(tableOf(plan, 'goods').kinds.create.samples).toHaveLength(10);
  expect(
    tableOf(plan, 'goods')
      .schema.properties.map(({ name }) => name)
      .sort(),
  ).toEqual(['Kind', 'Last Synced', 'Maker', 'Name', 'Price', 'Supabase ID']);

  const { rows: left } = await cli.database.pool.query(
    `select to_regnamespace('pgnotion')::text as schema,
            (select count(*)::int from pg_publication) as publications,
            (select count(*)::int from pg_replication_slots where database = current_database()) as slots`,
  );
  expect(left).toEqual([{ schema: null, publications: 0, slots: 0 }]);
  expect(control.listDatabases()).toHaveLength(before);
  expect(
    control
      .requests()
      .filter(({ method, operation }) => method !== 'GET' && operation !== 'dataSources.query'),
  ).toEqual([]);

  const first = fromNow(control);
  await cli.apply();
  within3Percent(plan.price.apply.requests, control.requests().filter(first).length);
  const second = fromNow(control);
  await cli.start();
  await cli.settled();
  const made = control.requests().filter(second);
  within3Percent(plan.price.firstSync.requests, made.length);
  // One for each table at the start: the options that rows bring along are learned from the answers to writes.
  expect(made.filter(({ operation }) => operation === 'dataSources.retrieve')).toHaveLength(2);

  expect(isInSync((await planOf(cli)).plan)).toBe(true);
  const after = await cli.run(['plan']);
  expect([after.code, after.stdout]).toEqual([0, expect.stringContaining('nothing would be done')]);
});

test('people who would be notified, values that would be refused, and what is better known beforehand', async () => {
  const tasks = {
    source: 'public.tasks',
    key: 'code',
    title: 'Tasks',
    fields: {
      Code: { column: 'code', type: 'rich_text' },
      Name: { column: 'name', type: 'title' },
      Who: { column: 'who', type: 'people' },
      Link: { column: 'link', type: 'url' },
    },
  } as const;
  await using cli = await createCliStage({
    config: { tables: { tasks } },
    schema: `create table tasks (code text primary key, name text, who text[], link text);
      insert into tasks values
        ('a', 'one', array['ada@example.com'], 'https://example.com'),
        ('b', 'two', array['ada@example.com', 'grace@example.com'], null),
        ('c', 'three', array['nobody@example.com'], 'https://example.com/' || repeat('x', 2100))`,
    variables: { NOTION_PARENT_PAGE_ID: '00000000000040008000000000000000' },
  });
  const { plan } = await planOf(cli);
  expect(countsOf(plan, 'tasks')).toEqual({ create: 3, refused: 2 });
  expect(plan.people).toMatchObject({ people: 2, notifications: 3 });
  expect(plan.people.samples[0]?.pages).toBe(2);
  const notes = tableOf(plan, 'tasks').kinds.refused.samples.map(({ key, note }) => `${key} ${note}`);
  expect(notes).toEqual([expect.stringMatching(/^c .*"Who"/), expect.stringMatching(/^c .*"Link"/)]);
  expect(plan.warnings).toEqual([
    expect.stringContaining('NOTION_PARENT_PAGE_ID is 0000'),
    expect.stringMatching(/^tasks: .*Code is of the primary key/),
  ]);
  // A part of the text is there for people, who see all of it.
  const { stdout } = await cli.run(['plan']);
  expect(stdout).toContain('2 people would be notified, 3 times in all');
  expect(stdout).toContain('warning: tasks:');
});

test('what waits for a person’s decision is nothing that would be done', async () => {
  const { makers } = config.tables;
  await using cli = await createCliStage({
    config: { tables: { makers: { ...makers, conflict: 'manual' } } },
    schema: `${schema}; ${rows(1, 0)}`,
  });
  await cli.apply();
  const daemon = await cli.start();
  await cli.settled();
  daemon.signal('SIGTERM');
  await daemon.exit;
  const sides = sidesOf(cli);
  await sides.sql(`update makers set city = 'theirs'`);
  sides.edit(await sides.pageOf('makers', '1'), { City: typed('rich_text', 'ours') });
  expect(countsOf((await planOf(cli)).plan, 'makers')).toEqual({ update: 1, edit: 1 });
  await cli.start();
  await cli.settled();
  expect(await sides.sql('select status from pgnotion.open_conflicts')).toHaveLength(1);
  expect(isInSync((await planOf(cli)).plan)).toBe(true);
});
