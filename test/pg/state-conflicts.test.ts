import type { Pool } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Clash } from '../../src/model/clash.ts';
import { isInReview } from '../../src/model/conflict-lifecycle.ts';
import { createPool } from '../../src/postgres/pool.ts';
import { silentLog } from '../../src/runtime/log.ts';
import { applyTransitions } from '../../src/state/conflict-transitions.ts';
import {
  decideConflict,
  heldFields,
  holdConflict,
  liveConflicts,
  pruneConflicts,
  readConflict,
  readConflicts,
  recordResolved,
  resolveConflict,
} from '../../src/state/conflicts.ts';
import { knownOfRecord } from '../../src/state/deliveries.ts';
import { forget } from '../../src/state/records.ts';
import { createStore } from '../../src/state/sql.ts';
import { createState, key, pageOf, type StateStage, suppliers } from '../support/state.ts';

let state: StateStage;
beforeAll(async () => {
  state = await createState();
});
afterAll(() => state.database.drop());
beforeEach(() => state.clear());

const clash = (more: Partial<Clash> = {}): Clash => ({
  type: 'CONCURRENT_UPDATE',
  table: suppliers,
  key: key('a'),
  page: pageOf(1),
  field: 'Name',
  base: { row: { Name: 'x' }, page: { Name: 'x' } },
  local: { Name: 'row' },
  remote: { Name: 'page' },
  ...more,
});
const hold = (more: Partial<Clash> = {}) => holdConflict(state.store, clash(more));
const resolve = (choice: Parameters<typeof resolveConflict>[2], id = '1', who = 'Ada') =>
  resolveConflict(state.store, id, choice, who);
const live = () => liveConflicts(state.store, suppliers, key('a'));

test('invariant 4: a conflict is the same on the users’ own connections, which read every value as text', async () => {
  await holdConflict(state.store, clash(), 'review');
  await hold({ field: 'Rating' });
  await using users = disposable(
    createPool({ url: state.database.url, max: 1, raw: true, applicationName: 'users', log: silentLog() }),
  );
  const sql = createStore(users.pool, 0);
  const asText = await liveConflicts(sql, suppliers, key('a'));
  expect(asText).toEqual(await live());
  expect(['Name', 'Rating'].map((field) => isInReview(asText, field))).toEqual([true, false]);
  expect((await knownOfRecord(state.store, suppliers, key('a'))).conflicts).toEqual(asText);
});

const disposable = (pool: Pool) => ({ pool, [Symbol.asyncDispose]: () => pool.end() });

test('a field of a record has one conflict at a time, with the values of the last look', async () => {
  await hold();
  await hold({ local: { Name: 'later' } });
  await hold({ field: 'Rating' });
  await hold({ type: 'DELETED_IN_NOTION', field: null });
  expect((await live()).map(({ id, type, field }) => [id, type, field])).toEqual([
    ['1', 'CONCURRENT_UPDATE', 'Name'],
    [expect.any(String), 'CONCURRENT_UPDATE', 'Rating'],
    [expect.any(String), 'DELETED_IN_NOTION', null],
  ]);
  expect((await readConflict(state.store, '1'))?.local_record).toEqual({ Name: 'later' });
  expect((await knownOfRecord(state.store, suppliers, key('a'))).conflicts).toEqual(await live());
  expect((await knownOfRecord(state.store, suppliers, key('b'))).conflicts).toEqual([]);
  const held = await heldFields(state.store, suppliers, [key('a'), key('b')]);
  expect(held).toEqual(new Map([[key('a'), new Set(['Name', 'Rating'])]]));
  const [first] = (await live()).filter(({ id }) => id === '1');
  if (first === undefined) throw new Error('no conflict 1');
  expect(await applyTransitions(state.store, [first], () => ({ kind: 'applied', wrote: false }))).toBe(false);
  await hold();
  expect(await readConflicts(state.store, true)).toHaveLength(4);
  expect(await readConflicts(state.store, false)).toHaveLength(3);
});

test('what a rule decided needs nobody, and ends with its line', async () => {
  await decideConflict(state.store, clash(), 'postgres', 'lww');
  await decideConflict(state.store, clash({ remote: { Name: 'later' } }), 'postgres', 'lww-tie');
  expect(await readConflicts(state.store, false)).toEqual([]);
  expect(await resolve({ keep: 'notion' })).toEqual({
    accepted: false,
    message: 'conflict 1 was decided by the rule lww-tie: postgres',
  });
  await recordResolved(state.store, clash({ remote: { Name: 'later' } }), 'notion', 'lww');
  await recordResolved(state.store, clash(), 'notion', 'notion');
  const all = await readConflicts(state.store, true);
  expect(
    all.map(({ status, resolution, strategy, resolved_by }) => [status, resolution, strategy, resolved_by]),
  ).toEqual([
    ['resolved', 'notion', 'notion', null],
    ['resolved', 'notion', 'lww', null],
  ]);
});

