import { afterEach, expect, test, vi } from 'vitest';
import { tableName } from '../../src/model/ids.ts';
import type { ReportFinding, VerifyReport } from '../../src/model/verify-report.ts';
import { pause } from '../../src/runtime/retry.ts';
import { eventually } from '../support/eventually.ts';
import { createVerifyStage, OTHER_VALUES, type VerifyStage } from '../support/verify-stage.ts';

vi.setConfig({ testTimeout: 400_000, hookTimeout: 120_000 });

let stage: VerifyStage;
afterEach(() => stage[Symbol.asyncDispose]());

const FIELDS = Object.keys(OTHER_VALUES) as (keyof typeof OTHER_VALUES)[];
const COLUMNS: Readonly<Record<string, string>> = {
  Name: `name = 'changed'`,
  Note: `note = null`,
  Stock: 'stock = -5',
  Price: 'price = -5.5',
  Listed: 'listed = not listed',
  Mood: `mood = case mood when 'glad' then 'sad' else 'glad' end::mood`,
  Tags: `tags = array['c']`,
  Since: `since = '1998-01-01'`,
  Site: `site = 'https://example.com/changed'`,
  Mail: `mail = 'changed@example.com'`,
  Phone: `phone = '1'`,
  Owner: 'owner_id = owner_id % 3 + 1',
  Links: `links = array['https://example.com/changed']`,
  People: 'people = null',
};

const textOf = ({ table, kind, key, page, field }: ReportFinding): string =>
  [table, kind, key ?? page ?? '', field ?? ''].join(' ');
const found = (report: VerifyReport): string[] => report.findings.map(textOf).sort();

/** Plants a difference of each kind, in Notion, in PostgreSQL and in what is remembered; gives what is to be found. */
async function plant(): Promise<string[]> {
  const { sides, sandbox, unnoticed } = stage;
  const { control } = sandbox;
  const pages = new Map<number, string>();
  for (const row of await sides.sql<{ key: string; page_id: string }>(
    `select key, page_id from pgnotion.records where table_name = 'things'`,
  ))
    pages.set(Number(row.key), row.page_id);
  const page = (key: number): string => pages.get(key) ?? '';
  const expected: string[] = [];
  const expectOne = (kind: string, key: number | string, field = ''): void =>
    void expected.push(['things', kind, key, field].join(' '));
  const source = await sides.source('things');
  let key = 0;
  const next = (): number => {
    key += 1;
    return key;
  };
  for (const field of FIELDS)
    for (let turn = 0; turn < 2; turn += 1) {
      const at = next();
      const value = field === 'Listed' ? { checkbox: at % 2 !== 0 } : OTHER_VALUES[field];
      unnoticed(() => void control.editPage(page(at), { [field]: value }));
      expectOne('cell', at, field);
    }
  for (const field of FIELDS)
    for (let turn = 0; turn < 2; turn += 1) {
      const at = next();
      await sides.sql(`update things set ${COLUMNS[field]} where id = $1`, [at]);
      expectOne('cell', at, field);
    }
  for (const field of ['Note', 'Stock', 'Tags', 'Owner']) {
    const at = next();
    await sides.sql(
      `update pgnotion.records set base_page = base_page - $2::text where table_name = 'things' and key = $1::text`,
      [String(at), field],
    );
    expectOne('void_base', at, field);
  }
  for (const field of ['Note', 'Stock', 'Site', 'Mail']) {
    const at = next();
    await sides.sql(
      `update pgnotion.records set base_row = base_row || jsonb_build_object($2::text, '77') where table_name = 'things' and key = $1::text`,
      [String(at), field],
    );
    expectOne('stale_base', at, field);
  }
  // A page that was edited, and a base that was made to agree with it.
  for (let turn = 0; turn < 4; turn += 1) {
    const at = next();
    unnoticed(() => void control.editPage(page(at), { Stock: { number: -9 } }));
    await sides.sql(
      `update pgnotion.records set base_page = base_page || '{"Stock": -9}' where table_name = 'things' and key = $1::text`,
      [String(at)],
    );
    expectOne('cell', at, 'Stock');
  }
  for (let turn = 0; turn < 6; turn += 1) {
    const at = next();
    unnoticed(() => void control.trashPage(page(at)));
    expectOne('page_away', at);
  }
  for (let turn = 0; turn < 4; turn += 1) {
    const at = next();
    unnoticed(() => control.deleteForever(page(at)));
    expectOne('missing_page', at);
  }
  for (let turn = 0; turn < 6; turn += 1) {
    const at = next();
    await sides.sql('delete from things where id = $1', [at]);
    expectOne('missing_row', at);
  }
  for (let turn = 0; turn < 6; turn += 1) {
    await sides.sql('insert into things (id, name) values ($1, $2)', [1_000 + turn, 'new']);
    expectOne('missing_page', 1_000 + turn);
  }
  for (let turn = 0; turn < 4; turn += 1) {
    const at = next();
    unnoticed(() => void control.duplicatePage(page(at)));
    expectOne('duplicate_page', at);
  }
  for (let turn = 0; turn < 4; turn += 1) {
    const at = next();
    unnoticed(
      () =>
        void control.editPage(page(at), { 'Supabase ID': { rich_text: [{ text: { content: 'altered' } }] } }),
    );
    expectOne('key', at, 'Supabase ID');
  }
  for (let turn = 0; turn < 2; turn += 1)
    unnoticed(() => {
      const made = control.createPage(source, { Name: { title: [{ text: { content: 'stray' } }] } });
      expectOne('unlinked_page', made.id);
    });
  return expected.sort();
}

