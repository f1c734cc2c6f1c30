import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { JsonObject } from '../../src/sandbox/notion/types.ts';
import { type CliStage, createCliStage } from './cli-stage.ts';
import { differences } from './differences.ts';
import { eventually } from './eventually.ts';
import { shopConfig, shopRows, shopSchema } from './shop.ts';
import { shownIn } from './sides.ts';

/** In which state a kill -9 finds the daemon. */
const MOMENTS = ['starting', 'creating', 'comparing all', 'updating', 'reading', 'busy', 'idle'] as const;
type Moment = (typeof MOMENTS)[number];

/** Rows that are changed, rows that SQL deletes, and rows whose pages people trash. */
const ROWS = 30;
const VICTIMS = 90;
/** A request that a kill leaves alone at Notion is carried out within this time, and while it may be, nothing is repeated. */
const DELAY_MS = 900;
const VARIABLES = { SYNC_CREATE_GRACE_SECONDS: '3' };

/** What was written last: stock and price by SQL, names by people, and nothing by both. */
type Written = {
  readonly stock: Map<number, number>;
  readonly name: Map<number, string>;
  readonly added: string[];
  readonly gone: number[];
};

export type KillReport = {
  readonly kills: Readonly<Record<Moment, number>>;
  /** Requests that were under way at a kill. */
  readonly cut: number;
  readonly steps: number;
  readonly seconds: number;
};

type Scene = {
  readonly stage: CliStage;
  readonly written: Written;
  readonly random: () => number;
  n: number;
};

/** The same numbers at every run. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const title = (text: string): JsonObject => ({ Name: { title: [{ text: { content: text } }] } });

const items = ({ sandbox }: CliStage): string =>
  sandbox.control.listDatabases().find((each) => each.title === 'Items')?.dataSourceId ?? '';

async function pageOf({ database }: CliStage, id: number): Promise<string | null> {
  const { rows } = await database.pool.query<{ page_id: string | null }>(
    'select page_id from pgnotion.records where key = $1',
    [String(id)],
  );
  return rows[0]?.page_id ?? null;
}

/** One step of people and programs at work. */
async function work(scene: Scene): Promise<void> {
  const { stage, written } = scene;
  const { pool } = stage.database;
  const { control } = stage.sandbox;
  const n = scene.n++;
  const id = 1 + ((n * 7) % ROWS);
  await pool.query('update items set stock = $2, price = $3 where id = $1', [id, 1_000 + n, 1_000 + n]);
  written.stock.set(id, 1_000 + n);
  const other = 1 + ((n * 11) % ROWS);
  const page = await pageOf(stage, other);
  if (page !== null) {
    control.editPage(page, title(`edited ${n}`));
    written.name.set(other, `edited ${n}`);
  }
  if (n % 3 === 0) {
    await pool.query('insert into items (name, stock) values ($1, $2)', [`added ${n}`, n]);
    written.added.push(`added ${n}`);
  }
  if (n % 4 === 0) {
    control.createPage(items(stage), title(`made ${n}`));
    written.added.push(`made ${n}`);
  }
  if (n % 10 === 0) await remove(scene, ROWS + 1 + n / 10);
}

/** By SQL and by people in turn. */
async function remove({ stage, written }: Scene, id: number): Promise<void> {
  const page = id % 2 === 0 ? await pageOf(stage, id) : null;
  if (page === null) await stage.database.pool.query('delete from items where id = $1', [id]);
  else stage.sandbox.control.trashPage(page);
  written.gone.push(id);
}

async function workOften(scene: Scene, steps: number): Promise<void> {
  for (let step = 0; step < steps; step += 1) await work(scene);
}

const underWay = ({ sandbox }: CliStage, operation?: string): number =>
  sandbox.control
    .requests()
    .filter((each) => each.status === null && (operation === undefined || each.operation === operation))
    .length;

/** Makes a request hang at Notion, now before and now after it is carried out, and waits until the daemon waits for it. */
async function hang(scene: Scene, operation: string): Promise<void> {
  const { stage, random } = scene;
  const when = random() < 0.5 ? 'before' : 'after';
  stage.sandbox.control.faults.add({
    match: { operation },
    times: null,
    action: { kind: 'delay', ms: DELAY_MS, when },
  });
  await workOften(scene, 3);
  await eventually(() => underWay(stage, operation) > 0, { everyMs: 3 });
}

/** Brings the daemon, which has just been started, into the state in which it is to be killed. */
async function reach(scene: Scene, moment: Moment, syncing: () => Promise<void>): Promise<void> {
  const { stage, random } = scene;
  const answered = (): number => stage.sandbox.control.requests().length;
  switch (moment) {
    case 'starting':
      return sleep(100 + 900 * random());
    case 'creating':
      return hang(scene, 'pages.create');
    case 'updating':
      return hang(scene, 'pages.update');
    case 'reading':
      return hang(scene, 'dataSources.query');
    case 'comparing all': {
      await stage.database.pool.query('select pgnotion.resync()');
      await syncing();
      return sleep(60 * random());
    }
    case 'busy':
      for (let group = 0; group < 3; group += 1) {
        await workOften(scene, 4);
        const before = answered();
        await eventually(() => answered() > before + 2, { everyMs: 3 });
      }
      return;
    case 'idle':
      return stage.settled();
    default:
      return moment satisfies never;
  }
}

