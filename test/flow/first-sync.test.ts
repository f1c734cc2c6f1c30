import { expect, test } from 'vitest';
import lithiumbuy from '../../examples/lithiumbuy/pgnotion.config.ts';
import { seed } from '../../examples/lithiumbuy/seed.ts';
import { createStack, lithiumbuySchema } from '../support/stack.ts';

test('the first sync makes a page of every row, in all tables, and then rests', async () => {
  await using stack = await createStack({ config: lithiumbuy, schema: await lithiumbuySchema() });
  await seed((text, params) => stack.database.pool.query(text, params));
  await stack.apply();
  await stack.start();
  await stack.settled();
  const { rows } = await stack.database.pool.query<{ n: number }>(
    `select ((select count(*) from suppliers) + (select count(*) from products) + (select count(*) from rfqs)
      + (select count(*) from rfq_responses) + (select count(*) from auctions) + (select count(*) from orders)
      + (select count(*) from user_profiles) + (select count(*) from quotes))::int as n`,
  );
  const pages = stack.sandbox.control.listDatabases().reduce((sum, each) => sum + each.pages, 0);
  expect(pages).toBe(rows[0]?.n);
});