test('finds each of a hundred planted differences and nothing else, without a daemon and beside one with changes in flight', async () => {
  stage = await createVerifyStage(140);
  expect(found(await stage.verify())).toEqual([]);
  await stage.stop();
  const expected = await plant();
  expect(expected.length).toBeGreaterThanOrEqual(100);
  await stage.skipLog();
  const alone = await stage.verify();
  expect(found(alone)).toEqual(expected);
  expect(alone).toMatchObject({ result: 'differences', daemon: false, differences: expected.length });
  await stage.start();
  const busy = new AbortController();
  const changes = keepChanging(busy.signal);
  const beside = await stage.verify();
  busy.abort();
  expect(await changes).toBeGreaterThan(100);
  // Void bases are settled by the poll that the start begins with, because both sides hold the same.
  expect(found(beside)).toEqual(expected.filter((line) => !line.includes(' void_base ')));
  expect(beside).toMatchObject({ result: 'differences', daemon: true });
});

test('invariant 12: pages are listed no faster than they are compared, and one that is listed twice counts once', async () => {
  stage = await createVerifyStage(30);
  let listed = 0;
  let compared = 0;
  let lead = 0;
  const report = await stage.verify({ tables: [tableName('things')] }, ({ listPages }) => ({
    listPages: async function* (...which) {
      for (let turn = 0; turn < 2; turn += 1)
        for await (const pages of listPages(...which))
          for (const page of pages) {
            listed += 1;
            lead = Math.max(lead, listed - compared);
            yield [page];
          }
    },
    tell: (text) => {
      if (text.endsWith('pages compared')) compared += 1;
    },
  }));
  expect(found(report)).toEqual([]);
  expect(report.tables).toMatchObject([{ rows: 30, pages: 30, compared: 30 }]);
  expect({ listed, compared }).toEqual({ listed: 60, compared: 60 });
  // One is compared, one written down, one listed, and one on its way.
  expect(lead).toBeLessThanOrEqual(4);
});

test.each(['postgres', 'notion'] as const)('heals all of them to zero: %s wins', async (winner) => {
  stage = await createVerifyStage(140);
  const { sides } = stage;
  await stage.stop();
  const expected = await plant();
  await stage.skipLog();
  const preview = await stage.heal(winner, true);
  expect(preview).toMatchObject({ run: null, left: 0 });
  expect(found(await stage.verify())).toEqual(expected);
  const { run, left } = await stage.heal(winner);
  expect(left).toBe(0);
  await stage.start();
  // Pages that Notion does not show are asked for again and again, and stand in the failures.
  const waiting = `select (select count(*) from pgnotion.outbox where parked_at is null)
      + (select count(*) from pgnotion.edits where parked_at is null and code is distinct from 'page_hidden') as n`;
  await eventually(async () => Number((await sides.sql<{ n: string }>(waiting))[0]?.n) === 0, {
    timeoutMs: 120_000,
  });
  const after = await stage.verify();
  expect(found(after)).toEqual([]);
  // What cannot be healed stands with its reason where people look for it: copies, and pages that are no rows.
  const told = await sides.failures();
  const known = [
    'duplicate_page',
    'second_page',
    'page_incomplete',
    'page_hidden',
    'unknown_record_id',
    'sql_23502',
  ];
  expect(told.filter(({ code }) => !known.includes(code))).toEqual([]);
  const [row] = await sides.sql<{ name: string; stock: number }>(
    'select name, stock from things where id = 5',
  );
  expect(row?.stock).toBe(winner === 'postgres' ? 5 : -1);
  expect(sides.shown(await sides.pageOf('things', '5'), 'Stock')).toBe(winner === 'postgres' ? 5 : -1);
  const operations = await sides.sql('select from pgnotion.operations where batch = $1', [run]);
  expect(operations.length).toBeGreaterThan(60);
});

const FREE = { first: 100, last: 140 } as const;

/** Forty rows and ten pages change in each second, of records with which nothing is wrong. Gives how many did. */
async function keepChanging(signal: AbortSignal): Promise<number> {
  const { sides, sandbox } = stage;
  let changes = 0;
  while (!signal.aborted) {
    const key = FREE.first + (changes % (FREE.last - FREE.first));
    if (changes % 5 === 4) {
      const page = await sides.pageOf('things', String(key));
      sandbox.control.editPage(page, { Site: { url: `https://example.com/edited/${changes}` } });
    } else await sides.sql('update things set stock = stock + 1 where id = $1', [key]);
    changes += 1;
    await pause(20, signal);
  }
  return changes;
}
