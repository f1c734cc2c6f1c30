import { pino } from 'pino';
import { expect, test } from 'vitest';
import { agreed } from '../support/agreement.ts';
import { eventually } from '../support/eventually.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { sidesOf } from '../support/sides.ts';
import { createStack } from '../support/stack.ts';

const ROUNDS = 12;

/** Numbers from 0 to 1 that are the same in every run. */
function sequence(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

test('invariants 1 and 9: however quickly PostgreSQL ends all connections one after the other, the daemon syncs again', async () => {
  let begun = 0;
  const log = pino({ level: 'info' }, { write: (line) => (begun += Number(line.includes('"syncing"'))) });
  await using stack = await createStack({
    config: shopConfig,
    schema: shopSchema,
    pollSeconds: 0.5,
    daemon: { log },
  });
  const sides = sidesOf(stack);
  await stack.apply();
  await stack.start();
  const random = sequence(7);
  const cut = () =>
    sides.sql(`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name in ('pgnotion', 'pgnotion state', 'pgnotion replication')`);
  for (let round = 0; round < ROUNDS; round += 1) {
    const cuts = 1 + Math.floor(random() * 4);
    for (let done = 0; done < cuts; done += 1) {
      await cut();
      // Not a wait for anything: the next cut falls into another moment of the way up.
      await new Promise((next) => setTimeout(next, random() * 300));
    }
    const before = begun;
    await cut();
    await eventually(() => begun > before);
  }
  await sides.sql(shopRows(5));
  await agreed(stack);
  expect(begun).toBeGreaterThan(ROUNDS);
});
