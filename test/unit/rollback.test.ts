import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { selectionOf } from '../../src/cli/rollback.ts';
import type { RowImage } from '../../src/model/change.ts';
import { pageId } from '../../src/model/ids.ts';
import {
  decideUndo,
  foldEvent,
  type RowEvent,
  requestsFor,
  type UndoDecision,
  type Undoing,
} from '../../src/model/rollback.ts';

const PAGE = pageId('00000000-0000-4000-8000-000000000001');

const update = (before: RowImage, after: RowImage): RowEvent => ({
  kind: 'update',
  page: PAGE,
  before,
  after,
  whole: null,
  marked: null,
});
const create = (after: RowImage): RowEvent => ({ ...update({}, after), kind: 'create' });
const deleted = (before: RowImage, whole: string | null = null): RowEvent => ({
  ...update(before, {}),
  kind: 'delete',
  whole,
});

/** `events` in the order in which they happened. */
function undo(events: readonly RowEvent[], row: RowImage | null, force = false): UndoDecision {
  const undoing = events
    .toReversed()
    .reduce<Undoing | undefined>((known, event) => foldEvent(known, event, force), undefined);
  if (undoing === undefined) throw new Error('no events');
  return decideUndo(undoing, row, force);
}

const set = (property: string, now: string | null, becomes: string | null, changedSince = false) => ({
  property,
  now,
  becomes,
  changedSince,
});

describe('values', () => {
  test('one change is taken back, field by field', () => {
    expect(undo([update({ a: '1', b: null }, { a: '2', b: 'x' })], { a: '2', b: 'x', c: '9' })).toEqual({
      kind: 'update',
      changes: [set('a', '2', '1'), set('b', 'x', null)],
      left: [],
    });
  });

  test('several changes of a field become one write of the oldest value', () => {
    const events = [update({ a: '1' }, { a: '2' }), update({ a: '2' }, { a: '3' })];
    expect(undo(events, { a: '3' })).toEqual({ kind: 'update', changes: [set('a', '3', '1')], left: [] });
  });

  test('what is as it was needs nothing', () => {
    expect(undo([update({ a: '1' }, { a: '2' })], { a: '1' })).toEqual({ kind: 'nothing' });
    expect(undo([update({ a: '1' }, { a: '2' }), update({ a: '2' }, { a: '1' })], { a: '1' })).toEqual({
      kind: 'nothing',
    });
  });

  test('what somebody changed since stays, unless it is forced; the other fields go on', () => {
    const events = [update({ a: '1', b: '1' }, { a: '2', b: '2' })];
    expect(undo(events, { a: '2', b: 'new' })).toEqual({
      kind: 'update',
      changes: [set('a', '2', '1')],
      left: [set('b', 'new', '1', true)],
    });
    expect(undo(events, { a: '2', b: 'new' }, true)).toEqual({
      kind: 'update',
      changes: [set('a', '2', '1'), set('b', 'new', '1', true)],
      left: [],
    });
    expect(undo(events, { a: 'new', b: '1' })).toMatchObject({ kind: 'leave', left: [{ property: 'a' }] });
  });

  test("what lies under somebody else's change stays, unless it is forced", () => {
    // Between the two selected changes somebody made '2' a 'theirs'.
    const events = [update({ a: '1' }, { a: '2' }), update({ a: 'theirs' }, { a: '3' })];
    expect(undo(events, { a: '3' })).toMatchObject({ changes: [set('a', '3', 'theirs')] });
    expect(undo(events, { a: '3' }, true)).toMatchObject({ changes: [set('a', '3', '1')] });
  });

  test('a rollback and its copy to Notion, which tell the same twice, do not count twice', () => {
    const made = update({ good: '1' }, { good: '2' });
    const back = update({ good: '2' }, { good: '1' });
    expect(undo([made, back, back], { good: '1' })).toEqual({ kind: 'nothing' });
    expect(undo([back, back], { good: '1' })).toMatchObject({ changes: [set('good', '1', '2')] });
  });

  test('a row that is gone since is left', () => {
    for (const force of [false, true])
      expect(undo([update({ a: '1' }, { a: '2' })], null, force)).toMatchObject({
        kind: 'leave',
        reason: 'the row has been deleted since',
      });
  });
});

