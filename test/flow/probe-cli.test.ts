import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Check } from '../../src/model/doctor/check.ts';
import type { Evidence } from '../../src/model/probe/evidence.ts';
import { freePort } from '../../src/sandbox/postgres-server.ts';
import { readScratch } from '../../src/state/evidence.ts';
import { createStore } from '../../src/state/sql.ts';
import { type CliStage, createCliStage } from '../support/cli-stage.ts';
import { eventually } from '../support/eventually.ts';
import { shopConfig, shopSchema } from '../support/shop.ts';

// The probe as a user runs it, and killed as a machine kills it.

let stage: CliStage;
let port = 0;

beforeAll(async () => {
  port = await freePort();
  stage = await createCliStage({
    config: shopConfig,
    schema: shopSchema,
    variables: { ADMIN_PORT: `${port}` },
  });
  await stage.apply();
});
afterEach(() => {
  stage.sandbox.control.faults.clear();
  stage.sandbox.control.setQueryLag(0);
});
afterAll(() => stage[Symbol.asyncDispose]());

const scratchPages = () => {
  const { pages } = stage.sandbox.control.snapshot();
  return pages.filter(({ id, parent }) => parent.type === 'page_id' && id !== stage.sandbox.parentPageId);
};
const livePages = () => scratchPages().filter(({ inTrash }) => !inTrash);
const liveDatabases = () =>
  stage.sandbox.control
    .snapshot()
    .databases.filter(({ inTrash, parentPageId }) => !inTrash && parentPageId !== stage.sandbox.parentPageId);
const scratchesOnRecord = () => readScratch(createStore(stage.database.pool, 0));

async function doctor(): Promise<Check | undefined> {
  const { stdout, stderr } = await stage.run(['doctor', '--json']);
  expect(stderr).toBe('');
  const { checks } = JSON.parse(stdout) as { readonly checks: readonly Check[] };
  return checks.find(({ id }) => id === 'notion.probe_scratch');
}

test('killed in the middle: doctor removes the page and its database', async () => {
  stage.sandbox.control.setQueryLag(600_000);
  const probe = stage.spawn(['doctor', '--probe']);
  await eventually(async () => liveDatabases()[0] ?? null);
  await eventually(async () => ((await scratchesOnRecord())[0]?.database === null ? null : true));
  await probe.kill9();
  expect(livePages()).toHaveLength(1);
  expect(await doctor()).toMatchObject({ status: 'ok', seen: expect.stringContaining('removed (pages: 1)') });
  expect([livePages(), liveDatabases(), await scratchesOnRecord()]).toEqual([[], [], []]);
  expect(await doctor()).toBeUndefined();
});

test('killed before it knew whether the page was made: it is found by its mark, once it is there', async () => {
  const before = scratchPages().length;
  stage.sandbox.control.faults.add({
    match: { operation: 'pages.create' },
    action: { kind: 'delay', ms: 6_000, when: 'before' },
    times: 1,
  });
  const probe = stage.spawn(['doctor', '--probe']);
  await eventually(async () => (await scratchesOnRecord())[0] ?? null);
  // Its request has left when the sandbox has it.
  await eventually(async () => stage.sandbox.control.faults.list()[0]?.struck || null);
  await probe.kill9();
  expect(await doctor()).toMatchObject({
    status: 'warning',
    seen: expect.stringContaining('may still appear'),
  });
  await eventually(async () => (scratchPages().length > before ? true : null));
  expect(livePages()).toHaveLength(1);
  expect(await doctor()).toMatchObject({ status: 'ok' });
  expect([livePages(), await scratchesOnRecord()]).toEqual([[], []]);
});

