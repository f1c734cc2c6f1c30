import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type Both, createRollbackStage, type RollbackStage } from '../support/rollback-stage.ts';

// Five hundred records, several times there and back: a busy machine takes its time.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const COUNT = 500;
const runOf = (said: string): string => /this is run (\d+)/.exec(said)?.[1] ?? expect.fail(said);

describe('a mistake of one person in Notion', () => {
  let stage: RollbackStage;
  let before: Both;
  let wrong: Both;
  let since: string;

  beforeAll(async () => {
    stage = await createRollbackStage(COUNT);
    before = await stage.both();
    since = await stage.now();
    const pages = await stage.pageIds();
    for (const [key, page] of pages) stage.edit(page, `oops ${key}`, -key);
    const oops = async () => (await stage.rows()).filter((row) => String(row.name).startsWith('oops')).length;
    await eventually(async () => (await oops()) === COUNT, { timeoutMs: 90_000, everyMs: 200 });
    // What somebody else does meanwhile is not hers.
    await stage.sql('update items set price = 77 where id = 1');
    const price = () => stage.sandbox.control.page(pages.get(1) ?? '').properties.Price?.number;
    await eventually(() => price() === 77, { timeoutMs: 90_000 });
    await stage.settled();
    wrong = await stage.both();
    before = withValue(before, 1, { row: { price: '77' }, page: { Price: 77 } }, pages);
  });
  afterAll(() => stage[Symbol.asyncDispose]());

  const hers = () => ['--since', since, '--actor', 'Grace Hopper'];
  const state = () => stage.sql('select count(*)::int as n, max(id)::int as id from pgnotion.operations');

  test('a preview names each value and the cost, and writes nothing', async () => {
    const noted = await state();
    const { said, code } = await stage.rollback(...hers(), '--dry-run');
    expect(code).toBe(0);
    expect(said).toContain('items 7, Name: "oops 7" becomes "item 7"');
    expect(said).toContain('items 7, Stock: "-7" becomes "7"');
    expect(said.split('\n').filter((line) => line.includes(' becomes '))).toHaveLength(2 * COUNT);
    expect(said).toContain(`would change ${2 * COUNT} values of ${COUNT} records`);
    expect(said).toMatch(/about 505 requests, 1 s at/);
    expect(await stage.both()).toEqual(wrong);
    expect(await state()).toEqual(noted);
    expect(await stage.sql(`select from pgnotion.runs where kind = 'rollback'`)).toEqual([]);
    const { said: json } = await stage.rollback('--json', ...hers(), '--table', 'items', '--dry-run');
    const lines = json
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines[0]).toMatchObject({ table: 'items', what: 'update', changedSince: false });
    expect(lines.at(-1)).toMatchObject({ summary: { values: 2 * COUNT, updated: COUNT, requests: 505 } });
  });

  test("explain tells a record's journey, and what it does not know", async () => {
    const { code, stdout } = await stage.run(['explain', 'items', '7']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^items 7\n {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}in sync\n +page [0-9a-f-]{36}; /);
    expect(stdout).toMatch(/done to-postgres update\n +operation \d+: Name, Stock; by Grace Hopper; /);
    const json = await stage.run(['--json', 'explain', 'items', '7']);
    expect(JSON.parse(json.stdout)[0]).toMatchObject({ what: 'in sync' });
    const unknown = await stage.run(['explain', 'items', '9999']);
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toContain('pgnotion knows no record 9999 of items');
    expect(unknown.stderr).toContain('(record_unknown)');
  });

  test('it is taken back on both sides, though the rollback is killed half-way and run again', async () => {
    const child = stage.spawn(['rollback', ...hers()]);
    await eventually(
      async () =>
        (await stage.sql(`select from pgnotion.operations where actor like '%(pgnotion rollback)'`)).length >=
        20,
      { everyMs: 5 },
    );
    await child.kill9();
    const half = (await stage.rows()).filter((row) => String(row.name).startsWith('oops')).length;
    expect(half).toBeGreaterThan(0);
    const { said, code } = await stage.rollback(...hers());
    expect(code).toBe(0);
    expect(said).toContain(`changed ${2 * half} values of ${half} records`);
    await stage.back(before);
    // Both halves are one run, so that both can be taken back together.
    const [batch, ...more] = await stage.sql<{ batch: string; n: number }>(
      `select batch, count(*)::int as n from pgnotion.operations where actor like '%(pgnotion rollback)' group by 1`,
    );
    expect(more).toEqual([]);
    expect(batch).toEqual({ batch: runOf(said), n: COUNT });
    await stage.settled();
    const again = await stage.rollback(...hers());
    expect(again.said).toContain('changed 0 values of 0 records');
  });

  test('a rollback is a run that can be taken back, and so can that', async () => {
    const [first] = await stage.sql<{ id: string }>(
      `select id::text from pgnotion.runs where kind = 'rollback' and finished_at is not null`,
    );
    const forth = await stage.rollback('--run', first?.id ?? '');
    expect(forth.code).toBe(0);
    await stage.back(wrong);
    await stage.settled();
    await stage.rollback('--run', runOf(forth.said));
    await stage.back(before);
    await stage.settled();
  });

  test('invariant 7: what somebody changed since stays and is told, unless it is forced', async () => {
    const pages = await stage.pageIds();
    const from = await stage.now();
    for (const key of [1, 2, 3]) stage.edit(pages.get(key) ?? '', `wrong ${key}`, 1_000 + key);
    const shows = (text: string) =>
      eventually(async () => (await stage.rows()).some((row) => row.name === text));
    for (const key of [1, 2, 3]) await shows(`wrong ${key}`);
    await stage.settled();
    await stage.sql(`update items set name = 'mended' where id = 2`);
    await eventually(() => stage.sandbox.control.titles(dataSource(stage)).some((p) => p.title === 'mended'));
    await stage.settled();
    const preview = await stage.rollback('--since', from, '--actor', 'Grace Hopper', '--dry-run');
    expect(preview.said).toContain('items 2, Name: "mended" stays: somebody has changed it since');
    const { said, code } = await stage.rollback('--since', from, '--actor', 'Grace Hopper');
    expect(code).toBe(2);
    expect(said).toContain('changed 5 values of 3 records');
    expect(said).toContain('1 stay, because somebody changed them since');
    await stage.back(withValue(before, 2, { row: { name: 'mended' }, page: { Name: 'mended' } }, pages));
    await stage.settled();
    const forced = await stage.rollback('--since', from, '--actor', 'Grace Hopper', '--force');
    expect(forced.code).toBe(0);
    await stage.back(before);
  });

  test("one operation, or a record's last change, is taken back by itself", async () => {
    const pages = await stage.pageIds();
    await stage.settled();
    stage.edit(pages.get(9) ?? '', 'last', 5);
    const shows = () => eventually(async () => (await stage.rows()).some((row) => row.name === 'last'));
    await shows();
    await stage.settled();
    await stage.rollback('--record', 'items', '9');
    await stage.back(before);
    await stage.settled();
    const [latest] = await stage.sql<{ id: string }>(
      `select max(id)::text as id from pgnotion.operations where key = '9' and actor = 'Grace Hopper'`,
    );
    await stage.sql(`update items set name = 'last', stock = 5 where id = 9`);
    await shows();
    await stage.rollback('--operation', latest?.id ?? '');
    await stage.back(before);
    await stage.settled();
    const unclear = await stage.run(['rollback', '--operation', '1', '--run', '1']);
    expect([unclear.code, unclear.stderr.includes('rollback_unclear')]).toEqual([1, true]);
    // The first operation is of the first sync, which changed no row.
    for (const which of [
      ['--operation', '1'],
      ['--run', '999'],
    ]) {
      const none = await stage.run(['rollback', ...which]);
      expect([none.code, none.stderr.includes('nothing_to_undo')]).toEqual([1, true]);
    }
  });

  test('two rollbacks at once exclude each other', async () => {
    const client = await stage.database.pool.connect();
    try {
      await client.query('select pg_advisory_lock(7420050)');
      await stage.sql(`update items set stock = 0 where id = 4`);
      await eventually(
        async () => (await stage.sql(`select from pgnotion.operations where row_after ->> 'Stock' = '0'`))[0],
      );
      const { code, stderr } = await stage.run(['rollback', '--record', 'items', '4']);
      expect([code, stderr.includes('rollback_running')]).toEqual([1, true]);
    } finally {
      client.release(true);
    }
    await stage.rollback('--record', 'items', '4');
    await stage.back(before);
  });
});

