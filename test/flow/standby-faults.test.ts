import { describe, expect, test } from 'vitest';
import {
  createPair,
  everything,
  goesOn,
  loaded,
  type Pair,
  polled,
  TAKE_OVER_MS,
  takesOver,
} from '../support/daemon-pair.ts';
import { eventually } from '../support/eventually.ts';
import { startProxy, type TcpProxy } from '../support/proxy.ts';

const STANDING_BY = 'another daemon is at work here; standing by';

/** It is overtaken, says so, writes nothing, and takes over in its turn when the other dies. */
async function staysOut(pair: Pair, wake: () => void): Promise<void> {
  const { first, second } = pair;
  await pair.stage.settled();
  const before = await everything(pair);
  wake();
  await eventually(() => first.stderr().includes(STANDING_BY));
  expect(first.stderr()).toContain('lost the lock; standing by again');
  await polled(pair, 8);
  expect(await everything(pair)).toEqual(before);
  expect(second.stderr()).not.toContain('lost the lock');
  expect(await takesOver(first, () => second.kill9())).toBeLessThan(TAKE_OVER_MS);
  await goesOn(pair, 'by the first again');
}

describe('invariant 11: a daemon that is frozen is taken over from, and writes nothing when it wakes up', () => {
  test.each(['pages.create', 'pages.update'] as const)(
    'with %s under way and others in its memory',
    async (operation) => {
      await using pair = await createPair();
      await loaded(pair, operation);
      const ms = await takesOver(pair.second, () => void process.kill(pair.first.pid, 'SIGSTOP'));
      expect(ms).toBeLessThan(TAKE_OVER_MS);
      await goesOn(pair, 'by the second');
      await staysOut(pair, () => process.kill(pair.first.pid, 'SIGCONT'));
    },
  );

  test('in the middle of a transaction, whose locks nobody else would end for a minute', async () => {
    await using pair = await createPair();
    const { pool } = pair.stage.database;
    await pool.query(
      `create function dawdle() returns trigger language plpgsql as $$
         begin if current_setting('application_name') = 'pgnotion' then perform pg_sleep(1); end if; return new; end $$;
       create trigger dawdle before update on items for each row execute function dawdle()`,
    );
    const { rows } = await pool.query<{ page: string }>(
      `select page_id as page from pgnotion.records where key = '5'`,
    );
    pair.stage.sandbox.control.editPage(rows[0]?.page ?? '', {
      Name: { title: [{ text: { content: 'applied by either' } }] },
    });
    const sleeps = async (): Promise<boolean> => {
      const found = await pool.query(
        `select from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'`,
      );
      return found.rowCount === 1;
    };
    await eventually(sleeps, { everyMs: 5 });
    const ms = await takesOver(pair.second, () => void process.kill(pair.first.pid, 'SIGSTOP'));
    expect(ms).toBeLessThan(TAKE_OVER_MS);
    await eventually(
      async () => (await pool.query(`select from items where name = 'applied by either'`)).rowCount === 1,
    );
    await goesOn(pair, 'by the second');
    await staysOut(pair, () => process.kill(pair.first.pid, 'SIGCONT'));
  });
});

const proxyTo = (url: string): Promise<TcpProxy> => {
  const { hostname: host, port } = new URL(url);
  return startProxy({ host, port: Number(port) });
};

describe('invariant 11: a daemon whose network to PostgreSQL fails is taken over from, and writes nothing when it heals', () => {
  const stall = (proxy: TcpProxy): void => proxy.flow('stall');
  const cut = (proxy: TcpProxy): void => {
    proxy.refuse(true);
    proxy.cut('reset');
  };
  test.each([
    ['cut', 'pages.create', cut],
    ['stalled both ways', 'pages.create', stall],
    ['stalled both ways', 'pages.update', stall],
    ['half open', 'pages.update', (proxy: TcpProxy): void => proxy.flow('swallow')],
  ] as const)('%s, with %s under way', async (_, operation, strike) => {
    let proxy: TcpProxy | null = null;
    await using pair = await createPair(async ({ database }) => {
      proxy = await proxyTo(database.url);
      return { DATABASE_URL: proxy.through(database.url) };
    });
    const way = proxy as unknown as TcpProxy;
    try {
      await loaded(pair, operation);
      const ms = await takesOver(pair.second, () => strike(way));
      expect(ms).toBeLessThan(TAKE_OVER_MS);
      await goesOn(pair, 'by the second');
      await staysOut(pair, way.heal);
    } finally {
      await way.close();
    }
  });
});

test('invariant 11: a daemon that has lost Notion alone keeps its place, and goes on when Notion is back', async () => {
  let proxy: TcpProxy | null = null;
  await using pair = await createPair(async ({ sandbox }) => {
    proxy = await proxyTo(sandbox.url);
    return { NOTION_BASE_URL: proxy.through(sandbox.url), NOTION_TIMEOUT_SECONDS: '1' };
  });
  const way = proxy as unknown as TcpProxy;
  try {
    const { pool } = pair.stage.database;
    const beat = async (): Promise<number> => {
      const { rows } = await pool.query<{ at: number }>(
        'select (extract(epoch from last_seen) * 1000)::float8 as at from pgnotion.daemon',
      );
      return rows[0]?.at ?? 0;
    };
    const from = await beat();
    way.refuse(true);
    way.cut('reset');
    await pool.query(`update items set note = 'while Notion is away'`);
    // More than twice what a silent daemon is given.
    await eventually(async () => (await beat()) > from + 8_000);
    for (const said of ['syncing', 'no sign of life']) expect(pair.second.stderr()).not.toContain(said);
    expect(pair.first.stderr()).not.toContain('lost the lock');
    way.heal();
    await goesOn(pair, 'by the first');
    expect(pair.second.stderr()).not.toContain('syncing');
  } finally {
    await way.close();
  }
});
