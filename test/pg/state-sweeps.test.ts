import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { valuesMark } from '../../src/model/edit-command.ts';
import { parkEdit } from '../../src/state/edits.ts';
import { link, markTrashed } from '../../src/state/records.ts';
import { forgetProgress } from '../../src/state/sources.ts';
import {
  advanceSweep,
  askSweep,
  beginSweep,
  dueSweeps,
  endSweep,
  markMet,
  pagesAtLast,
  unmet,
} from '../../src/state/sweeps.ts';
import {
  addSource,
  createState,
  dataSourceOf,
  key,
  pageOf,
  type StateStage,
  suppliers,
} from '../support/state.ts';

let state: StateStage;
beforeAll(async () => {
  state = await createState();
});
afterAll(() => state.database.drop());
beforeEach(async () => {
  await state.clear();
  await addSource(state.store, suppliers, 1);
  for (const number of [1, 2, 3]) await linked(number);
});

const minute = (number: number): Date => new Date(Date.UTC(2026, 0, 1, 0, number));
const begin = (source = 1) => beginSweep(state.store, suppliers, dataSourceOf(source));
const linked = (number: number): Promise<void> =>
  link(state.store, {
    table: suppliers,
    key: key(String(number)),
    page: pageOf(number),
    baseRow: {},
    basePage: {},
    pageEditedAt: minute(0),
  });
const due = (everyMs = 3_600_000) => dueSweeps(state.store, everyMs);

test('invariant 9: a sweep that was broken off goes on where it was, and one that ended begins anew', async () => {
  const first = await begin();
  expect(first.position).toBe(null);
  await advanceSweep(state.store, first, { pages: [pageOf(1)], position: minute(7) });
  expect(await due()).toEqual([suppliers]);
  expect(await begin()).toEqual({ ...first, position: minute(7) });
  await endSweep(state.store, first);
  expect(await due()).toEqual([]);
  const second = await begin();
  expect(second.position).toBe(null);
  expect(second.startedAt.getTime()).toBeGreaterThan(first.startedAt.getTime());
});

test('another data source, a lost slot and a wish each begin anew', async () => {
  const stop = async () => advanceSweep(state.store, await begin(), { pages: [], position: minute(7) });
  await stop();
  expect((await begin(2)).position).toBe(null);
  await stop();
  await askSweep(state.store, suppliers);
  expect((await begin(2)).position).toBe(null);
  await stop();
  await forgetProgress(state.store);
  expect((await begin(2)).position).toBe(null);
});

test('a wish during a sweep is not forgotten at its end', async () => {
  const sweep = await begin();
  await askSweep(state.store, suppliers);
  await endSweep(state.store, sweep);
  expect(await due()).toEqual([suppliers]);
  await endSweep(state.store, await begin());
  expect(await due()).toEqual([]);
});

test('what a sweep has not met is what was known before it began: records and pages that are none', async () => {
  await parkEdit(
    state.store,
    { page: pageOf(9), table: suppliers, key: null, mark: valuesMark('d') },
    { code: 'x', reason: 'r', remedy: 'm' },
  );
  await markTrashed(state.store, suppliers, key('3'), 'trashed');
  const sweep = await begin();
  await linked(4);
  const left = async () => (await unmet(state.store, sweep, 10)).map(({ page }) => page).sort();
  expect(await left()).toEqual([pageOf(1), pageOf(2), pageOf(9)]);
  expect(await unmet(state.store, sweep, 1)).toMatchObject([{ of: 3 }]);
  await advanceSweep(state.store, sweep, { pages: [pageOf(1)], position: minute(1) });
  await markMet(state.store, [pageOf(9)]);
  expect(await left()).toEqual([pageOf(2)]);
});

test('a sweep is due after its time, unless its table is paused, and not before the first one', async () => {
  expect(await due()).toEqual([]);
  await state.store.query(`update pgnotion.data_sources set swept_at = now() - interval '2 hours'`);
  expect(await due()).toEqual([suppliers]);
  await state.store.query('update pgnotion.data_sources set paused_at = now()');
  expect(await due()).toEqual([]);
  await state.store.query('update pgnotion.data_sources set paused_at = null, swept_at = null');
  expect(await due()).toEqual([]);
});

test('the view tells how far a sweep is, and how many pages there were', async () => {
  const view = () =>
    state.rows<object>(
      `select under_way_since is not null as under_way, pages_read::int, pages_expected::int from pgnotion.sweep`,
    );
  expect(await view()).toEqual([{ under_way: false, pages_read: null, pages_expected: 3 }]);
  const first = await begin();
  await advanceSweep(state.store, first, { pages: [pageOf(1), pageOf(2)], position: minute(1) });
  expect(await view()).toEqual([{ under_way: true, pages_read: 2, pages_expected: 3 }]);
  await advanceSweep(state.store, first, { pages: [pageOf(3), pageOf(8)], position: minute(2) });
  await endSweep(state.store, first);
  expect(await pagesAtLast(state.store, suppliers)).toBe(4);
  await begin();
  expect(await view()).toEqual([{ under_way: true, pages_read: 0, pages_expected: 4 }]);
  expect(await pagesAtLast(state.store, suppliers)).toBe(4);
});
