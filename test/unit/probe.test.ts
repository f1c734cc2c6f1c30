import { describe, expect, test } from 'vitest';
import {
  assumptionsOf,
  CAUTIOUS,
  EVIDENCE_DAYS,
  FLOORS,
  type Given,
  validityOf,
} from '../../src/model/probe/assumptions.ts';
import { type Answers, type Evidence, found, readEvidence, unknown } from '../../src/model/probe/evidence.ts';
import {
  datesFound,
  numbersFound,
  optionsFound,
  pageTimesFound,
  planOf,
  rateFound,
  targetsFound,
} from '../../src/model/probe/judge.ts';
import {
  affordable,
  lagFound,
  lagOfTrial,
  lookTimes,
  percentile,
  schemaLagFound,
} from '../../src/model/probe/lag.ts';
import { markIn, NUMBERS, scratchTitle } from '../../src/model/probe/plan.ts';
import { answerLines, evidenceLine } from '../../src/model/probe/texts.ts';

const NOW = Date.parse('2026-11-27T12:00:00Z');
const DAY = 86_400_000;

const answers = (more: Partial<Answers> = {}): Answers => ({
  queryLag: found({ trials: 20, p50Ms: 900, p99Ms: 2_000, unseen: 0 }),
  schemaLag: found({ ms: 0, incomplete: 0, isOver: true }),
  dates: found({ seconds: 'dropped', offset: 'kept' }),
  numberDigits: found(17),
  trashedTargets: found('listed'),
  optionIds: found('kept'),
  pageTimes: found('minute'),
  rate: found({ requests: 40, mostInAMinute: 40, refused: 0, longestRetryAfterMs: null }),
  webhooks: unknown('webhooks are not set up'),
  hostedFiles: found('taken'),
  statusOptions: found('written'),
  ...more,
});

const evidence = (more: Partial<Answers> = {}, ageDays = 0): Evidence => ({
  format: 1,
  at: new Date(NOW - ageDays * DAY).toISOString(),
  apiVersion: '2026-03-11',
  connection: 'bot',
  workspace: 'Acme',
  plan: 'paid',
  requests: 41,
  seconds: 12.3,
  answers: answers(more),
});

const standing = { nowMs: NOW, apiVersion: '2026-03-11', connection: 'bot' };
const nothingGiven: Given = { queryLagMs: null, createGraceMs: null };
const lagOf = (p99Ms: number, unseen = 0) => ({
  queryLag: found({ trials: 20, p50Ms: p99Ms, p99Ms, unseen }),
});

const WARY = { ...CAUTIOUS, handsBackFiles: true };

