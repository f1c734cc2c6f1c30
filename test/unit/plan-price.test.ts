import { describe, expect, test } from 'vitest';
import { tableName } from '../../src/model/ids.ts';
import {
  type Fixed,
  type PriceSettings,
  pollOf,
  priceOfPlan,
  queriesFor,
  readingsOf,
  secondsFor,
  type TableLoad,
} from '../../src/model/plan-price.ts';

const settings: PriceSettings = {
  limit: { requests: 180, windowMs: 60_000 },
  intervalMs: 15_000,
  queryLagMs: 60_000,
  wholePollPages: 200,
  batchSize: 100,
};
const fixed: Fixed = { apply: 9, start: 5, people: 0, syncLog: 0, comments: 0 };
const made = { origin: 'made', knownBefore: false } as const;
const found = { origin: 'found', knownBefore: false } as const;

const load = (more: Partial<TableLoad>): TableLoad => ({
  table: tableName('items'),
  contact: null,
  lacksWatermark: false,
  pages: 0,
  strangers: 0,
  creates: 0,
  held: 0,
  waiting: 0,
  secondPass: 0,
  extra: 0,
  adopts: 0,
  adoptedWritten: 0,
  adoptedLate: 0,
  looksAtAdopted: false,
  matches: 0,
  toRows: 0,
  updates: 0,
  looksAtEach: false,
  edits: 0,
  trashes: 0,
  restores: 0,
  becomes: 0,
  missing: 0,
  ...more,
});

/** The requests of one line of the account, beside a table of that load. */
function part(what: string, more: Partial<TableLoad>, others: Partial<PriceSettings> = {}): number {
  const { parts } = priceOfPlan([load(more)], fixed, { ...settings, ...others }).firstSync;
  return parts.find((each) => each.what === what)?.requests ?? 0;
}

const WRITES = 'pages of rows, made and written';
const READING = 'reading what is there';
const CLAIMS = 'looking for pages of rows';

test('a query gives 100 results, and an empty database takes one as well', () => {
  expect([0, 1, 100, 101, 1_000].map(queriesFor)).toEqual([1, 1, 1, 2, 10]);
});

test('a window of requests leaves at once, and each further one a window later', () => {
  const { limit } = settings;
  expect(secondsFor(0, limit)).toBe(0);
  expect(secondsFor(180, limit)).toBe(13.5);
  expect(Math.floor(secondsFor(181, limit))).toBe(60);
  // What nobody waits for leaves a part of the window alone: 144 of 180.
  expect(Math.floor(secondsFor(145, limit, 0.8))).toBe(60);
  expect(Math.round(secondsFor(1_000, limit, 0.8) / 60)).toBe(6);
});

describe('readings of a first contact', () => {
  test.each([
    ['a database that was just made is read once', { contact: made, pages: 0 }, 60_000, 1],
    [
      'one that was there is read until two readings agree, a lag apart',
      { contact: found, pages: 80 },
      60_000,
      3,
    ],
    ['so it is if it is empty', { contact: found, pages: 0 }, 60_000, 3],
    ['where queries do not lag, once', { contact: found, pages: 80 }, 0, 1],
    ['one reading may last as long as the lag', { contact: found, pages: 20_000 }, 60_000, 2],
    ['one that is known is not read', { contact: null, pages: 80 }, 60_000, 0],
  ])('%s', (_, meeting, lag, readings) => {
    expect(readingsOf(meeting, lag).readings).toBe(readings);
  });

  test('its time is the lag that queries may have, or a fourth of a minute after a change of the schema', () => {
    const ms = (knownBefore: boolean): number =>
      readingsOf({ contact: { origin: 'found', knownBefore }, pages: 80 }, 60_000).ms;
    expect(Math.floor(ms(false) / 1_000)).toBe(60);
    expect(Math.floor(ms(true) / 1_000)).toBe(15);
  });

  test('each is followed by a poll, but the first; pages of nobody are fetched, unless they are too many', () => {
    expect(part(READING, { contact: found, pages: 250, strangers: 7 })).toBe(3 * 3 + 2 * 3 + 7);
    expect(part(READING, { contact: found, pages: 5_000, strangers: 3_000 })).toBe(3 * 50 + 2 * 50);
    expect(part(READING, { contact: made, lacksWatermark: true })).toBe(2);
  });
});

