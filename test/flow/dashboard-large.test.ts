import { afterAll, beforeAll, expect, test } from 'vitest';
import { createQueries, type Queries } from '../../src/admin/queries.ts';
import { addSource, createState, type StateStage, suppliers } from '../support/state.ts';

// Each question of the dashboard against a state of a million records, as PostgreSQL answers it: by indexes and kept numbers,
// and never by counting what there is.

const RECORDS = 1_000_000;
const OPERATIONS = 1_000_000;
const OUTBOX = 100_000;

let stage: StateStage;
let queries: Queries;
beforeAll(async () => {
  stage = await createState();
  await addSource(stage.store, suppliers, 1);
  // Triggers have nothing to do here that the last statement does not do at once.
  await stage.pool.query(`
    begin;
    set local session_replication_role = replica;
    set local synchronous_commit = off;
    insert into pgnotion.records (table_name, key, state)
      select 'suppliers', n::text, 'linked' from generate_series(1, ${RECORDS}) n;
    insert into pgnotion.operations (started_at, finished_at, direction, table_name, key, kind, status, changed_at)
      select at, at, case when n % 10 = 0 then 'to-postgres' else 'to-notion' end, 'suppliers', n::text, 'update',
             case when n % 100000 = 0 then 'failed' else 'done' end, at - interval '1 second'
        from generate_series(1, ${OPERATIONS}) n cross join lateral (select now() - (${OPERATIONS} - n) * interval '0.1 s' as at) t;
    insert into pgnotion.outbox (table_name, key, kind, parked_at, code, reason, remedy, attempts)
      select 'suppliers', n::text, 'write', case when n % 1000 = 0 then now() end, case when n % 1000 = 0 then 'refused' end,
             case when n % 1000 = 0 then 'why' end, case when n % 1000 = 0 then 'what' end, case when n % 1000 = 0 then 1 else 0 end
        from generate_series(1, ${OUTBOX}) n;
    commit`);
  await stage.pool.query('select pgnotion.recount_records()');
  await stage.pool.query('analyze pgnotion.records, pgnotion.operations, pgnotion.outbox, pgnotion.edits');
  queries = createQueries({
    sql: stage.store,
    slot: 'none',
    limit: { requests: 180, windowMs: 60_000 },
    readRow: async () => null,
  });
});
afterAll(() => stage[Symbol.asyncDispose]());

test('what is counted is exact, whatever there is', async () => {
  const { tables, waiting } = await queries.overview();
  expect(tables).toMatchObject([
    {
      records: RECORDS,
      linked: RECORDS,
      pending: OUTBOX - OUTBOX / 1_000,
      failed: OUTBOX / 1_000,
      conflicts: 0,
    },
  ]);
  expect(waiting).toEqual({ failures: OUTBOX / 1_000, conflicts: 0, guarded: 0, drift: 0 });
});

test('no question takes long', async () => {
  const asked: Readonly<Record<string, () => Promise<unknown>>> = {
    overview: () => queries.overview(),
    inbox: () => queries.inbox(),
    record: () => queries.record('suppliers', '777777'),
    operations: () => queries.operations({}),
    'operations of a table': () => queries.operations({ table: 'suppliers' }),
    'operations of a record': () => queries.operations({ table: 'suppliers', key: '777777' }),
    'operations that failed': () => queries.operations({ table: 'suppliers', status: 'failed' }),
    'operations of one direction': () => queries.operations({ table: 'suppliers', direction: 'to-postgres' }),
    'operations far back': () => queries.operations({ table: 'suppliers', before: '1000' }),
    'operations of nobody': () => queries.operations({ actor: 'nobody' }),
    'operations of no table': () =>
      queries.operations({ table: 'nothing', status: 'failed', direction: 'to-notion' }),
    runs: () => queries.runs(null),
    'charts of an hour': () => queries.charts('hour'),
    'charts of a day': () => queries.charts('day'),
  };
  const took: Record<string, number> = {};
  for (const [name, ask] of Object.entries(asked)) {
    const times: number[] = [];
    for (let at = 0; at < 3; at += 1) {
      const started = performance.now();
      await ask();
      times.push(performance.now() - started);
    }
    took[name] = Math.round(Math.min(...times));
  }
  // 200 ms, or what a busy machine makes of it: as long as it takes to count the operations once.
  const started = performance.now();
  await stage.rows('select count(*) from pgnotion.operations where batch is null');
  const most = Math.max(200, performance.now() - started);
  expect(Object.entries(took).filter(([, ms]) => ms > most)).toEqual([]);
});
