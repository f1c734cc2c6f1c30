import { expect, test } from 'vitest';
import { type CliStage, createCliStage } from '../support/cli-stage.ts';
import type { CliProcess } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';

const ROWS = 160;

type Progress = {
  readonly state: string;
  readonly total: number;
  readonly done: number;
  readonly rows_per_second: number | null;
  readonly seconds_left: number | null;
};

const inSql = async (stage: CliStage): Promise<Progress | null> =>
  (
    await stage.database.pool.query<Progress>(
      'select state, total::int, done::int, rows_per_second, seconds_left from pgnotion.first_sync',
    )
  ).rows[0] ?? null;

const ready = async (daemon: CliProcess) => {
  const address = /"address":"([^"]+)"/.exec(daemon.stderr())?.[1];
  const response = await fetch(`${address}/readyz`);
  return (await response.json()) as {
    readonly ready: boolean;
    readonly state: string;
    readonly checks: {
      readonly first_sync: readonly string[];
      readonly first_sync_progress:
        | (Progress & { readonly tables: Readonly<Record<string, Progress>> })
        | null;
    };
  };
};

const told = (daemon: CliProcess, text: string): readonly Record<string, unknown>[] =>
  daemon
    .stderr()
    .split('\n')
    .filter((line) => line.includes(text))
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test('invariant 9: the first sync is told of alike everywhere, goes on after kill -9, and ends when the last row is written', {
  timeout: 300_000,
}, async () => {
  await using stage = await createCliStage({
    config: shopConfig,
    schema: `${shopSchema}; ${shopRows(ROWS)}`,
    variables: { NOTION_RATE_LIMIT: '10/1s', SYNC_INTERVAL_SECONDS: '5' },
  });
  await stage.apply();
  const first = await stage.start();
  await first.says('first sync: 0 of 160 rows');
  // The rows are in the outbox at once; that is not the end.
  const seen = await eventually(async () => {
    const now = await inSql(stage);
    return now !== null && now.state === 'writing' && now.done > 0 && now;
  });
  expect(seen).toMatchObject({ total: ROWS, rows_per_second: expect.any(Number) });
  expect(seen.done).toBeLessThan(ROWS);
  const http = await eventually(async () => {
    const before = await inSql(stage);
    const answer = await ready(first);
    return JSON.stringify(await inSql(stage)) === JSON.stringify(before) && { before, answer };
  });
  expect(http.answer).toMatchObject({
    ready: true,
    state: 'catching-up',
    checks: {
      first_sync: ['items'],
      first_sync_progress: {
        kind: 'first sync',
        total: ROWS,
        tables: { items: { total: ROWS, state: 'writing' } },
      },
    },
  });
  await first.kill9();
  const kept = await inSql(stage);
  const text = (await stage.run(['status'])).stdout;
  expect(text).toMatch(
    new RegExp(
      `\\nfirst sync: ${kept?.done} of ${ROWS} rows, \\d+\\.\\d a second, about \\d+ s left\\n  items: ${kept?.done} of`,
    ),
  );
  const { tables, first_sync } = JSON.parse((await stage.run(['status', '--json'])).stdout) as {
    readonly tables: readonly { readonly first_sync: Progress }[];
    readonly first_sync: Progress;
  };
  expect(first_sync).toMatchObject({ kind: 'first sync', total: ROWS, done: kept?.done });
  const [line] = tables;
  expect(line?.first_sync).toEqual({
    state: 'writing',
    total: ROWS,
    done: kept?.done,
    set_aside: 0,
    rows_per_second: kept?.rows_per_second,
    seconds_left: kept?.seconds_left,
  });
  const second = await stage.start();
  await second.says('of 160 rows');
  const [again] = told(second, 'of 160 rows');
  expect(again).toMatchObject({ total: ROWS });
  expect(again?.done).toBeGreaterThanOrEqual(kept?.done ?? ROWS);
  await second.says('the first sync is done', 120_000);
  const [outcome, ...more] = told(second, 'the first sync is done');
  expect([outcome, more]).toMatchObject([{ rows: ROWS, setAside: 0 }, []]);
  // Pages whose requests were under way when it was killed are found instead of made; four are under way at most.
  expect(outcome?.pagesCreated).toBeGreaterThanOrEqual(ROWS - 4);
  expect(outcome?.pagesCreated).toBeLessThanOrEqual(ROWS);
  // It is told once everything is in Notion, and not before.
  const pages = stage.sandbox.control.listDatabases().reduce((sum, each) => sum + each.pages, 0);
  expect(pages).toBe(ROWS);
  expect(await inSql(stage)).toMatchObject({ state: 'done', done: ROWS, seconds_left: 0 });
  expect(await ready(second)).toMatchObject({
    state: 'syncing',
    checks: { first_sync: [], first_sync_progress: null },
  });
  expect((await stage.run(['status'])).stdout).not.toContain('first sync');
  await second.kill9();
  // It is over: the next start says nothing of it.
  const third = await stage.start();
  await stage.settled();
  expect(third.stderr()).not.toContain('first sync');
});
