import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { assumptionsOf } from '../../src/model/probe/assumptions.ts';
import type { Answers, Evidence } from '../../src/model/probe/evidence.ts';
import { MARK, MOST_REQUESTS } from '../../src/model/probe/plan.ts';
import type { Behaviour } from '../../src/sandbox/notion/behaviour.ts';
import { readScratch, storedEvidence } from '../../src/state/evidence.ts';
import { createProbeStage, type ProbeStage } from '../support/probe-stage.ts';

let stage: ProbeStage;
let sandbox: ProbeStage['sandbox'];

beforeEach(async () => {
  stage = await createProbeStage();
  sandbox = stage.sandbox;
});
afterEach(() => stage[Symbol.asyncDispose]());

const run = (): Promise<Evidence> => stage.run();

const answersIn = (evidence: Evidence): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(evidence.answers).map(([name, answer]) => [
      name,
      answer.kind === 'found' ? answer.value : answer.why,
    ]),
  );

const assumed = (evidence: Evidence) =>
  assumptionsOf(
    evidence,
    {
      nowMs: stage.clock.wall().getTime(),
      apiVersion: stage.environment.NOTION_VERSION,
      connection: sandbox.control.botId,
    },
    { queryLagMs: null, createGraceMs: null },
  );

async function check(evidence: Evidence): Promise<void> {
  expect(evidence.requests).toBeLessThanOrEqual(MOST_REQUESTS);
  expect(sandbox.control.requests().length).toBe(evidence.requests);
  expect(stage.leftBehind()).toEqual([]);
  expect(await storedEvidence(stage.store)).toEqual(evidence);
  expect(await readScratch(stage.store)).toEqual([]);
}

describe('sandboxes that differ', () => {
  test('a quick one, which keeps everything', async () => {
    sandbox.control.setBehaviour({ dateSeconds: true, pageTimes: 'millisecond' });
    const evidence = await run();
    expect(answersIn(evidence)).toMatchObject({
      queryLag: { trials: 20, unseen: 0 },
      schemaLag: { ms: 0, incomplete: 0, isOver: true },
      dates: { seconds: 'kept', offset: 'kept' },
      numberDigits: 17,
      trashedTargets: 'listed',
      optionIds: 'kept',
      pageTimes: 'millisecond',
      rate: { refused: 0, longestRetryAfterMs: null },
      webhooks: 'webhooks are not set up',
      hostedFiles: 'taken',
      statusOptions: 'written',
    });
    expect(lagOf(evidence).p99Ms).toBeLessThan(2_000);
    expect(evidence).toMatchObject({ plan: 'paid', workspace: 'Sandbox', apiVersion: '2026-03-11' });
    await check(evidence);
    // Never below the floors, however quick it was.
    expect(assumed(evidence)).toEqual({
      queryLagMs: 30_000,
      blackoutMs: 15_000,
      createGraceMs: 60_000,
      overlapMs: 120_000,
      handsBackFiles: true,
    });
  });

  test('one whose queries lag up to 45 s, and go blank after a change of the schema', async () => {
    sandbox.control.setQueryLag(20_000, 45_000);
    sandbox.control.setSchemaBlackout({ ms: 22_000, share: 0.7 });
    sandbox.control.setBehaviour({
      dateOffsets: false,
      trashedRelationTargets: false,
      hostedFilesInWrites: false,
      renamedOptions: 'made anew',
      statusOptions: 'refused',
      numberDigits: 15,
      uploadBytes: 5_242_880,
    });
    const evidence = await run();
    expect(answersIn(evidence)).toMatchObject({
      queryLag: { trials: 20, unseen: 0 },
      schemaLag: { isOver: true },
      dates: { seconds: 'dropped', offset: 'turned to UTC' },
      numberDigits: 15,
      trashedTargets: 'left out',
      optionIds: 'changed',
      pageTimes: 'minute',
      hostedFiles: 'refused',
      statusOptions: 'refused',
    });
    expect(evidence.plan).toBe('free');
    const { p50Ms, p99Ms } = lagOf(evidence);
    expect(p50Ms).toBeGreaterThan(20_000);
    expect(p50Ms).toBeLessThan(55_000);
    expect(p99Ms).toBeGreaterThanOrEqual(35_000);
    expect(p99Ms).toBeLessThan(65_000);
    const schema = evidence.answers.schemaLag;
    expect(schema.kind === 'found' && schema.value.ms).toBeGreaterThanOrEqual(22_000);
    expect(schema.kind === 'found' && schema.value.ms).toBeLessThan(30_000);
    await check(evidence);
    const { queryLagMs, blackoutMs, createGraceMs, overlapMs, handsBackFiles } = assumed(evidence);
    expect(handsBackFiles).toBe(false);
    expect(queryLagMs).toBeGreaterThan(p99Ms);
    expect(blackoutMs).toBeGreaterThan(22_000);
    expect(createGraceMs).toBeGreaterThan(queryLagMs);
    expect(overlapMs).toBeGreaterThan(180_000 - 60_000 + 30_000);
  });

  test('one with a lag of its own kind: 8 s, options that cannot be renamed, statuses that are ignored', async () => {
    sandbox.control.setQueryLag(8_000);
    const odd: Partial<Behaviour> = { renamedOptions: 'refused', statusOptions: 'ignored', numberDigits: 12 };
    sandbox.control.setBehaviour({ ...odd, pageTimes: 'second', dateSeconds: true, dateOffsets: false });
    const evidence = await run();
    expect(answersIn(evidence)).toMatchObject({
      queryLag: { trials: 20, unseen: 0 },
      dates: { seconds: 'kept', offset: 'turned to UTC' },
      numberDigits: 12,
      optionIds: 'rename refused',
      statusOptions: 'ignored',
      pageTimes: 'second',
    });
    expect(lagOf(evidence).p50Ms).toBeGreaterThanOrEqual(8_000);
    expect(lagOf(evidence).p99Ms).toBeLessThan(16_000);
    await check(evidence);
  });
});

