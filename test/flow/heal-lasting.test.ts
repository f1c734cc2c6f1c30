import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { rollbackCommand } from '../../src/cli/rollback.ts';
import { type ConfigInput, parseConfig } from '../../src/config/mapping-file.ts';
import { silentLog } from '../../src/runtime/log.ts';
import { spawnCli } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { createVerifyStage, type VerifyStage, verifyConfig } from '../support/verify-stage.ts';

// What becomes of a heal afterwards: it is taken back, it is killed half-way, and the daemon's own comparisons see both.

vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 });

const ROWS = 12;
/** Every second, so that the tests need not wait. */
const verify = { everyHours: 1 / 3_600 };

let stage: VerifyStage;
let folder: string;
let input: ConfigInput;
beforeAll(async () => {
  stage = await createVerifyStage(ROWS, { verify });
  input = { slot: stage.database.name, syncLog: { level: 'off' }, ...verifyConfig };
  folder = await mkdtemp(join(tmpdir(), 'pgnotion-heal-'));
  await writeFile(join(folder, 'pgnotion.config.ts'), `export default ${JSON.stringify(input)};\n`);
});
afterAll(async () => {
  await stage[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const stocks = async (): Promise<number[]> =>
  (await stage.sides.sql<{ stock: number }>('select stock from things order by id')).map(
    ({ stock }) => stock,
  );

const shownStocks = (): Promise<unknown[]> =>
  Promise.all(
    Array.from({ length: ROWS }, async (_, at) =>
      stage.sides.shown(await stage.sides.pageOf('things', String(at + 1)), 'Stock'),
    ),
  );

/** Waits until both sides hold these. */
const bothHold = (wanted: readonly number[]): Promise<boolean> =>
  eventually(async () => {
    expect({ rows: await stocks(), pages: await shownStocks() }).toEqual({ rows: wanted, pages: wanted });
    return true;
  });

const from1 = (value: (key: number) => number): number[] =>
  Array.from({ length: ROWS }, (_, at) => value(at + 1));

/** Takes a run back; gives its own run. */
async function takeBack(run: string | null): Promise<string> {
  const lines: string[] = [];
  const loaded = { config: parseConfig(input), environment: stage.environment, log: silentLog() };
  const given = { run: run ?? '' };
  const whole = await rollbackCommand(loaded, given, true, async (line) => void lines.push(line));
  expect({ whole, lines }).toMatchObject({ whole: true });
  const { summary } = JSON.parse(lines.at(-1) ?? '') as { readonly summary: { readonly run: string } };
  return summary.run;
}

async function editUnnoticed(keys: readonly number[]): Promise<void> {
  const pages = await Promise.all(keys.map((key) => stage.sides.pageOf('things', String(key))));
  stage.unnoticed(() => {
    for (const [at, page] of pages.entries())
      stage.sandbox.control.editPage(page, { Stock: { number: -(keys[at] ?? 0) } });
  });
}

/** What the daemon's own comparisons found that began after `after`. */
const scheduled = (after: number) =>
  stage.sides.sql<{ id: string; result: string; differences: string }>(
    `select id::text, result, differences::text from pgnotion.verifications
      where id > $1 and finished_at is not null and actor = '(verify.everyHours)' order by id`,
    [after],
  );

async function lastRun(): Promise<number> {
  const [row] = await stage.sides.sql<{ id: string }>(
    'select coalesce(max(id), 0)::text as id from pgnotion.runs',
  );
  return Number(row?.id);
}

test('a running daemon compares by itself and tells; a heal mends it, is taken back by its run, and that again', async () => {
  const { sides } = stage;
  await eventually(async () => (await scheduled(0)).some(({ result }) => result === 'same'));
  const before = await lastRun();
  await editUnnoticed([1]);
  const found = await eventually(async () =>
    (await scheduled(before)).find(({ result }) => result === 'differences'),
  );
  expect(found.differences).toBe('1');
  expect(
    await sides.sql('select table_name, kind, key, field from pgnotion.differences where run_id = $1', [
      found.id,
    ]),
  ).toEqual([{ table_name: 'things', kind: 'cell', key: '1', field: 'Stock' }]);
  const { run, left } = await stage.heal('postgres');
  expect(left).toBe(0);
  await bothHold(from1((key) => key));
  await stage.settled();
  const healed = await lastRun();
  await eventually(async () => (await scheduled(healed)).some(({ result }) => result === 'same'));
  const undone = await takeBack(run);
  await bothHold(from1((key) => (key === 1 ? -1 : key)));
  await stage.settled();
  await takeBack(undone);
  await bothHold(from1((key) => key));
  await stage.settled();
});

test('a heal that is killed half-way is completed by the same command, and each part of it is taken back', async () => {
  const { sides, database, environment } = stage;
  await stage.stop();
  const keys = from1((key) => key).slice(1);
  await editUnnoticed(keys);
  await sides.sql('delete from things where id = 1');
  await stage.skipLog();
  // The fourth record of the heal waits, in whatever order they come.
  const blocker = await database.pool.connect();
  await blocker.query('select pg_advisory_lock(77)');
  await sides.sql(`
    create function stop_at_fourth() returns trigger language plpgsql as $$ begin
      if (select count(*) from pgnotion.heals where run_id = new.run_id) >= 3 then perform pg_advisory_xact_lock(77); end if;
      return new;
    end $$;
    create trigger stop_at_fourth before insert on pgnotion.heals for each row execute function stop_at_fourth()`);
  const before = await lastRun();
  const killed = spawnCli(['verify', '--heal', 'notion'], {
    cwd: folder,
    variables: {
      DATABASE_URL: environment.DATABASE_URL,
      NOTION_API_KEY: environment.NOTION_API_KEY,
      NOTION_BASE_URL: environment.NOTION_BASE_URL ?? '',
      NOTION_RATE_LIMIT: '100000/1s',
      SYNC_QUERY_LAG_SECONDS: '0.3',
      SYNC_INTERVAL_SECONDS: '0.2',
    },
  });
  await eventually(async () => {
    expect(killed.ended(), `${killed.stdout()}${killed.stderr()}`).toBe(false);
    const waiting = await sides.sql(
      `select from pg_stat_activity where datname = current_database() and wait_event = 'advisory'
          and query like '%pgnotion.heals%'`,
    );
    return waiting.length > 0;
  });
  await killed.kill9();
  await blocker.query('select pg_advisory_unlock(77)');
  blocker.release();
  await sides.sql('drop trigger stop_at_fourth on pgnotion.heals; drop function stop_at_fourth()');
  const [first] = await sides.sql<{ id: string }>(
    `select id::text from pgnotion.runs where kind = 'heal' and id > $1 and finished_at is null`,
    [before],
  );
  const half = await sides.sql('select from pgnotion.heals where run_id = $1', [first?.id]);
  expect(half).toHaveLength(3);
  expect(keys.length).toBeGreaterThan(3);
  const { run, left } = await stage.heal('notion');
  expect(left).toBe(0);
  await stage.start();
  await bothHold(from1((key) => (key === 1 ? 1 : -key)));
  await stage.settled();
  expect((await stage.verify()).findings).toEqual([]);
  expect(await sides.failures()).toEqual([]);
  // Each value once, whichever run it belongs to.
  const operations = await sides.sql<{ key: string }>(
    `select key from pgnotion.operations where batch = any($1::text[]) and direction = 'to-postgres' order by key::int`,
    [[first?.id, run]],
  );
  expect(operations.map(({ key }) => Number(key))).toEqual([1, ...keys]);
  await takeBack(run);
  await takeBack(first?.id ?? null);
  // The row that came back from its page goes again, and its page with it.
  await eventually(async () => {
    expect(await stocks()).toEqual(keys);
    return true;
  });
  await stage.settled();
  expect((await stage.verify()).findings).toEqual([]);
});
