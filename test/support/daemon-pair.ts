import { expect } from 'vitest';
import { type CliStage, createCliStage } from './cli-stage.ts';
import { ownTime } from './core-time.ts';
import type { CliProcess } from './daemon-process.ts';
import { differences } from './differences.ts';
import { eventually } from './eventually.ts';
import { isWrite } from './requests.ts';
import { shopConfig, shopRows, shopSchema } from './shop.ts';
import { typed } from './sides.ts';

export const ROWS = 30;

/** What an operator may count on: from the death of the daemon at work to the other's first sign of work. */
export const TAKE_OVER_MS = 5_000;

type Variables = Readonly<Record<string, string>>;

/** A daemon at work, and a second one that stands by. */
export type Pair = {
  readonly stage: CliStage;
  readonly first: CliProcess;
  readonly second: CliProcess;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

/** `ways` gives what the first one alone sees of the network. */
export async function createPair(
  ways: (stage: CliStage) => Promise<Variables> = async () => ({}),
): Promise<Pair> {
  const stage = await createCliStage({ config: shopConfig, schema: `${shopSchema};${shopRows(ROWS)}` });
  await stage.apply();
  const first = await stage.start(await ways(stage));
  await stage.settled();
  const second = stage.spawn(['start']);
  await second.says('standing by');
  return { stage, first, second, [Symbol.asyncDispose]: stage[Symbol.asyncDispose] };
}

/**
 * Gives the daemon at work more than it can do at once: some requests have left and hang at Notion, others are in its
 * memory. What has left is carried out, whatever becomes of the daemon.
 */
export async function loaded({ stage }: Pair, operation: 'pages.create' | 'pages.update'): Promise<void> {
  const { faults, requests } = stage.sandbox.control;
  faults.add({ match: { operation }, times: null, action: { kind: 'delay', ms: 500, when: 'before' } });
  await stage.database.pool.query(
    operation === 'pages.update'
      ? `update items set note = 'in hand', stock = stock + 1`
      : `insert into items (name) select 'in hand ' || i from generate_series(1, ${ROWS}) i`,
  );
  await eventually(
    () => requests().filter((each) => each.operation === operation && each.status === null).length >= 4,
    { everyMs: 5 },
  );
  faults.clear();
}

/** How many milliseconds after `strike` the daemon syncs, by its own doing. */
export function takesOver(daemon: CliProcess, strike: () => void | Promise<void>): Promise<number> {
  const syncs = (): number => daemon.stderr().split('"msg":"syncing"').length;
  const before = syncs();
  return ownTime(daemon.pid, async () => {
    await strike();
    await eventually(() => syncs() > before, { everyMs: 5 });
  });
}

/** Changes on both sides, of rows and pages that are there and new ones; resolves when both sides hold the same. */
export async function goesOn({ stage }: Pick<Pair, 'stage'>, what: string): Promise<void> {
  const { pool } = stage.database;
  const { control } = stage.sandbox;
  await pool.query('update items set note = $1 where id <= 10', [what]);
  await pool.query('insert into items (name) values ($1)', [`row ${what}`]);
  const { rows } = await pool.query<{ page: string }>(
    `select page_id as page from pgnotion.records where key = '20'`,
  );
  control.editPage(rows[0]?.page ?? '', { Name: typed('title', `edited ${what}`) });
  await eventually(async () => {
    await stage.settled();
    expect(await differences(stage)).toEqual([]);
    const found = await pool.query('select from items where name = $1', [`edited ${what}`]);
    return found.rowCount === 1;
  });
}

/** Everything that a daemon could have written, on either side and in the state. Versions tell even equal values apart. */
export async function everything({ stage }: Pick<Pair, 'stage'>): Promise<object> {
  const tables = ['items', ...['records', 'operations', 'outbox', 'edits'].map((name) => `pgnotion.${name}`)];
  const versions = tables.map(
    (name) =>
      `select '${name}' as name, count(*)::int as n, md5(string_agg(concat_ws(' ', t.xmin, t), '|' order by t::text)) as all from ${name} t`,
  );
  const { rows } = await stage.database.pool.query(versions.join(' union all '));
  const { control } = stage.sandbox;
  return { rows, pages: control.version(), writes: control.requests().filter(isWrite).length };
}

/** Resolves after so many more polls, whoever makes them. */
export async function polled({ stage }: Pick<Pair, 'stage'>, count: number): Promise<void> {
  const polls = (): number =>
    stage.sandbox.control.requests().filter((each) => each.operation === 'dataSources.query').length;
  const before = polls();
  await eventually(() => polls() >= before + count);
}
