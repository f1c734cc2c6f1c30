import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { valuesMark } from '../../src/model/edit-command.ts';
import { LIVE } from '../../src/model/urgency.ts';
import { waitForEdit } from '../../src/state/edits.ts';
import { recordKeys } from '../../src/state/record-keys.ts';
import {
  advanceBase,
  forget,
  intend,
  link,
  linkedCount,
  linkedPages,
  markLinked,
  markTrashed,
  pagesOf,
  recordsByKey,
  recordsByPage,
} from '../../src/state/records.ts';
import type { Sql } from '../../src/state/sql.ts';
import { voidBase } from '../../src/state/void-base.ts';
import { awaitTargets } from '../../src/state/waiting.ts';
import { resolvedField } from '../support/fields.ts';
import { createState, key, pageOf, products, type StateStage, suppliers } from '../support/state.ts';

let state: StateStage;
let sql: Sql;
beforeAll(async () => {
  state = await createState();
  sql = state.store;
});
afterAll(() => state.database.drop());
beforeEach(() => state.clear());

const edited = new Date('2026-03-01T12:00:00Z');
const base = {
  baseRow: { Name: 'Ore', Rating: null },
  basePage: { Name: 'Ore', Rating: null, Tags: ['a', 'b'] },
};
const linked = (name: string, number: number, table = suppliers): Promise<void> =>
  link(sql, { table, key: key(name), page: pageOf(number), ...base, pageEditedAt: edited });
const read = async (name = 'a') => (await recordsByKey(sql, suppliers, [key(name)])).get(key(name));

test('a linked record is found by its key and by its page, with its bases as they were given', async () => {
  await linked('a', 1);
  await linked('a', 2, products);
  const record = {
    table: suppliers,
    key: 'a',
    page: pageOf(1),
    state: 'linked',
    ...base,
    extras: null,
    unshown: {},
    intentAgeMs: null,
    pageEditedAt: edited,
    agreedAt: edited,
    syncedAt: expect.any(Date),
  };
  expect(await recordsByKey(sql, suppliers, [key('a'), key('none')])).toEqual(new Map([['a', record]]));
  expect(await recordsByPage(sql, [pageOf(1), pageOf(9)])).toEqual(new Map([[pageOf(1), record]]));
});

test('invariant 15: a void base is gone on both sides, and all rows of the table are compared', async () => {
  await sql.query(
    'insert into pgnotion.data_sources (table_name, data_source_id, backfilled_at) values ($1, gen_random_uuid(), now())',
    [suppliers],
  );
  await linked('a', 1);
  await linked('b', 2, products);
  const fields = [
    resolvedField('Rating', 'number'),
    resolvedField('Tags', 'multi_select', { direction: 'to-postgres' }),
    resolvedField('Name', 'title'),
  ];
  await voidBase(sql, { name: suppliers, fields }, ['Rating', 'Tags', 'Unmapped']);
  // Of what only comes from Notion the row's side stays, or comes to be: it tells a void base from a first contact.
  expect(await read()).toMatchObject({ baseRow: { Name: 'Ore', Tags: null }, basePage: { Name: 'Ore' } });
  expect(await read()).not.toHaveProperty('basePage.Tags');
  expect((await recordsByKey(sql, products, [key('b')])).get(key('b'))).toMatchObject(base);
  const [source] = await sql.query<{ compares: number; backfilled_at: Date | null }>(
    'select compares, backfilled_at from pgnotion.data_sources where table_name = $1',
    [suppliers],
  );
  expect(source).toEqual({ compares: 1, backfilled_at: null });
});

test('invariant 3: a page belongs to one record', async () => {
  await linked('a', 1);
  await expect(linked('b', 1)).rejects.toMatchObject({ code: '23505' });
  await expect(linked('a', 1, products)).rejects.toMatchObject({ code: '23505' });
  expect(await recordsByKey(sql, suppliers, [key('b')])).toEqual(new Map());
});

describe('intents', () => {
  test('invariant 3: before a page is asked for, it stands that one may exist', async () => {
    await intend(sql, suppliers, key('a'));
    expect(await read()).toMatchObject({ page: null, state: 'creating', baseRow: {}, basePage: {} });
    expect((await read())?.intentAgeMs).toBeGreaterThanOrEqual(0);
    expect((await recordsByPage(sql, [pageOf(1)])).size).toBe(0);
  });

  test('the link ends the doubt', async () => {
    await intend(sql, suppliers, key('a'));
    await linked('a', 1);
    expect(await read()).toMatchObject({ page: pageOf(1), state: 'linked', intentAgeMs: null });
  });

  test('a new intent lets go of the page that was, and of its bases', async () => {
    await linked('a', 1);
    await intend(sql, suppliers, key('a'));
    expect(await read()).toMatchObject({ page: null, state: 'creating', baseRow: {}, basePage: {} });
    await linked('b', 1);
  });
});

