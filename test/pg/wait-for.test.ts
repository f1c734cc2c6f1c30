import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { addSource, createState, products, type StateStage, suppliers } from '../support/state.ts';

// The test itself reads the slot, so that it decides when a change has been captured and when it has been delivered.

let state: StateStage;
let slot: string;
let rows: StateStage['rows'];

beforeAll(async () => {
  state = await createState();
  rows = state.rows;
  slot = state.database.name;
  await rows(`select pg_create_logical_replication_slot($1, 'pgoutput')`, [slot]);
});
afterAll(() => state.database.drop());
beforeEach(async () => {
  await state.clear();
  await rows(`insert into pgnotion.checkpoint (slot, system_id, timeline, lsn) values ($1, 's', 1, '0/1')`, [
    slot,
  ]);
  await addSource(state.store, suppliers, 1);
  await rows(`insert into pgnotion.records (table_name, key, state) values ('suppliers', 'a', 'linked')`);
});

/** As the daemon reads: all of the log so far. A commit first, so that the log is on disk. */
async function capture(): Promise<void> {
  await rows('update pgnotion.checkpoint set acknowledged = pg_current_wal_insert_lsn()');
  await moveSlot();
}

const moveSlot = () => rows('select pg_replication_slot_advance($1, pg_current_wal_flush_lsn())', [slot]);

/** All that is committed from now on too. */
const captureAll = () => rows(`update pgnotion.checkpoint set acknowledged = 'FFFFFFFF/0'`);

const dirty = (parked: boolean) =>
  rows(
    `insert into pgnotion.outbox (table_name, key, kind, parked_at, code, reason, remedy)
     select 'suppliers', 'a', 'write', why.* from (values (true, now(), 'c', 'it is refused', 'mend it'), (false, null, null, null, null))
         as one (parked, at, code, reason, remedy), lateral (select at, code, reason, remedy) as why where parked = $1`,
    [parked],
  );

const waitFor = async (timeout = '20 seconds', key = 'a', table = 'suppliers'): Promise<boolean> => {
  const [row] = await rows<{ there: boolean }>('select pgnotion.wait_for($1, $2, $3) as there', [
    table,
    key,
    timeout,
  ]);
  return row?.there ?? false;
};

/** Resolves once so many sessions sleep inside of the function: what is captured from then on counts for them. */
const isWaiting = (sessions = 1) =>
  eventually(async () => {
    const found = await rows(
      `select from pg_stat_activity
        where datname = current_database() and query like '%wait_for%' and wait_event = 'PgSleep'`,
    );
    return found.length >= sessions;
  });

test('a record at rest is there at once, after the log up to the call has been read', async () => {
  expect(await waitFor('200 ms')).toBe(false);
  const answer = waitFor();
  await isWaiting();
  await capture();
  expect(await answer).toBe(true);
});

test('a slot that somebody else moved tells nothing of what has been read', async () => {
  const answer = waitFor();
  await isWaiting();
  await moveSlot();
  expect(await Promise.race([answer, waitFor('300 ms')])).toBe(false);
  await capture();
  expect(await answer).toBe(true);
});

test('a change that the publication left out is waited for until all rows have been compared', async () => {
  await rows('create table watched (id integer)');
  await rows('create publication watched for table watched');
  try {
    await rows(`insert into pgnotion.settings (name, value)
                select 'publication', jsonb_build_object('made', oid::text, 'published', pgnotion.published_as(oid))
                  from pg_publication where pubname = 'watched'`);
    await rows('alter publication watched drop table watched');
    await rows('alter publication watched add table watched');
    await captureAll();
    expect(await waitFor('300 ms')).toBe(false);
    // As the daemon does in one transaction; the comparison that it asks for is what is waited for from then on.
    await rows(`with noted as (update pgnotion.settings set value = value || jsonb_build_object('published',
                    (select pgnotion.published_as(oid) from pg_publication where pubname = 'watched'))
                  where name = 'publication')
                update pgnotion.data_sources set backfilled_at = null`);
    expect(await waitFor('300 ms')).toBe(false);
    await rows('update pgnotion.data_sources set backfilled_at = now()');
    expect(await waitFor()).toBe(true);
  } finally {
    await rows('drop publication watched');
    await rows('drop table watched');
    await rows(`delete from pgnotion.settings where name = 'publication'`);
  }
});

test('a table that was not published when the daemon last looked is waited for, and no other is', async () => {
  await addSource(state.store, products, 2);
  await rows(`insert into pgnotion.records (table_name, key, state) values ('products', 'a', 'linked')`);
  const seal = (published: string) =>
    rows(
      `insert into pgnotion.settings (name, value) values ('publication', jsonb_build_object('tables',
         jsonb_build_object('public.suppliers', $1::jsonb, 'public.products', '{"mark": "1"}'::jsonb)))
       on conflict (name) do update set value = excluded.value`,
      [published],
    );
  await rows(`update pgnotion.data_sources set reads = 'public.' || table_name`);
  await captureAll();
  try {
    await seal('null');
    expect([await waitFor('300 ms'), await waitFor('20 seconds', 'a', 'products')]).toEqual([false, true]);
    await seal('{"mark": "2"}');
    expect(await waitFor()).toBe(true);
  } finally {
    await rows(`delete from pgnotion.settings where name = 'publication'`);
  }
});

