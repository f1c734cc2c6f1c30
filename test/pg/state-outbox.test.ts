import { describe, expect, test } from 'vitest';
import { lsn } from '../../src/model/ids.ts';
import { BACKFILL, BULK, LIVE } from '../../src/model/urgency.ts';
import { changedAtOf } from '../../src/state/change-times.ts';
import { restOf } from '../../src/state/due.ts';
import {
  type DirtyRecord,
  markDirty,
  markFound,
  markRestore,
  type OutboxEntry,
  pagesComing,
  park,
  postpone,
  reschedule,
  settle,
} from '../../src/state/outbox.ts';
import { awaitTargets, liftTargets, type Waiter } from '../../src/state/waiting.ts';
import { at, failure, names, pendingCount, useOutbox } from '../support/outbox.ts';
import { dirty, key, products, suppliers } from '../support/state.ts';

const { sql, claim, only, stored } = useOutbox();

describe('marking records dirty', () => {
  test('invariant 1: however often a record changes, it is one line, with the newest change and the oldest wait', async () => {
    await markDirty(sql, [dirty('a', { changedAt: at(1), lsn: lsn(16n) }), dirty('b')]);
    await markDirty(sql, [dirty('a', { changedAt: at(2), kind: 'delete', lsn: lsn(32n) })]);
    await markDirty(sql, [dirty('a', { changedAt: at(3), lsn: null })]);
    expect(await stored()).toMatchObject({
      kind: 'write',
      lsn: '0/20',
      changed_at: at(3),
      first_at: at(1),
      version: 3,
      due: true,
    });
    expect(await pendingCount(sql)).toBe(2);
  });

  test('a row is new until its page is made, however often it changes before', async () => {
    await markDirty(sql, [dirty('a', { inserted: true })]);
    await markDirty(sql, [dirty('a')]);
    const entry = await only();
    expect(entry.inserted).toBe(true);
    await markDirty(sql, [dirty('a')]);
    await settle(sql, entry);
    expect((await only()).inserted).toBe(false);
    // A row that is deleted and inserted again before either was delivered was there all along.
    await markDirty(sql, [dirty('a', { kind: 'delete' })]);
    await markDirty(sql, [dirty('a', { inserted: true })]);
    expect((await only()).inserted).toBe(false);
  });

  test('the same key in another table is another record', async () => {
    await markDirty(sql, [dirty('a'), dirty('a', { table: products })]);
    expect(await pendingCount(sql)).toBe(2);
  });

  test('a live change lifts a line of the backfill, and never the other way about', async () => {
    await markDirty(sql, [dirty('a', { urgency: BACKFILL }), dirty('b', { urgency: BACKFILL })]);
    expect(names(await claim())).toEqual([]);
    await markDirty(sql, [dirty('a')]);
    await markDirty(sql, [dirty('a', { urgency: BACKFILL })]);
    expect([names(await claim()), names(await claim({ urgency: BACKFILL }))]).toEqual([
      ['suppliers/a'],
      ['suppliers/b'],
    ]);
  });

  test('invariant 16: beyond some twenty that stand alone, what comes with or behind them is bulk, in each table', async () => {
    const some = (from: number, count: number, more: Partial<DirtyRecord> = {}) =>
      Array.from({ length: count }, (_, n) => dirty(`n${from + n}`, { changedAt: at(from + n), ...more }));
    await markDirty(sql, [...some(0, 15), dirty('p', { table: products })]);
    await markDirty(sql, some(15, 15));
    expect(await claim()).toHaveLength(20);
    expect((await claim({ urgency: BULK })).map(({ key }) => key)).toEqual(
      some(20, 10).map(({ key }) => key),
    );
    expect(names(await claim({ tables: [products] }))).toEqual(['products/p']);
    // Once they are out, the next one stands alone, and lifts its record; one of a mass does not lower it.
    for (const entry of await claim()) await settle(sql, entry);
    await markDirty(sql, some(29, 1));
    await markDirty(sql, some(29, 1, { urgency: BULK }));
    expect(names(await claim())).toEqual(['suppliers/n29']);
  });

  test('records that others wait for are as urgent as those, and never less than before', async () => {
    await markDirty(sql, [dirty('a', { urgency: BACKFILL }), dirty('b')]);
    const both = [key('a'), key('b')].map((one) => ({ table: suppliers, key: one }));
    const waiter: Waiter = { table: products, key: key('p'), urgency: BULK };
    expect(await awaitTargets(sql, waiter, both)).toBe(true);
    expect(await liftTargets(sql, { of: waiter })).toEqual([{ ...both[0], urgency: BULK }]);
    expect(await liftTargets(sql, { of: waiter })).toEqual([]);
    expect([names(await claim()), names(await claim({ urgency: BULK }))]).toEqual([
      ['suppliers/b'],
      ['suppliers/a'],
    ]);
  });

  test('a change of a parked record makes it due again, with nothing left of its failure', async () => {
    await markDirty(sql, [dirty('a')]);
    await park(sql, await only(), failure);
    expect(await claim()).toEqual([]);
    await markDirty(sql, [dirty('a')]);
    expect(await only()).toMatchObject({ attempts: 0 });
    expect(await stored()).toMatchObject({ parked: false, code: null });
  });

  test('a change takes back what a person approved for the change before', async () => {
    await markDirty(sql, [dirty('a', { kind: 'delete' })]);
    await sql.query('update pgnotion.outbox set approved = true');
    // The log tells of the approved deletion only now.
    await markDirty(sql, [dirty('a', { kind: 'delete' })]);
    expect(await only()).toMatchObject({ approved: true });
    await markDirty(sql, [dirty('a')]);
    await markDirty(sql, [dirty('a', { kind: 'delete' })]);
    expect(await only()).toMatchObject({ approved: false });
  });

  test('invariant 14: keys are values, whatever they hold', async () => {
    const keys = ["'; drop table pgnotion.outbox; --", '{a,"b"}', 'a/b', '["x","y"]', '\\', ' ', '$1', ''];
    await markDirty(
      sql,
      keys.map((name) => dirty(name)),
    );
    expect((await claim()).map((entry) => entry.key).sort()).toEqual(keys.toSorted());
    expect(await claim({ busy: keys.map((name) => `suppliers/${name}`) })).toEqual([]);
  });

  test('nothing to mark is nothing done', async () => {
    await markDirty(sql, []);
    await markFound(sql, suppliers, [], 'write');
    expect(await pendingCount(sql)).toBe(0);
  });
});

