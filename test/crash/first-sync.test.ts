import { expect, test } from 'vitest';
import lithiumbuy from '../../examples/lithiumbuy/pgnotion.config.ts';
import { seed } from '../../examples/lithiumbuy/seed.ts';
import { type CliStage, createCliStage } from '../support/cli-stage.ts';
import { differences } from '../support/differences.ts';
import { eventually } from '../support/eventually.ts';
import { lithiumbuySchema } from '../support/stack.ts';

/** How a kill meets the creates that are on their way. */
const KILLS = ['saved after the death', 'saved, unanswered', 'anywhere'] as const;
/** Long enough for the next daemon to look, and find nothing, before the page is there. */
const DELAY_MS = 4_000;
const VARIABLES = {
  SYNC_CREATE_GRACE_SECONDS: '8',
  // Small, so that a restarted daemon comes back to the doubtful records at once.
  SYNC_BATCH_SIZE: '8',
};

const created = ({ sandbox }: CliStage): number =>
  sandbox.control.requests().filter((each) => each.operation === 'pages.create' && each.status === 200)
    .length;
const underWay = ({ sandbox }: CliStage): number =>
  sandbox.control.requests().filter((each) => each.operation === 'pages.create' && each.status === null)
    .length;

/** Starts the daemon, and kills it once some more pages exist. Gives how many creates were on their way. */
async function killOnce(stage: CliStage, kill: (typeof KILLS)[number], more: number): Promise<number> {
  const daemon = stage.spawn(['start'], VARIABLES);
  const before = created(stage);
  await eventually(() => created(stage) >= before + more, { everyMs: 2 });
  const { faults } = stage.sandbox.control;
  if (kill !== 'anywhere') {
    const when = kill === 'saved, unanswered' ? 'after' : 'before';
    faults.add({
      match: { operation: 'pages.create' },
      times: null,
      action: { kind: 'delay', ms: DELAY_MS, when },
    });
    await eventually(() => underWay(stage) >= 2, { everyMs: 2 });
  }
  const cut = underWay(stage);
  await daemon.kill9();
  faults.clear();
  return cut;
}

test('ten kills in the middle of the first sync leave one page of each row, with its values (invariants 3, 9)', async () => {
  await using stage = await createCliStage({ config: lithiumbuy, schema: await lithiumbuySchema() });
  await seed((text, params) => stage.database.pool.query(text, params));
  await stage.apply();
  let cut = 0;
  for (let round = 0; round < 10; round += 1) {
    cut += await killOnce(stage, KILLS[round % KILLS.length] ?? 'anywhere', 3 + 2 * round);
  }
  // Without this, the kills would have shown nothing.
  expect(cut).toBeGreaterThan(10);
  const { rows: before } = await stage.database.pool.query<{ n: number }>(
    `select count(*)::int as n from pgnotion.records where page_id is null`,
  );
  expect(before[0]?.n).toBeGreaterThan(0);

  await stage.start(VARIABLES);
  await stage.settled();
  expect(await differences(stage)).toEqual([]);
  // Not even one that was made twice and trashed again.
  const pages = stage.sandbox.control.listDatabases().reduce((sum, each) => sum + each.pages, 0);
  expect(created(stage)).toBe(pages);
  await expectSample(stage);
  const { rows } = await stage.database.pool.query('select * from pgnotion.failures');
  expect(rows).toEqual([]);
}, 400_000);

/** By hand, so that a mistake of the codecs cannot hide itself. */
async function expectSample({ database, sandbox }: CliStage): Promise<void> {
  const { rows } = await database.pool.query<{
    id: string;
    name: string;
    rating: string | null;
    supplier_id: string;
    has_bulk_discount: boolean;
  }>(
    `select p.id, p.name, s.rating::text, p.supplier_id, p.has_bulk_discount
       from products p join suppliers s on s.id = p.supplier_id order by p.id limit 10`,
  );
  const pagesOf = (title: string) => {
    const found = sandbox.control.listDatabases().find((each) => each.title === title);
    return sandbox.control.pages(found?.dataSourceId ?? '');
  };
  const text = (property: unknown): string =>
    (property as { rich_text: { plain_text: string }[] }).rich_text.map((run) => run.plain_text).join('');
  const products = pagesOf('Products');
  const suppliers = pagesOf('Suppliers');
  expect(rows).toHaveLength(10);
  for (const row of rows) {
    const page = products.find((each) => text(each.properties['Supabase ID']) === row.id);
    const supplier = suppliers.find((each) => text(each.properties['Supabase ID']) === row.supplier_id);
    expect(page?.properties).toMatchObject({
      Name: { title: [{ plain_text: row.name }] },
      Supplier: { relation: [{ id: supplier?.id }] },
      'Has Bulk Discount': { checkbox: row.has_bulk_discount },
    });
    expect(supplier?.properties.Rating).toMatchObject({
      number: row.rating === null ? null : Number(row.rating),
    });
  }
}
