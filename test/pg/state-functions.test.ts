import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createStore, fence, inCommandTransaction, inTransaction, type Sql } from '../../src/state/sql.ts';
import { readStatus } from '../../src/state/status.ts';
import { eventually } from '../support/eventually.ts';
import { addSource, createState, pageOf, products, type StateStage, suppliers } from '../support/state.ts';

let state: StateStage;
beforeAll(async () => {
  state = await createState();
});
afterAll(() => state.database.drop());
beforeEach(async () => {
  await state.clear();
  await addSource(state.store, suppliers, 1);
  await addSource(state.store, products, 2);
});

const rows: StateStage['rows'] = (text, values) => state.rows(text, values);

const status = async (table = 'suppliers') =>
  (await readStatus(state.store)).find((line) => line.table_name === table);

describe('asking from SQL', () => {
  test('pause and resume stop and start one table, and refuse a name that is none', async () => {
    await rows(`select pgnotion.pause('suppliers')`);
    expect(await status()).toMatchObject({ paused: true, paused_reason: 'paused by hand' });
    expect(await status('products')).toMatchObject({ paused: false });
    await rows(`select pgnotion.resume('suppliers')`);
    expect(await status()).toMatchObject({ paused: false, paused_reason: null });
    for (const name of ['pause', 'resume'])
      await expect(rows(`select pgnotion.${name}('nobody')`)).rejects.toThrow('nobody is not a synced table');
  });

  test('retry makes a record’s lines due again, in both directions, and counts them', async () => {
    await rows(`insert into pgnotion.outbox (table_name, key, kind, attempts, next_at, parked_at, code, restore) values
      ('suppliers', 'a', 'write', 4, now() + interval '1 hour', now(), 'x', '{Name}'), ('products', 'a', 'write', 4, now() + interval '1 hour', now(), 'x', '{}')`);
    await rows(
      `insert into pgnotion.edits (page_id, table_name, key, digest, parked_at, code) values ('${pageOf(1)}', 'suppliers', 'a', 'd', now(), 'x')`,
    );
    expect(await rows(`select pgnotion.retry('suppliers', 'a')::int as n`)).toEqual([{ n: 2 }]);
    expect(await rows(`select table_name from pgnotion.failures where parked`)).toEqual([
      { table_name: 'products' },
    ]);
    expect(
      await rows(
        `select key, attempts, code, restore, next_at <= clock_timestamp() as due from pgnotion.outbox where table_name = 'suppliers'`,
      ),
    ).toEqual([{ key: 'a', attempts: 0, code: null, restore: ['Name'], due: true }]);
    expect(await rows(`select pgnotion.retry('suppliers', 'nobody')::int as n`)).toEqual([{ n: 0 }]);
  });

  test('resync has every row and every page compared again, and holds nothing up meanwhile; without a name it takes all', async () => {
    const seen = () =>
      rows(
        `select table_name from pgnotion.data_sources join pgnotion.sweeps using (table_name)
          where backfilled_at is null and asked_at is not null order by 1`,
      );
    expect(await rows(`select pgnotion.resync('suppliers')::int as n`)).toEqual([{ n: 1 }]);
    expect(await seen()).toEqual([{ table_name: 'suppliers' }]);
    expect(await rows(`select pgnotion.resync('nobody')::int as n`)).toEqual([{ n: 0 }]);
    expect(await rows('select pgnotion.resync()::int as n')).toEqual([{ n: 2 }]);
    expect(await seen()).toEqual([{ table_name: 'products' }, { table_name: 'suppliers' }]);
    expect(await rows('select from pgnotion.data_sources where swept_at is null')).toEqual([]);
  });
});

describe('the fence', () => {
  const raise = (epoch: number) =>
    rows(`update pgnotion.settings set value = to_jsonb($1::int) where name = 'epoch'`, [epoch]);
  const put = (epoch: number, name: string) =>
    createStore(state.pool, epoch).transaction((sql) =>
      sql.query(`insert into pgnotion.outbox (table_name, key, kind) values ('suppliers', $1, 'write')`, [
        name,
      ]),
    );
  const keys = () => rows('select key from pgnotion.outbox order by 1');

  test('invariant 11: the transactions of a daemon that was taken over from fail, and leave nothing', async () => {
    await put(0, 'before');
    await raise(1);
    await expect(put(0, 'old')).rejects.toMatchObject({ code: 'PGN01' });
    await put(1, 'new');
    expect(await keys()).toEqual([{ key: 'before' }, { key: 'new' }]);
  });

  test('invariant 11: a take-over waits for what is in flight, and what comes behind it fails', async () => {
    const entered = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const blocked = async (n: number) => {
      const [row] = await rows<{ n: number }>(
        `select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      return row?.n === n;
    };
    const inFlight = inTransaction(state.pool, async (sql) => {
      await fence(sql, 0);
      entered.resolve();
      await gate.promise;
      await sql.query(
        `insert into pgnotion.outbox (table_name, key, kind) values ('suppliers', 'in flight', 'write')`,
      );
    });
    await entered.promise;
    const order: string[] = [];
    const takeOver = raise(1).then(() => order.push('taken over'));
    await eventually(() => blocked(1));
    gate.resolve();
    await inFlight.then(() => order.unshift('in flight'));
    await takeOver;
    expect(order).toEqual(['in flight', 'taken over']);
    await expect(put(0, 'late')).rejects.toMatchObject({ code: 'PGN01' });
    expect(await keys()).toEqual([{ key: 'in flight' }]);
  });

  test('a schema without an epoch lets nobody write', async () => {
    await expect(
      inTransaction(state.pool, async (sql) => {
        await sql.query(`delete from pgnotion.settings where name = 'epoch'`);
        await fence(sql, 0);
      }),
    ).rejects.toMatchObject({ code: 'PGN01' });
  });
});

test('a command that meets another transaction, and is ended by PostgreSQL, begins anew', async () => {
  const { pool } = state.database;
  await pool.query('create table locked (id integer primary key, n integer not null)');
  await pool.query('insert into locked values (1, 0), (2, 0)');
  const lock = (sql: Sql, id: number) => sql.query('update locked set n = n + 1 where id = $1', [id]);
  const met = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
  let tries = 0;
  const command = (mine: 0 | 1) => async (sql: Sql) => {
    tries += 1;
    await lock(sql, mine + 1);
    // Both have locked one row before either asks for the other's.
    met[mine].resolve();
    await Promise.all(met.map(({ promise }) => promise));
    await lock(sql, 2 - mine);
  };
  await Promise.all(([0, 1] as const).map((mine) => inCommandTransaction(pool, command(mine))));
  expect(tries).toBeGreaterThan(2);
  const { rows } = await pool.query('select n from locked');
  expect(rows).toEqual([{ n: 2 }, { n: 2 }]);
  await pool.query('drop table locked');
});
