import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Json } from '../../src/model/change.ts';
import { type Disputes, type First, openDisputes } from '../support/disputes.ts';
import { soon } from '../support/sides.ts';

const LATER = 180_000;
const EARLIER = -180_000;

/** Time never goes back in Notion: each clock has a stack of its own. */
const stacks = new Map<number, Disputes>();
let there: Disputes;
beforeAll(async () => {
  for (const clock of [EARLIER, 0, LATER]) stacks.set(clock, await openDisputes(clock));
  setClock(0);
});
afterAll(async () => {
  for (const each of stacks.values()) await each.stack[Symbol.asyncDispose]();
});
beforeEach(() => setClock(0));

function setClock(aheadMs: number): void {
  const found = stacks.get(aheadMs);
  if (found !== undefined) there = found;
}

type Case = {
  readonly property: string;
  readonly column: string;
  readonly base: Json;
  readonly row: Json;
  readonly page: Json;
  /** Notion's clock: who was last. */
  readonly clock: number;
  readonly winner: 'postgres' | 'notion';
  readonly strategy: string;
};

const size = { property: 'Size', column: 'size', base: 1, row: 2, page: 3 };
const price = { property: 'Price', column: 'price', base: 1, row: 2.5, page: 3.5 };
const mark = { property: 'Mark', column: 'mark', base: 'm', row: 'row', page: 'page' };

const rules: readonly Case[] = [
  { ...size, clock: LATER, winner: 'notion', strategy: 'lww' },
  { ...size, clock: EARLIER, winner: 'postgres', strategy: 'lww' },
  { ...size, clock: 0, winner: 'postgres', strategy: 'lww-tie' },
  { ...price, clock: LATER, winner: 'postgres', strategy: 'postgres' },
  { ...price, clock: EARLIER, winner: 'postgres', strategy: 'postgres' },
  { ...mark, clock: LATER, winner: 'notion', strategy: 'notion' },
  { ...mark, clock: EARLIER, winner: 'notion', strategy: 'notion' },
];

const cases = rules.flatMap((rule) =>
  (['delivery', 'poll'] as const).map(
    (first) => [rule.property, rule.winner, rule.strategy, first, rule] as const,
  ),
);

/** The values that operations of this record replaced. */
const replaced = async (key: string, property: string, table = 'goods'): Promise<Json[]> =>
  (
    await there.sql<{ value: Json }>(
      `select before -> $3 as value from pgnotion.operations
        where table_name = $1 and key = $2 and status = 'done' and before ? $3`,
      [table, key, property],
    )
  ).map(({ value }) => value);

/** Not in the last seconds of a minute: the two changes are to fall into the same one. */
const withinMinute = () => soon(() => new Date().getSeconds() < 50);