test('a suspended table, whose changes nobody may have read, is waited for', async () => {
  const suspend = (by: string | null) =>
    rows(
      `update pgnotion.data_sources set paused_by = $1::text, paused_reason = 'it is gone',
              paused_at = case when $1 is not null then now() end`,
      [by],
    );
  await suspend('trouble');
  await captureAll();
  expect(await statusOf('300 ms')).toMatchObject({
    status: 'timeout',
    reason: expect.stringContaining('its table is suspended: it is gone'),
  });
  // What a person paused is read all the same.
  await suspend('hand');
  expect(await waitFor()).toBe(true);
});

test('a change that was captured in time is waited for until it has left the outbox', async () => {
  const answer = waitFor();
  await isWaiting();
  // What was committed before the call reaches the outbox first, and the slot moves after that.
  await dirty(false);
  await capture();
  const early = await Promise.race([answer, waitFor('300 ms')]);
  expect(early).toBe(false);
  await rows('delete from pgnotion.outbox');
  expect(await answer).toBe(true);
});

test('a relation whose target has no page yet is part of the version', async () => {
  await rows(`insert into pgnotion.waiting values ('suppliers', 'a', 'products', 'p')`);
  const answer = waitFor();
  await capture();
  expect(await waitFor('300 ms')).toBe(false);
  await rows('delete from pgnotion.waiting');
  await capture();
  expect(await answer).toBe(true);
});

type Status = { readonly status: string; readonly reason: string | null; readonly remedy: string | null };
const statusOf = async (timeout = '20 seconds'): Promise<Status | undefined> =>
  (await rows<Status>('select * from pgnotion.wait_for_status($1, $2, $3)', ['suppliers', 'a', timeout]))[0];

test('a record that is set aside is no use to wait for: false at once, with the reason and the remedy', async () => {
  await dirty(true);
  // Only once the log has been read: what was committed last may mend it.
  expect(await statusOf('200 ms')).toMatchObject({ status: 'timeout' });
  const answers = Promise.all([waitFor(), statusOf()]);
  await isWaiting(2);
  await capture();
  expect(await answers).toEqual([false, { status: 'set_aside', reason: 'it is refused', remedy: 'mend it' }]);
});

test('while a field stands still, nobody can say that Notion holds what was committed: false at once, with what mends it', async () => {
  const drift = (kind: string, pauses: string) =>
    rows(
      `insert into pgnotion.drifts (table_name, property, kind, side, pauses, detail, remedy, remedy_kind)
       values ('suppliers', 'Note', $1, 'postgres', $2, 'it may not be read', 'GRANT it', 'sql')`,
      [kind, pauses],
    );
  await drift('write_denied', 'nothing');
  await captureAll();
  expect(await statusOf()).toMatchObject({ status: 'synced' });
  await drift('column_unreadable', 'field');
  expect(await statusOf()).toEqual({
    status: 'set_aside',
    reason: 'the field Note stands still: it may not be read',
    remedy: 'GRANT it',
  });
  // What is on its way is waited for first.
  await dirty(false);
  expect(await statusOf('200 ms')).toMatchObject({ status: 'timeout' });
  await rows('delete from pgnotion.outbox');
  await rows(`delete from pgnotion.drifts where kind = 'column_unreadable'`);
  expect(await waitFor()).toBe(true);
});

test('a field that a conflict holds is not there: false at once, until it is decided', async () => {
  await rows(`insert into pgnotion.conflict_entries (type, table_name, record_id, fields, strategy, status)
              values ('CONCURRENT_UPDATE', 'suppliers', 'a', '{Name}', 'manual', 'open')`);
  const answers = Promise.all([waitFor(), statusOf()]);
  await isWaiting(2);
  await capture();
  const [there, status] = await answers;
  expect(there).toBe(false);
  expect(status).toMatchObject({ status: 'conflict', reason: expect.stringContaining('holds Name') });
  await rows(`update pgnotion.conflict_entries set status = 'resolved'`);
  const later = statusOf();
  await isWaiting();
  await capture();
  expect(await later).toEqual({ status: 'synced', reason: null, remedy: null });
});

