import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Disputes, openDisputes } from '../support/disputes.ts';
import { soon } from '../support/sides.ts';

let there: Disputes;
beforeAll(async () => {
  there = await openDisputes();
});
afterAll(() => there.stack[Symbol.asyncDispose]());

const { stringify } = JSON;
const alive = async (key: string, page: string) => ({
  row: (await there.sql('select from held where id = $1', [key])).length === 1,
  page: !there.stack.sandbox.control.page(page).in_trash,
});
const become = (key: string, page: string, wanted: { readonly row: boolean; readonly page: boolean }) =>
  soon(async () => stringify(await alive(key, page)) === stringify(wanted));

async function rests(): Promise<void> {
  await there.rest();
  expect(await there.extras(3)).toEqual([]);
  expect(await there.failures()).toEqual([]);
  expect(await there.sql('select from pgnotion.queue')).toEqual([]);
}

/** The actor of the newest operation of this kind. */
const actor = async (key: string, kind: string): Promise<string | null> => {
  const [row] = await there.sql<{ actor: string | null }>(
    `select actor from pgnotion.operations where table_name = 'held' and key = $1 and kind = $2 order by id desc limit 1`,
    [key, kind],
  );
  return row?.actor ?? null;
};

describe('a row is deleted while its page is edited, and a person decides', () => {
  async function disputed() {
    const { key, page } = await there.make('held');
    await there.clash({
      table: 'held',
      key,
      row: `delete from held where id = ${key}`,
      page: () => there.type(page, 'Name', 'Edited'),
    });
    const line = await there.line(key, 'open', 'held');
    expect(line).toMatchObject({
      type: 'DELETED_IN_POSTGRES',
      fields: [],
      strategy: 'manual',
      base: { row: { Name: 'n' }, page: { Name: 'n' } },
      local_record: {},
      remote_record: { Name: 'Edited' },
    });
    return { key, page, id: line.id };
  }

  test('invariant 5: nothing crosses until then, and nothing asks', async () => {
    const { key, page } = await disputed();
    await rests();
    expect(await alive(key, page)).toEqual({ row: false, page: true });
    there.type(page, 'Name', 'Edited again');
    await soon(async () => (await there.lines(key, 'held'))[0]?.remote_record.Name === 'Edited again');
    await rests();
    expect(await there.lines(key, 'held')).toHaveLength(1);
  });

  test('invariant 7: keeping PostgreSQL takes the page along', async () => {
    const { key, page, id } = await disputed();
    expect((await there.resolve(id, 'postgres')).accepted).toBe(true);
    await there.line(key, 'resolved', 'held');
    await become(key, page, { row: false, page: false });
    expect(await actor(key, 'delete')).toBe('Grace');
    await rests();
  });

  test('invariant 7: keeping Notion makes the row again', async () => {
    const { key, page, id } = await disputed();
    await there.resolve(id, 'notion');
    await there.line(key, 'resolved', 'held');
    await become(key, page, { row: true, page: true });
    expect(await there.column(key, 'Name', 'held')).toBe('Edited');
    expect(await actor(key, 'create')).toBe('Grace');
    await rests();
  });

  test('PostgreSQL’s refusal opens it again', async () => {
    const { key, page, id } = await disputed();
    there.type(page, 'Stock', -1);
    await soon(async () => (await there.lines(key, 'held'))[0]?.remote_record.Stock === -1);
    await there.resolve(id, 'notion');
    await soon(async () => (await there.line(key, 'open', 'held')).note?.includes('held_stock_check'));
    expect(await there.failures()).toMatchObject([{ key, code: 'sql_23514' }]);
    await there.resolve(id, 'postgres');
    await become(key, page, { row: false, page: false });
    await there.line(key, 'resolved', 'held');
    await rests();
  });

  test('the page goes after all once the edit is taken back', async () => {
    const { key, page } = await disputed();
    there.type(page, 'Name', 'n');
    await there.line(key, 'outdated', 'held');
    await become(key, page, { row: false, page: false });
    await rests();
  });

  test('the row inserted again goes on with its page', async () => {
    const { key, page } = await disputed();
    await there.sql(`insert into held (id, name, size) values ($1, 'n', 4)`, [key]);
    await soon(async () => (await there.lines(key, 'held'))[0]?.status === 'outdated');
    await soon(() => there.shown(page, 'Size') === 4);
    await soon(async () => (await there.column(key, 'Name', 'held')) === 'Edited');
    await rests();
  });

  test('no value can stand for a whole record', async () => {
    const { id } = await disputed();
    await expect(there.resolve(id, 'x')).rejects.toThrow('is of a whole record');
    await there.resolve(id, 'notion');
  });
});

