import { expect, test } from 'vitest';
import { createCliStage } from '../support/cli-stage.ts';
import { eventually } from '../support/eventually.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { typed } from '../support/sides.ts';

const PAGES = 30;

test('invariant 10: apply and status tell how many pages and rows meet, before anything is written', async () => {
  await using cli = await createCliStage({ config: shopConfig, schema: `${shopSchema}; ${shopRows(2)}` });
  await cli.apply();
  const [items] = cli.sandbox.control.listDatabases().filter(({ title }) => title === 'Items');
  for (let n = 0; n < PAGES; n += 1)
    cli.sandbox.control.createPage(items?.dataSourceId ?? '', { Name: typed('title', `theirs ${n}`) });
  const applied = await cli.run(['apply']);
  expect(applied.stdout).toContain(
    `# items: ${PAGES} pages without a record id; they wait for \`pgnotion guarded approve items --kind creation\``,
  );
  expect(applied.stdout).toContain(
    '# items: 2 rows without a page; each gets one, unless a page shows its key',
  );
  await cli.start();
  await eventually(
    async () =>
      (await cli.run(['status'])).stdout.includes(`${PAGES} changes wait: see pgnotion guarded list`),
    { timeoutMs: 60_000, everyMs: 500 },
  );
  const { stdout } = await cli.run(['guarded', 'list']);
  expect(stdout.split('\n').filter((line) => line.includes('creation'))).toHaveLength(2);
  expect(stdout).toContain(`${PAGES} pages`);
});
