import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import exampleConfig from '../../examples/lithiumbuy/pgnotion.config.ts';
import { SEED_COUNTS, seed } from '../../examples/lithiumbuy/seed.ts';
import { parseConfig } from '../../src/config/mapping-file.ts';
import { createDatabase } from '../support/postgres.ts';

type Database = Awaited<ReturnType<typeof createDatabase>>;

const { tables } = parseConfig(exampleConfig);

async function lithiumbuy(): Promise<Database> {
  const database = await createDatabase();
  await database.pool.query(
    await readFile(new URL('../../examples/lithiumbuy/schema.sql', import.meta.url), 'utf8'),
  );
  await seed((text, params) => database.pool.query(text, params));
  return database;
}

describe('the LithiumBuy example', () => {
  let database: Database;
  beforeAll(async () => {
    database = await lithiumbuy();
  });
  afterAll(() => database?.[Symbol.asyncDispose]());

  /** First column of all rows. */
  const column = async (text: string, params: unknown[] = []): Promise<unknown[]> =>
    (await database.pool.query<unknown[]>({ text, values: params, rowMode: 'array' })).rows.map(
      ([first]) => first,
    );

  /** Runs statements in one transaction that leaves nothing behind; gives the last one's rows. */
  const attempt = async (...statements: string[]): Promise<Record<string, unknown>[]> => {
    const client = await database.pool.connect();
    try {
      await client.query('begin');
      let rows: Record<string, unknown>[] = [];
      for (const statement of statements) rows = (await client.query(statement)).rows;
      return rows;
    } finally {
      await client.query('rollback');
      client.release();
    }
  };

  describe('sample data', () => {
    test.each(Object.entries(SEED_COUNTS))('%s has %i rows', async (table, count) => {
      expect(await column(`select count(*)::int from ${table}`)).toEqual([count]);
    });

    test('a second database gets the very same rows', async () => {
      await using other = await lithiumbuy();
      for (const table of [...Object.keys(SEED_COUNTS), 'audit_log']) {
        // When the log was written is the one thing that differs.
        const text = `select md5(string_agg(line, e'\\n' order by line))
          from (select (to_jsonb(t) - 'changed_at')::text as line from ${table} t) lines`;
        const [here, there] = await Promise.all([database, other].map(({ pool }) => pool.query(text)));
        expect(here?.rows, table).toEqual(there?.rows);
      }
    });

    test('shows what a sync must cope with', async () => {
      const [long, fractions, nulls, wide] = await Promise.all([
        column('select count(*)::int from rfqs where length(description) > 2000'),
        column(
          "select count(*)::int from products where created_at <> date_trunc('milliseconds', created_at)",
        ),
        column('select count(*)::int from suppliers where verification_tier is null and logo_url is null'),
        column('select count(*)::int from suppliers where octet_length(name) > length(name)'),
      ]);
      expect(long).toEqual([2]);
      for (const [count] of [fractions, nulls, wide]) expect(count).toBeGreaterThan(3);
    });
  });

  describe('schema', () => {
    test.each(['auth.users', ...tables.map((table) => table.source)])(
      '%s notes when a row changes, and only then',
      async (table) => {
        const [row] = await attempt(
          `create temporary table before on commit drop as select * from ${table}`,
          `update ${table} set created_at = created_at`,
          `create temporary table idle on commit drop as select * from ${table}`,
          `update ${table} set created_at = created_at + interval '1 second'`,
          `select (select md5(string_agg(t::text, '' order by t::text)) from before t) as before,
          (select md5(string_agg(t::text, '' order by t::text)) from idle t) as idle,
          (select count(*) filter (where updated_at <> now())::int from ${table}) as untouched`,
        );
        expect(row?.idle).toBe(row?.before);
        expect(row?.untouched).toBe(0);
      },
    );

    const change =
      "update suppliers set name = 'Changed' where id = (select min(id::text)::uuid from suppliers)";
    const lastEntry = `select actor, table_name, action, record_id = after ->> 'id' as named, after ->> 'name' as name
      from audit_log order by id desc limit 1`;

    test('the audit log names the person whom pgnotion names', async () => {
      const entries = await attempt("set local pgnotion.actor = 'Zoë in Notion'", change, lastEntry);
      expect(entries).toEqual([
        { actor: 'Zoë in Notion', table_name: 'suppliers', action: 'update', named: true, name: 'Changed' },
      ]);
    });

    test('the audit log names the session user otherwise, an emptied setting included', async () => {
      const [user] = await column('select session_user::text');
      expect(await attempt(change, lastEntry)).toMatchObject([{ actor: user }]);
      expect(await attempt("set local pgnotion.actor = ''", change, lastEntry)).toMatchObject([
        { actor: user },
      ]);
    });

    test.each(tables.map((table) => [table.source, table.key.join()]))(
      '%s is audited by %s',
      async (source, key) => {
        const logged = await column(
          `select count(*)::int from ${source} t
         where exists (select from audit_log a where a.table_name = $1 and a.record_id = t.${key}::text)`,
          [source.replace('public.', '')],
        );
        expect(logged).toEqual(await column(`select count(*)::int from ${source}`));
      },
    );

    test('a bid moves its auction', async () => {
      const auction = "(select id from auctions where status = 'active' order by id limit 1)";
      const [row] = await attempt(
        `create temporary table before on commit drop as select * from auctions where id = ${auction}`,
        `insert into bids (auction_id, bidder_id, amount)
         select id, (select min(user_id::text)::uuid from user_profiles), 999999 from before`,
        'select a.current_price, a.bid_count - b.bid_count as more from auctions a join before b using (id)',
      );
      expect(row).toEqual({ current_price: '999999.00', more: 1 });
    });

    test('an auction of the sample data shows what its bids made of it', async () => {
      const wrong = await column(
        `select a.id from auctions a where (bid_count, current_price) is distinct from
         (select row(count(*)::int, max(amount)) from bids b where b.auction_id = a.id)`,
      );
      expect(wrong).toEqual([]);
    });

    test('a minimal insert is enough', async () => {
      const one = (name: string, key = 'id') => `(select min(${key}::text)::uuid from ${name})`;
      await attempt(
        "insert into auth.users (id) values ('00000000-0000-4000-8000-000000000001')",
        "insert into user_profiles (user_id) values ('00000000-0000-4000-8000-000000000001')",
        "insert into suppliers (name) values ('New')",
        `insert into products (supplier_id, name) values (${one('suppliers')}, 'New')`,
        `insert into rfqs (buyer_id, title) values (${one('user_profiles', 'user_id')}, 'New')`,
        `insert into rfq_responses (rfq_id, supplier_id, quote_price)
         select id, (select id from suppliers where name = 'New'), 1 from rfqs where title = 'New'`,
        `insert into auctions (supplier_id, material) values (${one('suppliers')}, 'New')`,
        `insert into quotes (supplier_id, user_id) values (${one('suppliers')}, ${one('user_profiles', 'user_id')})`,
        `insert into orders (supplier_id, user_id) values (${one('suppliers')}, ${one('user_profiles', 'user_id')})`,
      );
    });

    // PostgreSQL 18 has a code of its own for `on delete restrict`.
    const restricted = expect.stringMatching(/^(23503|23001)$/);
    test.each([
      ['update suppliers set rating = 5.1', '23514'],
      ["update products set currency = 'dollars'", '23514'],
      ['update products set name = null', '23502'],
      ['update quotes set user_id = id', '23503'],
      ['delete from suppliers where id in (select supplier_id from orders)', restricted],
      ['delete from auth.users where id in (select user_id from orders)', restricted],
    ])('refuses: %s', async (statement, code) => {
      await expect(attempt(statement)).rejects.toMatchObject({ code });
    });
  });
});