describe('moving the base', () => {
  test('one record, one hand: only the given fields move, on each side for itself', async () => {
    await linked('a', 1);
    await advanceBase(sql, { table: suppliers, key: key('a') }, { row: { Rating: '4' }, page: { Tags: [] } });
    expect(await read()).toMatchObject({
      baseRow: { Name: 'Ore', Rating: '4' },
      basePage: { Name: 'Ore', Rating: null, Tags: [] },
    });
  });

  test('two that move other fields at the same time undo nothing of each other', async () => {
    await linked('a', 1);
    const move = (field: string) =>
      advanceBase(
        sql,
        { table: suppliers, key: key('a') },
        { row: { [field]: 'x' }, page: { [field]: 'y' } },
      );
    const fields = ['B', 'C', 'D', 'E', 'F', 'G'];
    await Promise.all(fields.map(move));
    const record = await read();
    expect(Object.keys(record?.baseRow ?? {}).sort()).toEqual([...fields, 'Name', 'Rating'].sort());
    expect(record?.basePage).toMatchObject(Object.fromEntries(fields.map((field) => [field, 'y'])));
  });

  test('a value is replaced whole: members of an old one do not shine through', async () => {
    await linked('a', 1);
    const record = { table: suppliers, key: key('a') };
    await advanceBase(sql, record, { row: {}, page: { When: { start: '1', end: '2' } } });
    await advanceBase(sql, record, { row: {}, page: { When: { start: '3' } } });
    expect((await read())?.basePage.When).toEqual({ start: '3' });
  });

  test('NULL is a base too', async () => {
    await linked('a', 1);
    await advanceBase(
      sql,
      { table: suppliers, key: key('a') },
      { row: { Name: null }, page: { Name: null } },
    );
    expect(await read()).toMatchObject({ baseRow: { Name: null }, basePage: { Name: null } });
  });

  test('the time of the last edit never goes back, and stays where none is given', async () => {
    await linked('a', 1);
    const record = { table: suppliers, key: key('a') };
    const move = (pageEditedAt?: Date) =>
      advanceBase(sql, record, { row: {}, page: {}, ...(pageEditedAt ? { pageEditedAt } : {}) });
    await move(new Date(edited.getTime() - 1));
    await move();
    expect((await read())?.pageEditedAt).toEqual(edited);
    await move(new Date(edited.getTime() + 1));
    expect((await read())?.pageEditedAt).toEqual(new Date(edited.getTime() + 1));
  });

  test('what is not there stays away, and others are not touched', async () => {
    await linked('b', 1);
    await advanceBase(sql, { table: suppliers, key: key('a') }, { row: { Name: 'x' }, page: {} });
    expect(await read('a')).toBe(undefined);
    expect(await read('b')).toMatchObject(base);
  });
});

test('a record whose page is hidden or moved is no target of relations until it is back; one in the trash stays a target', async () => {
  await linked('a', 1);
  const wanted = [
    { table: suppliers, key: key('a') },
    { table: products, key: key('a') },
  ];
  expect(await pagesOf(sql, wanted)).toEqual([{ table: suppliers, key: 'a', page: pageOf(1) }]);
  for (const away of ['hidden', 'moved'] as const) {
    await markTrashed(sql, suppliers, key('a'), away);
    expect(await pagesOf(sql, wanted)).toEqual([]);
  }
  // What is in the trash is still its row's page.
  await markTrashed(sql, suppliers, key('a'), 'trashed');
  expect(await pagesOf(sql, wanted)).toEqual([{ table: suppliers, key: 'a', page: pageOf(1) }]);
  expect(await linkedPages(sql, suppliers, 10)).toEqual([]);
  expect(await linkedCount(sql, suppliers, 10)).toBe(0);
  expect(await read()).toMatchObject({ state: 'away_trashed', page: pageOf(1), ...base });
  await markLinked(sql, suppliers, key('a'));
  expect(await linkedPages(sql, suppliers, 10)).toEqual([pageOf(1)]);
  await linked('b', 2);
  expect(await linkedCount(sql, suppliers, 10)).toBe(2);
  expect(await linkedCount(sql, suppliers, 1)).toBe(1);
  expect(await pagesOf(sql, [])).toEqual([]);
});

test('forgetting ends the pair, its waiting edits and what it waited for, and no other’s', async () => {
  const wait = (name: string, number: number) =>
    waitForEdit(
      sql,
      { page: pageOf(number), table: suppliers, key: key(name), mark: valuesMark('d') },
      1000,
      null,
    );
  const target = [{ table: products, key: key('p') }];
  for (const [at, name] of ['a', 'b'].entries()) {
    await linked(name, at + 1);
    await wait(name, at + 1);
    await awaitTargets(sql, { table: suppliers, key: key(name), urgency: LIVE }, target);
  }
  await awaitTargets(sql, { table: products, key: key('p'), urgency: LIVE }, [
    { table: suppliers, key: key('a') },
  ]);
  await forget(sql, suppliers, key('a'));
  expect(await state.rows('select key from pgnotion.records')).toEqual([{ key: 'b' }]);
  expect(await state.rows('select key from pgnotion.edits')).toEqual([{ key: 'b' }]);
  // Who waits for the forgotten one still does: it may come again.
  expect(await state.rows('select key, target_key from pgnotion.waiting order by 1')).toEqual([
    { key: 'b', target_key: 'p' },
    { key: 'p', target_key: 'a' },
  ]);
});

test('invariant 12: all keys come in chunks, each once, the empty one too', async () => {
  await sql.query(
    `insert into pgnotion.records (table_name, key, state)
     select 'suppliers', k, 'linked' from (select i::text as k from generate_series(1, 2499) i union all select '') u`,
  );
  await sql.query(`insert into pgnotion.records (table_name, key, state) values ('products', 'x', 'linked')`);
  const chunks: number[] = [];
  const seen = new Set<string>();
  for await (const keys of recordKeys(sql, suppliers, 1000)) {
    chunks.push(keys.length);
    for (const each of keys) seen.add(each);
  }
  expect(chunks).toEqual([1000, 1000, 500]);
  expect(seen.size).toBe(2500);
  expect(seen.has('')).toBe(true);
});
