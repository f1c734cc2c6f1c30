import { expect, test } from 'vitest';
import {
  type Contact,
  contactVerdict,
  holdsRows,
  type MetSides,
  readingDueMs,
} from '../../src/model/first-contact.ts';
import { keyCandidates } from '../../src/model/key-spelling.ts';
import { judgeKeyedPage, type KeyedPage, type KeyedPageVerdict } from '../../src/model/keyed-page.ts';

const LAG = 60_000;
const contact = (more: Partial<Contact>): Contact => ({
  origin: 'found',
  knownBefore: false,
  ageMs: 0,
  readings: 0,
  beganMs: null,
  endedMs: null,
  ...more,
});

test.each<[string, Partial<Contact>, number]>([
  ['the first reading is due at once', {}, 0],
  ['one that was broken off is gone on with', { readings: 1, ageMs: 500, beganMs: 400 }, 0],
  [
    'the next is the earlier of the two that count',
    { readings: 1, ageMs: 5_000, beganMs: 5_000, endedMs: 4_000 },
    40_000,
  ],
  [
    'the later one begins a whole lag after the contact',
    { readings: 2, ageMs: 50_000, beganMs: 4_000, endedMs: 3_000 },
    12_000,
  ],
  [
    'it is a quarter of the lag after the earlier one',
    { readings: 2, ageMs: 62_000, beganMs: 4_000, endedMs: 1_000 },
    14_000,
  ],
  ['what is late is due at once', { readings: 1, ageMs: 500_000, beganMs: 499_000, endedMs: 498_000 }, 0],
])('%s', (_, more, due) => {
  expect(readingDueMs(contact(more), LAG)).toBe(due);
});

const READ = { readings: 2, ageMs: 62_000, beganMs: 1_000, endedMs: 0 };
test.each<[string, Partial<Contact>, { pages: number; differences: number }, number, string]>([
  ['two that agree, after the lag', READ, { pages: 9, differences: 0 }, LAG, 'over'],
  ['two that differ', READ, { pages: 9, differences: 1 }, LAG, 'read-again'],
  ['two that agree too early', { ...READ, ageMs: 50_000 }, { pages: 9, differences: 0 }, LAG, 'read-again'],
  ['only one', { ...READ, readings: 1 }, { pages: 9, differences: 0 }, LAG, 'read-again'],
  [
    'people who never stop',
    { ...READ, ageMs: 601_000 },
    { pages: 9, differences: 3 },
    LAG,
    'over-without-agreement',
  ],
  [
    'a database that was made this moment',
    { origin: 'made', readings: 1, ageMs: 900, beganMs: 100, endedMs: 0 },
    { pages: 0, differences: 0 },
    LAG,
    'over',
  ],
  [
    'one that was made, with pages',
    { origin: 'made', readings: 1, ageMs: 900, beganMs: 100, endedMs: 0 },
    { pages: 1, differences: 1 },
    LAG,
    'read-again',
  ],
  [
    'queries that never lag',
    { readings: 1, ageMs: 10, beganMs: 5, endedMs: 0 },
    { pages: 9, differences: 9 },
    0,
    'over',
  ],
])('invariant 3: %s', (_, more, reading, lagMs, verdict) => {
  expect(contactVerdict(contact(more), reading, lagMs)).toBe(verdict);
});

test.each<[string, number, readonly (readonly string[])[]]>([
  ['plain', 1, [['plain']]],
  [' 2\u00a0', 1, [[' 2\u00a0'], ['2']]],
  [
    '["a", "b "]',
    2,
    [
      ['a', 'b '],
      ['a', 'b'],
    ],
  ],
  ['[9007199254740993, "x"]', 2, [['9007199254740993', 'x']]],
  ['[“a”, “1"]', 2, [['a', '1']]],
  ['["1 2", -3.50]', 2, [['1 2', '-3.50']]],
  ['["a"]', 2, []],
  ['a,b', 2, []],
  ['a\0b', 1, []],
])('%j may mean, with %i columns', (typed, columns, parts) => {
  expect(keyCandidates(typed, columns).map((each) => each.parts)).toEqual(parts);
});

