import { describe, expect, test } from 'vitest';
import { lsn } from '../../src/model/ids.ts';
import { BACKFILL } from '../../src/model/urgency.ts';
import {
  markAllDeleted,
  markDirty,
  markFound,
  markRestore,
  park,
  reschedule,
  settle,
} from '../../src/state/outbox.ts';
import { link } from '../../src/state/records.ts';
import { inTransaction, type Sql } from '../../src/state/sql.ts';
import { awaitTargets, releaseWaiting } from '../../src/state/waiting.ts';
import { eventually } from '../support/eventually.ts';
import { at, failure, names, pendingCount, useOutbox } from '../support/outbox.ts';
import { dirty, key, pageOf, products, suppliers } from '../support/state.ts';

const { sql, pool, claim, only, stored } = useOutbox();

describe('what a walk over a table finds', () => {
  test('comes behind everything live', async () => {
    await markFound(sql, suppliers, [key('a')], 'write');
    expect(await claim()).toEqual([]);
    expect(await only(BACKFILL)).toMatchObject({ kind: 'write', lsn: null, urgency: BACKFILL });
  });

  test('leaves alone what waits already: that is newer', async () => {
    await markDirty(sql, [dirty('a', { kind: 'delete', lsn: lsn(16n) })]);
    const entry = await only();
    await markFound(sql, suppliers, [key('a'), key('b')], 'write');
    expect(await only()).toEqual({ ...entry, version: '2' });
    expect(names(await claim({ urgency: BACKFILL }))).toEqual(['suppliers/b']);
  });

  test('an entry that waits to be tried again keeps its time and its reason', async () => {
    await markDirty(sql, [dirty('a')]);
    await reschedule(sql, await only(), 60_000, failure);
    const before = await stored();
    await markFound(sql, suppliers, [key('a')], 'write');
    expect(await stored()).toEqual({ ...before, version: 2 });
    expect(before).toMatchObject({ attempts: 1, code: failure.code, due: false });
  });

  test('invariant 1: what a delivery has in hand, which may not know why the walk was asked for, is compared again', async () => {
    await markFound(sql, suppliers, [key('a')], 'write');
    const inHand = await only(BACKFILL);
    await markFound(sql, suppliers, [key('a')], 'write');
    await settle(sql, inHand);
    expect(await only(BACKFILL)).toMatchObject({ kind: 'write', version: '2', attempts: 0 });
    await settle(sql, await only(BACKFILL));
    expect(await pendingCount(sql)).toBe(0);
  });

  test('tries again what was set aside', async () => {
    await markDirty(sql, [dirty('a', { kind: 'delete' })]);
    await park(sql, await only(), failure);
    await markFound(sql, suppliers, [key('a')], 'write');
    expect(await only()).toMatchObject({ kind: 'delete', version: '2', attempts: 0 });
  });

  test('invariant 1: a write that an earlier walk left behind becomes the deletion that it is by now', async () => {
    await markFound(sql, suppliers, [key('a')], 'write');
    await markFound(sql, suppliers, [key('a')], 'delete');
    expect(await only(BACKFILL)).toMatchObject({ kind: 'delete', version: '2', urgency: BACKFILL });
    await markFound(sql, suppliers, [key('a')], 'delete');
    expect(await only(BACKFILL)).toMatchObject({ kind: 'delete', version: '2' });
  });

  test('a parked write whose row the walk does not find becomes the deletion that it is', async () => {
    await markDirty(sql, [dirty('a')]);
    await park(sql, await only(), failure);
    await markFound(sql, suppliers, [key('a')], 'delete');
    expect(await only()).toMatchObject({ kind: 'delete' });
  });
});

describe('restoring', () => {
  test('asks for fields, each once, on top of what waits', async () => {
    await markDirty(sql, [dirty('a', { urgency: BACKFILL })]);
    await markRestore(sql, { table: suppliers, key: key('a'), fields: ['Name'] });
    await markRestore(sql, { table: suppliers, key: key('a'), fields: ['Rating', 'Name'] });
    const entry = await only();
    expect([entry.restore.toSorted(), entry.version]).toEqual([['Name', 'Rating'], '3']);
  });

  test('a record that was clean gets a line; a change of its row keeps what was asked for', async () => {
    await markRestore(sql, { table: suppliers, key: key('a'), fields: ['Name'] });
    await markDirty(sql, [dirty('a')]);
    expect(await only()).toMatchObject({ kind: 'write', restore: ['Name'] });
  });

  test('tries a parked line again', async () => {
    await markDirty(sql, [dirty('a')]);
    await park(sql, await only(), failure);
    await markRestore(sql, { table: suppliers, key: key('a'), fields: [] });
    expect(await only()).toMatchObject({ restore: [], attempts: 0 });
  });
});

