import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { probe } from '../../src/app/probe/probe.ts';
import type { ProbeClock } from '../../src/app/probe/session.ts';
import { type Environment, readEnvironment } from '../../src/config/environment.ts';
import { assumptionsOf } from '../../src/model/probe/assumptions.ts';
import type { Answers, Evidence } from '../../src/model/probe/evidence.ts';
import { MARK, MOST_REQUESTS } from '../../src/model/probe/plan.ts';
import type { Behaviour } from '../../src/sandbox/notion/behaviour.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/notion/server.ts';
import { readScratch, storedEvidence } from '../../src/state/evidence.ts';
import { createStore } from '../../src/state/sql.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';

/** Time passes when the probe waits, and a little with every look at the clock; the sandbox keeps the same time. */
function virtualClock(): ProbeClock {
  let ms = Date.parse('2026-11-27T10:00:07.300Z');
  return {
    now: () => {
      ms += 20;
      return ms;
    },
    wall: () => new Date(ms),
    sleep: async (forMs) => {
      ms += forMs;
    },
  };
}

let database: TestDatabase;
let sandbox: Sandbox;
let clock: ProbeClock;
let environment: Environment;
let stop: AbortController;

beforeEach(async () => {
  clock = virtualClock();
  database = await createDatabase();
  sandbox = await startSandbox({ limit: null, now: () => clock.wall() });
  stop = new AbortController();
  environment = readEnvironment(
    {
      DATABASE_URL: database.url,
      NOTION_API_KEY: sandbox.token,
      NOTION_BASE_URL: sandbox.url,
      NOTION_PARENT_PAGE_ID: sandbox.parentPageId,
      NOTION_RATE_LIMIT: '100000/1s',
    },
    { tables: [] },
  );
});
afterEach(async () => {
  await sandbox.close();
  await database.drop();
});

const run = (): Promise<Evidence> =>
  probe({ environment, clock, signal: stop.signal, tell: () => undefined });

/** Pages and databases that a probe has made and that are not in the trash, its rows only if their database is not. */
function leftBehind(): readonly string[] {
  const { pages, databases, dataSources } = sandbox.control.snapshot();
  const live = databases.filter((each) => !each.inTrash);
  const sources = dataSources.filter(({ databaseId }) => live.some(({ id }) => id === databaseId));
  const rows = pages.filter(
    ({ parent, inTrash }) =>
      !inTrash && parent.type === 'data_source_id' && sources.some(({ id }) => id === parent.dataSourceId),
  );
  const scratch = pages.filter(
    ({ id, parent, inTrash }) => !inTrash && parent.type === 'page_id' && id !== sandbox.parentPageId,
  );
  return [...live, ...rows, ...scratch].map(({ id }) => id);
}

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
      nowMs: clock.wall().getTime(),
      apiVersion: environment.NOTION_VERSION,
      connection: sandbox.control.botId,
    },
    { queryLagMs: null, createGraceMs: null },
  );

async function check(evidence: Evidence): Promise<void> {
  expect(evidence.requests).toBeLessThanOrEqual(MOST_REQUESTS);
  expect(sandbox.control.requests().length).toBe(evidence.requests);
  expect(leftBehind()).toEqual([]);
  const sql = createStore(database.pool, 0);
  expect(await storedEvidence(sql)).toEqual(evidence);
  expect(await readScratch(sql)).toEqual([]);
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
    const ended = probe({
      environment,
      clock: {
        ...clock,
        sleep: async (ms) => {
          stop.abort();
          await clock.sleep(ms, stop.signal);
        },
      },
      signal: stop.signal,
      tell: () => undefined,
    });
    sandbox.control.setQueryLag(30_000);
    await expect(ended).rejects.toMatchObject({ code: 'probe_stopped' });
    expect(leftBehind()).toEqual([]);
    expect(await storedEvidence(createStore(database.pool, 0))).toBeNull();
  });

  test('a removal that fails: what was found counts, and the page is on record', async () => {
    sandbox.control.faults.add({
      match: { operation: 'databases.update' },
      action: { kind: 'status', when: 'before', status: 500 },
      times: 1,
    });
    await expect(run()).rejects.toMatchObject({ code: 'probe_left_behind' });
    const sql = createStore(database.pool, 0);
    expect((await storedEvidence(sql))?.answers.numberDigits).toEqual({ kind: 'found', value: 17 });
    expect(await readScratch(sql)).toMatchObject([
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
    await clock.sleep(2 * 3_600_000, stop.signal);
    sandbox.control.clearRequests();
    const evidence = await run();
    await check(evidence);
  });
});