describe('what is assumed follows the evidence', () => {
  const assumed = (one: Evidence | null, given = nothingGiven) => assumptionsOf(one, standing, given);

  test('without any, and with that of another workspace or API version, it is cautious', () => {
    expect(assumed(null)).toEqual(WARY);
    const high = evidence(lagOf(100_000));
    expect(assumptionsOf(high, { ...standing, connection: 'other' }, nothingGiven)).toEqual(WARY);
    expect(assumptionsOf(high, { ...standing, apiVersion: '2025-09-03' }, nothingGiven)).toEqual(WARY);
    expect(assumptionsOf(high, { ...standing, connection: null }, nothingGiven)).not.toEqual(WARY);
  });

  test('a quick workspace lowers it, and never below the floors', () => {
    expect(assumed(evidence(lagOf(0)))).toEqual({ ...FLOORS, overlapMs: 125_000, handsBackFiles: true });
    expect(assumed(evidence({ ...lagOf(0), pageTimes: found('millisecond') }))).toEqual({
      ...FLOORS,
      handsBackFiles: true,
    });
  });

  test('a slow one raises it, with a margin; more so if the end was not seen', () => {
    expect(assumed(evidence(lagOf(45_000)))).toEqual({
      queryLagMs: 72_500,
      blackoutMs: 15_000,
      createGraceMs: 102_500,
      overlapMs: 192_500,
      handsBackFiles: true,
    });
    expect(assumed(evidence(lagOf(60_000, 3))).queryLagMs).toBe(185_000);
    expect(assumed(evidence(lagOf(3_600_000))).queryLagMs).toBe(900_000);
    const blank = { schemaLag: found({ ms: 40_000, incomplete: 4, isOver: true }) };
    expect(assumed(evidence(blank)).blackoutMs).toBe(65_000);
  });

  test('what was not found out stays cautious', () => {
    const open = evidence({ queryLag: unknown('x'), schemaLag: unknown('x'), pageTimes: unknown('x') });
    expect(assumed(open)).toEqual(WARY);
  });

  test('old evidence raises and does not lower', () => {
    expect(validityOf(evidence({}, EVIDENCE_DAYS + 1), standing)).toBe('old');
    // Of a time to come, nobody knows how old it is.
    expect(validityOf(evidence({}, -2), standing)).toBe('old');
    expect(validityOf(evidence({}, -0.5), standing)).toBe('holds');
    expect(assumed(evidence(lagOf(0), EVIDENCE_DAYS + 1))).toEqual(WARY);
    expect(assumed(evidence(lagOf(45_000), EVIDENCE_DAYS + 1)).queryLagMs).toBe(72_500);
  });

  test('files that Notion refuses to take back are not handed back; those that it loses never', () => {
    const files = (how: 'taken' | 'refused' | 'dropped', ageDays = 0) =>
      assumed(evidence({ hostedFiles: found(how) }, ageDays)).handsBackFiles;
    expect([files('taken'), files('refused'), files('dropped')]).toEqual([true, false, false]);
    expect([files('refused', 40), files('dropped', 40)]).toEqual([true, false]);
    expect(assumed(evidence({ hostedFiles: unknown('x') })).handsBackFiles).toBe(true);
  });

  test('what the environment says counts', () => {
    expect(assumed(evidence(lagOf(45_000)), { queryLagMs: 300, createGraceMs: 1_000 })).toMatchObject({
      queryLagMs: 300,
      createGraceMs: 1_000,
      overlapMs: 192_500,
    });
  });
});

describe('the lag', () => {
  const trial = { id: 'a', answeredMs: 1_000 };
  const look = (askedMs: number, ...shown: string[]) => ({ askedMs, shown: new Set(shown) });

  test('of a trial lies between the last query without it and the first of those with it', () => {
    expect(lagOfTrial(trial, [look(900), look(1_500), look(3_000, 'a'), look(9_000, 'a')])).toEqual({
      atLeastMs: 500,
      atMostMs: 2_000,
    });
    expect(lagOfTrial(trial, [look(1_200, 'a'), look(2_000), look(4_000, 'a')])).toEqual({
      atLeastMs: 1_000,
      atMostMs: 3_000,
    });
    expect(lagOfTrial(trial, [look(1_200), look(5_000)])).toEqual({ atLeastMs: 4_000, atMostMs: null });
    expect(lagOfTrial(trial, [])).toEqual({ atLeastMs: 0, atMostMs: null });
  });

  test('of twenty trials is told by the nearest rank', () => {
    const lags = Array.from({ length: 20 }, (_, at) => ({ atLeastMs: 0, atMostMs: (at + 1) * 100 }));
    expect(lagFound(lags)).toEqual(
      found({ trials: 20, p50Ms: 1_000, p99Ms: 2_000, p99AtLeastMs: 0, unseen: 0 }),
    );
    expect(lagFound([{ atLeastMs: 75_000, atMostMs: null }])).toEqual(
      found({ trials: 1, p50Ms: 75_000, p99Ms: 75_000, p99AtLeastMs: 75_000, unseen: 1 }),
    );
    expect(lagFound([]).kind).toBe('unknown');
    expect(percentile([7], 0.99)).toBe(7);
  });

  test('after a change of the schema ends when queries are whole again', () => {
    const at = (askedMs: number, missing: number) => ({ askedMs, missing });
    expect(schemaLagFound(0, [at(0, 0), at(5, 0)])).toEqual(found({ ms: 0, incomplete: 0, isOver: true }));
    expect(schemaLagFound(0, [at(0, 0), at(5, 2), at(9, 1), at(20, 0)])).toEqual(
      found({ ms: 20, incomplete: 2, isOver: true }),
    );
    // What may have been over by then was not seen.
    expect(schemaLagFound(0, [at(48_000, 0), at(49_000, 0)]).kind).toBe('unknown');
    expect(schemaLagFound(0, [at(48_000, 1), at(49_000, 0)]).kind).toBe('found');
    expect(schemaLagFound(0, [at(0, 3), at(40, 1)])).toEqual(found({ ms: 40, incomplete: 2, isOver: false }));
  });

  test('is looked at closely first, or where it is expected, and to the end', () => {
    expect(lookTimes(4, 16_000)).toEqual([1_000, 4_000, 9_000, 16_000]);
    expect(lookTimes(3, 40_000, 22_000).at(0)).toBe(24_000);
    expect(lookTimes(3, 40_000, 22_000).at(-1)).toBe(40_000);
    expect(lookTimes(0, 10)).toEqual([]);
  });

  test('are thinned to what is left to ask, and keep the last', () => {
    const times = [0, 1, 4, 9, 16];
    expect(affordable(times, 9)).toEqual(times);
    expect(affordable(times, 3)).toEqual([0, 4, 16]);
    expect(affordable(times, 2)).toEqual([0, 16]);
    expect(affordable(times, 1)).toEqual([16]);
    expect(affordable(times, 0)).toEqual([]);
    expect(affordable(times, -1)).toEqual([]);
    expect(affordable([], 3)).toEqual([]);
  });
});

