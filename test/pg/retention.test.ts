import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { lostCreate, wasDeletedHere } from '../../src/state/operations.ts';
import { pruneHistory } from '../../src/state/retention.ts';
import { addSource, createState, key, pageOf, type StateStage, suppliers } from '../support/state.ts';

let state: StateStage;
let rows: StateStage['rows'];
beforeAll(async () => {
  state = await createState();
  rows = state.rows;
});
afterAll(() => state.database.drop());
beforeEach(async () => {
  await state.clear();
  await addSource(state.store, suppliers, 1);
});

const operation = (
  name: string,
  days: number,
  more: { status?: string; kind?: string; batch?: string; page?: string } = {},
) =>
  rows(
    `insert into pgnotion.operations (direction, table_name, key, kind, status, started_at, batch, page_id, before, fields)
     values ('to-postgres', 'suppliers', $1, $2, $3, now() - make_interval(days => $4), $5, $6, '{"Name": "a"}', '{Name}')`,
    [name, more.kind ?? 'update', more.status ?? 'done', days, more.batch ?? null, more.page ?? null],
  );
const keys = async () =>
  (await rows<{ key: string }>('select key from pgnotion.operations order by id')).map(({ key }) => key);

test('invariant 7: what ended long ago is forgotten, and nothing that is in doubt', async () => {
  for (const status of ['done', 'failed', 'unknown', 'started']) {
    await operation(`old ${status}`, 91, { status });
    await operation(`young ${status}`, 89, { status });
  }
  await operation('last', 1);
  expect(await pruneHistory(state.store, 90)).toBe(false);
  expect(await keys()).toEqual([
    'young done',
    'young failed',
    'old unknown',
    'young unknown',
    'old started',
    'young started',
    'last',
  ]);
});

test('the lines of a run stay until it has ended, and the run goes with its last line', async () => {
  await rows(`insert into pgnotion.runs (kind, finished_at) values ('rollback', null)`);
  await operation('a', 200, { batch: '1' });
  await operation('last', 1);
  await pruneHistory(state.store, 90);
  expect(await keys()).toEqual(['a', 'last']);
  await rows(`update pgnotion.runs set finished_at = now() - interval '100 days'`);
  await pruneHistory(state.store, 90);
  expect(await keys()).toEqual(['last']);
  expect(await rows('select from pgnotion.runs')).toHaveLength(0);
});

test('that a page went with its row is known long after; its values are forgotten', async () => {
  await operation('gone', 100, { kind: 'delete', page: pageOf(1) });
  await operation('long gone', 500, { kind: 'delete', page: pageOf(2) });
  await operation('last', 1);
  await pruneHistory(state.store, 90);
  expect(await keys()).toEqual(['gone', 'last']);
  expect(await rows(`select before, fields from pgnotion.operations where key = 'gone'`)).toEqual([
    { before: {}, fields: [] },
  ]);
  expect(await wasDeletedHere(state.store, pageOf(1))).toBe(true);
  expect(await wasDeletedHere(state.store, pageOf(2))).toBe(false);
});

test('that a create was lost is known long after', async () => {
  await rows(
    `insert into pgnotion.operations (direction, table_name, key, kind, status, error, started_at, after)
     values ('to-notion', 'suppliers', 'a', 'create', 'done', 'the answer was lost', now() - interval '100 days', '{"Name": "a"}')`,
  );
  await operation('last', 1);
  await pruneHistory(state.store, 90);
  expect(await lostCreate(state.store, suppliers, key('a'), new Date(Date.now() - 100 * 86_400_000))).toBe(
    true,
  );
  expect(await rows(`select after from pgnotion.operations where key = 'a'`)).toEqual([{ after: {} }]);
});

test('the view still tells when a table last succeeded', async () => {
  await operation('a', 200);
  await operation('b', 150);
  await rows('update pgnotion.operations set finished_at = started_at');
  await pruneHistory(state.store, 90);
  expect(await keys()).toEqual(['b']);
  const [status] = await rows<{ last_success: Date | null }>('select last_success from pgnotion.status');
  expect(status?.last_success).not.toBeNull();
});

test('invariant 12: much is forgotten a batch at a time', async () => {
  await rows(
    `insert into pgnotion.operations (direction, table_name, key, kind, status, started_at)
     select 'to-notion', 'suppliers', i::text, 'update', 'done', now() - interval '100 days' from generate_series(1, 1500) i`,
  );
  await operation('last', 1);
  const left = async () => (await keys()).length;
  expect(await pruneHistory(state.store, 90)).toBe(true);
  expect(await left()).toBe(501);
  expect(await pruneHistory(state.store, 90)).toBe(false);
  expect(await left()).toBe(1);
});
