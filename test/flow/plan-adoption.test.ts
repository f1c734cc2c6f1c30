import { expect, test } from 'vitest';
import { isInSync } from '../../src/model/sync-plan.ts';
import { createCliStage } from '../support/cli-stage.ts';
import { countsOf, planOf, tableOf } from '../support/plans.ts';
import { fromNow } from '../support/requests.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { sidesOf, typed } from '../support/sides.ts';

const ROWS = 60;

test('a database with pages: each row and page is told what becomes of it, and that becomes of it', async () => {
  // A poll that finds nothing new is none of the price, and the machine may be busy.
  // The second reading comes when what is adopted has been written.
  const variables = { SYNC_INTERVAL_SECONDS: '600', SYNC_QUERY_LAG_SECONDS: '8' };
  await using cli = await createCliStage({
    config: shopConfig,
    schema: `${shopSchema}; ${shopRows(ROWS)}`,
    variables,
  });
  const { control } = cli.sandbox;
  await cli.apply();
  const source = control.listDatabases().find(({ title }) => title === 'Items')?.dataSourceId ?? '';
  const page = (name: string, key: string | null): void => {
    const id = key === null ? {} : { 'Supabase ID': typed('rich_text', key) };
    control.createPage(source, { Name: typed('title', name), ...id });
  };
  // They lack what the row has beside its name, so that each is written to.
  for (let n = 1; n <= 12; n += 1) page(`item ${n}`, n % 2 === 0 ? String(n) : ` 0${n} `);
  for (let n = 0; n < 25; n += 1) page(`theirs ${n}`, null);
  page('nobody’s', '999');
  page('no key at all', 'abc');
  page('a copy', '3');

  const { plan } = await planOf(cli);
  expect(countsOf(plan, 'items')).toEqual({
    create: ROWS - 12,
    adopt: 12,
    become: 25,
    unknown: 2,
    duplicate: 1,
  });
  const items = tableOf(plan, 'items');
  expect([items.pages, items.rows, items.guarded, items.adoptedWritten]).toEqual([
    40,
    ROWS,
    ['create', 'become'],
    12,
  ]);
  expect(items.fields).toMatchObject({ Note: 12, Stock: 12, Price: 12 });
  // Notion's times tell minutes: which of two pages of one minute was made first, nobody knows.
  for (const { key, title } of items.kinds.adopt.samples) if (key !== '3') expect(title).toBe(`item ${key}`);
  const since = fromNow(control);
  await cli.apply();
  expect(plan.price.apply.requests).toBe(control.requests().filter(since).length);
  const second = fromNow(control);
  const daemon = await cli.start();
  const sides = sidesOf(cli);
  await cli.settled();
  const made = control.requests().filter(second);
  expect(control.pages(source)).toHaveLength(40);
  expect(await sides.sql(`select count(*)::int as n from items`)).toEqual([{ n: ROWS }]);
  const priced = plan.price.firstSync.requests;
  const each = [...Map.groupBy(made, ({ operation }) => operation)].map(
    ([name, all]) => `${all.length} ${name}`,
  );
  expect(Math.abs(priced - made.length) / made.length, `${priced} priced; ${each.join(', ')}`).toBeLessThan(
    0.05,
  );

  await cli.run(['guarded', 'approve', 'items', '--kind', 'creation']);
  await cli.settled();
  expect(control.pages(source)).toHaveLength(40 + ROWS - 12);
  expect(await sides.sql(`select count(*)::int as n from items`)).toEqual([{ n: ROWS + 25 }]);
  daemon.signal('SIGTERM');
  await daemon.exit;
  await cli.database.pool.query(
    `delete from items where id in (20, 21); update items set note = 'other' where id in (30, 31, 32)`,
  );
  const edited = control.pages(source).find((one) => JSON.stringify(one).includes('item 40'))?.id ?? '';
  sides.edit(edited, { Note: typed('rich_text', 'typed') });
  const later = await planOf(cli);
  // What waits for a person stands in the failures, and is told there.
  expect(countsOf(later.plan, 'items')).toEqual({ update: 3, edit: 1, trash: 2 });
  expect(tableOf(later.plan, 'items').kinds.edit.samples).toEqual([
    { key: '40', title: 'item 40', page: edited, note: 'Note' },
  ]);
  expect(tableOf(later.plan, 'items')).toMatchObject({
    fields: { Note: 3 },
    guarded: [],
    onPostgresDelete: 'trash',
  });
  await cli.start();
  await cli.settled();
  expect(isInSync((await planOf(cli)).plan)).toBe(true);
});
