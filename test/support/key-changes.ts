import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { type CliStage, createCliStage } from './cli-stage.ts';
import { eventually } from './eventually.ts';
import { shownIn } from './sides.ts';

const ROWS = 30;
/** Keys that rows move among: few, so that a key is left and taken again at once. */
const KEYS = 40;
/** Steps that are made while the daemon is dead. */
const UNSEEN = 4;

type Random = () => number;

/** The same numbers at every run. */
function numbers(seed: number): Random {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const between = (random: Random, count: number): number => 1 + Math.floor(random() * count);
const move = (from: number, to: number): string => `update things set id = ${to} where id = ${from}`;

/** One change of keys, as statements of which each commits by itself; or as one transaction. */
function changeOf(random: Random, ids: readonly number[]): readonly string[] {
  const pick = (): number => ids[Math.floor(random() * ids.length)] ?? 0;
  const [a, b] = [pick(), pick()];
  const free = Array.from({ length: KEYS }, (_, at) => at + 1).filter((key) => !ids.includes(key));
  const to = free[between(random, free.length) - 1] ?? 0;
  const swap = [move(a, 999), move(b, a), move(999, b)];
  const kind = random();
  if (a === b || kind < 0.4) return [move(a, to)];
  if (kind < 0.6) return [move(a, to), move(b, a)];
  if (kind < 0.8) return swap;
  return [`begin; ${swap.join('; ')}; commit`];
}

type Scene = { readonly stage: CliStage; readonly random: Random; changes: number };

async function change(scene: Scene): Promise<void> {
  const { pool } = scene.stage.database;
  const { rows } = await pool.query<{ id: number }>('select id from things order by id');
  const statements = changeOf(
    scene.random,
    rows.map(({ id }) => id),
  );
  for (const statement of statements) await pool.query(statement);
  scene.changes += 1;
  await sleep(60 * scene.random());
}

/** The page of each row, by the column that never changes; no page shows another row, and there is no other page. */
async function pages({ stage }: Scene): Promise<ReadonlyMap<string, string>> {
  const { rows } = await stage.database.pool.query<{ id: string; origin: string; page: string | null }>(
    `select t.id::text, t.origin, r.page_id::text as page from things t
       left join pgnotion.records r on r.table_name = 'things' and r.key = t.id::text and r.state = 'linked' order by t.origin`,
  );
  const { control } = stage.sandbox;
  const source = control.listDatabases().find(({ title }) => title === 'Things')?.dataSourceId ?? '';
  const shown = control.pages(source).map(({ id, properties }) => ({
    id: shownIn(properties['Supabase ID'] ?? {}),
    origin: shownIn(properties.Origin ?? {}),
    page: id,
  }));
  expect(shown.sort((a, b) => (String(a.origin) < String(b.origin) ? -1 : 1))).toEqual(rows);
  return new Map(rows.map(({ origin, page }) => [origin, page ?? '']));
}

/**
 * Changes and swaps the keys of rows at random, and kills the daemon with `kill -9` in between. Rejects unless each row has
 * the page in the end that it had at the beginning.
 */
export async function changeKeys(options: {
  readonly seed: number;
  readonly changes: number;
  readonly kills: number;
}): Promise<void> {
  await using stage = await createCliStage({
    config: {
      guard: { number: 10_000 },
      tables: {
        things: {
          source: 'public.things',
          key: 'id',
          title: 'Things',
          fields: { Origin: { column: 'origin', type: 'title' } },
        },
      },
    },
    schema: `create table things (id integer primary key, origin text not null);
      insert into things select i, 'origin ' || lpad(i::text, 2, '0') from generate_series(1, ${ROWS}) i`,
    variables: { SYNC_CREATE_GRACE_SECONDS: '1' },
  });
  await stage.apply();
  const scene: Scene = { stage, random: numbers(options.seed), changes: 0 };
  let daemon = await stage.start();
  await stage.settled();
  const before = await pages(scene);
  for (let kill = 1; kill <= options.kills; kill += 1) {
    while (scene.changes < (options.changes * kill) / (options.kills + 1)) await change(scene);
    await daemon.kill9();
    for (let step = 0; step < UNSEEN; step += 1) await change(scene);
    // Changes go on while it starts and reads what it has missed.
    const starting = stage.start();
    for (let step = 0; step < UNSEEN; step += 1) await change(scene);
    daemon = await starting;
  }
  while (scene.changes < options.changes) await change(scene);
  await eventually(
    async () => {
      await stage.settled();
      expect(await pages(scene)).toEqual(before);
      return true;
    },
    { timeoutMs: 30_000, everyMs: 250 },
  );
  const { rows: failures } = await stage.database.pool.query('select * from pgnotion.failures');
  expect(failures).toEqual([]);
}