describe('settling', () => {
  test('takes the delivered line out', async () => {
    await markDirty(sql, [dirty('a')]);
    await settle(sql, await only());
    expect(await stored()).toBe(undefined);
  });

  test('invariant 1: a change that came during the delivery stays, and its wait counts from itself', async () => {
    await markDirty(sql, [dirty('a', { changedAt: at(1) })]);
    const entry = await only();
    await markDirty(sql, [dirty('a', { changedAt: at(5) })]);
    await settle(sql, entry);
    expect(await stored()).toMatchObject({ version: 2, first_at: at(5), due: true });
  });

  test('invariant 5: what was asked for during the delivery stays asked for; what was delivered does not', async () => {
    await markRestore(sql, { table: suppliers, key: key('a'), fields: ['Name', 'Rating'] });
    const entry = await only();
    await markRestore(sql, { table: suppliers, key: key('a'), fields: ['Unit'] });
    await settle(sql, entry);
    expect(await only()).toMatchObject({ restore: ['Unit'] });
  });

  test('a claim from before the question does not answer it', async () => {
    await markDirty(sql, [dirty('a')]);
    const entry = await only();
    await markRestore(sql, { table: suppliers, key: key('a'), fields: ['Name'] });
    await settle(sql, entry);
    expect(await only()).toMatchObject({ restore: ['Name'] });
  });

  test.each([
    ['reschedule', (entry: OutboxEntry) => reschedule(sql, entry, 60_000, failure)],
    ['postpone', (entry: OutboxEntry) => postpone(sql, entry, 60_000)],
    ['park', (entry: OutboxEntry) => park(sql, entry, failure)],
  ])('%s of an old claim does not hold up the newer change', async (_name, put) => {
    await markDirty(sql, [dirty('a')]);
    const entry = await only();
    await markDirty(sql, [dirty('a')]);
    await put(entry);
    expect(await only()).toMatchObject({ attempts: 0, version: '2' });
  });
});

