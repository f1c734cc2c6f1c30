import { expect, test } from 'vitest';
import { createCliStage } from '../support/cli-stage.ts';
import { eventually } from '../support/eventually.ts';
import { peopleConfig, peopleSchema, personPage } from '../support/people-table.ts';
import { countsOf, planOf, tableOf } from '../support/plans.ts';
import { fromNow } from '../support/requests.ts';
import { sidesOf } from '../support/sides.ts';

const EQUAL = 940;
const DIFFERING = 30;
const AMBIGUOUS = 20;
const TWINS = 5;
const LAG_SECONDS = 4;

/** Rows that pages match one to one, rows of which two match each ambiguous page, and rows that two pages match each. */
const rows = `
  insert into people (name, email, city) select 'p' || n, 'p' || n || '@x', 'row' from generate_series(1, ${EQUAL + DIFFERING}) n;
  insert into people (name, email) select 'a' || n, 'a' || n || '@x' from generate_series(1, ${AMBIGUOUS}) n, generate_series(1, 2);
  insert into people (name, email) select 't' || n, 't' || n || '@x' from generate_series(1, ${TWINS}) n`;

const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, at) => at + 1);

test('invariants 3, 9 and 10: 1,000 pages are joined with their rows under lagging queries, through two kills', async () => {
  await using cli = await createCliStage({
    config: peopleConfig(),
    schema: `${peopleSchema}; ${rows}`,
    variables: { SYNC_QUERY_LAG_SECONDS: String(LAG_SECONDS) },
  });
  const { control } = cli.sandbox;
  await cli.apply();
  const source = control.listDatabases().find(({ title }) => title === 'People')?.dataSourceId ?? '';
  control.setQueryLag((LAG_SECONDS - 1) * 1_000);
  for (const n of numbers(EQUAL + DIFFERING))
    personPage(control, source, { name: `p${n}`, email: `P${n}@X`, city: n > EQUAL ? 'page' : 'row' });
  const held = [
    ...numbers(AMBIGUOUS).map((n) => personPage(control, source, { name: `a${n}`, email: `a${n}@x` })),
    ...numbers(TWINS).flatMap((n) =>
      [1, 2].map((twin) => personPage(control, source, { name: `t${n} ${twin}`, email: `t${n}@x` })),
    ),
  ];
  const untouched = JSON.stringify(held.map((id) => control.page(id)));
  await cli.apply();
  // The plan reads what Notion lists by then.
  await new Promise((resolve) => setTimeout(resolve, LAG_SECONDS * 1_000));
  const { plan } = await planOf(cli);
  expect(countsOf(plan, 'people')).toEqual({
    match: EQUAL + DIFFERING,
    ambiguous: AMBIGUOUS,
    alike: 2 * TWINS,
  });
  expect(tableOf(plan, 'people').firstLink).toEqual({
    rule: 'postgres',
    differing: DIFFERING,
    toRows: 0,
    review: 0,
  });

  const sides = sidesOf(cli);
  const linked = async (): Promise<number> =>
    (
      await sides.sql<{ n: number }>(`select count(*)::int as n from pgnotion.records where state = 'linked'`)
    )[0]?.n ?? 0;
  for (const share of [0.2, 0.6]) {
    const daemon = await cli.start();
    await eventually(async () => (await linked()) > share * EQUAL, { timeoutMs: 240_000 });
    await daemon.kill9();
  }
  await cli.start();
  await eventually(async () => (await linked()) === EQUAL + DIFFERING, { timeoutMs: 240_000 });
  await cli.settled(120_000);
  expect(control.pages(source)).toHaveLength(1_000);
  expect(
    await sides.sql(
      `select count(*)::int as n, count(*) filter (where city = 'page')::int as pages from people`,
    ),
  ).toEqual([{ n: EQUAL + DIFFERING + 2 * AMBIGUOUS + TWINS, pages: 0 }]);
  const shown = new Map(control.pages(source).map(({ id }) => [sides.shown(id, 'Name'), id]));
  const keys = await sides.sql<{ name: string; page: string }>(
    `select p.name, r.page_id::text as page from people p join pgnotion.records r on r.key = p.id::text`,
  );
  expect(keys.filter(({ name, page }) => shown.get(name) !== page)).toEqual([]);
  expect(control.pages(source).filter(({ id }) => sides.shown(id, 'City') === 'page')).toEqual([]);
  expect(JSON.stringify(held.map((id) => control.page(id)))).toBe(untouched);
  const guarded = await cli.run(['guarded', 'list', '--json']);
  const lines = JSON.parse(guarded.stdout) as { readonly kind: string; readonly page_id: string }[];
  expect(lines.map(({ kind, page_id: page }) => [kind, page]).sort()).toEqual(
    held.map((page) => ['pairing', page]).sort(),
  );
  expect((await cli.run(['status'])).stdout).toContain(`${held.length} changes wait`);
}, 600_000);

test('the price of a join is what it then takes', async () => {
  // A poll that finds nothing new is none of the price, and the machine may be busy.
  const variables = { SYNC_INTERVAL_SECONDS: '600', SYNC_QUERY_LAG_SECONDS: '8' };
  await using cli = await createCliStage({
    config: peopleConfig(),
    schema: `${peopleSchema}; insert into people (name, email) select 'p' || n, 'p' || n || '@x' from generate_series(1, 220) n`,
    variables,
  });
  const { control } = cli.sandbox;
  await cli.apply();
  const source = control.listDatabases().find(({ title }) => title === 'People')?.dataSourceId ?? '';
  for (const n of numbers(150)) personPage(control, source, { name: `p${n}`, email: `p${n}@x` });
  for (const n of numbers(10)) personPage(control, source, { name: 'twin', email: `p${200 + (n % 5)}@x` });
  await cli.apply();
  const { plan } = await planOf(cli);
  expect(countsOf(plan, 'people')).toEqual({ match: 150, alike: 10, create: 220 - 150 - 5 });
  expect(tableOf(plan, 'people').guarded).toEqual(['create']);
  const since = fromNow(control);
  await cli.start();
  await cli.settled(120_000);
  const made = control.requests().filter(since);
  // Rows that match nothing are as many as people do not add one by one.
  expect(control.pages(source)).toHaveLength(160);
  const each = [...Map.groupBy(made, ({ operation }) => operation)].map(
    ([name, all]) => `${all.length} ${name}`,
  );
  const priced = plan.price.firstSync.requests;
  const parts = JSON.stringify(plan.price.firstSync.parts);
  expect(
    Math.abs(priced - made.length) / made.length,
    `${priced} priced (${parts}); ${each.join(', ')}`,
  ).toBeLessThan(0.03);
  const sides = sidesOf(cli);
  const waiting = (await sides.failures()).filter(({ direction }) => direction === 'to-notion');
  expect(waiting.map(({ code }) => code)).toEqual(Array.from({ length: 5 }, () => 'ambiguous_match'));
  expect((await cli.run(['guarded', 'approve', 'people', '--kind', 'creation'])).code).toBe(0);
  await eventually(() => control.pages(source).length === 160 + 65, { timeoutMs: 120_000 });
  await cli.settled(120_000);
  expect(control.pages(source)).toHaveLength(160 + 65);
}, 300_000);