describe('what a page shows', () => {
  const date = (start: string) => datesFound({ Moment: { date: { start } } });

  test('of a time', () => {
    expect(date('2031-05-06T07:08:09.123+05:30')).toEqual(found({ seconds: 'kept', offset: 'kept' }));
    expect(date('2031-05-06T07:08:00.000+05:30')).toEqual(found({ seconds: 'dropped', offset: 'kept' }));
    expect(date('2031-05-06T01:38:00.000+00:00')).toEqual(
      found({ seconds: 'dropped', offset: 'turned to UTC' }),
    );
    expect(date('2031-05-06T01:38:09Z')).toEqual(found({ seconds: 'kept', offset: 'turned to UTC' }));
    expect(date('2031-05-05T18:38:00.000-07:00')).toEqual(found({ seconds: 'dropped', offset: 'changed' }));
    expect(datesFound({}).kind).toBe('unknown');
    expect(date('2031-05-06').kind).toBe('unknown');
  });

  test('of numbers', () => {
    const all = (digits: number) =>
      Object.fromEntries(
        Object.entries(NUMBERS).map(([name, number]) => [
          name,
          { number: Number(number.toPrecision(digits)) },
        ]),
      );
    expect(numbersFound(all(17))).toEqual(found(17));
    expect(numbersFound(all(15))).toEqual(found(15));
    expect(numbersFound(all(6))).toEqual(found(6));
    expect(numbersFound({}).kind).toBe('unknown');
  });

  test('of relations, options and times', () => {
    const links = (...ids: string[]) => ({ Links: { relation: ids.map((id) => ({ id })) } });
    expect(targetsFound(links('a-1', 'b-2'), 'a1', 'b2')).toEqual(found('listed'));
    expect(targetsFound(links('a-1'), 'a1', 'b2')).toEqual(found('left out'));
    expect(targetsFound(links(), 'a1', 'b2').kind).toBe('unknown');
    const schema = (id: string, name: string) => ({ Choice: { select: { options: [{ id, name }] } } });
    expect(optionsFound(schema('x', 'Probe renamed'), { Choice: { select: { id: 'x' } } }, 'x')).toEqual(
      found('kept'),
    );
    expect(optionsFound(schema('y', 'Probe renamed'), null, 'x')).toEqual(found('changed'));
    expect(optionsFound(schema('x', 'Probe renamed'), { Choice: { select: null } }, 'x')).toEqual(
      found('changed'),
    );
    expect(optionsFound(schema('x', 'Probe first'), null, 'x')).toEqual(found('rename ignored'));
    expect(optionsFound(schema('x', 'Another'), null, 'x').kind).toBe('unknown');
    expect(pageTimesFound([60_000, 120_000])).toEqual(found('minute'));
    expect(pageTimesFound([60_000, 61_000])).toEqual(found('second'));
    expect(pageTimesFound([60_001])).toEqual(found('millisecond'));
    expect(pageTimesFound([]).kind).toBe('unknown');
  });

  test('of the limit and the plan', () => {
    const request = (atMs: number, status: number, retryAfterMs: number | null = null) => ({
      atMs,
      status,
      retryAfterMs,
    });
    expect(rateFound([request(0, 200), request(59_999, 429, 4_000), request(60_000, 429, 9_000)])).toEqual(
      found({
        ...{ requests: 3, mostInAMinute: 2, refused: 2, longestRetryAfterMs: 9_000 },
        met: { requests: 1, withinMs: 59_999 },
        besideDaemon: false,
      }),
    );
    expect(rateFound([request(0, 200)])).toMatchObject({ value: { refused: 0, met: null } });
    expect([planOf(5_242_880), planOf(5_368_709_120), planOf(null)]).toEqual(['free', 'paid', null]);
  });
});