const dataSource = (stage: RollbackStage): string =>
  stage.sandbox.control.listDatabases().find(({ title }) => title === 'Items')?.dataSourceId ?? '';

const withValue = (
  both: Both,
  id: number,
  value: { readonly row: object; readonly page: object },
  pages: ReadonlyMap<number, string>,
): Both => ({
  rows: both.rows.map((row) => (row.what === 'item' && row.id === id ? { ...row, ...value.row } : row)),
  pages: Object.fromEntries(
    Object.entries(both.pages).map(([page, shown]) => [
      page,
      page === pages.get(id) ? { ...(shown as object), ...value.page } : shown,
    ]),
  ) as Both['pages'],
});

describe('a mistake in SQL', () => {
  let stage: RollbackStage;
  let before: Both;
  beforeAll(async () => {
    stage = await createRollbackStage(COUNT);
    before = await stage.both();
  });
  afterAll(() => stage[Symbol.asyncDispose]());

  test('updates, deletions and insertions of many rows are taken back on both sides, to the same pages', async () => {
    const pages = await stage.pageIds();
    const since = await stage.now();
    await stage.sql(`
      update items set price = price * 100, stock = 0 where true;
      delete from items where id between 10 and 24;
      insert into items (name) values ('never wanted');`);
    await eventually(
      () => {
        const titles = stage.sandbox.control.titles(dataSource(stage));
        return titles.length === COUNT - 14 && titles.some(({ title }) => title === 'never wanted');
      },
      { timeoutMs: 90_000, everyMs: 100 },
    );
    await stage.settled();
    const { said, code } = await stage.rollback('--since', since);
    expect(code).toBe(0);
    expect(said).toMatch(/of 485 records; 15 rows came back, 1 went/);
    // No page ever showed these columns, and the log of a deletion does not have them.
    const hidden = { ...before, rows: before.rows.map((row) => withoutHidden(row)) };
    await stage.back(hidden);
    expect(await stage.pageIds()).toEqual(pages);
    await stage.settled();
    await stage.rollback('--run', runOf(said));
    await eventually(
      async () => (await stage.sql(`select from items where stock = 0`)).length === COUNT - 15,
    );
  });
});