describe('CONCURRENT_UPDATE, decided by a rule', () => {
  test.each(cases)(
    'invariant 7: %s goes to %s by %s, met by the %s first',
    async (_, winner, strategy, first, one) => {
      setClock(one.clock);
      const { key, page } = await there.make();
      if (one.clock === 0) await withinMinute();
      await there.clash({
        key,
        first: first as First,
        row: `update goods set ${one.column} = ${sqlOf(one.row)} where id = ${key}`,
        page: () => there.type(page, one.property, one.page),
      });
      const line = await there.line(key, 'resolved');
      expect(await there.lines(key)).toHaveLength(1);
      expect(line).toMatchObject({
        type: 'CONCURRENT_UPDATE',
        page_id: page,
        fields: [one.property],
        strategy,
        resolution: winner,
        resolved_by: null,
      });
      expect({ base: line.base.page?.[one.property], remote: line.remote_record[one.property] }).toEqual({
        base: one.base,
        remote: one.page,
      });
      expect(
        Number.isNaN(Number(one.row))
          ? line.local_record[one.property]
          : Number(line.local_record[one.property]),
      ).toBe(one.row);
      const won = winner === 'postgres' ? one.row : one.page;
      await soon(async () => (await there.column(key, one.property)) === won);
      await soon(() => there.shown(page, one.property) === won);
      const lost = await replaced(key, one.property);
      expect(lost.map(String)).toContain(
        winner === 'postgres' ? String(one.page) : String(line.local_record[one.property]),
      );
      await there.rest();
      expect(await there.extras(3)).toEqual([]);
      expect(await there.failures()).toEqual([]);
    },
  );

  const sqlOf = (value: Json): string => (typeof value === 'string' ? `'${value}'` : String(value));

  test('each field of a record goes by its own rule, and what nobody disputes goes on', async () => {
    setClock(LATER);
    const { key, page } = await there.make();
    await there.clash({
      key,
      row: `update goods set size = 5, price = 5, mark = 'five', note = 'row', name = 'Row' where id = ${key}`,
      page: () => {
        for (const [property, value] of [
          ['Size', 6],
          ['Price', 6],
          ['Mark', 'six'],
          ['Stock', 6],
        ] as const)
          there.type(page, property, value);
      },
    });
    await there.rest();
    const [row] = await there.sql(
      'select name, size, price::float8, mark, note, stock from goods where id = $1',
      [key],
    );
    expect(row).toEqual({ name: 'Row', size: 6, price: 5, mark: 'six', note: 'row', stock: 6 });
    for (const [property, value] of [
      ['Size', 6],
      ['Price', 5],
      ['Mark', 'six'],
      ['Note', 'row'],
      ['Stock', 6],
      ['Name', 'Row'],
    ])
      expect(there.shown(page, String(property)), String(property)).toBe(value);
    const lines = (await there.lines(key)).map(({ fields, resolution, strategy }) => [
      fields[0],
      resolution,
      strategy,
    ]);
    expect(lines.sort()).toEqual([
      ['Mark', 'notion', 'notion'],
      ['Price', 'postgres', 'postgres'],
      ['Size', 'notion', 'lww'],
    ]);
  });

  test('a conflict whose winning write was lost on its way leaves one line all the same', async () => {
    setClock(EARLIER);
    const { key, page } = await there.make();
    const { faults } = there.stack.sandbox.control;
    const lost = faults.add({
      match: { operation: 'pages.update' },
      times: 1,
      action: { kind: 'reset', when: 'after' },
    });
    await there.clash({
      key,
      row: `update goods set size = 8 where id = ${key}`,
      page: () => there.type(page, 'Size', 9),
    });
    await there.line(key, 'resolved');
    faults.clear(lost);
    await there.rest();
    expect(await there.lines(key)).toMatchObject([
      { resolution: 'postgres', strategy: 'lww', remote_record: { Size: 9 } },
    ]);
    expect(there.shown(page, 'Size')).toBe(8);
  });
});

