import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  beginOperation,
  closeDoubts,
  doubtfulWrites,
  endOperation,
  ripeDoubts,
} from '../../src/state/operations.ts';
import { intend, link, recordsByKey } from '../../src/state/records.ts';
import { requestOperation } from '../../src/state/request-operation.ts';
import { createStore } from '../../src/state/sql.ts';
import { addSource, createState, key, pageOf, type StateStage, suppliers } from '../support/state.ts';

let state: StateStage;
beforeAll(async () => {
  state = await createState();
});
afterAll(() => state.database.drop());
beforeEach(async () => {
  await state.clear();
  await addSource(state.store, suppliers, 1);
  await link(state.store, {
    table: suppliers,
    key: key('a'),
    page: pageOf(1),
    baseRow: {},
    basePage: {},
    pageEditedAt: new Date(0),
  });
});

const operation = {
  direction: 'to-notion',
  table: suppliers,
  key: key('a'),
  page: pageOf(1),
  kind: 'update',
  before: {},
  after: { Name: 'sent' },
  changedAt: null,
} as const;

async function lostWrite(secondsAgo: number): Promise<void> {
  const id = await beginOperation(state.store, operation);
  await endOperation(state.store, id, { status: 'unknown' });
  await state.store.query(
    'update pgnotion.operations set started_at = clock_timestamp() - make_interval(secs => $1)',
    [secondsAgo],
  );
}
const doubts = async () => (await doubtfulWrites(state.store, suppliers, key('a'))).map(({ sent }) => sent);
const close = (askedAt: number) => closeDoubts(state.store, suppliers, key('a'), askedAt);

test('invariant 6: a lost write stays in doubt until a look that was asked for after it could last land', async () => {
  await lostWrite(75);
  // This look is older than the last moment at which the write could land: it may have landed since.
  await close(performance.now() - 10_000);
  expect(await doubts()).toEqual([{ Name: 'sent' }]);
  await close(performance.now() - 2_000);
  expect(await doubts()).toEqual([]);
});

test('invariant 9: a page whose lost write can no longer land is to be looked at, and only then', async () => {
  await lostWrite(60);
  expect(await ripeDoubts(state.store, 10)).toEqual([]);
  await state.store.query(`update pgnotion.operations set started_at = started_at - interval '15 seconds'`);
  expect(await ripeDoubts(state.store, 10)).toEqual([{ table: suppliers, page: pageOf(1) }]);
  await state.store.query(`update pgnotion.data_sources set paused_at = now()`);
  expect(await ripeDoubts(state.store, 10)).toEqual([]);
  await state.store.query(`update pgnotion.data_sources set paused_at = null`);
  await close(performance.now());
  expect(await ripeDoubts(state.store, 10)).toEqual([]);
});

test('invariants 3 and 11: an overtaken daemon that wakes up before its request stores neither intent nor line', async () => {
  const frozen = createStore(state.pool, 0);
  const create = requestOperation(frozen, { ...operation, page: null, kind: 'create' }, (sql) =>
    intend(sql, suppliers, key('a')),
  );
  await state.store.query(`update pgnotion.settings set value = '1' where name = 'epoch'`);
  await expect(create.begin()).rejects.toMatchObject({ code: 'PGN01' });
  const record = (await recordsByKey(state.store, suppliers, [key('a')])).get(key('a'));
  expect(record).toMatchObject({ page: pageOf(1), state: 'linked' });
  expect(await state.rows('select from pgnotion.operations')).toEqual([]);
});