const lagOf = ({ answers: { queryLag } }: { readonly answers: Answers }) => {
  if (queryLag.kind !== 'found') throw new Error(queryLag.why);
  return queryLag.value;
};

describe('whatever ends it, nothing stays', () => {
  test('lost answers: of the scratch page, of the database, of a trial', async () => {
    const lost = { kind: 'status', when: 'after', status: 503 } as const;
    sandbox.control.faults.add({ match: { operation: 'pages.create' }, action: lost, times: 1 });
    sandbox.control.faults.add({ match: { operation: 'databases.create' }, action: lost, times: 1 });
    const evidence = await run();
    expect(lagOf(evidence).trials).toBe(20);
    await check(evidence);
    expect(sandbox.control.snapshot().pages.filter(({ parent }) => parent.type === 'page_id')).toHaveLength(
      1,
    );
  });

  test('Ctrl-C in the middle: the scratch page goes to the trash', async () => {
    const { clock, stop } = stage;
    const ended = stage.run({
      clock: {
        ...clock,
        sleep: async (ms) => {
          stop.abort();
          await clock.sleep(ms, stop.signal);
        },
      },
    });
    sandbox.control.setQueryLag(30_000);
    await expect(ended).rejects.toMatchObject({ code: 'probe_stopped' });
    expect(stage.leftBehind()).toEqual([]);
    expect(await storedEvidence(stage.store)).toBeNull();
  });

  test('a removal that fails: what was found counts, and the page is on record', async () => {
    sandbox.control.faults.add({
      match: { operation: 'databases.update' },
      action: { kind: 'status', when: 'before', status: 500 },
      times: 3,
    });
    let given: Evidence | null = null;
    const onEvidence = async (evidence: Evidence) => {
      given = evidence;
    };
    await expect(stage.run({ onEvidence })).rejects.toMatchObject({ code: 'probe_left_behind' });
    const stored = await storedEvidence(stage.store);
    expect(stored?.answers.numberDigits).toEqual({ kind: 'found', value: 17 });
    expect(given).toEqual(stored);
    expect(await readScratch(stage.store)).toMatchObject([
      { page: expect.stringMatching(/-/), database: expect.anything() },
    ]);
    sandbox.control.clearRequests();
    await check(await run());
  });

  test('a limit that is met is told as it was seen, and each attempt counts', async () => {
    sandbox.control.faults.add({
      match: { operation: 'dataSources.query' },
      action: { kind: 'status', when: 'before', status: 429, headers: { 'retry-after': '1' } },
      times: 1,
    });
    const evidence = await run();
    expect(answersIn(evidence)).toMatchObject({ rate: { refused: 1, longestRetryAfterMs: 1_000 } });
    await check(evidence);
  });

  test('a page of an older run that no state remembers is found by its mark; what people made stays', async () => {
    await run();
    const { pages } = sandbox.control.snapshot();
    const old = pages.find(({ parent }) => parent.type === 'page_id');
    expect(JSON.stringify(old?.values)).toContain(MARK);
    sandbox.control.restorePage(old?.id ?? '');
    await stage.clock.sleep(2 * 3_600_000, stage.stop.signal);
    sandbox.control.clearRequests();
    const evidence = await run();
    await check(evidence);
  });
});
