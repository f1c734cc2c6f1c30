import { afterAll, beforeAll, expect, test } from 'vitest';
import { pause } from '../../src/runtime/retry.ts';
import { type CliStage, createCliStage } from '../support/cli-stage.ts';
import type { CliProcess } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { shopConfig, shopRows, shopSchema } from '../support/shop.ts';

// A token that Notion refuses: one line of the log, next to no requests, told wherever people look, over by itself.

let stage: CliStage;
beforeAll(async () => {
  stage = await createCliStage({ config: shopConfig, schema: `${shopSchema};${shopRows(4)}` });
  await stage.apply();
});
afterAll(() => stage[Symbol.asyncDispose]());

const refuse = () =>
  stage.sandbox.control.faults.add({
    match: {},
    times: null,
    action: { kind: 'status', status: 401, when: 'before', message: 'API token is invalid.' },
  });

type Line = {
  readonly level: number;
  readonly msg: string;
  readonly code?: string;
  readonly remedy?: string;
};
const linesOf = (daemon: CliProcess): Line[] =>
  daemon
    .stderr()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Line);

const WARN = 40;
const ERROR = 50;

async function readyz(daemon: CliProcess): Promise<{ readonly ok: boolean; readonly text: string }> {
  const [, address = ''] = /"address":"([^"]+)"/.exec(daemon.stderr()) ?? [];
  const answer = await fetch(`${address}/readyz`);
  return { ok: answer.ok, text: await answer.text() };
}

const WATCHED_MS = 12_000;

test('while it runs: one ERROR line, a handful of probes, status and /readyz say so, and it ends by itself', async () => {
  await using daemon = await stage.start();
  await stage.settled();
  const before = linesOf(daemon).length;
  refuse();
  stage.sandbox.control.clearRequests();
  await stage.database.pool.query(`update items set note = 'meanwhile'`);
  await daemon.says('Notion refuses every request');
  await pause(WATCHED_MS, new AbortController().signal);
  // Waits of 0.5 to 1 s, doubled each time; what was under way at once adds a few.
  const asked = stage.sandbox.control.requests().length;
  expect(asked).toBeGreaterThanOrEqual(2);
  expect(asked).toBeLessThanOrEqual(9);
  const told = linesOf(daemon).slice(before);
  expect(told.filter(({ level }) => level >= WARN)).toEqual([
    expect.objectContaining({
      level: ERROR,
      code: 'unauthorized',
      msg: expect.stringMatching(
        /^Notion refuses every request \(unauthorized\)\. Set NOTION_API_KEY to the token/,
      ),
    }),
  ]);
  const { ok, text } = await readyz(daemon);
  expect(ok).toBe(false);
  expect(text).toContain('NOTION_API_KEY');
  const { rows } = await stage.database.pool.query('select failed::int from pgnotion.status');
  expect(rows).toEqual([{ failed: 0 }]);
  stage.sandbox.control.faults.clear();
  await daemon.says('Notion takes requests again', 60_000);
  await stage.settled();
  await eventually(async () => (await readyz(daemon)).ok);
  expect(
    linesOf(daemon)
      .slice(before)
      .filter(({ level }) => level >= WARN),
  ).toHaveLength(1);
  const kept = await stage.database.pool.query('select from pgnotion.notion_refusal');
  expect(kept.rows).toEqual([]);
});

test('at the start: one line, one request, and status says it until a start is taken', async () => {
  refuse();
  stage.sandbox.control.clearRequests();
  const daemon = stage.spawn(['start']);
  const { code, stderr } = await daemon.exit;
  expect(code).toBe(1);
  expect(stage.sandbox.control.requests()).toHaveLength(1);
  expect(linesOf(daemon).filter(({ level }) => level >= WARN)).toHaveLength(1);
  expect(stderr).toMatch(/what to do: set NOTION_API_KEY to the token/);
  const status = await stage.run(['status']);
  expect(status.stdout).toMatch(/refuses every request since .+ \(unauthorized\).+NOTION_API_KEY/);
  stage.sandbox.control.faults.clear();
  await using again = await stage.start();
  await eventually(async () => !(await stage.run(['status'])).stdout.includes('refuses'));
  again.signal('SIGTERM');
  expect((await again.exit).code).toBe(0);
});
