import { afterAll, beforeAll, expect, test } from 'vitest';
import lithiumbuy from '../../examples/lithiumbuy/pgnotion.config.ts';
import type { PostgresServer } from '../../src/sandbox/postgres-server.ts';
import { someRows } from '../support/lithiumbuy.ts';
import { startOwnPostgres } from '../support/servers.ts';
import { type Sides, sidesOf, soon } from '../support/sides.ts';
import { createStack, lithiumbuySchema, type Stack } from '../support/stack.ts';

const RECORDS = 50;
const UPDATES = 100_000;
const MEGABYTE = 1_048_576;

/**
 * One row after the other and by its place: a transaction's own dead versions are in the way of every look-up, and row
 * by row most of them share a page. The trail that LithiumBuy keeps of its changes would only make it slower.
 */
const MANY_UPDATES = `
  begin;
  alter table suppliers disable trigger write_audit_log;
  do $$
  declare place tid;
  begin
    for place in select ctid from suppliers where name like 'Many %' loop
      for turn in 1..${UPDATES / RECORDS} loop
        update suppliers set review_count = turn where ctid = place returning ctid into place;
      end loop;
    end loop;
  end $$;
  alter table suppliers enable trigger write_audit_log;
  commit`;

let server: PostgresServer;
let stack: Stack;
let sides: Sides;

beforeAll(async () => {
  // Of its own: no slot of another file could be made while the transaction lasts.
  server = await startOwnPostgres();
  stack = await createStack({
    config: lithiumbuy,
    schema: await lithiumbuySchema(),
    pollSeconds: 0.25,
    serverUrl: server.url,
  });
  await stack.database.pool.query(someRows);
  await stack.database.pool.query(
    `insert into suppliers (name) select 'Many ' || n from generate_series(1, ${RECORDS}) n`,
  );
  await stack.apply();
  await stack.start();
  await stack.settled();
  sides = sidesOf(stack);
});

afterAll(async () => {
  await stack[Symbol.asyncDispose]();
  await server.stop();
});

/** Watches how far the memory of this process, daemon and sandbox included, goes up until it is stopped. */
function watchMemory(): () => number {
  const before = process.memoryUsage().rss;
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, process.memoryUsage().rss);
  }, 20);
  return () => {
    clearInterval(timer);
    return (most - before) / MEGABYTE;
  };
}

const writesOf = (operation: string) => sides.writes().filter((each) => each.operation === operation);

test('invariant 12: one transaction of 100,000 updates of 50 records makes 50 page writes in bounded memory', async () => {
  stack.sandbox.control.clearRequests();
  const grown = watchMemory();
  await sides.sql(MANY_UPDATES);
  await soon(() => writesOf('pages.update').length >= RECORDS);
  await sides.rest();
  const megabytes = grown();
  expect(writesOf('pages.update')).toHaveLength(RECORDS);
  expect(sides.writes()).toHaveLength(RECORDS);
  expect(new Set(writesOf('pages.update').map(({ path }) => path)).size).toBe(RECORDS);
  const pages = stack.sandbox.control.pages(await sides.source('suppliers'));
  const last = pages.filter((page) => sides.shown(page.id, 'Review Count') === UPDATES / RECORDS);
  expect(last).toHaveLength(RECORDS);
  // Held as it came, a transaction of 100,000 tuples of a kilobyte each would take several times as much.
  expect(megabytes).toBeLessThan(150);
}, 600_000);

test('invariant 12: a transaction that is rolled back makes no write', async () => {
  stack.sandbox.control.clearRequests();
  const client = await stack.database.pool.connect();
  await client.query("begin; update suppliers set name = name || '!' where name like 'Many %'; rollback");
  client.release();
  await sides.rest();
  expect(sides.writes()).toEqual([]);
});

test('a transaction that changes rows and deletes them again leaves no page behind', async () => {
  stack.sandbox.control.clearRequests();
  const client = await stack.database.pool.connect();
  await client.query(`begin;
    insert into suppliers (name) select 'Brief ' || n from generate_series(1, 200) n;
    update suppliers set rating = 1 where name like 'Brief %';
    delete from suppliers where name like 'Brief %';
    commit`);
  client.release();
  await sides.rest();
  expect(sides.writes()).toEqual([]);
  expect(await sides.sql(`select from pgnotion.outbox`)).toEqual([]);
});