test('a field that waits with many others is not there: false at once, until it is decided', async () => {
  await rows(`insert into pgnotion.clearings (table_name, key, side, field, state, reason)
              values ('suppliers', 'a', 'to-notion', 'Price', 'waiting', '9 of 10 would lose it')`);
  const answers = Promise.all([waitFor(), statusOf()]);
  await isWaiting(2);
  await capture();
  expect(await answers).toEqual([
    false,
    {
      status: 'set_aside',
      reason: 'Price waits for a decision, and Notion shows another value: 9 of 10 would lose it',
      remedy: 'run `pgnotion guarded approve TABLE KEY` or `pgnotion guarded reject TABLE KEY`',
    },
  ]);
  await rows('delete from pgnotion.clearings');
  const later = statusOf();
  await isWaiting();
  await capture();
  expect(await later).toMatchObject({ status: 'synced' });
});

test('a row without a page says that its database is still being read', async () => {
  await rows(`update pgnotion.records set page_id = null, state = 'creating' where key = 'a'`);
  await dirty(false);
  await rows(
    `insert into pgnotion.first_contacts (table_name, data_source_id, origin)
     select table_name, data_source_id, 'found' from pgnotion.data_sources where table_name = 'suppliers'`,
  );
  const answer = statusOf('600 ms');
  await isWaiting();
  await capture();
  expect(await answer).toMatchObject({
    status: 'timeout',
    reason: expect.stringContaining('read for the first time'),
  });
});

test('rows that the first sync has not found yet are not there', async () => {
  await rows('update pgnotion.data_sources set backfilled_at = null');
  const answer = waitFor('600 ms');
  await capture();
  expect(await answer).toBe(false);
});

test('a slot that nobody has, or that is gone, never counts as read', async () => {
  await rows(`update pgnotion.checkpoint set slot = 'another', lsn = 'FFFFFFFF/FFFFFFFF'`);
  expect(await waitFor('200 ms')).toBe(false);
});

test('unknown tables and records are refused', async () => {
  await expect(waitFor('1 s', 'a', 'nobody')).rejects.toThrow('nobody is not a synced table');
  const answer = waitFor('20 s', 'b').catch(String);
  await isWaiting();
  await capture();
  expect(await answer).toContain('pgnotion knows no record b of suppliers');
});

test('a transaction that has written, or that sees one moment only, is refused', async () => {
  const client = await state.pool.connect();
  const refused = async (...before: string[]): Promise<string> => {
    for (const statement of before) await client.query(statement);
    const told = await client.query(`select pgnotion.wait_for('suppliers', 'a')`).catch(String);
    await client.query('rollback');
    return String(told);
  };
  try {
    expect(await refused('begin', `update pgnotion.records set synced_at = now()`)).toContain(
      'would wait for that transaction itself',
    );
    expect(await refused('begin isolation level repeatable read')).toContain('under repeatable read');
    expect(await refused('begin isolation level serializable')).toContain('under serializable');
  } finally {
    client.release();
  }
});

test('a role needs no more than usage of the schema', async () => {
  const role = `waiter_${state.database.name}`;
  await rows(`create role ${role}`);
  await rows(`grant usage on schema pgnotion to ${role}`);
  const client = await state.pool.connect();
  try {
    await client.query(`set role ${role}`);
    const answer = client.query<{ there: boolean }>(`select pgnotion.wait_for('suppliers', 'a') as there`);
    await isWaiting();
    await capture();
    expect((await answer).rows).toEqual([{ there: true }]);
  } finally {
    await client.query('reset role');
    client.release();
    await rows(`revoke usage on schema pgnotion from ${role}`);
    await rows(`drop role ${role}`);
  }
});

test('what a role makes for its session alone is not run with the rights of the owner', async () => {
  const role = `waiter_${state.database.name}`;
  await rows(`create role ${role}`);
  await rows(`grant usage on schema pgnotion to ${role}`);
  const client = await state.pool.connect();
  try {
    await client.query(`
      set role ${role};
      create temp table ran (as_role text);
      grant all on ran to public;
      create function pg_temp.run() returns text language plpgsql as
        $$ begin insert into pg_temp.ran values (current_user); return 'slot'; end $$;
      create temp view pg_replication_slots as select pg_temp.run() as slot_name;
      grant all on pg_replication_slots to public`);
    const answer = client.query<{ there: boolean }>(
      `select pgnotion.wait_for('suppliers', 'a', '200 ms') as there`,
    );
    expect((await answer).rows).toEqual([{ there: false }]);
    expect((await client.query('select as_role from ran')).rows).toEqual([]);
  } finally {
    client.release(true);
    await rows(`drop owned by ${role}`);
    await rows(`drop role ${role}`);
  }
});

test('each table is asked for by itself', async () => {
  await addSource(state.store, products, 2);
  await rows(`insert into pgnotion.records (table_name, key, state) values ('products', 'a', 'linked')`);
  await dirty(true);
  const answer = waitFor('20 s', 'a', 'products');
  await isWaiting();
  await capture();
  expect(await answer).toBe(true);
});
