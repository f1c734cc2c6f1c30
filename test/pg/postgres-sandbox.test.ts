import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { access, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { expect, test } from 'vitest';
import { silentLog } from '../../src/runtime/log.ts';
import { startEmbeddedPostgres } from '../../src/sandbox/postgres.ts';
import { eventually } from '../support/eventually.ts';

const run = promisify(execFile);
const MODULE = join(import.meta.dirname, '../../src/sandbox/postgres.ts');
const LOG = join(import.meta.dirname, '../../src/runtime/log.ts');

/** Not below a folder that only root may enter. */
const folder = (): string => join(tmpdir(), `pgnotion-sandbox-${randomBytes(4).toString('hex')}`);

async function ask<T extends pg.QueryResultRow>(url: string, text: string): Promise<readonly T[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<T>(text)).rows;
  } finally {
    await client.end();
  }
}

/** Starts a server in a process of its own, which then ends in the given way. Gives the server's URL. */
async function startElsewhere(dir: string, persistent: boolean, ending: string) {
  const script = `
    const { startEmbeddedPostgres } = await import(${JSON.stringify(MODULE)});
    const { silentLog } = await import(${JSON.stringify(LOG)});
    const server = await startEmbeddedPostgres({ dir: ${JSON.stringify(dir)}, persistent: ${persistent}, log: silentLog() });
    console.log(server.url);
    ${ending}`;
  const outcome = await run(process.execPath, ['--input-type=module', '-e', script], {
    timeout: 60_000,
  }).catch((error: { stdout: string; code: number | null }) => error);
  return { url: outcome.stdout.trim(), code: 'code' in outcome ? outcome.code : 0 };
}

test('a server keeps its data over a stop, a crash of its own and a kill of its owner', async () => {
  const dir = folder();
  const start = () => startEmbeddedPostgres({ dir, persistent: true, log: silentLog() });
  const first = await start();
  expect(await ask(first.url, 'SHOW wal_level')).toEqual([{ wal_level: 'logical' }]);
  expect(await ask(first.url, 'SHOW fsync')).toEqual([{ fsync: 'on' }]);
  await ask(first.url, 'CREATE TABLE kept AS SELECT 7 AS n');
  await first.stop();
  const second = await start();
  await second.kill9();
  const killed = await startElsewhere(dir, true, `process.kill(process.pid, 'SIGKILL')`);
  expect(killed.url).toMatch(/^postgres:/);
  const third = await start();
  expect(await ask(third.url, 'SELECT n FROM kept')).toEqual([{ n: 7 }]);
  await third.stop();
  await rm(dir, { recursive: true, force: true });
});

test.each([
  ['by itself, with a code of its own', 'process.exitCode = 3', 3],
  ['by exit()', 'process.exit(4)', 4],
  ['by a signal', `process.kill(process.pid, 'SIGKILL')`, null],
])('no server and no folder outlives a process that ends %s', async (_, ending, code) => {
  const dir = folder();
  const ended = await startElsewhere(dir, false, ending);
  expect(ended.code).toBe(code);
  await eventually(() =>
    access(dir).then(
      () => false,
      () => true,
    ),
  );
  await expect(ask(ended.url, 'SELECT 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await rm(dir, { recursive: true, force: true });
});

test('a folder that holds something else is refused', async () => {
  await expect(
    startEmbeddedPostgres({ dir: import.meta.dirname, persistent: true, log: silentLog() }),
  ).rejects.toMatchObject({ code: 'sandbox_postgres' });
});
