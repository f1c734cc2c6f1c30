import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { driftOf } from '../../src/model/drift.ts';
import { lsn } from '../../src/model/ids.ts';
import { LIVE } from '../../src/model/urgency.ts';
import { silentLog } from '../../src/runtime/log.ts';
import {
  advanceCheckpoint,
  raiseAcknowledged,
  readCheckpoint,
  resetCheckpoint,
} from '../../src/state/checkpoint.ts';
import { claimDue } from '../../src/state/due.ts';
import { markDirty, park } from '../../src/state/outbox.ts';
import { tagSecret } from '../../src/state/secret.ts';
import {
  compareAgain,
  forgetProgress,
  forgetWatermark,
  markBackfilled,
  markSwept,
  readSources,
  recover,
  saveSource,
  saveWatermark,
  suspendTable,
} from '../../src/state/sources.ts';
import { inTransaction, type Sql } from '../../src/state/sql.ts';
import {
  addSource,
  createState,
  dataSourceOf,
  dirty,
  products,
  type StateStage,
  suppliers,
} from '../support/state.ts';

const told = (detail: string) => [driftOf('table_unreadable', { field: '', detail, remedy: '' })];

let state: StateStage;
let sql: Sql;
beforeAll(async () => {
  state = await createState();
  sql = state.store;
});
afterAll(() => state.database.drop());
beforeEach(() => state.clear());

const at = (minute: number): Date => new Date(Date.UTC(2026, 2, 1, 12, minute));
const source = {
  table: suppliers,
  dataSource: dataSourceOf(1),
  database: null,
  reads: null,
  properties: { Name: 'title' },
  mapping: 'm',
};
const read = async (table = suppliers) => (await readSources(sql)).get(table);

test('a new data source starts from nothing seen', async () => {
  await saveSource(sql, source);
  expect(await read()).toEqual({
    table: suppliers,
    dataSource: dataSourceOf(1),
    database: null,
    reads: null,
    keyColumns: null,
    properties: { Name: 'title' },
    keys: {},
    schemaVersion: 0,
    watermark: null,
    sweptAt: null,
    backfilledAt: null,
    compares: 0,
    pausedBy: null,
    pausedReason: null,
  });
});

describe('saving it again', () => {
  const seen = async (): Promise<void> => {
    await saveSource(sql, source);
    await saveWatermark(sql, { table: suppliers, watermark: null }, at(1));
    await markSwept(sql, suppliers);
    await markBackfilled(sql, suppliers, (await readSources(sql)).get(suppliers)?.compares ?? 0);
  };
  test.each([
    ['as it was keeps the progress', {}, { watermark: true, sweptAt: true, backfilledAt: true }],
    [
      'with other property ids keeps it too',
      { properties: { Name: 'x' } },
      { watermark: true, sweptAt: true, backfilledAt: true },
    ],
    [
      'with another mapping has every row looked at again',
      { mapping: 'n' },
      { watermark: true, sweptAt: true, backfilledAt: false },
    ],
    [
      'as another data source starts over',
      { dataSource: dataSourceOf(2) },
      { watermark: false, sweptAt: false, backfilledAt: false },
    ],
  ])('%s', async (_title, more, kept) => {
    await seen();
    await saveSource(sql, { ...source, ...more });
    const now = await read();
    expect({
      watermark: now?.watermark != null,
      sweptAt: now?.sweptAt != null,
      backfilledAt: now?.backfilledAt != null,
    }).toEqual(kept);
    expect(now).toMatchObject({
      dataSource: source.dataSource,
      properties: source.properties,
      ...without(more, 'mapping'),
    });
  });

  test('two tables cannot have one data source', async () => {
    await seen();
    await expect(saveSource(sql, { ...source, table: products })).rejects.toMatchObject({ code: '23505' });
  });
});

function without(value: object, name: string): object {
  return Object.fromEntries(Object.entries(value).filter(([each]) => each !== name));
}

test('a watermark never goes back, and says nothing of sweeps', async () => {
  await saveSource(sql, source);
  await saveWatermark(sql, { table: suppliers, watermark: null }, at(5));
  await saveWatermark(sql, { table: suppliers, watermark: null }, at(3));
  expect(await read()).toMatchObject({ watermark: at(5), sweptAt: null });
  await markSwept(sql, suppliers);
  const swept = await read();
  expect([swept?.watermark, swept?.sweptAt]).toEqual([at(5), expect.any(Date)]);
  await saveWatermark(sql, { table: suppliers, watermark: null }, at(6));
  expect(await read()).toMatchObject({ watermark: at(6), sweptAt: swept?.sweptAt });
});

test('a poll that began before the watermark was forgotten does not set it again', async () => {
  await saveSource(sql, source);
  await saveWatermark(sql, { table: suppliers, watermark: null }, at(5));
  await forgetWatermark(sql, suppliers);
  await saveWatermark(sql, { table: suppliers, watermark: at(5) }, at(6));
  expect(await read()).toMatchObject({ watermark: null });
  await saveWatermark(sql, { table: suppliers, watermark: null }, at(7));
  expect(await read()).toMatchObject({ watermark: at(7) });
});

test('after a lost slot everything is looked at again', async () => {
  await addSource(sql, suppliers, 1);
  await addSource(sql, products, 2);
  await forgetProgress(sql);
  for (const table of [suppliers, products])
    expect(await read(table)).toMatchObject({ watermark: null, sweptAt: null, backfilledAt: null });
});