test('a scratch page is known by its title, and nothing else is', () => {
  expect(markIn(scratchTitle('0123456789abcdef'))).toBe('0123456789abcdef');
  for (const title of [
    'Scratch page of pgnotion',
    'Scratch page of pgnotion users: mine',
    'My Scratch page of pgnotion 0123456789abcdef: x',
  ])
    expect(markIn(title)).toBeNull();
});

test('evidence that cannot be read counts as none, and status cites it in one line', () => {
  const stored = JSON.parse(JSON.stringify(evidence())) as unknown;
  expect(readEvidence(stored)).toEqual(evidence());
  for (const broken of [
    null,
    undefined,
    7,
    {},
    { format: 2 },
    { format: 1 },
    { format: 1, at: 'x', answers: {} },
  ])
    expect(readEvidence(broken)).toBeNull();
  const odd: readonly (readonly [keyof Answers, unknown])[] = [
    ['queryLag', { kind: 'found' }],
    ['queryLag', { kind: 'found', value: { trials: 20, p50Ms: 0, p99Ms: 'long', unseen: 0 } }],
    ['queryLag', { kind: 'found', value: { trials: 20, p50Ms: 0, p99Ms: -1, unseen: 0 } }],
    ['schemaLag', { kind: 'found', value: { ms: null, incomplete: 0, isOver: true } }],
    ['pageTimes', { kind: 'found', value: 'hour' }],
    ['optionIds', { kind: 'found', value: 'constructor' }],
    ['rate', { kind: 'unknown' }],
  ];
  for (const [name, answer] of odd)
    expect(readEvidence({ ...evidence(), answers: { ...answers(), [name]: answer } })).toBeNull();
  expect(readEvidence({ ...evidence(), connection: 7 })).toBeNull();
  expect(evidenceLine(evidence(), standing)).toBe('Notion was probed on 2026-11-27: queries lag 2 s (p99)');
  expect(evidenceLine(evidence({}, 40), standing)).toContain(
    'older than 30 days: run `pgnotion doctor --probe` again',
  );
  expect(evidenceLine(evidence(), { ...standing, connection: 'other' })).toContain('of another connection');
  expect(evidenceLine(null, standing)).toContain('cautious defaults');
});

test('what the limit has blurred or shown is told as such', () => {
  const told = (more: Partial<Answers>): string =>
    answerLines(answers(more))
      .map(([, answer]) => answer)
      .join('\n');
  const lag = { trials: 20, p50Ms: 900, p99Ms: 48_000, unseen: 0 };
  expect(told({ queryLag: found({ ...lag, p99AtLeastMs: 0 }) })).toContain(
    '48 s (p99) in 20 trials; at most, and at least 0 s: queries had to wait',
  );
  expect(told({ queryLag: found({ ...lag, p99AtLeastMs: 41_000 }) })).toContain('48 s (p99) in 20 trials\n');
  const met = { requests: 20, withinMs: 3_100 };
  const none = { requests: 52, mostInAMinute: 40, refused: 0, longestRetryAfterMs: null };
  expect(told({ rate: found({ ...none, besideDaemon: true }) })).toContain(
    "not met with 40 requests within a minute beside the daemon's",
  );
  expect(
    told({
      rate: found({ requests: 52, mostInAMinute: 40, refused: 2, longestRetryAfterMs: 57_000, met }),
    }),
  ).toContain('met 2 times, first after 20 requests within 3.1 s; Retry-After up to 57 s');
});
