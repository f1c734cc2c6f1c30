import { describe, expect, test } from 'vitest';
import type { Cause } from '../../src/admin/alert-causes.ts';
import {
  afterTelling,
  causesOf,
  dueTellings,
  type Pace,
  type Seen,
  type Told,
} from '../../src/admin/alert-rules.ts';
import { alertOf } from '../../src/admin/alert-text.ts';
import { NEWBORN } from '../../src/admin/health.ts';

const HOUR = 3_600_000;
const at = new Date('2026-01-01T12:00:00Z');
const blocked = { kind: 'notion-refuses', code: 'notion_blocked', remedy: 'ask Notion' } as const;
const suspended = (table: string) => ({ kind: 'table-suspended', table, reason: 'no column x' }) as const;
const deletions = { kind: 'deletions-wait', table: 'items', count: 50 } as const;
const clearings = { kind: 'clearings-wait', table: 'items', count: 3 } as const;
const creations = { kind: 'creations-wait', table: 'items', count: 500 } as const;
const renewed = { kind: 'slot-renewed', reason: 'the slot was lost', at } as const;
const takenOver = { kind: 'taken-over', from: 'host a, process 7', at } as const;

const CLEARED = 600_000;
const ONCE: Pace = { repeatMs: null, clearedMs: CLEARED };
const AGAIN: Pace = { ...ONCE, repeatMs: 6 * HOUR };

/** Tells what is due at a moment; gives what was raised, what is over, and the memory after it. */
function lookAt(told: Told, seen: Seen, now: number, { arrives = true, pace = AGAIN } = {}) {
  const tellings = dueTellings(seen, told, now, pace);
  const sent = new Map(tellings.map(({ key }) => [key, arrives]));
  return {
    due: tellings.flatMap((each) => (each.kind === 'raised' ? [each.cause] : [])),
    over: tellings.flatMap((each) => (each.kind === 'resolved' ? [each.told.kind] : [])),
    told: afterTelling(told, seen, sent, now, pace),
  };
}
const look = (told: Told, causes: readonly Cause[], now: number, arrives = true) =>
  lookAt(told, { causes, isComplete: true }, now, { arrives });

describe('one alert for each cause', () => {
  test('until it clears, and again after hours', () => {
    const causes = [blocked, suspended('a'), suspended('b')];
    let { due, told } = look({}, causes, 0);
    expect(due).toEqual(causes);
    for (const now of [1, HOUR, 5 * HOUR]) {
      ({ due, told } = look(told, causes, now));
      expect(due).toEqual([]);
    }
    ({ due, told } = look(told, [...causes, suspended('c')], 5.9 * HOUR));
    expect(due).toEqual([suspended('c')]);
    ({ due, told } = look(told, causes, 6 * HOUR));
    expect(due).toEqual(causes);
  });

  test('one that comes and goes is told once; one that comes back later is told again', () => {
    let { due, told } = look({}, [blocked], 0);
    for (let now = 60_000; now < HOUR; now += 60_000) {
      ({ due, told } = look(told, now % 120_000 === 0 ? [blocked] : [], now));
      expect(due).toEqual([]);
    }
    ({ due, told } = look(told, [], 2 * HOUR));
    expect(told).toEqual({});
    expect(look(told, [blocked], 2 * HOUR + 1).due).toEqual([blocked]);
  });

  test('what could not be sent is sent again, but not at once', () => {
    let { due, told } = look({}, [takenOver], 0, false);
    ({ due, told } = look(told, [takenOver], 60_000));
    expect(due).toEqual([]);
    ({ due, told } = look(told, [takenOver], 600_000));
    expect(due).toEqual([takenOver]);
    expect(look(told, [takenOver], 700_000).due).toEqual([]);
  });

  test('deletions that grow in number are the same cause, another table is not', () => {
    const { told } = look({}, [deletions], 0);
    expect(look(told, [{ ...deletions, count: 60 }], 1).due).toEqual([]);
    expect(look(told, [{ ...deletions, table: 'b' }], 1).due).toHaveLength(1);
  });
});

test('the causes are what health, tables, deletions and occurrences tell', () => {
  const { kind: _, ...refusal } = blocked;
  const health = { ...NEWBORN, notion: { ...NEWBORN.notion, refused: refusal } };
  const seen: Parameters<typeof causesOf>[0] = {
    health,
    suspended: [{ table: 'a', reason: 'no column x' }],
    guarded: [
      { kind: 'deletion', table: 'items', count: 50 },
      { kind: 'clearing', table: 'items', count: 3 },
    ],
    occurrences: [renewed],
  };
  expect(causesOf(seen)).toEqual([blocked, suspended('a'), deletions, clearings, renewed]);
  expect(causesOf({ health: NEWBORN, suspended: [], guarded: [], occurrences: [] })).toEqual([]);
});

test.each<[Cause, RegExp]>([
  [blocked, /Notion refuses every request \(notion_blocked\)\. Ask Notion/],
  [suspended('a'), /a is suspended: no column x/],
  [deletions, /50 deletions of items wait .*pgnotion guarded approve/],
  [clearings, /3 values of items that would become empty wait .*pgnotion guarded approve/],
  [
    creations,
    /500 pages that would become rows of items, or be made for rows of it, wait .*pgnotion guarded approve/,
  ],
  [renewed, /new replication slot .*the slot was lost/],
  [takenOver, /stood by is at work now, instead of the one on host a, process 7/],
  [{ ...takenOver, from: null }, /stood by is at work now\.$/],
])('%j has its words', (cause, words) => {
  const alert = alertOf(cause, 'shop', at);
  expect(alert.text).toMatch(words);
  expect(alert).toMatchObject({ source: 'pgnotion', cause: cause.kind, slot: 'shop', at: at.toISOString() });
});

test('a reason is neither markup nor endless', () => {
  const cause = { kind: 'table-suspended', table: 'a', reason: `<!channel> & ${'x'.repeat(5_000)}` } as const;
  const alert = alertOf(cause, 'shop', at);
  expect(alert.text).toContain('&lt;!channel&gt; &amp; xxx');
  expect(JSON.stringify(alert).length).toBeLessThan(2_500);
});
