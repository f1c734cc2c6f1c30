import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Clash } from '../../src/model/clash.ts';
import { valuesMark } from '../../src/model/edit-command.ts';
import { holdConflict, recordResolved } from '../../src/state/conflicts.ts';
import { parkEdit } from '../../src/state/edits.ts';
import { beginOperation, endOperation } from '../../src/state/operations.ts';
import {
  collapse,
  collect,
  countAttempt,
  expired,
  markSent,
  markUnsent,
  markWritten,
  nextEntry,
} from '../../src/state/sync-log.ts';
import { createState, key, pageOf, type StateStage, suppliers } from '../support/state.ts';

let state: StateStage;
beforeAll(async () => {
  state = await createState();
});
afterAll(() => state.database.drop());
beforeEach(() => state.clear());

const operation = {
  direction: 'to-notion',
  table: suppliers,
  key: key('a'),
  page: pageOf(1),
  kind: 'update',
  before: {},
  after: {},
  changedAt: null,
} as const;

async function happened(status: 'done' | 'failed' | 'unknown' | null, batch: string | null = null) {
  const id = await beginOperation(state.store, { ...operation, batch });
  if (status !== null)
    await endOperation(state.store, id, { status, ...(status === 'failed' ? { error: 'no' } : {}) });
  await state.store.query(
    `update pgnotion.operations set started_at = started_at - interval '10 seconds' where id = $1`,
    [id],
  );
  return `operation ${id}`;
}
const ids = async () =>
  (await state.rows<{ id: string }>('select sync_id as id from pgnotion.sync_log order by at, sync_id')).map(
    ({ id }) => id,
  );

test('problems are what failed or got no answer; all is every write but those of the first sync', async () => {
  await happened('done');
  const failed = await happened('failed');
  const lost = await happened('unknown');
  expect(await collect(state.store, 'problems')).toBe(2);
  expect(await ids()).toEqual([failed, lost]);
  await state.clear();
  const all = [await happened('done'), await happened('failed')];
  await happened('done', 'backfill');
  expect(await collect(state.store, 'all')).toBe(2);
  expect(await ids()).toEqual(all);
});

test('each line is taken once, and one that is under way holds back those after it', async () => {
  await happened('failed');
  const underWay = await happened(null);
  const later = await happened('failed');
  expect(await collect(state.store, 'problems')).toBe(1);
  expect(await collect(state.store, 'problems')).toBe(0);
  await endOperation(state.store, underWay.split(' ')[1] ?? '', { status: 'done' });
  expect(await collect(state.store, 'problems')).toBe(1);
  expect(await ids()).toContain(later);
});

test('where nothing happened nothing is written', async () => {
  await happened('failed');
  await collect(state.store, 'problems');
  const [before] = await state.rows<{ xact: string }>(
    `select xmin::text as xact from pgnotion.settings where name = 'sync_log'`,
  );
  await collect(state.store, 'problems');
  expect(
    await state.rows(`select xmin::text as xact from pgnotion.settings where name = 'sync_log'`),
  ).toEqual([before]);
});

test('what was refused is a line of its own, with reason and remedy, and another one when it is refused again', async () => {
  const edit = { page: pageOf(1), table: suppliers, key: key('a'), mark: valuesMark('d') };
  await parkEdit(state.store, edit, { code: 'x', reason: 'too long', remedy: 'shorten it' });
  expect(await collect(state.store, 'problems')).toBe(1);
  expect(await nextEntry(state.store)).toMatchObject({
    direction: 'to-postgres',
    status: 'failed',
    record: 'a',
    error: 'too long. shorten it',
  });
  expect(await collect(state.store, 'problems')).toBe(0);
  await parkEdit(
    state.store,
    { ...edit, mark: valuesMark('e') },
    { code: 'x', reason: 'still', remedy: 'shorten it' },
  );
  expect(await collect(state.store, 'problems')).toBe(1);
});

test('invariant 12: more than may wait is left out, oldest first, and one line says how many', async () => {
  for (let count = 0; count < 12; count += 1) await happened('failed');
  await collect(state.store, 'problems');
  const before = await ids();
  expect(await collapse(state.store, 12)).toBe(0);
  expect(await collapse(state.store, 10)).toBe(7);
  const after = await ids();
  expect(after).toHaveLength(6);
  expect(after.slice(1)).toEqual(before.slice(7));
  expect(await nextEntry(state.store)).toMatchObject({
    syncId: expect.stringMatching(/^left out until /),
    error: expect.stringMatching(/^7 lines were left out/),
  });
});

test('a refused line goes behind the others; written ones expire by number and by age', async () => {
  const [first, second] = [await happened('failed'), await happened('failed')];
  await collect(state.store, 'problems');
  await markSent(state.store, first);
  expect(await nextEntry(state.store)).toMatchObject({ syncId: first, sentAgoMs: expect.any(Number) });
  expect(await nextEntry(state.store, [first])).toMatchObject({ syncId: second });
  await countAttempt(state.store, first);
  expect(await nextEntry(state.store)).toMatchObject({ syncId: second, sentAgoMs: null, attempts: 0 });
  expect(await nextEntry(state.store, [second])).toMatchObject({
    syncId: first,
    sentAgoMs: expect.any(Number),
  });
  await markUnsent(state.store, first);
  expect(await nextEntry(state.store, [second])).toMatchObject({
    syncId: first,
    sentAgoMs: null,
    attempts: 1,
  });
  await markWritten(state.store, first, pageOf(1));
  await markWritten(state.store, second, pageOf(2));
  expect(await nextEntry(state.store)).toBe(null);
  expect(await expired(state.store, { days: 30, entries: 2 }, 10)).toEqual([]);
  expect(await expired(state.store, { days: 30, entries: 1 }, 10)).toEqual([
    { syncId: first, page: pageOf(1) },
  ]);
  await state.store.query(`update pgnotion.sync_log set at = at - interval '31 days'`);
  expect(await expired(state.store, { days: 30, entries: 10 }, 10)).toHaveLength(2);
});

test('a conflict is a line when it waits for a person, and one when it is over', async () => {
  const clash: Clash = {
    type: 'CONCURRENT_UPDATE',
    table: suppliers,
    key: key('a'),
    page: pageOf(1),
    field: 'Name',
    base: { row: {}, page: {} },
    local: { Name: 'row' },
    remote: { Name: 'page' },
  };
  await holdConflict(state.store, clash);
  expect(await collect(state.store, 'problems')).toBe(1);
  expect(await nextEntry(state.store)).toMatchObject({
    syncId: 'conflict 1, open',
    status: 'conflict',
    direction: 'both',
    error: expect.stringMatching(/of Name; PostgreSQL: .*row.*; Notion: .*page.*; waits for a decision$/),
  });
  await recordResolved(state.store, clash, 'postgres', 'manual');
  expect(await collect(state.store, 'problems')).toBe(1);
  expect(await ids()).toContain('conflict 1');
  expect(await collect(state.store, 'problems')).toBe(0);
});
