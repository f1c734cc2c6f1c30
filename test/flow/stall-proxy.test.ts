import { afterAll, afterEach, beforeAll, describe, test } from 'vitest';
import { agreed } from '../support/agreement.ts';
import { startProxy, startProxyAhead, type TcpProxy } from '../support/proxy.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';
import { type Sides, sidesOf, typed } from '../support/sides.ts';
import { createStack, type Stack } from '../support/stack.ts';

const SENDER_TIMEOUT_MS = 1_000;

let stack: Stack;
let sides: Sides;
let notion: TcpProxy;
let database: TcpProxy;
let replication: TcpProxy;

beforeAll(async () => {
  const ahead = await startProxyAhead();
  notion = ahead.proxy;
  stack = await createStack({
    // Deletions that a fault holds up come together, and are not what is looked at here.
    config: { ...shopConfig, deleteGuard: { number: 1_000 } },
    schema: shopSchema,
    pollSeconds: 0.5,
    sandbox: { port: ahead.port },
    daemon: { senderTimeoutMs: SENDER_TIMEOUT_MS },
    variables: { NOTION_TIMEOUT_SECONDS: '1' },
    network: async ({ url }) => {
      const { hostname: host, port } = new URL(url);
      database = await startProxy({ host, port: Number(port || 5432) });
      replication = await startProxy({ host, port: Number(port || 5432) });
      return {
        DATABASE_URL: database.through(url),
        REPLICATION_URL: replication.through(url),
        NOTION_BASE_URL: `http://127.0.0.1:${notion.port}`,
      };
    },
  });
  await stack.apply();
  await stack.start();
  sides = sidesOf(stack);
  await sides.sql(shopRows(6));
  await stack.settled();
});

afterEach(() => {
  for (const proxy of [notion, database, replication]) proxy.heal();
});
afterAll(async () => {
  await stack[Symbol.asyncDispose]();
  await Promise.all([notion, database, replication].map((proxy) => proxy.close()));
});

/** Changes of every kind on both sides, one after the other. */
async function traffic(rounds: number): Promise<void> {
  const source = await sides.source('items');
  const { control } = stack.sandbox;
  for (let round = 1; round <= rounds; round += 1) {
    const [row] = await sides.sql<{ id: number }>(`insert into items (name) values ($1) returning id`, [
      `made ${round}`,
    ]);
    await sides.sql('update items set stock = coalesce(stock, 0) + 1 where id <= 3');
    await sides.sql('delete from items where id = $1 and id > 6', [(row?.id ?? 0) - 3]);
    const page = await sides.pageOf('items', String(4 + (round % 3)));
    sides.edit(page, { Note: typed('rich_text', `typed ${round}`) });
    if (round % 5 === 0) control.createPage(source, { Name: typed('title', `typed ${round}`) });
    await sides.sql('select pg_sleep(0.03)');
  }
}

type Fault = readonly [what: string, strike: (proxy: TcpProxy) => void];

const faults: readonly Fault[] = [
  ['cut', (proxy) => proxy.cut()],
  ['reset', (proxy) => proxy.cut('reset')],
  [
    'refused',
    (proxy) => {
      proxy.refuse(true);
      proxy.cut('reset');
    },
  ],
  ['stalled both ways', (proxy) => proxy.flow('stall')],
  ['stalled on the way there', (proxy) => proxy.flow('stall', ['up'])],
  ['stalled on the way back', (proxy) => proxy.flow('stall', ['down'])],
  ['half open', (proxy) => proxy.halfOpen()],
  ['dripping', (proxy) => proxy.flow({ bytes: 64, everyMs: 5 })],
];

const places = { Notion: () => notion, PostgreSQL: () => database, replication: () => replication };

describe.each(Object.entries(places))(
  'invariants 1, 3, 4, 13: the network to %s fails under traffic, and heals',
  (_, place) => {
    test.each(faults)('%s: both sides converge', async (_what, strike) => {
      strike(place());
      await traffic(12);
      place().heal();
      await traffic(2);
      await agreed(stack);
    });
  },
);
