import { expect, test } from 'vitest';
import { createCliStage } from '../support/cli-stage.ts';
import { countsOf, planOf } from '../support/plans.ts';
import { fromNow } from '../support/requests.ts';

// The state is lost, as after a restore of the application's own schemas alone: the pages are there, with their keys.
const ROWS = 25;

test('pages whose state is lost are told as adopted, relations included, and that becomes of them at that price', async () => {
  await using cli = await createCliStage({
    schema: `
      create table makers (id integer primary key, name text not null, since timestamptz not null default now());
      create table goods (id integer primary key, name text not null, maker integer references makers, twin integer references goods);
      insert into makers select i, 'maker ' || i from generate_series(1, ${ROWS}) i;
      insert into goods select i, 'good ' || i, i, nullif(i - 1, 0) from generate_series(1, ${ROWS}) i`,
    config: {
      tables: {
        goods: {
          source: 'public.goods',
          key: 'id',
          title: 'Goods',
          fields: {
            Name: { column: 'name', type: 'title' },
            Maker: { column: 'maker', type: 'relation', relatedTable: 'makers' },
            Twin: { column: 'twin', type: 'relation', relatedTable: 'goods' },
          },
        },
        makers: {
          source: 'public.makers',
          key: 'id',
          title: 'Makers',
          fields: {
            Name: { column: 'name', type: 'title' },
            Since: { column: 'since', type: 'date', direction: 'to-notion' },
          },
        },
      },
    },
    // A poll that finds nothing new is none of the price, and the machine may be busy.
    variables: { SYNC_INTERVAL_SECONDS: '600', SYNC_QUERY_LAG_SECONDS: '8' },
  });
  const { control } = cli.sandbox;
  await cli.apply();
  const first = await cli.start();
  await cli.settled();
  first.signal('SIGTERM');
  await first.exit;
  const { pool, name } = cli.database;
  await pool.query('drop schema pgnotion cascade; drop publication pgnotion');
  await pool.query('select pg_drop_replication_slot($1)', [name]);
  for (const { title, databaseId } of control.listDatabases())
    if (title !== 'Sync Log')
      Object.assign(cli.variables, { [`NOTION_DATABASE_${title.toUpperCase()}_ID`]: databaseId });

  const { plan } = await planOf(cli);
  expect([countsOf(plan, 'makers'), countsOf(plan, 'goods')]).toEqual([{ adopt: ROWS }, { adopt: ROWS }]);
  expect(await cli.run(['apply', '--take-over'])).toMatchObject({ code: 0 });
  const since = fromNow(control);
  const daemon = cli.spawn(['start', '--take-over']);
  await daemon.says('"msg":"syncing"');
  await cli.settled();
  const made = control.requests().filter(since);
  expect(
    made.filter(({ operation }) => operation === 'pages.update' || operation === 'pages.create'),
  ).toEqual([]);
  const each = [...Map.groupBy(made, ({ operation }) => operation)].map(
    ([operation, all]) => `${all.length} ${operation}`,
  );
  const priced = plan.price.firstSync.requests;
  // Ids that are pinned are looked up more often while nothing is known: a few requests, whatever the number of pages.
  expect(Math.abs(priced - made.length), `${priced} priced; ${each.join(', ')}`).toBeLessThan(9);
});