describe('writes', () => {
  test('a created page takes one request, whatever waits for what', () => {
    expect(part(WRITES, { contact: made, creates: 400, waiting: 300 })).toBe(400);
    expect(part(WRITES, { contact: made, creates: 10, extra: 3 })).toBe(13);
  });

  test('a relation in a circle takes a second pass, with a look at the page while no poll has seen it', () => {
    expect(part(WRITES, { creates: 20, secondPass: 8, lacksWatermark: true })).toBe(20 + 8 + 8);
    expect(part(WRITES, { creates: 400, secondPass: 90, lacksWatermark: true })).toBe(400 + 90 + 4);
  });

  test('a few updates are looked at one by one, many by a listing, and all where a person decides', () => {
    expect(part(WRITES, { updates: 5 })).toBe(10);
    expect(part(WRITES, { updates: 300 })).toBe(310);
    expect(part(WRITES, { updates: 300, looksAtEach: true })).toBe(600);
  });

  test('an adopted page is looked at, and written to if it differs', () => {
    expect(part(WRITES, { contact: found, pages: 50, adopts: 50, adoptedWritten: 20 })).toBe(50 + 20 + 2);
    expect(part(READING, { contact: found, pages: 50, adopts: 50, adoptedWritten: 20 })).toBe(5);
    // More than a window holds: where a field only comes from Notion, readings look at some that are not written to yet.
    const many = { contact: found, pages: 1_000, adopts: 1_000, adoptedWritten: 0 };
    expect(part(READING, many)).toBe(5 * 10);
    expect(part(READING, { ...many, looksAtAdopted: true })).toBe(5 * 10 + 274);
    // Where relations have to wait for pages, they follow by a second write.
    expect(part(WRITES, { contact: found, pages: 50, adopts: 50, adoptedLate: 40 })).toBe(50 + 2 * 40);
  });

  test('rows without pages are looked for in a database that others may have written to', () => {
    expect(part(CLAIMS, { contact: found, creates: 100 })).toBe(8);
    expect(part(CLAIMS, { contact: found, creates: 100, waiting: 100 })).toBe(16);
    expect(part(CLAIMS, { contact: found, held: 100 })).toBe(8);
    expect(part(CLAIMS, { contact: made, creates: 100 })).toBe(0);
    expect(part(CLAIMS, { contact: null, creates: 100 })).toBe(0);
  });
});

describe('polls', () => {
  test('small databases are read whole, of others the newest edits are listed', () => {
    expect([0, 100, 101, 200, 201, 9_000].map((pages) => pollOf(pages, 200))).toEqual([1, 1, 2, 2, 1, 1]);
  });

  test('they are counted for as long as all of it takes, and make it take longer', () => {
    const price = priceOfPlan([load({ contact: made, creates: 1_000 })], fixed, settings);
    const { seconds, parts, polls, requests } = price.firstSync;
    const counted = parts.find(({ what }) => what === 'polls meanwhile')?.requests ?? 0;
    expect(polls).toEqual({ perInterval: 1, intervalSeconds: 15 });
    expect(counted).toBeGreaterThanOrEqual(Math.floor(seconds / 15));
    expect(requests).toBe(parts.reduce((sum, each) => sum + each.requests, 0));
    const faster = { ...settings, limit: { requests: 600, windowMs: 60_000 } };
    const fast = priceOfPlan([load({ contact: made, creates: 1_000 })], fixed, faster).firstSync;
    expect(fast.seconds).toBeLessThan(seconds / 2);
    expect(fast.requests).toBeLessThan(requests);
  });

  test('where nothing is to be done, none is', () => {
    const { firstSync, apply } = priceOfPlan([load({ pages: 400 })], fixed, settings);
    expect(firstSync).toMatchObject({ requests: 5, seconds: 0 });
    expect(apply.requests).toBe(9);
  });
});
