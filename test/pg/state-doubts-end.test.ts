import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { rowKey } from '../../src/model/ids.ts';
import { isResting, type RecordState } from '../../src/model/record-state.ts';
import { endDoubts } from '../../src/state/doubts.ts';
import { deletionLoad } from '../../src/state/guarded-changes.ts';
import { markTrashed, rest } from '../../src/state/records.ts';
import { pruneHistory } from '../../src/state/retention.ts';
import { addSource, createState, pageOf, type StateStage, suppliers } from '../support/state.ts';

let state: StateStage;
beforeAll(async () => {
  state = await createState();
});
afterAll(() => state[Symbol.asyncDispose]());
beforeEach(async () => {
  await state.clear();
  await state.pool.query('truncate pgnotion.clearings, pgnotion.page_failures, pgnotion.refused_fields');
  await addSource(state.store, suppliers, 1);
});

type Kept = { readonly key: string; readonly state: RecordState; readonly page: number };
type Doubt = { readonly key: string; readonly kind: string; readonly page?: number; readonly table?: string };

async function record({ key, state: as, page }: Kept): Promise<void> {
  await state.pool.query(
    `insert into pgnotion.records (table_name, key, page_id, state, rested_at)
     values ('suppliers', $1, $2, $3, case when $4 then now() end)`,
    [key, pageOf(page), as, isResting(as)],
  );
}

async function doubt({ key, kind, page = 1, table = 'suppliers' }: Doubt, age = '1 hour'): Promise<void> {
  await state.pool.query(
    `insert into pgnotion.operations (direction, table_name, key, page_id, kind, status, error, started_at)
     values ('to-notion', $1, $2, $3, $4, 'unknown', 'timeout', now() - $5::interval)`,
    [table, key, pageOf(page), kind, age],
  );
}

const end = (): Promise<void> =>
  state.store.transaction((sql) => endDoubts(sql, { tables: [suppliers], days: 90, graceSeconds: 600 }));
const results = async (): Promise<Ended[]> =>
  state.rows(
    'select key, kind, status, error, finished_at is not null as over from pgnotion.operations order by id',
  );
type Ended = { key: string; kind: string; status: string; error: string; over: boolean };

test('every operation in doubt of a record that is gone ends, with what is known of it', async () => {
  await record({ key: 'rests', state: 'deleted_trashed', page: 1 });
  await record({ key: 'lives', state: 'linked', page: 2 });
  const wanted: readonly (readonly [Doubt, status: string, says: RegExp])[] = [
    [{ key: 'gone', kind: 'update' }, 'failed', /deleted or given up/],
    [{ key: 'gone', kind: 'create' }, 'failed', /deleted or given up/],
    [{ key: 'gone', kind: 'delete' }, 'done', /later try or look/],
    [{ key: 'rests', kind: 'update' }, 'failed', /deleted or given up/],
    [{ key: 'rests', kind: 'filter' }, 'done', /later try or look/],
    [{ key: 'rests', kind: 'restore' }, 'failed', /another way/],
    [{ key: 'lives', kind: 'restore', page: 2 }, 'done', /later try or look/],
    [{ key: 'lives', kind: 'delete', page: 2 }, 'failed', /another way/],
    [{ key: 'lives', kind: 'update', page: 9 }, 'failed', /another page/],
    [{ key: 'x', kind: 'update', table: 'removed' }, 'failed', /not in the configuration/],
  ];
  for (const [one] of wanted) await doubt(one);
  await end();
  const found = await results();
  for (const [at, [one, status, says]] of wanted.entries()) {
    expect([one, found[at]?.status, found[at]?.over]).toEqual([one, status, true]);
    expect(found[at]?.error).toMatch(says);
    // What was known of it before stays.
    expect(found[at]?.error).toContain('timeout');
  }
});

test('invariant 10: of all tries of one deletion, one counts for the guard', async () => {
  await record({ key: 'rests', state: 'deleted_trashed', page: 1 });
  for (let tries = 0; tries < 3; tries += 1) await doubt({ key: 'rests', kind: 'delete' });
  await end();
  expect(await results()).toMatchObject([
    { status: 'failed', error: expect.stringContaining('tried again') },
    { status: 'failed', error: expect.stringContaining('tried again') },
    { status: 'done' },
  ]);
  const load = await deletionLoad(state.store, suppliers, 'to-notion', 120);
  expect(load.crossed).toBe(1);
});