/** Of the rows that only the log knew to be deleted. */
const withoutHidden = (row: Both['rows'][number]): Both['rows'][number] =>
  row.what === 'item' && Number(row.id) >= 10 && Number(row.id) <= 24 ? { ...row, hidden: null } : row;

describe('what was deleted in Notion', () => {
  let stage: RollbackStage;
  let before: Both;
  beforeAll(async () => {
    stage = await createRollbackStage(30);
    before = await stage.both();
  });
  afterAll(() => stage[Symbol.asyncDispose]());

  test('rows come back whole, and their pages out of the trash with their relations', async () => {
    const pages = await stage.pageIds();
    const since = await stage.now();
    const [maker] = await stage.sql<{ page_id: string }>(
      `select page_id from pgnotion.records where table_name = 'makers' and key = '1'`,
    );
    for (const page of [maker?.page_id ?? '', pages.get(3) ?? '', pages.get(4) ?? ''])
      stage.sandbox.control.trashPage(page);
    await eventually(async () => (await stage.rows()).length === 30);
    await stage.settled();
    expect(await stage.sql('select from items where maker_id is null')).toHaveLength(9);
    const { said, code } = await stage.rollback('--since', since);
    expect(code).toBe(0);
    expect(said).toContain('3 rows came back');
    await stage.back(before);
    expect(await stage.pageIds()).toEqual(pages);
    await stage.settled();
    expect(await stage.sql('select * from pgnotion.failures')).toEqual([]);
  });

  test('invariant 10: rows that people made in bulk are deleted only if it is forced', async () => {
    const since = await stage.now();
    await stage.sql(`insert into items (name) select 'new ' || i from generate_series(1, 25) i`);
    await eventually(() => stage.sandbox.control.titles(dataSource(stage)).length === 55);
    await stage.settled();
    const held = await stage.rollback('--since', since);
    expect(held.code).toBe(2);
    expect(held.said).toContain('25 rows are too many to delete by themselves');
    expect(await stage.rows()).toHaveLength(58);
    const forced = await stage.rollback('--since', since, '--force');
    expect(forced.said).toContain('25 went');
    expect((await stage.sql('select from items')).length).toBe(30);
    // The guard of the pages' side counts for itself.
    await eventually(async () => {
      await stage.sql(`select pgnotion.approve_delete('items')`);
      return stage.sandbox.control.titles(dataSource(stage)).length === 30;
    });
    await stage.back(before);
  });

  test('what PostgreSQL refuses is told, and the rest is done', async () => {
    const since = await stage.now();
    await stage.sql(`update items set stock = 1000 where id in (1, 2)`);
    await stage.settled();
    await eventually(
      async () =>
        (await stage.sql(`select from pgnotion.operations where row_after ->> 'Stock' = '1000'`)).length ===
        2,
    );
    await stage.sql('alter table items add constraint few check (id <> 1 or stock > 100) not valid');
    const { said, code } = await stage.rollback('--since', since);
    expect(code).toBe(2);
    expect(said).toContain('items 1: PostgreSQL refuses it');
    expect(said).toContain('changed 2 values of 1 records');
    await stage.sql('alter table items drop constraint few');
    await stage.rollback('--since', since);
    await stage.back(before);
  });
});