describe('waiting', () => {
  test('a failed line comes back later and counts its tries; a postponed one does not count', async () => {
    await markDirty(sql, [dirty('a'), dirty('b')]);
    const [a, b] = await claim();
    if (a === undefined || b === undefined) expect.fail('two lines');
    await reschedule(sql, a, 60_000, failure);
    await postpone(sql, b, 30_000);
    expect(await claim()).toEqual([]);
    expect([await stored('a'), await stored('b')]).toMatchObject([
      { attempts: 1, code: 'c', parked: false },
      { attempts: 0, code: null, parked: false },
    ]);
    const { ms: due } = await restOf(sql, LIVE);
    expect(due).toBeGreaterThan(20_000);
    expect(due).toBeLessThanOrEqual(30_000);
  });

  test('the next due time looks at what could be claimed, and at nothing else', async () => {
    expect((await restOf(sql, LIVE)).ms).toBe(null);
    await markDirty(sql, [dirty('a')]);
    expect((await restOf(sql, LIVE)).ms).toBeLessThanOrEqual(0);
    expect((await restOf(sql, BULK)).ms).toBe(null);
    await sql.query(`select pgnotion.pause('suppliers')`);
    expect((await restOf(sql, LIVE)).ms).toBe(null);
    await sql.query(`select pgnotion.resume('suppliers')`);
    await park(sql, await only(), failure);
    expect((await restOf(sql, LIVE)).ms).toBe(null);
  });
});

describe('claiming', () => {
  test('gives the lines of the first table that has any, the longest waiting first', async () => {
    await markDirty(sql, [
      dirty('p', { table: products, changedAt: at(0) }),
      dirty('late', { changedAt: at(9) }),
      dirty('early', { changedAt: at(1) }),
    ]);
    expect(names(await claim())).toEqual(['suppliers/early', 'suppliers/late']);
    expect(names(await claim({ limit: 1 }))).toEqual(['suppliers/early']);
    expect(names(await claim({ tables: [products, suppliers] }))).toEqual(['products/p']);
    expect(names(await claim({ busy: ['suppliers/early', 'suppliers/late'] }))).toEqual(['products/p']);
  });

  test('a busy record of one table does not hide the same key of another', async () => {
    await markDirty(sql, [dirty('a', { table: products })]);
    expect(names(await claim({ busy: ['suppliers/a'] }))).toEqual(['products/a']);
  });

  test.each([
    [
      'a table that was never read whole: its pages may exist already',
      `update pgnotion.data_sources set swept_at = null where table_name = 'suppliers'`,
    ],
    ['a paused table', `select pgnotion.pause('suppliers')`],
    ['a table without a data source', `delete from pgnotion.data_sources where table_name = 'suppliers'`],
    [
      'a line whose time has not come',
      `update pgnotion.outbox set next_at = clock_timestamp() + interval '1 minute' where key = 'a'`,
    ],
    ['a parked line', `update pgnotion.outbox set parked_at = clock_timestamp() where key = 'a'`],
    ['a line of the other urgency', `update pgnotion.outbox set priority = 1 where key = 'a'`],
  ])('passes over %s', async (_title, statement) => {
    await markDirty(sql, [dirty('a'), dirty('p', { table: products })]);
    expect(names(await claim())).toEqual(['suppliers/a']);
    await sql.query(statement);
    expect(names(await claim())).toEqual(['products/p']);
  });

  test('passes over tables that the configuration has no longer', async () => {
    await markDirty(sql, [dirty('a')]);
    expect(await claim({ tables: [products] })).toEqual([]);
  });
});

test('which records wait: writes only, and none that is parked', async () => {
  await markDirty(sql, [dirty('a'), dirty('gone', { kind: 'delete' }), dirty('parked')]);
  const parked = (await claim()).find((entry) => entry.key === 'parked');
  if (parked) await park(sql, parked, failure);
  const asked = ['a', 'gone', 'parked', 'clean'].map((name) => ({ table: suppliers, key: key(name) }));
  expect(await pagesComing(sql, [...asked, { table: products, key: key('a') }])).toEqual(
    new Set(['suppliers/a']),
  );
  expect(await pagesComing(sql, [])).toEqual(new Set());
  expect(await changedAtOf(sql, suppliers, key('a'))).toEqual(dirty('a').changedAt);
  expect(await changedAtOf(sql, suppliers, key('gone'))).toBe(null);
  expect(await changedAtOf(sql, suppliers, key('clean'))).toBe(null);
});