describe('a person’s decision', () => {
  test('stands, whatever comes later', async () => {
    await hold();
    expect(await resolve({ keep: 'notion' })).toEqual({
      accepted: true,
      message: 'conflict 1: Notion is kept',
    });
    const later = await resolve({ value: '"mine"' }, '1', 'Grace');
    expect(later.accepted).toBe(false);
    expect(later.message).toMatch(/^conflict 1 was decided by Ada at .+: notion$/);
    await decideConflict(state.store, clash(), 'postgres', 'lww');
    await hold({ local: { Name: 'later' } });
    expect(await live()).toMatchObject([{ choice: 'notion', by: 'Ada' }]);
    expect(await readConflicts(state.store, false)).toMatchObject([
      { status: 'decided', local_record: { Name: 'later' } },
    ]);
  });

  test('for PostgreSQL wakes the delivery, any other the poll', async () => {
    await hold();
    await hold({ field: 'Rating' });
    await resolve({ keep: 'postgres' });
    expect(await state.rows('select kind, restore, priority from pgnotion.outbox')).toEqual([
      { kind: 'write', restore: ['Name'], priority: 0 },
    ]);
    const [, rating] = await live();
    await resolve({ value: 'null' }, rating?.id);
    expect(await state.rows('select page_id, key, digest, command, parked_at from pgnotion.edits')).toEqual([
      { page_id: pageOf(1), key: 'a', digest: null, command: 'look', parked_at: null },
    ]);
    expect(await live()).toMatchObject([{ choice: 'postgres' }, { choice: 'value', value: 'null' }]);
  });

  test('over a deletion lets it pass the guard, and knows no value', async () => {
    await hold({ type: 'DELETED_IN_POSTGRES', field: null, local: {} });
    await expect(resolve({ value: '1' })).rejects.toThrow('conflict 1 is of a whole record');
    await resolve({ keep: 'postgres' });
    expect(await state.rows('select kind, approved from pgnotion.outbox')).toEqual([
      { kind: 'delete', approved: true },
    ]);
  });

  test('takes a JSON value of any kind', async () => {
    await hold();
    await resolve({ value: '["a", "b", 9007199254740993]' });
    expect(await live()).toMatchObject([{ choice: 'value', value: '["a", "b", 9007199254740993]' }]);
    expect((await resolve({ keep: 'notion' })).message).toMatch(
      /: the value \["a", "b", 9007199254740993\]$/,
    );
  });

  test('of two at once, the first stands', async () => {
    await hold();
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, n) =>
        resolve({ keep: n % 2 === 0 ? 'postgres' : 'notion' }, '1', `P${n}`),
      ),
    );
    const at = answers.findIndex(({ accepted }) => accepted);
    const others = answers.filter((_, n) => n !== at);
    expect(others.filter(({ accepted }) => accepted)).toEqual([]);
    expect(await live()).toMatchObject([{ by: `P${at}` }]);
    for (const each of others) expect(each.message).toContain(`was decided by P${at} at `);
  });

  test('that could not be carried out is asked for anew', async () => {
    await hold();
    await resolve({ value: '7' });
    await applyTransitions(state.store, await live(), () => ({ kind: 'refused', reason: 'the reason' }));
    expect(await readConflict(state.store, '1')).toMatchObject({
      status: 'open',
      value: null,
      resolved_by: null,
      note: 'the reason',
    });
    expect((await resolve({ keep: 'notion' })).accepted).toBe(true);
  });

  test('in plain SQL is the login’s, and nonsense is refused', async () => {
    await hold();
    await expect(state.rows(`select pgnotion.resolve_conflict(99, 'postgres')`)).rejects.toThrow(
      'there is no conflict 99',
    );
    for (const call of [`(1, 'both')`, '(1, null::text)', '(1, null::jsonb)', `(1, 'value')`])
      await expect(state.rows(`select pgnotion.resolve_conflict${call}`)).rejects.toThrow('is resolved with');
    await expect(state.rows(`select pgnotion.resolve_conflict(1, 'notion', '')`)).rejects.toThrow('name who');
    expect(await state.rows(`select * from pgnotion.resolve_conflict(1, '{"a": 1}'::jsonb)`)).toEqual([
      { accepted: true, message: 'conflict 1: the row and the page get {"a": 1}' },
    ]);
    const [user] = await state.rows<{ name: string }>('select current_user as name');
    expect(await live()).toMatchObject([{ by: user?.name }]);
  });
});

test('a pair that ends takes its conflicts along, and old ones can be forgotten', async () => {
  await hold();
  await hold({ key: key('b') });
  await forget(state.store, suppliers, key('a'));
  expect((await resolve({ keep: 'notion' })).message).toMatch(/^conflict 1 ended by itself at /);
  await pruneConflicts(state.store, 90);
  expect(await readConflicts(state.store, true)).toHaveLength(2);
  await state.store.query(
    `update pgnotion.conflict_entries set resolved_at = resolved_at - interval '91 days', detected_at = detected_at - interval '91 days'`,
  );
  await pruneConflicts(state.store, 90);
  expect((await readConflicts(state.store, true)).map(({ record_id }) => record_id)).toEqual(['b']);
  expect(await readConflict(state.store, '1; drop table x')).toBeNull();
});
