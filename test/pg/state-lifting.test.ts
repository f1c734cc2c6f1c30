import { describe, expect, test } from 'vitest';
import type { TableName } from '../../src/model/ids.ts';
import { BACKFILL, BULK, LIVE, MOST_ALONE, type Urgency } from '../../src/model/urgency.ts';
import { markDirty, markFound, park } from '../../src/state/outbox.ts';
import { awaitTargets, liftTargets, releaseMade, releaseWaiting } from '../../src/state/waiting.ts';
import { failure, useOutbox } from '../support/outbox.ts';
import { dirty, key, products, suppliers } from '../support/state.ts';

const { sql, claim } = useOutbox();

type Named = { readonly table: TableName; readonly key: ReturnType<typeof key> };
const supplier = (name: string): Named => ({ table: suppliers, key: key(name) });
const product = (name: string): Named => ({ table: products, key: key(name) });

const waits = (waiter: Named, urgency: Urgency, ...targets: readonly Named[]): Promise<boolean> =>
  awaitTargets(sql, { ...waiter, urgency }, targets);

const found = async (...records: readonly Named[]): Promise<void> => {
  for (const record of records) await markFound(sql, record.table, [record.key], 'write');
};

/** `table/key` to urgency, of all entries. */
const urgencies = async (): Promise<Record<string, number>> => {
  const rows = await sql.query<{ name: string; priority: number }>(
    `select table_name || '/' || key as name, priority from pgnotion.outbox order by 1`,
  );
  return Object.fromEntries(rows.map(({ name, priority }) => [name, priority]));
};

describe('what a live record waits for', () => {
  test('is as urgent as the record, and so is what that waits for, in whatever table', async () => {
    await found(supplier('a'), product('b'), supplier('c'), supplier('other'));
    await markDirty(sql, [dirty('p', { table: products })]);
    await waits(supplier('a'), BACKFILL, product('b'));
    await waits(product('b'), BACKFILL, supplier('c'));
    expect(await waits(product('p'), LIVE, supplier('a'))).toBe(true);
    expect(await liftTargets(sql, { of: product('p') })).toHaveLength(3);
    expect(await urgencies()).toEqual({
      'products/b': LIVE,
      'products/p': LIVE,
      'suppliers/a': LIVE,
      'suppliers/c': LIVE,
      'suppliers/other': BACKFILL,
    });
  });

  test('is lifted once in a circle, and with a record that points to itself', async () => {
    await found(supplier('a'), product('b'));
    await waits(supplier('a'), BACKFILL, product('b'), supplier('a'));
    await waits(product('b'), BACKFILL, supplier('a'));
    await waits(product('p'), LIVE, supplier('a'));
    expect(await liftTargets(sql, { of: product('p') })).toHaveLength(2);
    expect(await urgencies()).toEqual({ 'products/b': LIVE, 'suppliers/a': LIVE });
  });

  test('is lifted by a record of the first sync that has become live itself', async () => {
    await found(supplier('a'), product('p'));
    await sql.query(`update pgnotion.outbox set priority = ${LIVE} where key = 'p'`);
    // It was claimed before that.
    expect(await waits(product('p'), BACKFILL, supplier('a'))).toBe(true);
    await liftTargets(sql, { of: product('p') });
    expect(await urgencies()).toMatchObject({ 'suppliers/a': LIVE });
  });

  test('is bulk where a record points to more than a person names: other live records go before it', async () => {
    const many = Array.from({ length: MOST_ALONE + 1 }, (_, nth) => supplier(`s${nth}`));
    await markFound(
      sql,
      suppliers,
      many.map((each) => each.key),
      'write',
    );
    await waits(product('p'), LIVE, ...many);
    await liftTargets(sql, { of: product('p') });
    expect(new Set(Object.values(await urgencies()))).toEqual(new Set([BULK]));
  });

  test('is left alone if nobody urgent waits for it, if it failed, and if it is to be deleted', async () => {
    await found(supplier('a'), supplier('parked'), supplier('gone'));
    await markFound(sql, suppliers, [key('gone')], 'delete');
    const [entry] = await claim({ urgency: BACKFILL });
    expect(await waits(product('p'), BACKFILL, supplier('a'))).toBe(false);
    const parked = (await claim({ urgency: BACKFILL })).find((each) => each.key === 'parked');
    if (parked !== undefined) await park(sql, parked, failure);
    await waits(product('q'), LIVE, supplier('parked'), supplier('gone'));
    expect(await liftTargets(sql, 'all')).toEqual([]);
    expect(entry).toBeDefined();
  });

  test('is lifted when a walk finds it later, although the record has its page by then', async () => {
    await waits(product('p'), LIVE, supplier('a'));
    expect(await liftTargets(sql, { of: product('p') })).toEqual([]);
    await found(supplier('a'), supplier('b'));
    await liftTargets(sql, { among: { table: suppliers, keys: [key('a'), key('b')] } });
    expect(await urgencies()).toEqual({ 'suppliers/a': LIVE, 'suppliers/b': BACKFILL });
  });

  test('makes the record due again as urgently as it was, whoever made its page', async () => {
    await waits(product('live'), LIVE, supplier('a'));
    await waits(product('old'), BACKFILL, supplier('a'));
    await releaseMade(sql, { ...supplier('a'), urgency: BACKFILL }, []);
    expect(await urgencies()).toEqual({ 'products/live': LIVE, 'products/old': BACKFILL });
    await waits(product('found'), LIVE, supplier('b'));
    await releaseWaiting(sql, suppliers, key('b'));
    expect(await urgencies()).toMatchObject({ 'products/found': LIVE });
  });

  test('makes a mass of them bulk', async () => {
    for (let nth = 0; nth <= MOST_ALONE; nth += 1) await waits(product(`p${nth}`), LIVE, supplier('a'));
    await releaseWaiting(sql, suppliers, key('a'));
    expect(new Set(Object.values(await urgencies()))).toEqual(new Set([BULK]));
  });
});