describe('suspending a table that does not fit', () => {
  const paused = () =>
    state.rows(
      'select paused_by, paused_reason, paused_at is not null as paused from pgnotion.data_sources order by table_name desc',
    );
  const FREE = { paused_by: null, paused_reason: null, paused: false };
  beforeEach(async () => {
    await addSource(sql, suppliers, 1);
    await addSource(sql, products, 2);
  });

  test('stops it alone, and says why; the newest reason counts', async () => {
    await suspendTable(sql, silentLog(), { table: suppliers, drifts: told('one') });
    await suspendTable(sql, silentLog(), { table: suppliers, drifts: told('two') });
    expect(await paused()).toEqual([{ paused_by: 'trouble', paused_reason: 'two', paused: true }, FREE]);
  });

  test('going on tries again what was set aside meanwhile, of this table alone', async () => {
    await markDirty(sql, [dirty('a'), dirty('p', { table: products })]);
    const claim = async () => {
      const tables = [suppliers, products];
      return [...(await claimDue(sql, { tables, urgency: LIVE, limit: 9, busy: [] })).values()].flat();
    };
    for (const entry of await claim()) await park(sql, entry, { code: 'c', reason: 'r', remedy: 'm' });
    await suspendTable(sql, silentLog(), { table: suppliers, drifts: told('one') });
    await recover(sql, suppliers);
    await recover(sql, products);
    expect(await paused()).toEqual([FREE, FREE]);
    expect((await claim()).map((entry) => entry.key)).toEqual(['a']);
    expect(await state.rows('select key from pgnotion.outbox where parked_at is not null')).toEqual([
      { key: 'p' },
    ]);
  });

  test('what a person paused stays theirs', async () => {
    await sql.query(`select pgnotion.pause('suppliers')`);
    await suspendTable(sql, silentLog(), { table: suppliers, drifts: told('one') });
    await recover(sql, suppliers);
    expect((await paused())[0]).toEqual({ paused_by: 'hand', paused_reason: 'paused by hand', paused: true });
    expect(await read()).toMatchObject({ pausedBy: 'hand' });
  });

  test('a person may take over what failure paused', async () => {
    await suspendTable(sql, silentLog(), { table: suppliers, drifts: told('one') });
    await sql.query(`select pgnotion.pause('suppliers')`);
    await recover(sql, suppliers);
    expect(await read()).toMatchObject({ pausedBy: 'hand' });
    await sql.query(`select pgnotion.resume('suppliers')`);
    expect((await paused())[0]).toEqual(FREE);
  });
});

describe('the checkpoint', () => {
  const start = { systemId: '7', timeline: 1, lsn: lsn(0x1_0000_0000n) };

  const END = 0x1_0000_0010n;

  test('is none before it was set, then moves forward only', async () => {
    expect(await readCheckpoint(sql, 'slot')).toBe(null);
    await resetCheckpoint(sql, 'slot', start);
    await advanceCheckpoint(sql, 'slot', lsn(END));
    await advanceCheckpoint(sql, 'slot', lsn(0xffff_ffffn));
    expect(await readCheckpoint(sql, 'slot')).toEqual({ ...start, lsn: END, acknowledged: END });
    await resetCheckpoint(sql, 'slot', { systemId: '8', timeline: 2, lsn: lsn(1n) });
    expect(await readCheckpoint(sql, 'slot')).toEqual({
      systemId: '8',
      timeline: 2,
      lsn: 1n,
      acknowledged: 1n,
    });
    expect(await readCheckpoint(sql, 'other')).toBe(null);
  });

  test('invariant 2: knows how far the server may have been told, without having got there', async () => {
    await resetCheckpoint(sql, 'slot', start);
    await raiseAcknowledged(sql, 'slot', lsn(END));
    await raiseAcknowledged(sql, 'slot', lsn(1n));
    expect(await readCheckpoint(sql, 'slot')).toEqual({ ...start, acknowledged: END });
    await advanceCheckpoint(sql, 'slot', lsn(END - 1n));
    expect(await readCheckpoint(sql, 'slot')).toEqual({ ...start, lsn: END - 1n, acknowledged: END });
  });

  test('invariant 2: commits with the lines before it, or not at all', async () => {
    await resetCheckpoint(sql, 'slot', start);
    const broken = inTransaction(state.pool, async (tx) => {
      await markDirty(tx, [dirty('a')]);
      await advanceCheckpoint(tx, 'slot', lsn(2n ** 40n));
      throw new Error('crash');
    });
    await expect(broken).rejects.toThrow('crash');
    expect(await readCheckpoint(sql, 'slot')).toEqual({ ...start, acknowledged: start.lsn });
    expect(await state.rows('select from pgnotion.outbox')).toEqual([]);
  });
});

test('the key that signs our messages is made once, whoever asks first', async () => {
  const secrets = await Promise.all([tagSecret(sql), tagSecret(sql), tagSecret(sql)]);
  expect(new Set(secrets.map((secret) => secret.toString('hex'))).size).toBe(1);
  expect(secrets[0]).toHaveLength(32);
});

test('invariant 1: a comparison that is asked for while another one is under way is made after it', async () => {
  await saveSource(sql, source);
  const now = async () => (await readSources(sql)).get(suppliers);
  const begun = (await now())?.compares ?? 0;
  await compareAgain(sql, [suppliers]);
  await markBackfilled(sql, suppliers, begun);
  expect((await now())?.backfilledAt).toBeNull();
  await markBackfilled(sql, suppliers, (await now())?.compares ?? 0);
  expect((await now())?.backfilledAt).not.toBeNull();
  for (const ask of [
    () => forgetProgress(sql),
    () => sql.query('select pgnotion.resync()'),
    () => saveSource(sql, { ...source, mapping: 'another' }),
  ]) {
    const before = (await now())?.compares ?? 0;
    await ask();
    expect((await now())?.compares).toBe(before + 1);
  }
});
