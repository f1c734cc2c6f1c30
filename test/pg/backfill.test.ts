import { expect, test } from 'vitest';
import { runBackfill } from '../../src/reconcile/backfill.ts';
import { createKeyLock } from '../../src/runtime/keylock.ts';
import { silentLog } from '../../src/runtime/log.ts';
import { migrate } from '../../src/state/migrate.ts';
import { createStore } from '../../src/state/sql.ts';
import { applyMoves } from '../../src/to-notion/rekey.ts';
import { eventually } from '../support/eventually.ts';
import { addSource, suppliers } from '../support/state.ts';
import { createTables } from '../support/user-tables.ts';

test('invariant 1: a comparison looks for the rows of records under the keys that the log has told last', async () => {
  await using user = await createTables(
    `create table suppliers (id text primary key, name text); insert into suppliers values ('here', 'here')`,
  );
  const { pool } = user.database;
  await migrate(pool);
  const store = createStore(pool, 0);
  const [table] = await user.resolve({
    suppliers: {
      source: 'public.suppliers',
      key: 'id',
      title: 'Suppliers',
      fields: { Name: { column: 'name', type: 'title' } },
    },
  });
  if (table === undefined) throw new Error('resolved no table');
  await addSource(store, suppliers, 1);
  await pool.query(`
    update pgnotion.data_sources set backfilled_at = null;
    insert into pgnotion.records (table_name, key, page_id, state) values
      ('suppliers', 'old', gen_random_uuid(), 'linked'), ('suppliers', 'was', gen_random_uuid(), 'linked');
    insert into pgnotion.rekeys (table_name, old_key, new_key, xid, commit_at, place) values
      ('suppliers', 'old', 'gone', 1, now(), 1), ('suppliers', 'was', 'here', 1, now(), 2)`);
  const tables = new Map([[suppliers, table]]);
  const stop = new AbortController();
  const walking = runBackfill(
    {
      store,
      db: user.db,
      tables,
      onDirty: () => undefined,
      onWalk: () => undefined,
      followMoves: () => applyMoves({ store, locks: createKeyLock(), tables }),
      log: silentLog(),
    },
    stop.signal,
  );
  await eventually(
    async () =>
      (await pool.query('select from pgnotion.data_sources where backfilled_at is not null')).rowCount === 1,
  );
  stop.abort();
  await walking;
  const { rows } = await pool.query('select key, kind from pgnotion.outbox order by key');
  expect(rows).toEqual([
    { key: 'gone', kind: 'delete' },
    { key: 'here', kind: 'write' },
  ]);
});