test('invariant 10: a page found in the trash settles the last try, whoever found it', async () => {
  for (const [key, page] of [
    ['rests', 1],
    ['away', 2],
  ] as const) {
    await record({ key, state: 'linked', page });
    for (let tries = 0; tries < 2; tries += 1) await doubt({ key, kind: 'delete', page });
  }
  await state.store.transaction(async (sql) => {
    await rest(sql, { table: suppliers, key: rowKey(['rests']) }, 'deleted_trashed');
    await markTrashed(sql, suppliers, rowKey(['away']), 'trashed');
  });
  expect((await results()).map(({ key, status }) => [key, status])).toEqual([
    ['rests', 'unknown'],
    ['rests', 'done'],
    ['away', 'unknown'],
    ['away', 'done'],
  ]);
});

test('what a look can still settle, or a try is under way for, is left alone', async () => {
  await record({ key: 'lives', state: 'linked', page: 1 });
  await record({ key: 'away', state: 'away_trashed', page: 2 });
  await record({ key: 'tries', state: 'deleted_trashed', page: 3 });
  await doubt({ key: 'lives', kind: 'update' });
  await doubt({ key: 'away', kind: 'update', page: 2 });
  await doubt({ key: 'tries', kind: 'restore', page: 3 });
  await doubt({ key: 'gone', kind: 'update' }, '1 minute');
  await state.pool.query(
    `insert into pgnotion.outbox (table_name, key, kind) values ('suppliers', 'tries', 'write')`,
  );
  await end();
  expect((await results()).map(({ status }) => status)).toEqual(Array(4).fill('unknown'));
  await state.pool.query(
    `update pgnotion.operations set started_at = now() - interval '91 days' where key = 'away'`,
  );
  await end();
  expect((await results()).find(({ key }) => key === 'away')?.status).toBe('failed');
});

test('retention forgets what has ended so', async () => {
  await doubt({ key: 'gone', kind: 'update' }, '100 days');
  await end();
  expect(await results()).toHaveLength(1);
  await pruneHistory(state.store, 90);
  expect(await results()).toEqual([]);
});

test('what waits for a table that was taken out of the configuration, or for a record that is gone, ends', async () => {
  await record({ key: 'lives', state: 'linked', page: 1 });
  await state.pool.query(`
    insert into pgnotion.outbox (table_name, key, kind) values ('removed', '1', 'write'), ('suppliers', 'lives', 'write');
    insert into pgnotion.outbox (table_name, key, kind, code, parked_at)
      values ('suppliers', 'forgotten', 'delete', 'mass_deletion', now());
    insert into pgnotion.edits (page_id, table_name, key, command, next_at)
      select gen_random_uuid(), t, 'lives', 'look', now() from unnest(array['removed', 'suppliers']) t;
    insert into pgnotion.waiting values ('suppliers', 'gone', 'suppliers', 'x'), ('suppliers', 'lives', 'removed', 'x'),
      ('suppliers', 'lives', 'suppliers', 'x');
    insert into pgnotion.clearings (table_name, key, side, field, state)
      values ('suppliers', 'gone', 'to-notion', 'f', 'approved'), ('suppliers', 'lives', 'to-notion', 'f', 'waiting');
    insert into pgnotion.conflict_entries (type, table_name, record_id, strategy, status)
      select 'CONCURRENT_UPDATE', t, k, 'manual', 'open' from (values ('removed', '1'), ('suppliers', 'gone'), ('suppliers', 'lives')) v (t, k)`);
  await end();
  const left = async (table: string): Promise<string[]> =>
    (
      await state.rows<{ name: string }>(
        `select table_name || ' ' || key as name from pgnotion.${table} order by 1`,
      )
    ).map(({ name }) => name);
  for (const table of ['outbox', 'edits', 'waiting', 'clearings'])
    expect(await left(table)).toEqual(['suppliers lives']);
  expect(
    await state.rows(
      'select record_id, status, note is not null as told from pgnotion.conflict_entries order by id',
    ),
  ).toEqual([
    { record_id: '1', status: 'outdated', told: true },
    { record_id: 'gone', status: 'outdated', told: true },
    { record_id: 'lives', status: 'open', told: false },
  ]);
});
