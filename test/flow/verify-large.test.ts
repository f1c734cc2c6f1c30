import { readFileSync } from 'node:fs';
import { afterEach, expect, test, vi } from 'vitest';
import type { VerifyReport } from '../../src/model/verify-report.ts';
import { type CliStage, createCliStage } from '../support/cli-stage.ts';
import { shopConfig, shopSchema } from '../support/shop.ts';

// Set VERIFY_RECORDS=100000 for the number that the documentation tells.
const RECORDS = Number(process.env.VERIFY_RECORDS ?? 10_000);

vi.setConfig({ testTimeout: 120_000 + RECORDS * 6, hookTimeout: 60_000 });

let stage: CliStage;
afterEach(() => stage[Symbol.asyncDispose]());

/** Rows, pages and what is remembered of them, as if all had been synced: a first sync through HTTP would take most of the time. */
async function furnish(count: number): Promise<void> {
  const { database, sandbox } = stage;
  await stage.apply();
  const { rows: sources } = await database.pool.query<{ id: string }>(
    `select data_source_id as id from pgnotion.data_sources where table_name = 'items'`,
  );
  await database.pool.query(
    `insert into items (id, name, note, stock) select i, 'item ' || i, 'note ' || i, i from generate_series(1, $1) i`,
    [count],
  );
  const text = (content: string) => [{ text: { content } }];
  const ids: string[] = [];
  for (let key = 1; key <= count; key += 1) {
    const page = sandbox.control.createPage(sources[0]?.id ?? '', {
      'Supabase ID': { rich_text: text(String(key)) },
      Name: { title: text(`item ${key}`) },
      Note: { rich_text: text(`note ${key}`) },
      Stock: { number: key },
    });
    ids.push(page.id);
  }
  await database.pool.query(
    `insert into pgnotion.records (table_name, key, page_id, state, base_row, base_page, synced_at)
     select 'items', k::text, p, 'linked',
            jsonb_build_object('Supabase ID', k::text, 'Name', 'item ' || k, 'Note', 'note ' || k, 'Stock', k::text,
                               'Price', null, 'Listed', 'f', 'Tags', null, 'Since', null),
            jsonb_build_object('Supabase ID', k::text, 'Name', 'item ' || k, 'Note', 'note ' || k, 'Stock', k,
                               'Price', null, 'Listed', false, 'Tags', '[]'::jsonb, 'Since', null),
            clock_timestamp()
       from unnest($1::uuid[]) with ordinality as u(p, k)`,
    [ids],
  );
  await database.pool.query('update pgnotion.data_sources set backfilled_at = clock_timestamp()');
}

const residentMb = (pid: number): number | null => {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024;
  } catch {
    return null;
  }
};

test('a large table passes in flat memory, with one request for a hundred pages', async () => {
  stage = await createCliStage({ config: shopConfig, schema: shopSchema });
  await furnish(RECORDS);
  await stage.database.pool.query('update items set stock = -1 where id in (17, 4711)');
  stage.sandbox.control.clearRequests();
  const child = stage.spawn(['verify', '--json', '--table', 'items']);
  const memory: number[] = [];
  const watch = setInterval(() => {
    const now = residentMb(child.pid);
    if (now !== null && now > 0) memory.push(now);
  }, 100);
  const { code, stdout, stderr } = await child.exit;
  clearInterval(watch);
  expect(stderr.includes('error')).toBe(false);
  expect(code).toBe(2);
  const report = JSON.parse(stdout) as VerifyReport;
  expect(report.findings.map(({ key, field }) => [key, field]).sort()).toEqual([
    ['17', 'Stock'],
    ['4711', 'Stock'],
  ]);
  expect(report.tables[0]).toMatchObject({ rows: RECORDS, pages: RECORDS, compared: RECORDS });
  const queries = stage.sandbox.control.requests().filter(({ path }) => path.includes('/query'));
  expect(queries.length).toBeLessThanOrEqual(RECORDS / 100 + 1 + Math.ceil(RECORDS / 9_000));
  const late = memory.slice(Math.floor(memory.length / 3));
  const growth = Math.max(...late) - (late[0] ?? 0);
  if (process.env.VERIFY_RECORDS !== undefined)
    console.log({ seconds: report.seconds, perSecond: RECORDS / report.seconds, memory: late, growth });
  expect(growth).toBeLessThan(120);
});
