import { expect, test } from 'vitest';
import type { JsonObject } from '../../src/sandbox/notion/types.ts';
import { type CliStage, createCliStage } from '../support/cli-stage.ts';
import { differences } from '../support/differences.ts';
import { eventually } from '../support/eventually.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';

const ROWS = 30;
const VARIABLES = { SYNC_CREATE_GRACE_SECONDS: '2' };

/** What was written last, and by whom nobody else: stock and price by SQL, name and note by people. */
type Written = {
  readonly stock: Map<number, number>;
  readonly name: Map<number, string>;
  readonly added: string[];
  readonly made: string[];
  readonly deleted: number[];
};

const title = (text: string): JsonObject => ({ Name: { title: [{ text: { content: text } }] } });

function dataSource({ sandbox }: CliStage): string {
  const found = sandbox.control.listDatabases().find((each) => each.title === 'Items');
  return found?.dataSourceId ?? '';
}

async function pageOf({ database }: CliStage, id: number): Promise<string> {
  const { rows } = await database.pool.query<{ page_id: string }>(
    'select page_id from pgnotion.records where key = $1',
    [String(id)],
  );
  return rows[0]?.page_id ?? '';
}

/** One step of people and programs at work, the same at every run: `n` decides what. */
async function work(stage: CliStage, written: Written, n: number): Promise<void> {
  const { pool } = stage.database;
  const id = 1 + ((n * 7) % ROWS);
  await pool.query('update items set stock = $2, price = $3 where id = $1', [id, 1_000 + n, 1_000 + n]);
  written.stock.set(id, 1_000 + n);
  const other = 1 + ((n * 11) % ROWS);
  stage.sandbox.control.editPage(await pageOf(stage, other), title(`edited ${n}`));
  written.name.set(other, `edited ${n}`);
  if (n % 5 === 0) {
    await pool.query('insert into items (name, stock) values ($1, $2)', [`added ${n}`, n]);
    written.added.push(`added ${n}`);
  }
  if (n % 6 === 0) {
    stage.sandbox.control.createPage(dataSource(stage), title(`made ${n}`));
    written.made.push(`made ${n}`);
  }
  if (n % 20 === 0) {
    const gone = ROWS + 1 + n / 20;
    await pool.query('delete from items where id = $1', [gone]);
    written.deleted.push(gone);
  }
}

const requests = ({ sandbox }: CliStage): number => sandbox.control.requests().length;

test('five kills while rows and pages change leave both sides equal, each with the last words of the other (invariants 1, 4, 9)', async () => {
  await using stage = await createCliStage({
    config: shopConfig,
    schema: `${shopSchema};${shopRows(ROWS + 8)}; select setval('items_id_seq', 1000)`,
    variables: VARIABLES,
  });
  await stage.apply();
  let daemon = await stage.start();
  await stage.settled();
  const written: Written = { stock: new Map(), name: new Map(), added: [], made: [], deleted: [] };
  let n = 0;
  for (let kill = 0; kill < 5; kill += 1) {
    // Some of it while the daemon is at work, some while it is dead.
    for (let step = 0; step < 20; step += 1, n += 1) {
      await work(stage, written, n);
      if (step % 4 === 3) {
        const before = requests(stage);
        await eventually(() => requests(stage) > before + 3, { everyMs: 2 });
      }
    }
    await daemon.kill9();
    for (let step = 0; step < 5; step += 1, n += 1) await work(stage, written, n);
    daemon = await stage.start();
  }
  await eventually(
    async () => {
      await stage.settled();
      expect(await differences(stage)).toEqual([]);
      await expectWritten(stage, written);
      return true;
    },
    { timeoutMs: 45_000, everyMs: 500 },
  );
  expect(daemon.ended()).toBe(false);
}, 400_000);

async function expectWritten({ database }: CliStage, written: Written): Promise<void> {
  const { rows } = await database.pool.query<{ id: number; name: string; stock: number; price: string }>(
    'select id, name, stock, price::text from items',
  );
  const byId = new Map(rows.map((row) => [row.id, row]));
  const holds = <T>(
    of: ReadonlyMap<number, T>,
    read: (id: number) => T | undefined,
  ): Map<number, T | undefined> => new Map([...of.keys()].map((id) => [id, read(id)]));
  expect(holds(written.stock, (id) => byId.get(id)?.stock)).toEqual(written.stock);
  expect(holds(written.name, (id) => byId.get(id)?.name)).toEqual(written.name);
  const names = rows.map((row) => row.name).filter((name) => /^(added|made) /.test(name));
  expect(names.sort()).toEqual([...written.added, ...written.made].sort());
  expect(written.deleted.filter((id) => byId.has(id))).toEqual([]);
}
