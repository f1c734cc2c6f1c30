import { describe, expect, test } from 'vitest';
import { earliestOf, editInterval, narrowed } from '../../src/model/conflict.ts';
import { pageId, tableName } from '../../src/model/ids.ts';
import { createLooks } from '../../src/runtime/looks.ts';

// Notion rounds the time of an edit down to the minute; the latency counts from the earliest moment that it leaves.

const minute = new Date('2026-03-01T12:00:00.000Z');
const at = (seconds: number): Date => new Date(minute.getTime() + seconds * 1_000);
const BOT = 'bot';
const page = { lastEditedTime: minute, lastEditedBy: 'ada' };
const since = (absentAt: Date | null, seenAt: Date, edited = page): Date | null =>
  earliestOf([narrowed(editInterval(edited, BOT, at(-600)), { absentAt, seenAt })]);

describe('an edit counts', () => {
  test('from the look before it, where that was within its minute: 0.9 s stay 0.9 s', () => {
    expect(since(at(39.5), at(40.4))).toEqual(at(39.5));
  });

  test('from the beginning of its minute, where nobody looked within it', () => {
    expect(since(at(-20), at(40.4))).toEqual(minute);
    expect(since(null, at(40.4))).toEqual(minute);
  });

  test('from when both sides agreed, where our own write came after it and took its time', () => {
    expect(since(null, at(40.4), { ...page, lastEditedBy: BOT })).toEqual(at(-600));
    expect(since(at(-5), at(40.4), { ...page, lastEditedBy: BOT })).toEqual(at(-5));
  });

  test('by the minute where the two clocks contradict each other', () => {
    expect(since(at(90), at(91))).toEqual(minute);
  });

  test('from the first of several that travel together', () => {
    const edits = [39, 12, 50].map((seconds) => ({ from: at(seconds), to: at(60) }));
    expect(earliestOf(edits)).toEqual(at(12));
    expect(earliestOf([])).toBe(null);
  });
});

test('only a whole reading, or a look at the page, shows that it is not in the trash', () => {
  const looks = createLooks();
  const table = tableName('items');
  const one = pageId('00000000-0000-4000-8000-000000000001');
  looks.polled(table, 10);
  expect(looks.last(table, one)).toBe(10);
  expect(looks.lastPlace(table, one)).toBe(null);
  looks.readWhole(table, 5);
  expect(looks.lastPlace(table, one)).toBe(5);
  looks.saw(one, 7);
  expect(looks.lastPlace(table, one)).toBe(7);
});