describe('a page is trashed while its row changes, and a person decides', () => {
  async function disputed() {
    const { key, page } = await there.make('held');
    await there.clash({
      table: 'held',
      key,
      row: `update held set size = 7 where id = ${key}`,
      page: () => there.stack.sandbox.control.trashPage(page),
    });
    const line = await there.line(key, 'open', 'held');
    expect(line).toMatchObject({
      type: 'DELETED_IN_NOTION',
      fields: [],
      base: { row: { Size: '1' } },
      local_record: { Size: '7' },
    });
    return { key, page, id: line.id };
  }

  test('invariant 5: nothing crosses until then, and nothing asks', async () => {
    const { key, page } = await disputed();
    await rests();
    expect(await alive(key, page)).toEqual({ row: true, page: false });
    await there.sql('update held set size = 8 where id = $1', [key]);
    await soon(async () => (await there.lines(key, 'held'))[0]?.local_record.Size === '8');
    await rests();
    expect(await there.lines(key, 'held')).toHaveLength(1);
  });

  test('invariant 7: keeping PostgreSQL brings the page back', async () => {
    const { key, page, id } = await disputed();
    await there.resolve(id, 'postgres');
    await there.line(key, 'resolved', 'held');
    await become(key, page, { row: true, page: true });
    await soon(() => there.shown(page, 'Size') === 7);
    expect(await actor(key, 'restore')).toBe('Grace');
    await rests();
  });

  test('invariant 7: keeping Notion deletes the row', async () => {
    const { key, page, id } = await disputed();
    await there.resolve(id, 'notion');
    await there.line(key, 'resolved', 'held');
    await become(key, page, { row: false, page: false });
    expect(await actor(key, 'delete')).toBe('Grace');
    await rests();
  });

  test('a page that is restored goes on with its row', async () => {
    const { key, page } = await disputed();
    there.stack.sandbox.control.restorePage(page);
    await there.line(key, 'outdated', 'held');
    await soon(() => there.shown(page, 'Size') === 7);
    await rests();
  });

  test('the row goes after all once its change is taken back', async () => {
    const { key, page } = await disputed();
    await there.sql('update held set size = 1 where id = $1', [key]);
    await there.line(key, 'outdated', 'held');
    await become(key, page, { row: false, page: false });
    await rests();
  });
});

describe('PostgreSQL refuses an edit', () => {
  async function refused() {
    const { key, page } = await there.make('held');
    there.type(page, 'Stock', -5);
    const line = await there.line(key, 'open', 'held');
    expect(line).toMatchObject({
      type: 'REFUSED_EDIT',
      fields: ['Stock'],
      local_record: { Stock: '1' },
      remote_record: { Stock: -5 },
      note: expect.stringContaining('held_stock_check'),
    });
    expect(await there.failures()).toMatchObject([{ key, code: 'sql_23514' }]);
    return { key, page, id: line.id };
  }
  const stock = async (key: string, page: string) => [
    await there.column(key, 'Stock', 'held'),
    there.shown(page, 'Stock'),
  ];
  const both = (key: string, page: string, value: number) =>
    soon(async () => stringify(await stock(key, page)) === stringify([value, value]));

  test('keeping PostgreSQL gives the page the row’s value back', async () => {
    const { key, page, id } = await refused();
    await there.resolve(id, 'postgres');
    await both(key, page, 1);
    expect(await there.line(key, 'resolved', 'held')).toMatchObject({
      resolution: 'postgres',
      resolved_by: 'Grace',
    });
    expect(await actor(key, 'update')).toBe('Grace');
    await rests();
  });

  test('a value goes to both', async () => {
    const { key, page, id } = await refused();
    await there.resolve(id, 12);
    await both(key, page, 12);
    expect(await there.line(key, 'resolved', 'held')).toMatchObject({ resolution: 'value', value: 12 });
    await rests();
  });

  test('keeping Notion tries it again, and is told if nothing has changed', async () => {
    const { key, page, id } = await refused();
    await there.sql('update pgnotion.conflicts set note = null where id = $1', [id]);
    await there.resolve(id, 'notion');
    await soon(async () => (await there.line(key, 'open', 'held')).note?.includes('held_stock_check'));
    await there.sql('alter table held drop constraint held_stock_check');
    try {
      await there.resolve(id, 'notion');
      await both(key, page, -5);
      await there.line(key, 'resolved', 'held');
    } finally {
      await there.sql('delete from held where stock < 0');
      await soon(() => there.stack.sandbox.control.page(page).in_trash);
      await there.sql('alter table held add constraint held_stock_check check (stock >= 0)');
    }
    await rests();
  });

  test('mending it in Notion ends the conflict', async () => {
    const { key, page } = await refused();
    there.type(page, 'Stock', 6);
    await both(key, page, 6);
    expect(await there.line(key, 'resolved', 'held')).toMatchObject({
      resolution: 'notion',
      resolved_by: null,
    });
    await rests();
  });

  test('taking it back ends the conflict', async () => {
    const { key, page } = await refused();
    there.type(page, 'Stock', 1);
    await there.line(key, 'outdated', 'held');
    await rests();
  });

  test('once the row changes too, a person decides between the two', async () => {
    const { key, page } = await refused();
    await there.sql('update held set stock = 3 where id = $1', [key]);
    const line = await there.line(key, 'open', 'held');
    await soon(async () => {
      const lines = (await there.lines(key, 'held')).map(({ type, status }) => [type, status]);
      expect(lines).toEqual([
        ['REFUSED_EDIT', 'outdated'],
        ['CONCURRENT_UPDATE', 'open'],
      ]);
      return true;
    });
    await there.rest();
    const [open] = (await there.lines(key, 'held')).filter(({ status }) => status === 'open');
    expect(line.type === 'REFUSED_EDIT' || line.id === open?.id).toBe(true);
    await there.resolve(open?.id ?? '', 'postgres');
    await both(key, page, 3);
    await rests();
  });
});
