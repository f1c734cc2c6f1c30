import { afterAll, beforeAll, expect, test } from 'vitest';
import { pause } from '../../src/runtime/retry.ts';
import { type CliStage, createCliStage } from '../support/cli-stage.ts';
import type { CliProcess } from '../support/daemon-process.ts';
import { asAdmin, inDatabase } from '../support/postgres.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';

// A database that is away, or that refuses the password, is told once and not at each try.

const login = { user: `away_${process.pid}`, password: 'first-password' };
let stage: CliStage;
beforeAll(async () => {
  stage = await createCliStage({
    config: shopConfig,
    login,
    schema: `${shopSchema};${shopRows(3)};
      create role ${login.user} login superuser replication password '${login.password}'`,
  });
  await stage.apply();
});
afterAll(async () => {
  const url = inDatabase(stage.database.url, 'postgres');
  await stage[Symbol.asyncDispose]();
  await asAdmin(url, async (client) => void (await client.query(`drop role ${login.user}`)));
});

type Line = { readonly level: number; readonly msg: string; readonly code?: string };
const linesOf = (daemon: CliProcess): Line[] =>
  daemon
    .stderr()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Line);

const WARN = 40;
const ERROR = 50;
/** Long enough for half a dozen tries. */
const AWAY_MS = 15_000;

const admin = (sql: string): Promise<void> =>
  asAdmin(
    inDatabase(stage.database.url, stage.database.name),
    async (client) => void (await client.query(sql)),
  );

test('a password that was changed is one ERROR line with the fix, and one more when it is right again', async () => {
  await using daemon = await stage.start();
  await stage.settled();
  const before = linesOf(daemon).length;
  await admin(`alter role ${login.user} password 'another-password'`);
  await admin(`select pg_terminate_backend(pid) from pg_stat_activity where usename = '${login.user}'`);
  await daemon.says('the daemon fails: cannot connect');
  await pause(AWAY_MS, new AbortController().signal);
  const failing = linesOf(daemon)
    .slice(before)
    .filter(({ level, msg }) => level >= WARN && /the daemon|cannot connect/.test(msg));
  expect(failing).toEqual([expect.objectContaining({ level: ERROR, code: 'postgres_login' })]);
  expect(failing[0]?.msg).toMatch(/check the user and the password in the URL/i);
  await admin(`alter role ${login.user} password '${login.password}'`);
  await daemon.says('"msg":"the daemon goes on"', 60_000);
});
