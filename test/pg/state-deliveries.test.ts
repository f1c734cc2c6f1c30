import { beforeEach, describe, expect, test } from 'vitest';
import { type FinishedUpdate, finishMade, finishUpdate, type MadePage } from '../../src/state/deliveries.ts';
import { beginOperation, type Operation } from '../../src/state/operations.ts';
import { markDirty, markRestore, settle } from '../../src/state/outbox.ts';
import { link, recordsByKey } from '../../src/state/records.ts';
import { createStore, inTransaction } from '../../src/state/sql.ts';
import { eventually } from '../support/eventually.ts';
import { useOutbox } from '../support/outbox.ts';
import { dirty, key, pageOf, products, suppliers } from '../support/state.ts';

const { sql, pool, only, stored } = useOutbox();
const A = key('a');
const AT_WORK = { epoch: 0 };

const operation: Operation = {
  direction: 'to-notion',
  table: suppliers,
  key: A,
  page: pageOf(1),
  kind: 'update',
  before: { Name: 'old' },
  after: { Name: 'new' },
  changedAt: null,
};

const finished = (more: Partial<FinishedUpdate> = {}): FinishedUpdate => ({
  row: { Name: 'new' },
  page: { Name: 'new' },
  rests: true,
  written: null,
  lookedAt: null,
  waitsForNothing: true,
  settles: true,
  ...more,
});

const operations = () =>
  sql.query<{ status: string; error: string | null }>(
    'select status, error from pgnotion.operations order by id',
  );
const waiting = () => sql.query('select target_key from pgnotion.waiting');

beforeEach(async () => {
  const pair = { table: suppliers, key: A, page: pageOf(1), pageEditedAt: new Date(0) };
  await link(sql, { ...pair, baseRow: { Name: 'old', Unit: 'kg' }, basePage: { Name: 'old', Unit: 'kg' } });
  await sql.query(`insert into pgnotion.waiting values ('suppliers', 'a', 'products', 'p')`);
  await markDirty(sql, [dirty('a')]);
});

describe('an update that is finished', () => {
  test('moves the base of its fields, ends its operation and what was in doubt, and its entry', async () => {
    await beginOperation(sql, operation);
    await sql.query(`update pgnotion.operations set started_at = started_at - interval '10 minutes'`);
    const id = await beginOperation(sql, operation);
    const pageEditedAt = new Date('2026-03-01T12:00:00Z');
    const written = { operation: id, pageEditedAt, extras: ['Name'], unshown: {} };
    await finishUpdate(sql, AT_WORK, await only(), finished({ written, lookedAt: performance.now() }));
    expect((await recordsByKey(sql, suppliers, [A])).get(A)).toMatchObject({
      baseRow: { Name: 'new', Unit: 'kg' },
      basePage: { Name: 'new', Unit: 'kg' },
      extras: ['Name'],
      pageEditedAt,
      agreedAt: pageEditedAt,
    });
    expect(await operations()).toEqual([
      { status: 'done', error: expect.stringContaining('the answer was lost') },
      { status: 'done', error: null },
    ]);
    expect(await waiting()).toEqual([]);
    expect(await stored()).toBe(undefined);
  });

  test('leaves alone what it is not about', async () => {
    await beginOperation(sql, operation);
    await sql.query(`update pgnotion.records set extras = '{Unit}', unshown = '{"Items": ["p"]}'`);
    await finishUpdate(sql, AT_WORK, await only(), finished({ waitsForNothing: false, settles: false }));
    const record = (await recordsByKey(sql, suppliers, [A])).get(A);
    expect(record).toMatchObject({ extras: ['Unit'], unshown: { Items: ['p'] } });
    expect(await operations()).toEqual([{ status: 'started', error: null }]);
    expect(await waiting()).toEqual([{ target_key: 'p' }]);
    expect(await stored()).toMatchObject({ version: 1 });
  });

  test('invariant 1: a change that came since the claim stays, without what was delivered', async () => {
    await markRestore(sql, { table: suppliers, key: A, fields: ['Name'] });
    const entry = await only();
    await markRestore(sql, { table: suppliers, key: A, fields: ['Unit'] });
    await finishUpdate(sql, AT_WORK, entry, finished());
    expect(await stored()).toMatchObject({ version: 3, restore: ['Unit'] });
  });
});

