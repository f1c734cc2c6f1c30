import { afterAll, beforeAll, expect, test } from 'vitest';
import { storeChanges } from '../../src/capture/store-changes.ts';
import { lsn } from '../../src/model/ids.ts';
import { recountOutbox } from '../../src/state/statistics.ts';
import { createState, dirty, type StateStage } from '../support/state.ts';

let stage: StateStage;

beforeAll(async () => {
  stage = await createState();
});
afterAll(() => stage[Symbol.asyncDispose]());

/** What the planner believes that the outbox holds, after it was counted while it was empty, though not small. */
async function counted(): Promise<number> {
  const [row] = await stage.rows<{ n: number }>(
    `select reltuples::float8 as n from pg_class where oid = 'pgnotion.outbox'::regclass`,
  );
  return row?.n ?? Number.NaN;
}

const changes = (many: number) => ({
  records: Array.from({ length: many }, (_, at) => dirty(`${many}-${at}`)),
  referrers: [],
  compared: [],
  moves: [],
});

test('a mass that comes into an outbox that was counted while empty is counted, and few entries are not', async () => {
  await stage.rows('alter table pgnotion.outbox set (autovacuum_enabled = off)');
  await storeChanges(stage.store, changes(2_000), null);
  await stage.rows('delete from pgnotion.outbox');
  await stage.rows('analyze pgnotion.outbox');
  expect(await counted()).toBe(0);
  await storeChanges(stage.store, changes(99), null);
  expect(await counted()).toBe(0);
  await storeChanges(stage.store, changes(1_000), { slot: 'one', lsn: lsn(16n) });
  expect(await counted()).toBe(1_099);
  // What is near enough is left.
  await storeChanges(stage.store, changes(200), null);
  expect(await counted()).toBe(1_099);
});

test('somebody who counts already is not waited for', async () => {
  await stage.rows('delete from pgnotion.outbox');
  await stage.rows('analyze pgnotion.outbox');
  const other = await stage.pool.connect();
  try {
    await other.query('begin; lock table pgnotion.outbox in share update exclusive mode');
    await recountOutbox(stage.store, 1_000);
    expect(await counted()).toBe(0);
  } finally {
    await other.query('rollback');
    other.release();
  }
});