const page = (more: Partial<KeyedPage>): KeyedPage => ({
  ours: false,
  rowExists: true,
  owner: 'none',
  fromLostCreate: false,
  sameValues: false,
  wasDeleted: false,
  decision: null,
  ...more,
});
test.each<[string, Partial<KeyedPage>, KeyedPageVerdict]>([
  ["a person's page with a free row's key", {}, 'adopt'],
  ["a person's page with a linked row's key", { owner: 'linked' }, 'duplicate'],
  ['a page of ours with the key of a linked row', { owner: 'linked', ours: true }, 'twin'],
  [
    'one that was refused to the row before',
    { owner: 'linked', ours: true, decision: 'rejected' },
    'not-this-row',
  ],
  ["a person's page while the row's own is on its way", { owner: 'creating' }, 'later'],
  ['our own page that nobody answered for', { owner: 'creating', ours: true, fromLostCreate: true }, 'adopt'],
  ['an old page of ours while another one is on its way', { owner: 'creating', ours: true }, 'later'],
  ['an unknown page of ours with other values', { ours: true }, 'review'],
  ['an unknown page of ours with the same values', { ours: true, sameValues: true }, 'adopt'],
  ['one that a person approved', { ours: true, decision: 'approved' }, 'adopt'],
  ['one that a person rejected', { ours: true, decision: 'rejected' }, 'not-this-row'],
  ['the page of a deleted row that came back', { owner: 'resting' }, 'duplicate'],
  ['the page of a row that went with it', { rowExists: false, wasDeleted: true }, 'row-returns'],
  ['a key that no row has', { rowExists: false }, 'unknown-key'],
  ['the key of a deleted record', { rowExists: false, owner: 'resting' }, 'unknown-key'],
])('invariant 3: %s', (_, more, verdict) => {
  expect(judgeKeyedPage(page(more))).toBe(verdict);
});

test('a database that was known waits only for what a change of its schema hides', () => {
  const known = contact({ knownBefore: true, ageMs: 12_000, readings: 1, beganMs: 12_000, endedMs: 11_000 });
  expect(readingDueMs(known, LAG)).toBeLessThanOrEqual(3_000);
  const again = contact({ knownBefore: true, ageMs: 16_000, readings: 2, beganMs: 500, endedMs: 0 });
  expect(contactVerdict(again, { pages: 3, differences: 0 }, LAG)).toBe('over');
  expect(contactVerdict({ ...again, knownBefore: false }, { pages: 3, differences: 0 }, LAG)).toBe(
    'read-again',
  );
});

const GUARD = { number: 20, share: 0.05, windowMinutes: 10 };
const MET: MetSides = { made: false, isMatched: false, pages: 9, unlinked: 1, rows: 60, coming: 60 };
test.each<[string, Partial<MetSides>, boolean]>([
  ['any page without a record may be the page of one of them', {}, true],
  ['up to the guard’s number pages are made', { coming: 20 }, false],
  ['one more waits', { coming: 21 }, true],
  ['unless it is a small share', { coming: 21, rows: 1_000 }, false],
  ['where all pages are those of records, the other rows are new', { unlinked: 0 }, false],
  ['an empty database', { pages: 0, unlinked: 0 }, false],
  [
    'with `match`, pages that were joined say that more may belong together',
    { isMatched: true, unlinked: 0 },
    true,
  ],
  ['with `match`, an empty database', { isMatched: true, pages: 0, unlinked: 0 }, false],
  ['a few pages that people put into a database of apply’s are new', { made: true, unlinked: 20 }, false],
  ['many were brought there', { made: true, unlinked: 21 }, true],
])('invariant 10: rows wait beside pages that may be theirs: %s', (_, more, waits) => {
  expect(holdsRows({ ...MET, ...more }, GUARD)).toBe(waits);
});