describe('a deletion on one side, a change on the other, decided by the last write', () => {
  const alive = async (key: string, page: string) => ({
    row: (await there.sql('select from goods where id = $1', [key])).length === 1,
    page: !there.stack.sandbox.control.page(page).in_trash,
  });

  test('invariant 7: DELETED_IN_POSTGRES: a later edit brings the row back under its key', async () => {
    setClock(LATER);
    const { key, page } = await there.make();
    await there.clash({
      key,
      row: `delete from goods where id = ${key}`,
      page: () => there.type(page, 'Name', 'Edited'),
    });
    const line = await there.line(key, 'resolved');
    expect(line).toMatchObject({
      type: 'DELETED_IN_POSTGRES',
      fields: [],
      strategy: 'lww',
      resolution: 'notion',
      local_record: {},
      remote_record: { Name: 'Edited' },
    });
    expect(await there.sql('select name, size, note from goods where id = $1', [key])).toEqual([
      { name: 'Edited', size: 1, note: 'note' },
    ]);
    await there.rest();
    expect(await alive(key, page)).toEqual({ row: true, page: true });
    expect(await there.pageOf('goods', key)).toBe(page);
    expect(await there.extras(3)).toEqual([]);
  });

  test('invariant 7: DELETED_IN_POSTGRES: a later deletion takes the page along, and keeps what it held', async () => {
    setClock(EARLIER);
    const { key, page } = await there.make();
    await there.clash({
      key,
      row: `delete from goods where id = ${key}`,
      page: () => there.type(page, 'Name', 'Edited'),
    });
    const line = await there.line(key, 'resolved');
    expect(line).toMatchObject({ type: 'DELETED_IN_POSTGRES', strategy: 'lww', resolution: 'postgres' });
    expect(await alive(key, page)).toEqual({ row: false, page: false });
    expect(await replaced(key, 'Name')).toContain('Edited');
    await there.rest();
    expect(await there.failures()).toEqual([]);
  });

  test('invariant 7: DELETED_IN_NOTION: a later change of the row brings the page back', async () => {
    setClock(EARLIER);
    const { key, page } = await there.make();
    await there.clash({
      key,
      row: `update goods set size = 7 where id = ${key}`,
      page: () => there.stack.sandbox.control.trashPage(page),
    });
    const line = await there.line(key, 'resolved');
    expect(line).toMatchObject({
      type: 'DELETED_IN_NOTION',
      strategy: 'lww-tie',
      resolution: 'postgres',
      base: { row: { Size: '1' } },
      local_record: { Size: '7' },
    });
    await soon(() => there.shown(page, 'Size') === 7);
    expect(await alive(key, page)).toEqual({ row: true, page: true });
    await there.rest();
    expect(await there.failures()).toEqual([]);
    expect(await there.extras(3)).toEqual([]);
  });

  test('invariant 7: DELETED_IN_NOTION: a later trashing takes the row along, and keeps what it held', async () => {
    setClock(LATER);
    const { key, page } = await there.make();
    await there.clash({
      key,
      row: `update goods set size = 7 where id = ${key}`,
      page: () => {
        there.type(page, 'Mark', 'and away');
        there.stack.sandbox.control.trashPage(page);
      },
    });
    const line = await there.line(key, 'resolved');
    expect(line).toMatchObject({ type: 'DELETED_IN_NOTION', strategy: 'lww', resolution: 'notion' });
    expect(await alive(key, page)).toEqual({ row: false, page: false });
    expect(await replaced(key, 'size')).toContain(7);
    await there.rest();
    expect(await there.failures()).toEqual([]);
  });

  test('a deletion that nobody disputes leaves no line', async () => {
    const gone = await there.make();
    const trashed = await there.make();
    await there.sql('delete from goods where id = $1', [gone.key]);
    there.stack.sandbox.control.trashPage(trashed.page);
    await soon(async () => {
      expect(await alive(gone.key, gone.page)).toEqual({ row: false, page: false });
      expect(await alive(trashed.key, trashed.page)).toEqual({ row: false, page: false });
      return true;
    });
    expect([...(await there.lines(gone.key)), ...(await there.lines(trashed.key))]).toEqual([]);
  });
});

describe('what is put right leaves a line', () => {
  test('DUPLICATED_PAGE: the copy becomes a row of its own', async () => {
    const { key, page } = await there.make();
    const copy = there.stack.sandbox.control.duplicatePage(page).id;
    await soon(async () => (await there.keyOf(copy)) !== null);
    const made = (await there.keyOf(copy)) ?? '';
    const line = await there.line(made, 'resolved');
    expect(line).toMatchObject({
      type: 'DUPLICATED_PAGE',
      page_id: copy,
      resolution: 'new_row',
      local_record: { 'Supabase ID': made },
      remote_record: { 'Supabase ID': key },
      note: `a copy of the page of ${key} became a row of its own, ${made}`,
    });
    await there.rest();
    expect(await there.lines(made)).toHaveLength(1);
    expect(await there.lines(key)).toEqual([]);
  });

  test('ID_EDITED: the key is written again', async () => {
    const { key, page } = await there.make();
    there.edit(page, { 'Supabase ID': { rich_text: [{ text: { content: '4711' } }] } });
    const line = await there.line(key, 'resolved');
    expect(line).toMatchObject({
      type: 'ID_EDITED',
      resolution: 'postgres',
      local_record: { 'Supabase ID': key },
      remote_record: { 'Supabase ID': '4711' },
    });
    expect(there.shown(page, 'Supabase ID')).toBe(key);
    await there.rest();
    expect(await there.lines(key)).toHaveLength(1);
  });
});

test('the share of conflicts among the hour’s changes is in the status', async () => {
  const [line] = await there.sql<{ conflicts: number; rate: number }>(
    `select conflicts::int, conflict_rate::float8 as rate from pgnotion.status where table_name = 'goods'`,
  );
  expect(line?.conflicts).toBe(0);
  expect(line?.rate).toBeGreaterThan(0);
  expect(line?.rate).toBeLessThan(1);
});