test('a whole run: webhooks, evidence.json, status, and what the daemon goes by', async () => {
  const daemon = await stage.start();
  const { webhooks } = stage.sandbox.control;
  await webhooks.subscribe(`http://127.0.0.1:${port}/webhooks/notion`);
  webhooks.deliverEvery(200);
  stage.sandbox.control.clearRequests();
  const { code, stdout, stderr } = await stage.run(['doctor', '--probe', '--json']);
  webhooks.unsubscribe();
  webhooks.deliverEvery(null);
  expect(stderr).toContain('removing the scratch page');
  expect(code).toBe(0);
  const evidence = JSON.parse(stdout) as Evidence;
  expect(evidence.answers.webhooks).toMatchObject({ kind: 'found', value: { ownEdits: 'delivered' } });
  expect(evidence.requests).toBeLessThanOrEqual(60);
  expect(JSON.parse(await readFile(join(stage.folder, 'evidence.json'), 'utf8'))).toEqual(evidence);
  expect([livePages(), liveDatabases()]).toEqual([[], []]);
  const day = evidence.at.slice(0, 10);
  expect((await stage.run(['status'])).stdout).toContain(`\nNotion was probed on ${day}: queries lag `);
  daemon.signal('SIGTERM');
  await daemon.exit;
  const next = await stage.start({ SYNC_QUERY_LAG_SECONDS: '', SYNC_CREATE_GRACE_SECONDS: '90' });
  expect(next.stderr()).toMatch(
    /"assumed":\{"queryLagMs":30000,"blackoutMs":15000,"createGraceMs":90000,"overlapMs":12/,
  );
  const { stdout: told } = await stage.run(['status']);
  expect(told).toContain('\nThe daemon assumes that queries lag up to 30 s (15 s after a schema change), ');
  next.signal('SIGTERM');
  await next.exit;
});

test('another connection: the evidence of the former one counts for nothing, and status says so', async () => {
  await stage.database.pool.query(
    `update pgnotion.settings set value = jsonb_set(value, '{connection}', '"another"') where name = 'evidence'`,
  );
  const daemon = await stage.start({ SYNC_QUERY_LAG_SECONDS: '' });
  expect((await stage.run(['status'])).stdout).toContain(
    '; of another connection: run `pgnotion doctor --probe` again\nThe daemon assumes that queries lag up to 60 s ',
  );
  daemon.signal('SIGTERM');
  await daemon.exit;
});

test('Ctrl-C: the page goes to the trash, and the evidence of before stays', async () => {
  stage.sandbox.control.setQueryLag(600_000);
  const probe = stage.spawn(['doctor', '--probe']);
  await probe.says('watching how long');
  await eventually(async () => liveDatabases()[0] ?? null);
  probe.signal('SIGINT');
  const { code, stderr } = await probe.exit;
  expect(stderr).toContain('(probe_stopped)');
  expect(code).toBe(1);
  expect([livePages(), liveDatabases(), await scratchesOnRecord()]).toEqual([[], [], []]);
  expect((await stage.run(['status'])).stdout).toContain('Notion was probed on');
});

test('a file that cannot be written: said before anything is asked of Notion', async () => {
  stage.sandbox.control.clearRequests();
  const { code, stdout, stderr } = await stage.run([
    'doctor',
    '--probe',
    '--json',
    '--out',
    'none/found.json',
  ]);
  expect(code).toBe(1);
  expect(stdout).toBe('');
  expect(JSON.parse(stderr.trim())).toMatchObject({ error: { code: 'evidence_unwritable' } });
  expect(stage.sandbox.control.requests()).toEqual([]);
  const { stderr: said } = await stage.run(['doctor', '--probe', '--out', '.']);
  expect(said).toContain('. cannot be written, and nothing was probed');
});

test('for a person: each question with its answer, in the file that was asked for', async () => {
  const { code, stdout } = await stage.run(['doctor', '--probe', '--out', 'found.json']);
  expect(code).toBe(0);
  for (const says of [
    /^queries lag +[\d.]+ s \(p50\), [\d.]+ s \(p99\) in 20 trials$/m,
    /^after a schema change +queries list every page$/m,
    /^dates +seconds are dropped, the offset is kept$/m,
    /^a renamed option +keeps its id$/m,
    /^hosted files passed back +taken$/m,
    /^webhooks of own edits +not known: no daemon was at work to receive them$/m,
    /written to found\.json$/m,
  ])
    expect(stdout).toMatch(says);
  expect(JSON.parse(await readFile(join(stage.folder, 'found.json'), 'utf8'))).toMatchObject({ format: 1 });
});
