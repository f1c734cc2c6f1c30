import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { assertPlanHolds, planCommand } from '../../src/cli/plan.ts';
import { PgnotionError } from '../../src/model/errors.ts';
import { createCliStage } from '../support/cli-stage.ts';
import { loadedOf, otherConfig } from '../support/plans.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { typed } from '../support/sides.ts';

const silent = (): void => undefined;

test('apply refuses a plan of which anything has changed, names it, and does nothing; one that holds is carried out', async () => {
  await using cli = await createCliStage({ config: shopConfig, schema: `${shopSchema}; ${shopRows(3)}` });
  const { control } = cli.sandbox;
  const { pool } = cli.database;
  const file = join(cli.folder, 'plan.json');
  const keep = async (): Promise<void> => {
    await planCommand(loadedOf(cli), { json: false, out: file, tell: silent });
  };
  const refusal = async (loaded = loadedOf(cli)): Promise<string> => {
    const error: unknown = await assertPlanHolds(loaded, file, silent).then(
      () => null,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof PgnotionError)) throw error ?? new Error('it holds');
    expect(error.remedy).toContain('`pgnotion plan --out FILE`');
    return `${error.code}: ${error.message}`;
  };

  await keep();
  const databases = control.listDatabases().length;
  await pool.query(`insert into items (name) values ('more')`);
  const stale = await cli.run(['apply', file]);
  expect([stale.code, control.listDatabases().length]).toEqual([1, databases]);
  expect(stale.stderr).toContain('(plan_stale)');
  expect(stale.stderr).toContain('items has 4 rows instead of 3; items has 4 pages to create instead of 3');
  await pool.query(`delete from items where name = 'more'`);

  const { tables } = shopConfig;
  const { Note, ...fewer } = tables.items.fields;
  const other = otherConfig(cli, { ...shopConfig, tables: { items: { ...tables.items, fields: fewer } } });
  expect(await refusal(loadedOf(cli, {}, other))).toContain(
    'the configuration of items; the columns of items',
  );
  const elsewhere = { NOTION_PARENT_PAGE_ID: cli.sandbox.parentPageId.toUpperCase() };
  expect(await refusal(loadedOf(cli, elsewhere))).toContain('the configuration of the environment');
  await pool.query('alter table items alter column note type varchar(40)');
  expect(await refusal()).toContain('the columns of items in PostgreSQL');
  await pool.query('alter table items alter column note type text');

  const held = await cli.run(['apply', file]);
  expect([held.code, held.stderr]).toEqual([0, '']);
  expect(await refusal()).toContain('the data source of items was to be created, and is');
  const source = control.listDatabases().find(({ title }) => title === 'Items')?.dataSourceId ?? '';

  await keep();
  await assertPlanHolds(loadedOf(cli), file, silent);
  control.createPage(source, { Name: typed('title', 'theirs') });
  expect(await refusal()).toContain(
    'items has 1 pages instead of 0; items has 1 pages to make rows of instead of 0',
  );
  await keep();
  control.addProperty(source, 'Colour', { rich_text: {} });
  expect(await refusal()).toContain('the properties of items in Notion');

  await writeFile(file, (await readFile(file, 'utf8')).replace('"rows": 3', '"rows": 4'));
  expect(await refusal()).toMatch(/^plan_unreadable: .*changed since it was written/);
  await writeFile(file, 'no plan');
  expect(await refusal()).toMatch(/^plan_unreadable/);
});