describe('a page that was made', () => {
  const B = key('b');
  const made = (operationId: MadePage['operation'] = null): MadePage => ({
    table: suppliers,
    key: B,
    page: pageOf(2),
    baseRow: { Name: 'b' },
    basePage: { Name: 'b' },
    pageEditedAt: new Date(0),
    extras: [],
    unshown: { Items: [], Other: [pageOf(9)] },
    operation: operationId,
  });
  const finish = (entry: Entry, more: MadePage, settles = true) =>
    inTransaction(pool(), (tx) => finishMade(tx, { entry, made: more, settles }));
  const entryOfB = async (): Promise<Entry> => {
    await settle(sql, await only());
    await markDirty(sql, [dirty('b')]);
    return only();
  };

  test('is tied to its record, ends its operation and its entry, and frees what waits for it', async () => {
    const entry = await entryOfB();
    await sql.query(
      `insert into pgnotion.waiting values ('products', 'p', 'suppliers', 'b'), ('suppliers', 'b', 'suppliers', 'b')`,
    );
    const id = await beginOperation(sql, { ...operation, key: B, page: null, kind: 'create' }, null, true);
    await finish(entry, made(id));
    expect((await recordsByKey(sql, suppliers, [B])).get(B)).toMatchObject({
      state: 'linked',
      page: pageOf(2),
      baseRow: { Name: 'b' },
      unshown: { Other: [pageOf(9)] },
      intentAgeMs: null,
    });
    expect(await operations()).toEqual([{ status: 'done', error: null }]);
    expect(await stored('b')).toBe(undefined);
    expect(await stored('p')).toMatchObject({ kind: 'write', due: true });
    expect(await waiting()).toEqual([{ target_key: 'p' }]);
  });

  test('frees what waits for it also where its own entry stays, or is gone', async () => {
    const entry = await entryOfB();
    await sql.query(`insert into pgnotion.waiting values ('products', 'p', 'suppliers', 'b')`);
    await finish(entry, made(), false);
    expect(await stored('b')).toMatchObject({ version: 1 });
    expect(await stored('p')).toMatchObject({ due: true });
    await settle(sql, entry);
    await sql.query(`insert into pgnotion.waiting values ('products', 'q', 'suppliers', 'b')`);
    await finish(entry, made());
    expect(await stored('q')).toMatchObject({ due: true });
  });

  test('invariant 1: a change that came since the claim stays', async () => {
    const entry = await entryOfB();
    await markDirty(sql, [dirty('b')]);
    await finish(entry, made());
    expect(await stored('b')).toMatchObject({ version: 2 });
  });
});

test.each([
  ['a finished update', (entry: Entry) => finishUpdate(sql, AT_WORK, entry, finished())],
  ['a settled entry', (entry: Entry) => settle(sql, entry)],
])('invariant 1: a change that commits while %s waits for its entry stays', async (_title, end) => {
  await markRestore(sql, { table: suppliers, key: A, fields: ['Name'] });
  const entry = await only();
  let ending: Promise<unknown> = Promise.resolve();
  await inTransaction(pool(), async (tx) => {
    await markRestore(tx, { table: suppliers, key: A, fields: ['Unit'] });
    ending = end(entry);
    await eventually(async () => {
      const [row] = await sql.query<{ n: number }>(
        `select count(*)::int as n from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock'`,
      );
      return row?.n === 1;
    });
  });
  await ending;
  expect(await stored()).toMatchObject({ version: 3, restore: ['Unit'] });
});

type Entry = Awaited<ReturnType<typeof only>>;

test('invariant 11: what needs no transaction fails and leaves nothing once another daemon has taken over', async () => {
  const entry = await only();
  await sql.query(`update pgnotion.settings set value = '5' where name = 'epoch'`);
  const frozen = createStore(pool(), 0);
  const overtaken = /taken over/;
  await expect(finishUpdate(frozen, frozen, entry, finished())).rejects.toThrow(overtaken);
  await expect(settle(frozen, entry, frozen.epoch)).rejects.toThrow(overtaken);
  await expect(beginOperation(frozen, operation, frozen.epoch)).rejects.toThrow(overtaken);
  const other = dirty('b', { table: products });
  await expect(markDirty(frozen, [other], null, frozen.epoch)).rejects.toThrow(overtaken);
  await expect(frozen.transaction((tx) => settle(tx, entry))).rejects.toThrow(overtaken);
  expect(await stored()).toMatchObject({ version: 1 });
  expect(await stored('b')).toBe(undefined);
  expect(await operations()).toEqual([]);
  expect((await recordsByKey(sql, suppliers, [A])).get(A)?.baseRow).toEqual({ Name: 'old', Unit: 'kg' });
});