describe('rows', () => {
  test('a deleted row comes back with all that is known of it', () => {
    expect(undo([deleted({ a: '1' })], null)).toEqual({ kind: 'insert', values: { a: '1' }, whole: null });
    expect(undo([deleted({}, '{"a": 1}')], null)).toEqual({ kind: 'insert', values: {}, whole: '{"a": 1}' });
  });

  test('changes before the deletion are taken back with it', () => {
    const events = [update({ a: '0' }, { a: '1' }), deleted({ a: '1', b: '5' })];
    expect(undo(events, null)).toEqual({ kind: 'insert', values: { a: '0', b: '5' }, whole: null });
    expect(undo([update({ a: '0' }, { a: '1' }), deleted({}, '{"a": 1, "b": 5}')], null)).toEqual({
      kind: 'insert',
      values: { a: '0' },
      whole: '{"a": 1, "b": 5}',
    });
  });

  test('a deletion that is told twice brings all columns back', () => {
    const events = [deleted({}, '{"a": 1}'), deleted({ a: '1' })];
    expect(undo(events, null)).toMatchObject({ kind: 'insert', whole: '{"a": 1}' });
  });

  test('a row that is there again needs nothing', () => {
    expect(undo([deleted({ a: '1' })], { a: '1' })).toEqual({ kind: 'nothing' });
    expect(undo([deleted({ a: '1' }), create({ a: '1' })], { a: '1' })).toEqual({ kind: 'nothing' });
  });

  test('a new row goes, unless somebody changed it since', () => {
    expect(undo([create({ a: '1' })], { a: '1', b: 'default' })).toEqual({ kind: 'delete' });
    expect(undo([create({ a: '1' }), update({ a: '1' }, { a: '2' })], { a: '2' })).toEqual({
      kind: 'delete',
    });
    expect(undo([create({ a: '1' })], { a: '2' })).toMatchObject({ kind: 'leave' });
    expect(undo([create({ a: '1' })], { a: '2' }, true)).toEqual({ kind: 'delete' });
    expect(undo([create({ a: '1' })], null)).toEqual({ kind: 'nothing' });
  });

  test('a row that came and went was never there', () => {
    expect(undo([create({ a: '1' }), deleted({ a: '1' })], null)).toEqual({ kind: 'nothing' });
  });
});

test('any history of a row is taken back to where it began, and a second time needs nothing', () => {
  const value = fc.constantFrom('1', '2', '3', null);
  const change = fc.record({ name: fc.constantFrom('a', 'b'), value });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1 }), fc.boolean(), (changes, twice) => {
      const start: RowImage = { a: '1', b: '2' };
      let row = start;
      const events: RowEvent[] = [];
      for (const { name, value: after } of changes) {
        const event = update({ [name]: row[name] ?? null }, { [name]: after });
        events.push(event, ...(twice ? [event] : []));
        row = { ...row, [name]: after };
      }
      const decision = undo(events, row);
      const back =
        decision.kind === 'update'
          ? { ...row, ...Object.fromEntries(decision.changes.map((one) => [one.property, one.becomes])) }
          : row;
      expect(back).toEqual(start);
      if (decision.kind !== 'update') return;
      const before = Object.fromEntries(decision.changes.map((one) => [one.property, one.now]));
      const after = Object.fromEntries(decision.changes.map((one) => [one.property, one.becomes]));
      const own = [update(before, after), update(before, after)];
      expect(undo([...events, ...own], back)).toEqual({ kind: 'nothing' });
      expect(undo(own, back)).toMatchObject({
        changes: decision.changes.map((one) => set(one.property, one.becomes, one.now)),
      });
    }),
  );
});

test('the cost counts looks and writes: many updates share their look', () => {
  const none = { records: 0, values: 0, updated: 0, inserted: 0, deleted: 0, left: 0, refused: 0 };
  expect(requestsFor(none, 100)).toBe(0);
  expect(requestsFor({ ...none, updated: 5 }, 100)).toBe(10);
  expect(requestsFor({ ...none, updated: 250 }, 100)).toBe(253);
  expect(requestsFor({ ...none, inserted: 2, deleted: 3 }, 100)).toBe(11);
});

describe('the command line', () => {
  const now = new Date('2026-03-01T12:00:00Z');
  test.each([
    [{ operation: '7' }, { by: 'operation', id: '7' }],
    [{ run: '3' }, { by: 'run', run: '3' }],
    [{ record: ['items', '5'] }, { by: 'record', table: 'items', key: '5', to: null }],
    [
      { record: ['items', '5'], to: '2h' },
      { by: 'record', table: 'items', key: '5', to: new Date('2026-03-01T10:00:00Z') },
    ],
    [
      { since: '15m', until: '2026-03-01T11:59:00Z', table: 'items', actor: 'Ada' },
      {
        by: 'time',
        since: new Date('2026-03-01T11:45:00Z'),
        until: new Date('2026-03-01T11:59:00Z'),
        table: 'items',
        actor: 'Ada',
        possible: false,
      },
    ],
  ])('%o', (given, selection) => {
    expect(selectionOf(given, now)).toEqual(selection);
  });

  test.each([
    {},
    { operation: '7', run: '3' },
    { operation: 'x' },
    { record: ['items'] },
    { record: ['items', '5', '6'] },
    { operation: '7', to: '2h' },
    { run: '7', table: 'items' },
  ])('%o is not clear', (given) => {
    expect(() => selectionOf(given, now)).toThrow(expect.objectContaining({ code: 'rollback_unclear' }));
  });

  test('what is no time is told', () => {
    expect(() => selectionOf({ since: 'yesterday' }, now)).toThrow(
      expect.objectContaining({ code: 'time_invalid' }),
    );
  });
});