const linked = (tx: Sql, name: string, number: number): Promise<void> =>
  link(tx, {
    table: suppliers,
    key: key(name),
    page: pageOf(number),
    baseRow: {},
    basePage: {},
    pageEditedAt: at(0),
  });

const waits = (tx: Sql, ...targets: readonly string[]): Promise<boolean> =>
  awaitTargets(
    tx,
    { table: products, key: key('p'), urgency: BACKFILL },
    targets.map((name) => ({ table: suppliers, key: key(name) })),
  );

describe('relations whose targets have no page yet', () => {
  const waiting = () => sql.query('select key, target_key from pgnotion.waiting order by 2');

  test('the record is dirty again once its target has a page', async () => {
    await waits(sql, 'a', 'a', 'b');
    expect(await waiting()).toEqual([
      { key: 'p', target_key: 'a' },
      { key: 'p', target_key: 'b' },
    ]);
    expect(await pendingCount(sql)).toBe(0);
    await releaseWaiting(sql, suppliers, key('a'));
    expect(names(await claim({ urgency: BACKFILL }))).toEqual(['products/p']);
    expect(await waiting()).toEqual([{ key: 'p', target_key: 'b' }]);
  });

  test('a target that got its page in the meantime makes the record dirty at once', async () => {
    await linked(sql, 'a', 1);
    await waits(sql, 'a');
    expect(names(await claim())).toEqual(['products/p']);
  });

  test('what it waits for now replaces what it waited for before', async () => {
    await waits(sql, 'a', 'b');
    await waits(sql, 'c');
    expect(await waiting()).toEqual([{ key: 'p', target_key: 'c' }]);
    await waits(sql);
    expect(await waiting()).toEqual([]);
  });

  test('a release raises the version of a line in flight, and tries a parked one again', async () => {
    await waits(sql, 'a');
    await markDirty(sql, [dirty('p', { table: products })]);
    const entry = await only();
    await park(sql, entry, failure);
    await releaseWaiting(sql, suppliers, key('a'));
    await settle(sql, entry);
    expect(await only()).toMatchObject({ key: 'p', version: '2' });
  });

  test.each(['the wait commits first', 'the page commits first'])(
    'invariant 1: whoever links a page and whoever waits for one see each other: %s',
    async (order) => {
      const steps = [
        async (tx: Sql) => void (await waits(tx, 'a')),
        async (tx: Sql) => {
          await linked(tx, 'a', 1);
          await releaseWaiting(tx, suppliers, key('a'));
        },
      ];
      const [first, second] = order === 'the wait commits first' ? steps : steps.toReversed();
      const entered = Promise.withResolvers<void>();
      const gate = Promise.withResolvers<void>();
      const one = inTransaction(pool(), async (tx) => {
        await first?.(tx);
        entered.resolve();
        await gate.promise;
      });
      await entered.promise;
      const other = inTransaction(pool(), async (tx) => second?.(tx));
      await eventually(async () => (await blocked()) === 1);
      gate.resolve();
      await Promise.all([one, other]);
      const due = [...(await claim()), ...(await claim({ urgency: BACKFILL }))];
      expect(names(due)).toEqual(['products/p']);
    },
  );

  const blocked = async (): Promise<number> =>
    (
      await sql.query<{ n: number }>(
        `select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      )
    )[0]?.n ?? 0;
});

describe('TRUNCATE', () => {
  test('every record that has a page, or may have one, is to be deleted, ahead of the backfill', async () => {
    await linked(sql, 'a', 1);
    await linked(sql, 'b', 2);
    await sql.query(
      `insert into pgnotion.records (table_name, key, state) values ('suppliers', 'c', 'creating'), ('products', 'p', 'linked')`,
    );
    await markDirty(sql, [dirty('b', { changedAt: at(1), urgency: BACKFILL })]);
    await markAllDeleted(sql, suppliers, at(7), lsn(64n));
    const entries = await claim();
    expect(entries.map((entry) => [entry.key, entry.kind, entry.lsn, entry.changedAt])).toEqual([
      ['b', 'delete', '0/40', at(7)],
      ['a', 'delete', '0/40', at(7)],
      ['c', 'delete', '0/40', at(7)],
    ]);
    expect(await claim({ tables: [products] })).toEqual([]);
  });

  test('a parked line is tried again, with nothing left of its failure or of an approval', async () => {
    await linked(sql, 'a', 1);
    await markDirty(sql, [dirty('a')]);
    await park(sql, await only(), failure);
    await sql.query('update pgnotion.outbox set approved = true');
    await markAllDeleted(sql, suppliers, at(7), null);
    expect(await only()).toMatchObject({ kind: 'delete', attempts: 0, approved: false });
    expect(await stored()).toMatchObject({ code: null });
  });
});