/**
 * Kills the real daemon again and again while rows and pages change, also while it is dead, and then compares the sets
 * of both sides. Rejects with what is lost, made up, doubled or not the last word of the other side.
 */
export async function killLoop(
  kills: number,
  serverUrl: string,
  plugin: 'pgoutput' | 'wal2json',
  seed: number,
): Promise<KillReport> {
  const started = performance.now();
  await using stage = await createCliStage({
    config: {
      ...shopConfig,
      plugin,
      guard: { number: 10_000 },
      // By the watermark mostly, and whole every few seconds, which alone shows a trashed page.
      sync: { settleSeconds: 0.2, wholePollPages: 10, sweepHours: 0.001 },
    },
    schema: `${shopSchema};${shopRows(ROWS + VICTIMS)}; select setval('items_id_seq', 1000)`,
    variables: VARIABLES,
    serverUrl,
  });
  await stage.apply();
  const written: Written = { stock: new Map(), name: new Map(), added: [], gone: [] };
  const scene: Scene = { stage, written, random: numbers(seed), n: 0 };
  const counts = Object.fromEntries(MOMENTS.map((moment) => [moment, 0])) as Record<Moment, number>;
  let cut = 0;
  for (let kill = 0; kill < kills; kill += 1) {
    const moment = MOMENTS[(kill + seed) % MOMENTS.length] ?? 'busy';
    stage.sandbox.control.clearRequests();
    const daemon = stage.spawn(['start']);
    await workOften(scene, 2);
    await reach(scene, moment, () => daemon.says('"msg":"syncing"'));
    cut += underWay(stage);
    await daemon.kill9();
    stage.sandbox.control.faults.clear();
    counts[moment] += 1;
    await workOften(scene, 2);
  }
  const last = await stage.start();
  await eventually(
    async () => {
      await stage.settled();
      expect(await differences(stage)).toEqual([]);
      await expectWritten(scene);
      return true;
    },
    { timeoutMs: 60_000, everyMs: 500 },
  );
  expect(last.ended()).toBe(false);
  expect(doubled(stage)).toEqual([]);
  const { rows: failures } = await stage.database.pool.query('select * from pgnotion.failures');
  expect(failures).toEqual([]);
  return { kills: counts, cut, steps: scene.n, seconds: (performance.now() - started) / 1_000 };
}

async function expectWritten({ stage, written }: Scene): Promise<void> {
  const { rows } = await stage.database.pool.query<{
    id: number;
    name: string;
    stock: number;
    price: string;
  }>('select id, name, stock, price::text from items');
  const byId = new Map(rows.map((row) => [row.id, row]));
  const holds = <T>(of: ReadonlyMap<number, T>, read: (id: number) => T | undefined) =>
    new Map([...of.keys()].map((id) => [id, read(id)]));
  expect(holds(written.stock, (id) => byId.get(id)?.stock)).toEqual(written.stock);
  expect(holds(written.stock, (id) => Number(byId.get(id)?.price))).toEqual(written.stock);
  const lost = [...written.name]
    .filter(([id, name]) => byId.get(id)?.name !== name)
    .map(([id]) => String(id));
  expect(lost, await journeyOf(stage, lost)).toEqual([]);
  const old = Array.from({ length: ROWS + VICTIMS }, (_, at) => at + 1);
  expect(
    rows
      .filter(({ id }) => id <= ROWS + VICTIMS)
      .map(({ id }) => id)
      .sort((a, b) => a - b),
  ).toEqual(old.filter((id) => !written.gone.includes(id)));
  expect(
    rows
      .filter(({ id }) => id > ROWS + VICTIMS)
      .map(({ name }) => name)
      .sort(),
  ).toEqual([...written.added].sort());
}

/** Everything that was done to these rows, for whoever asks how an edit was lost. */
async function journeyOf({ database }: CliStage, keys: readonly string[]): Promise<string> {
  if (keys.length === 0) return '';
  const { rows } = await database.pool.query<{ line: string }>(
    `select row_to_json(o)::text as line from pgnotion.operations o where key = any($1::text[])
     union all select row_to_json(r)::text from pgnotion.records r where key = any($1::text[])
     union all select row_to_json(e)::text from pgnotion.edits e where key = any($1::text[])`,
    [keys],
  );
  return rows.map(({ line }) => line).join('\n');
}

/** Keys that more than one page has ever shown, those in the trash included: not even one was made twice and cleared away. */
function doubled({ sandbox: { control } }: CliStage): string[] {
  const keys = control.snapshot().pages.map(({ id }) => {
    const property = control.page(id).properties['Supabase ID'];
    return property === undefined ? '' : String(shownIn(property));
  });
  return [...Map.groupBy(keys, (key) => key)].flatMap(([key, same]) =>
    key !== '' && same.length > 1 ? [`items/${key} has had ${same.length} pages`] : [],
  );
}
