import { Client } from '@notionhq/client';
import { afterEach, expect, test } from 'vitest';
import { type CliStage, createCliStage } from '../support/cli-stage.ts';
import { eventually } from '../support/eventually.ts';
import { countsOf, planOf, tableOf } from '../support/plans.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { type Sides, sidesOf, soon, typed } from '../support/sides.ts';

// A database that a person made, whose pages carry no record id, and a table with rows: nothing says what belongs together.
const ROWS = 60;
const PAGES = 30;

let cli: CliStage;
let sides: Sides;
let source: string;
afterEach(() => cli[Symbol.asyncDispose]());

async function begin(): Promise<void> {
  cli = await createCliStage({ config: shopConfig, schema: `${shopSchema}; ${shopRows(ROWS)}` });
  sides = sidesOf(cli);
  const notion = new Client({ auth: cli.sandbox.token, baseUrl: cli.sandbox.url });
  const made = await notion.databases.create({
    parent: { type: 'page_id', page_id: cli.sandbox.parentPageId },
    title: [{ text: { content: 'Stock' } }],
    initial_data_source: { properties: { Name: { title: {} } } },
  });
  if (!('data_sources' in made)) throw new Error('no data source');
  source = made.data_sources[0]?.id ?? '';
  Object.assign(cli.variables, { NOTION_DATABASE_ITEMS_ID: made.id });
  for (let n = 1; n <= PAGES; n += 1)
    cli.sandbox.control.createPage(source, { Name: typed('title', `item ${n}`) });
}

const lines = () =>
  sides.sql<{ side: string; changes: number; cause: string }>(
    `select side, changes, cause from pgnotion.guarded_changes where kind = 'creation' order by side`,
  );
const held = () =>
  eventually(
    async () => {
      const all = await lines();
      return all.length === 2 && all;
    },
    { timeoutMs: 60_000 },
  );
const pagesNow = () => cli.sandbox.control.pages(source).length;
const rowsNow = async () => (await sides.sql<{ n: number }>('select count(*)::int as n from items'))[0]?.n;

test('invariant 10: rows and pages that may be each other’s wait on both sides, are told before, and cross by one approval', async () => {
  await begin();
  const { plan } = await planOf(cli);
  expect(countsOf(plan, 'items')).toEqual({ create: ROWS, become: PAGES });
  expect(tableOf(plan, 'items').guarded).toEqual(['create', 'become']);
  const applied = await cli.run(['apply']);
  const waits = 'they wait for `pgnotion guarded approve items --kind creation`';
  expect(applied.stdout).toContain(`# items: ${PAGES} pages without a record id; ${waits}`);
  expect(applied.stdout).toContain(
    `# items: ${ROWS} rows without a page; ${waits}, but for those whose key a page shows`,
  );

  const daemon = await cli.start();
  const [toNotion, toPostgres] = await held();
  expect([toNotion?.changes, toPostgres?.changes]).toEqual([ROWS, PAGES]);
  expect(toNotion?.cause).toContain('set `match` for items');
  // One that changes by itself is no part of the mass.
  await sides.sql(`update items set note = 'alone' where id = 7`);
  await sides.shows('items', '7', 'Note', 'alone');
  await sides.rest();
  expect([pagesNow(), await rowsNow()]).toEqual([PAGES + 1, ROWS]);

  daemon.signal('SIGTERM');
  await daemon.exit;
  await cli.start();
  await sides.rest();
  expect([pagesNow(), await rowsNow()]).toEqual([PAGES + 1, ROWS]);
  await cli.run(['guarded', 'approve', 'items', '--kind', 'creation']);
  await eventually(async () => pagesNow() === ROWS + PAGES && (await rowsNow()) === ROWS + PAGES, {
    timeoutMs: 240_000,
  });
  await soon(async () => (await lines()).length === 0);
  expect(await sides.failures()).toEqual([]);
});

test('invariants 3 and 10: told so, somebody sets `match` and resets the table: pages and rows are joined', async () => {
  await begin();
  await cli.apply();
  const daemon = await cli.start();
  await held();
  daemon.signal('SIGTERM');
  await daemon.exit;

  const { items } = shopConfig.tables;
  await cli.configure({ tables: { items: { ...items, match: ['name'] } } });
  expect(await cli.run(['reset', 'items', '--yes'])).toMatchObject({ code: 0 });
  await cli.apply();
  await cli.start();
  await soon(
    async () => (await sides.sql(`select from pgnotion.records where page_id is not null`)).length === PAGES,
  );
  // The rows that match none are too many still.
  await soon(async () => (await lines()).length === 1);
  await sides.rest();
  expect([pagesNow(), await rowsNow()]).toEqual([PAGES, ROWS]);
});

test('an approval while rows are being set aside reaches all of them', async () => {
  await begin();
  await cli.apply();
  await cli.start();
  await eventually(async () => (await lines()).some(({ side }) => side === 'to-notion'), {
    timeoutMs: 60_000,
    everyMs: 5,
  });
  await sides.sql(`select pgnotion.approve_guarded('items', null, 'creation')`);
  await eventually(() => pagesNow() >= ROWS + PAGES, { timeoutMs: 240_000 });
});
